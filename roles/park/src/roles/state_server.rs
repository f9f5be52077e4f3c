//! `type: stateserver`

use super::{Cluster, Kind};
use crate::section::Section;
use crate::value::channel;

pub const KIND: Kind = Kind { name: "stateserver", check };

fn check(section: &mut Section<'_>, cluster: &mut Cluster<'_>) {
    section.required("control", channel(cluster.dialect));
}
