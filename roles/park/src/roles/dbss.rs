//! `type: dbss`

use super::{Cluster, Kind, Purpose};
use crate::section::Section;
use crate::value::channel;

pub const KIND: Kind = Kind { name: "dbss", is_built: false, check };

fn check(section: &mut Section<'_>, cluster: &mut Cluster<'_>) {
    section.required("database", channel(cluster.dialect));
    let ranges = section.sections("ranges", |range| cluster.range(range, Purpose::Objects));
    if ranges.is_empty() {
        section.error("`ranges` is missing or empty");
    }
}
