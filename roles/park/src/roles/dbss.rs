//! `type: dbss`

use super::{Cluster, Kind, Purpose, state_server};
use crate::section::Section;
use crate::value::channel;
use ::state_server::{Limits, Stored};
use wire::ids::{Channel, DoId};

pub const KIND: Kind = Kind { name: "dbss", is_built: true, check };

/// A DBSS, as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dbss {
    /// Its database, and the objects that it answers for.
    pub stored: Stored,
    /// What grows no further, for each shard.
    pub limits: Limits,
}

fn check(section: &mut Section<'_>, cluster: &mut Cluster<'_>) {
    let database = section.required("database", channel(cluster.dialect)).map(Channel);
    let ranges = section.sections("ranges", |range| cluster.range(range, Purpose::Objects));
    if ranges.is_empty() {
        section.error("`ranges` is missing or empty");
    }
    let limits = section.section("limits", state_server::limits).unwrap_or_default();
    if !cluster.classes.are_named {
        section.error_at("type", "its objects need classes: name the DC files in general.dc_files");
    }
    let Some(channel) = database else { return };
    // Ids have 32 bits: a range has been checked for that.
    let do_id = |id: &u64| DoId(*id as u32);
    let ranges = ranges.iter().flatten().map(|range| do_id(range.start())..=do_id(range.end()));
    let stored = Stored { channel, ranges: ranges.collect() };
    cluster.dbss.push(Dbss { stored, limits });
}
