//! The link to the Message Director above this one, on the shard that holds it.
//!
//! A lost link is dialled again with back-off; local routing goes on meanwhile. When it stands,
//! name, URL and post-removes are said, the runtime announces all subscriptions and then sends
//! what waited. The upstream is asked to remember the post-removes of every connection of this
//! daemon, so that they are heard even if the whole daemon dies.

use crate::UPSTREAM_LINK;
use crate::events;
use crate::post_removes::{PostRemoves, Told};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use runtime::{CloseReason, ConnId, Now, Outbox, RoleId, ShardId};
use tracing::{info, warn};
use wire::control::ControlMessage;
use wire::ids::Channel;

/// What a wake-up is for: to dial, or to clear.
const DIAL: u64 = 0;
const CLEAR: u64 = 1;
/// So long clears are gathered: each costs what all others have stored for the same sender, who in
/// `openotp` is the same for all.
const CLEAR_AFTER_MS: u64 = 20;
const BACKOFF_MS: u64 = 250;
const BACKOFF_MS_MAX: u64 = 8_000;
/// A link that stood this long was sound: the next attempt comes soon.
const SOUND_MS: u64 = 10_000;

/// What the configuration says of the upstream link.
#[derive(Clone, Debug)]
pub struct UpstreamConfig {
    /// `host:port`.
    pub address: String,
    /// The shard that holds the link.
    pub shard: ShardId,
    /// What this daemon calls itself, if anything.
    pub name: String,
    /// Where its status page is, if anywhere.
    pub url: String,
}

/// The upstream link.
pub struct Upstream {
    role: RoleId,
    config: UpstreamConfig,
    conn: Option<ConnId>,
    since: Now,
    failures: u32,
    /// Post-removes of all connections of this daemon.
    post_removes: BTreeMap<(ShardId, ConnId), PostRemoves>,
    /// Senders whose post-removes changed, but not by one more.
    cleared: BTreeSet<Channel>,
    stopping: bool,
}

impl Upstream {
    /// A link that has not been dialled.
    pub fn new(role: RoleId, config: UpstreamConfig) -> Upstream {
        Upstream {
            role,
            config,
            conn: None,
            since: Now(0),
            failures: 0,
            post_removes: BTreeMap::new(),
            cleared: BTreeSet::new(),
            stopping: false,
        }
    }

    /// Whether `conn` is this link.
    pub fn is(&self, conn: ConnId) -> bool {
        self.conn == Some(conn)
    }

    /// Asks for a connection.
    pub fn dial(&mut self, out: &mut Outbox) {
        out.connect(UPSTREAM_LINK, self.config.address.clone());
    }

    /// A time has come that was asked for.
    pub fn wake(&mut self, token: u64, out: &mut Outbox) {
        if token == CLEAR { self.say_cleared(out) } else { self.dial(out) }
    }

    /// The daemon stops: nothing waits any more.
    pub fn stop(&mut self, out: &mut Outbox) {
        self.stopping = true;
        self.say_cleared(out);
    }

    /// The link stands.
    pub fn connected(&mut self, now: Now, conn: ConnId, peer: SocketAddr, out: &mut Outbox) {
        (self.conn, self.since) = (Some(conn), now);
        self.cleared.clear();
        out.counts.upstream_connects += 1;
        out.counts.upstream_up = 1;
        let UpstreamConfig { name, url, .. } = &self.config;
        if !name.is_empty() {
            self.say(ControlMessage::SetConName(name.as_bytes()), out);
        }
        if !url.is_empty() {
            self.say(ControlMessage::SetConUrl(url.as_bytes()), out);
        }
        let stored: Vec<_> = self.post_removes.values().flat_map(PostRemoves::iter).collect();
        events::say_upstream_up(&self.config.address, peer, stored.len(), out);
        if out.counts.upstream_connects > 1 && !stored.is_empty() {
            let again = stored.len();
            info!(
                again,
                "the upstream may have sent post-removes of links that still stand; they are announced again"
            );
        }
        for (sender, message) in stored {
            self.say(ControlMessage::AddPostRemove { sender, message }, out);
        }
        out.upstream_up(conn);
    }

    /// No connection could be made.
    pub fn failed(&mut self, now: Now, why: &str, out: &mut Outbox) {
        let again_ms = self.try_later(now, out);
        let address = &self.config.address;
        warn!(address, why, again_ms, "upstream link could not be made; local routing goes on");
        events::say_upstream_failed(address, &why, out);
    }

    /// The link is gone.
    pub fn lost(&mut self, now: Now, reason: CloseReason, out: &mut Outbox) {
        self.conn = None;
        out.counts.upstream_up = 0;
        out.upstream_down();
        if now >= self.since.plus_ms(SOUND_MS) {
            self.failures = 0;
        }
        let again_ms = self.try_later(now, out);
        let address = &self.config.address;
        warn!(
            address,
            reason = reason.name(),
            again_ms,
            "upstream link is lost; local routing goes on"
        );
        events::say_upstream_down(address, reason, out);
    }

    /// A post-remove of some connection of this daemon came or went.
    pub fn told(&mut self, now: Now, from: ShardId, told: &Told<'_>, out: &mut Outbox) {
        match *told {
            Told::Add { conn, sender, message } => {
                self.post_removes.entry((from, conn)).or_default().push(sender, message);
                if !self.cleared.contains(&sender) {
                    self.say(ControlMessage::AddPostRemove { sender, message }, out);
                }
            }
            Told::Clear { conn, sender } => {
                let Some(stored) = self.post_removes.get_mut(&(from, conn)) else { return };
                stored.clear(sender);
                if stored.is_empty() {
                    self.post_removes.remove(&(from, conn));
                }
                self.clear([sender], now, out);
            }
            Told::Gone { conn } => {
                let gone = self.post_removes.remove(&(from, conn)).unwrap_or_default();
                self.clear(gone.iter().map(|(sender, _)| sender), now, out);
            }
        }
    }

    fn clear(&mut self, senders: impl IntoIterator<Item = Channel>, now: Now, out: &mut Outbox) {
        let waits = !self.cleared.is_empty();
        self.cleared.extend(senders);
        if self.stopping {
            self.say_cleared(out);
        } else if !waits && !self.cleared.is_empty() {
            out.wake_at(self.role, now.plus_ms(CLEAR_AFTER_MS), CLEAR);
        }
    }

    /// The upstream knows one link: what it clears for a sender, others may have stored too.
    fn say_cleared(&mut self, out: &mut Outbox) {
        let cleared = core::mem::take(&mut self.cleared);
        for &sender in &cleared {
            self.say(ControlMessage::ClearPostRemoves { sender }, out);
        }
        let stored = self.post_removes.values().flat_map(PostRemoves::iter);
        for (sender, message) in stored.filter(|(stored_by, _)| cleared.contains(stored_by)) {
            self.say(ControlMessage::AddPostRemove { sender, message }, out);
        }
    }

    fn say(&self, message: ControlMessage<'_>, out: &mut Outbox) {
        let Some(conn) = self.conn else { return };
        let dialect = out.dialect();
        if let Err(error) = out.write(conn, |own| message.encode(dialect, own)) {
            warn!(%error, "not told to the upstream");
        }
    }

    fn try_later(&mut self, now: Now, out: &mut Outbox) -> u64 {
        let again_ms = (BACKOFF_MS << self.failures.min(10)).min(BACKOFF_MS_MAX);
        self.failures += 1;
        out.wake_at(self.role, now.plus_ms(again_ms), DIAL);
        again_ms
    }
}
