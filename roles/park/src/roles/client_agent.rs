//! `type: clientagent`

use super::{Cluster, Kind, Purpose};
use crate::address::{CLIENT_PORT, resolved};
use crate::document::Node;
use crate::section::Section;
use crate::value::{boolean, choice, number, scalar, text};

pub const KIND: Kind = Kind { name: "clientagent", is_built: false, check };

const MILLISECONDS_MAX: u64 = 86_400_000;

fn check(section: &mut Section<'_>, cluster: &mut Cluster<'_>) {
    section.get("bind", resolved(cluster.outside, CLIENT_PORT));
    section.get("version", text);
    section.get("manual_dc_hash", number(0..=u32::MAX as u64));
    section.get("haproxy", boolean);
    if section.section("channels", |range| cluster.range(range, Purpose::Clients)).is_none() {
        section.error("`channels` is missing");
    }
    section.section("client", check_client);
    section
        .section("tuning", |tuning| tuning.get("interest_timeout", number(0..=MILLISECONDS_MAX)));
    section.section("tls", check_tls);
}

fn check_client(section: &mut Section<'_>) {
    section.get("type", choice(&[("libastron", ())]));
    section.get("relocate", boolean);
    section.get("add_interest", choice(&[("enabled", ()), ("visible", ()), ("disabled", ())]));
    section.get("send_hash", boolean);
    section.get("send_version", boolean);
    section.get("heartbeat_timeout", number(0..=MILLISECONDS_MAX));
    section.get("write_buffer_size", number(0..=1 << 32));
    section.get("write_timeout_ms", number(0..=MILLISECONDS_MAX));
}

fn check_tls(section: &mut Section<'_>) {
    let path = |node: &Node| scalar(node, "the path of a file").map(str::to_owned);
    section.required("certificate", path);
    section.required("key_file", path);
    section.get("chain_file", path);
    section.get("cert_authority", path);
    section.get("max_verify_depth", number(0..=100));
}
