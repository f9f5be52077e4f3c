//! `type: database`

use super::{Cluster, Kind, Purpose};
use crate::section::Section;
use crate::value::{boolean, channel, choice, scalar, text};

pub const KIND: Kind = Kind { name: "database", is_built: false, check };

#[derive(Clone, Copy)]
enum Backend {
    Store,
    Yaml,
}

fn check(section: &mut Section<'_>, cluster: &mut Cluster<'_>) {
    section.required("control", channel(cluster.dialect));
    if section.section("generate", |range| cluster.range(range, Purpose::Generate)).is_none() {
        section.error("`generate` is missing");
    }
    section.get("broadcast", boolean);
    if section.section("backend", check_backend).is_none() {
        section.error("`backend` is missing");
    }
}

fn check_backend(section: &mut Section<'_>) {
    let backends = [("store", Backend::Store), ("yaml", Backend::Yaml)];
    let path = |node: &_| scalar(node, "the path of a folder").map(str::to_owned);
    match section.required("type", choice(&backends)) {
        Some(Backend::Store) => {
            section.required("directory", path);
            section.list("indexes", text);
        }
        Some(Backend::Yaml) => {
            section.get("directory", path);
        }
        None => section.skip_rest(),
    }
}
