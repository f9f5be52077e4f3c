//! `type: eventlogger`

use super::{Cluster, Kind};
use crate::address::{EVENT_PORT, resolved};
use crate::section::Section;
use crate::value::{scalar, text};

pub const KIND: Kind = Kind { name: "eventlogger", check };

fn check(section: &mut Section<'_>, cluster: &mut Cluster<'_>) {
    section.error_at("type", "`eventlogger` is not built yet in this version");
    section.get("bind", resolved(cluster.outside, EVENT_PORT));
    section.get("output", |node| scalar(node, "the path of a file").map(str::to_owned));
    section.get("rotate_interval", text);
}
