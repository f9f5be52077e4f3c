//! `type: stateserver`

use super::{Cluster, Kind, NO_CLASSES};
use crate::section::Section;
use crate::value::number;
use state_server::Limits;
use wire::ids::Channel;

pub const KIND: Kind = Kind { name: "stateserver", check };

/// A State Server, as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateServer {
    /// Its control channel.
    pub control: Channel,
    /// What grows no further, for each shard.
    pub limits: Limits,
}

/// One key: its name, the least and the most that it may be, where its value goes.
struct Row(&'static str, u64, u64, fn(&mut Limits, u64));

const ROWS: [Row; 9] = [
    Row("objects_max", 1, u32::MAX as u64 - 1, |to, n| to.objects_max = n as usize),
    Row("field_bytes_max", 64 << 10, 1 << 48, |to, n| to.field_bytes_max = n as usize),
    Row("queries_max", 1, 1 << 20, |to, n| to.queries_max = n as usize),
    Row("foreign_children_max", 0, 1 << 24, |to, n| to.foreign_children_max = n as usize),
    Row("zones_asked_max", 0, 1 << 20, |to, n| to.zones_asked_max = n as usize),
    Row("moves_max", 1, 1 << 20, |to, n| to.moves_max = n as usize),
    Row("objects_at_once", 1, 1 << 20, |to, n| to.objects_at_once = n as usize),
    Row("waiting_bytes_max", 64 << 10, 16 << 30, |to, n| to.waiting_bytes_max = n as usize),
    Row("loading_max", 1, 1 << 24, |to, n| to.loading_max = n as usize),
];

fn check(section: &mut Section<'_>, cluster: &mut Cluster<'_>) {
    let control = cluster.channel(section, "control");
    let limits = section.section("limits", limits).unwrap_or_default();
    if !cluster.general.classes.are_named {
        section.error_at("type", NO_CLASSES);
    }
    let Some(control) = control else { return };
    if cluster.read.state_servers.iter().any(|other| other.control == control) {
        let what = format!("another State Server has channel {control} already");
        return section.error_at("control", what);
    }
    cluster.read.state_servers.push(StateServer { control, limits });
}

/// Reads the limits of a State Server, which a DBSS is too.
pub fn limits(section: &mut Section<'_>) -> Limits {
    let mut limits = Limits::default();
    for Row(key, low, high, set) in &ROWS {
        if let Some(value) = section.get(key, number(*low..=*high)) {
            set(&mut limits, value);
        }
    }
    limits
}
