//! `type: dbss`

use super::{Cluster, Kind, NO_CLASSES, Purpose, state_server};
use crate::section::Section;
use ::state_server::{Limits, Stored};
use wire::ids::DoId;

pub const KIND: Kind = Kind { name: "dbss", check };

/// A DBSS, as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dbss {
    /// Its database, and the objects that it answers for.
    pub stored: Stored,
    /// What grows no further, for each shard.
    pub limits: Limits,
}

fn check(section: &mut Section<'_>, cluster: &mut Cluster<'_>) {
    let database = cluster.channel(section, "database");
    let ranges = section.sections("ranges", |range| cluster.range(range, Purpose::Objects));
    if ranges.is_empty() {
        section.error("`ranges` is missing or empty");
    }
    let limits = section.section("limits", state_server::limits).unwrap_or_default();
    if !cluster.general.classes.are_named {
        section.error_at("type", NO_CLASSES);
    }
    let Some(channel) = database else { return };
    // Ids have 32 bits: a range has been checked for that.
    let do_id = |id: &u64| DoId(*id as u32);
    let ranges = ranges.iter().flatten().map(|range| do_id(range.start())..=do_id(range.end()));
    let stored = Stored { channel, ranges: ranges.collect() };
    cluster.read.dbss.push(Dbss { stored, limits });
}
