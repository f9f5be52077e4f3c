//! What is said of clients to the Event Logger (`astron` section 3).

use crate::session::Session;
use alloc::format;
use alloc::string::ToString;
use core::net::SocketAddr;
use runtime::{Outbox, Refusal};
use smallvec::SmallVec;
use wire::event::{Event, Value};

/// Says what happened to a client.
pub fn say(session: &Session, kind: &str, details: &[(&str, Value<'_>)], out: &mut Outbox) {
    if !out.has_event_logger() {
        return;
    }
    let sender = format!("Client:{}", session.channel);
    let (peer, local) = (session.peer.to_string(), session.local.to_string());
    let mut values = SmallVec::<[(&str, Value<'_>); 4]>::from_slice(&[
        ("remote_address", Value::Text(&peer)),
        ("local_address", Value::Text(&local)),
    ]);
    values.extend_from_slice(details);
    out.counts.client_events += 1;
    out.event(&Event { sender: &sender, kind, values: &values });
}

/// Says that somebody was turned away before it was a client.
pub fn say_refused(peer: SocketAddr, why: Refusal, out: &mut Outbox) {
    if !out.has_event_logger() {
        return;
    }
    let peer = peer.to_string();
    let values = [("remote_address", Value::Text(&peer)), ("reason", Value::Text(why.name()))];
    out.counts.client_events += 1;
    out.event(&Event { sender: "ClientAgent", kind: "client-refused", values: &values });
}
