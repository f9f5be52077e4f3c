//! What is said of links to the Event Logger.

use crate::Link;
use core::fmt::Display;
use core::net::SocketAddr;
use runtime::{CloseReason, Outbox};
use wire::event::{Event, Value};

/// Somebody has joined.
pub fn say_joined(peer: SocketAddr, local: SocketAddr, out: &mut Outbox) {
    let local = ("local_address", Value::Shown(&local));
    say("link-joined", &[("remote_address", Value::Shown(&peer)), local], out);
}

/// Somebody may not join.
pub fn say_refused(peer: SocketAddr, reason: &str, out: &mut Outbox) {
    let reason = ("reason", Value::Text(reason));
    say("link-refused", &[("remote_address", Value::Shown(&peer)), reason], out);
}

/// A link is gone, or was closed for what it did.
pub fn say_left(link: &Link, reason: CloseReason, out: &mut Outbox) {
    let kind = match reason {
        CloseReason::ClosedByPeer | CloseReason::Reset => "link-left",
        CloseReason::NotAllowed
        | CloseReason::TooManyParticipants
        | CloseReason::Malformed
        | CloseReason::FrameTooLong
        | CloseReason::Backlog
        | CloseReason::Stalled
        | CloseReason::TooManySubscriptions
        | CloseReason::TooManyPostRemoves
        | CloseReason::Disconnected
        | CloseReason::Ejected
        | CloseReason::Dropped => "link-closed",
    };
    let [address, name] = who(link);
    let values = [
        address,
        name,
        ("reason", Value::Text(reason.name())),
        ("detail", Value::Text(&link.fault)),
    ];
    say(kind, &values, out);
}

/// A message of a link was dropped; further ones of it are only counted.
pub fn say_dropped(link: &Link, what: &str, out: &mut Outbox) {
    let [address, name] = who(link);
    say("link-message-dropped", &[address, name, ("detail", Value::Text(what))], out);
}

/// A link floods somebody, and is not read from for now.
pub fn say_flooding(link: &Link, out: &mut Outbox) {
    say("link-flooding", &who(link), out);
}

/// The upstream link stands; so many post-removes are announced on it.
pub fn say_upstream_up(address: &str, peer: SocketAddr, post_removes: usize, out: &mut Outbox) {
    let values = [
        ("address", Value::Text(address)),
        ("remote_address", Value::Shown(&peer)),
        ("post_removes", Value::Id(post_removes as u64)),
    ];
    say("upstream-up", &values, out);
}

/// The upstream link is lost.
pub fn say_upstream_down(address: &str, reason: CloseReason, out: &mut Outbox) {
    let reason = ("reason", Value::Text(reason.name()));
    say("upstream-down", &[("address", Value::Text(address)), reason], out);
}

/// The upstream link could not be made.
pub fn say_upstream_failed(address: &str, why: &dyn Display, out: &mut Outbox) {
    let detail = ("detail", Value::Shown(why));
    say("upstream-failed", &[("address", Value::Text(address)), detail], out);
}

fn who(link: &Link) -> [(&'static str, Value<'_>); 2] {
    [("remote_address", Value::Shown(&link.peer)), ("name", Value::Text(&link.name))]
}

fn say(kind: &str, values: &[(&str, Value<'_>)], out: &mut Outbox) {
    out.event(&Event { sender: "MessageDirector", kind, values });
}
