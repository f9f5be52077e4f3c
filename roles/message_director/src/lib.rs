//! The Message Director role: links, control messages, post-removes and the upstream link
//! (seed protocol sections 1 and 2, `astron` section 2).
//!
//! Every shard has an instance. Who receives what is the router's business; this role decides who
//! may join, carries out control messages, remembers post-removes and, on the shard that holds
//! it, keeps the upstream link alive. It contains no message number.
#![no_std]

extern crate alloc;

mod allow;
mod events;
mod post_removes;
mod upstream;

pub use allow::Allow;
pub use runtime::Network;
pub use upstream::UpstreamConfig;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use core::fmt::{self, Display};
use core::net::SocketAddr;
use post_removes::{PostRemoves, Told};
use runtime::{
    Arrival, CloseReason, ConnId, Frame, Input, LinkId, ListenerId, Now, Outbox, Role, RoleId,
};
use tracing::{debug, info, warn};
use upstream::Upstream;
use wire::control::{ControlError, ControlMessage};
use wire::datagram::{self, Datagram};
use wire::ids::Channel;

/// The listener of `messagedirector.bind`.
pub const LISTENER: ListenerId = ListenerId(0);
/// The link to `messagedirector.connect`.
pub const UPSTREAM_LINK: LinkId = LinkId(0);

/// What the configuration says of this role.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who may join.
    pub allow: Allow,
    /// The Message Director above, if there is one.
    pub upstream: Option<UpstreamConfig>,
    /// Whether LOG_MESSAGE has somewhere to go.
    pub event_logger: bool,
}

/// One connection that joined.
struct Link {
    peer: SocketAddr,
    name: Box<str>,
    url: Box<str>,
    post_removes: PostRemoves,
    /// Whether a dropped message of it was logged; further ones are counted only.
    warned: bool,
    /// What it did that it is closed for.
    fault: Box<str>,
}

/// The role instance of one shard.
pub struct MessageDirector {
    me: RoleId,
    config: Config,
    links: BTreeMap<ConnId, Link>,
    upstream: Option<Upstream>,
}

impl MessageDirector {
    /// The instance `me` of a shard.
    pub fn new(me: RoleId, config: Config) -> MessageDirector {
        MessageDirector { me, config, links: BTreeMap::new(), upstream: None }
    }
}

impl Role for MessageDirector {
    fn step(&mut self, now: Now, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Frame { conn, frame } => self.frame(conn, frame, out),
            Input::Started => self.started(out),
            Input::Accepted { conn, arrival, .. } => self.accepted(conn, arrival, out),
            Input::Refused { peer, why, .. } => {
                debug!(%peer, why = why.name(), "turned away");
                events::say_refused(peer, why.name(), out);
            }
            Input::Connected { conn, peer, .. } => self.upstream_connected(now, conn, peer, out),
            Input::ConnectFailed { why, .. } => self.upstream_failed(now, why, out),
            Input::Closed { conn, reason } => self.closed(now, conn, reason, out),
            // What floods from above is the daemon's there.
            Input::Paused { conn } => {
                let link = self.links.get(&conn);
                link.into_iter().for_each(|link| events::say_flooding(link, out));
            }
            Input::Told { from, message } => {
                let told =
                    Told::read(message).expect("instances of this role write what they read");
                self.upstream.iter_mut().for_each(|upstream| upstream.told(now, from, &told, out));
            }
            Input::Wake { token } => {
                self.upstream.iter_mut().for_each(|upstream| upstream.wake(token, out));
            }
            Input::Stopping => self.stopping(out),
            Input::Datagram { .. } => unreachable!("a Message Director subscribes nothing itself"),
            Input::Stored(_) => unreachable!("a Message Director has no store"),
        }
    }

    fn foresee(&self, frame: Frame<'_>, out: &Outbox) -> Option<Channel> {
        let control = out.dialect().control_channel();
        let rest = datagram::control_message(frame.body(), control)?;
        match ControlMessage::decode(out.dialect(), rest) {
            Ok(ControlMessage::AddChannel(channel) | ControlMessage::RemoveChannel(channel)) => {
                Some(channel)
            }
            _ => None,
        }
    }
}

impl MessageDirector {
    fn started(&mut self, out: &mut Outbox) {
        if let Some(config) = self.config.upstream.clone().filter(|up| up.shard == out.me()) {
            let mut upstream = Upstream::new(self.me, config);
            upstream.dial(out);
            self.upstream = Some(upstream);
        }
    }

    fn accepted(&mut self, conn: ConnId, arrival: Arrival<'_>, out: &mut Outbox) {
        let Arrival { peer, local, .. } = arrival;
        if !self.config.allow.admits(peer.ip()) {
            warn!(%peer, "refused: its address is not in messagedirector.allow");
            events::say_refused(peer, CloseReason::NotAllowed.name(), out);
            return out.close(conn, CloseReason::NotAllowed);
        }
        let max = out.limits().participants_max;
        if self.links.len() >= max {
            warn!(%peer, max, "refused: participants_max is reached");
            events::say_refused(peer, CloseReason::TooManyParticipants.name(), out);
            return out.close(conn, CloseReason::TooManyParticipants);
        }
        debug!(%peer, "joined");
        events::say_joined(peer, local, out);
        self.links.insert(conn, Link::new(peer));
    }

    #[inline]
    fn frame(&mut self, conn: ConnId, frame: Frame<'_>, out: &mut Outbox) {
        let body = frame.body();
        if let Some(rest) = datagram::control_message(body, out.dialect().control_channel()) {
            return self.control(conn, rest, out);
        }
        match Datagram::parse(body) {
            Ok(dg) if dg.recipients().len() > 0 => out.route(conn, frame, dg.recipients()),
            Ok(_) => {
                out.counts.dropped_no_recipient += 1;
                self.dropped(conn, "a datagram without recipients", out);
            }
            Err(error) => {
                warn!(link = %self.who(conn), %error, "malformed");
                self.close(conn, CloseReason::Malformed, &error, out);
            }
        }
    }

    fn control(&mut self, conn: ConnId, rest: &[u8], out: &mut Outbox) {
        let message = match ControlMessage::decode(out.dialect(), rest) {
            Ok(message) => message,
            Err(ControlError::Unknown(msgtype)) => {
                out.counts.dropped_unknown_control += 1;
                debug!(link = %self.who(conn), %msgtype, "unknown control message");
                return self.dropped(conn, "an unknown control message", out);
            }
            Err(error) => {
                warn!(link = %self.who(conn), %error, "malformed control message");
                return self.close(conn, CloseReason::Malformed, &error, out);
            }
        };
        if !self.links.contains_key(&conn) {
            out.counts.dropped_control_from_upstream += 1;
            if out.counts.dropped_control_from_upstream == 1 {
                warn!("dropped a control message from upstream; further ones are only counted");
            }
            return;
        }
        out.counts.control_messages += 1;
        self.carry_out(conn, message, out);
    }

    fn carry_out(&mut self, conn: ConnId, message: ControlMessage<'_>, out: &mut Outbox) {
        let who = conn.into();
        let done = match message {
            ControlMessage::AddChannel(channel) => out.subscribe(who, channel),
            ControlMessage::RemoveChannel(channel) => out.unsubscribe(who, channel),
            ControlMessage::AddRange(low, high) | ControlMessage::RemoveRange(low, high)
                if low > high =>
            {
                out.counts.dropped_bad_range += 1;
                return self.dropped(conn, "a range that ends before it begins", out);
            }
            ControlMessage::AddRange(low, high) => out.subscribe_range(who, low, high),
            ControlMessage::RemoveRange(low, high) => out.unsubscribe_range(who, low, high),
            ControlMessage::AddPostRemove { sender, message } => {
                return self.add_post_remove(conn, sender, message, out);
            }
            ControlMessage::ClearPostRemoves { sender } => {
                return self.clear_post_removes(conn, sender, out);
            }
            ControlMessage::SetConName(name) => return self.named(conn, name),
            ControlMessage::SetConUrl(url) => {
                if let Some(link) = self.links.get_mut(&conn) {
                    link.url = String::from_utf8_lossy(url).into();
                }
                return;
            }
            ControlMessage::LogMessage(event) => {
                if !self.config.event_logger {
                    out.counts.dropped_no_event_logger += 1;
                    let what = "an event, but general.eventlogger is not set";
                    return self.dropped(conn, what, out);
                }
                return out.log_event(event);
            }
        };
        if let Err(limit) = done {
            warn!(link = %self.who(conn), %limit, "subscribes too much");
            self.close(conn, CloseReason::TooManySubscriptions, &limit, out);
        }
    }

    fn named(&mut self, conn: ConnId, name: &[u8]) {
        if let Some(link) = self.links.get_mut(&conn) {
            link.name = String::from_utf8_lossy(name).into();
            debug!(link = %self.who(conn), "named");
        }
    }

    fn add_post_remove(&mut self, conn: ConnId, sender: Channel, message: &[u8], out: &mut Outbox) {
        let control = out.dialect().control_channel();
        if Datagram::parse(message).is_err()
            || datagram::control_message(message, control).is_some()
        {
            out.counts.dropped_bad_post_remove += 1;
            return self.dropped(conn, "a post-remove that is no datagram", out);
        }
        let Some(link) = self.links.get_mut(&conn) else { return };
        if let Err(limit) = link.post_removes.add(sender, message, out.limits()) {
            warn!(link = %self.who(conn), %limit, "stores too many post-removes");
            return self.close(conn, CloseReason::TooManyPostRemoves, &limit, out);
        }
        out.counts.post_removes += 1;
        self.tell_upstream(&Told::Add { conn, sender, message }, out);
    }

    fn clear_post_removes(&mut self, conn: ConnId, sender: Channel, out: &mut Outbox) {
        let Some(link) = self.links.get_mut(&conn) else { return };
        let cleared = link.post_removes.clear(sender);
        out.counts.post_removes -= cleared as u64;
        if cleared > 0 {
            self.tell_upstream(&Told::Clear { conn, sender }, out);
        }
    }

    fn closed(&mut self, now: Now, conn: ConnId, reason: CloseReason, out: &mut Outbox) {
        if let Some(upstream) = self.upstream.as_mut().filter(|up| up.is(conn)) {
            return upstream.lost(now, reason, out);
        }
        let Some(mut link) = self.links.remove(&conn) else { return };
        match reason {
            CloseReason::Backlog | CloseReason::Stalled => {
                warn!(link = %link, reason = reason.name(), "closed: it does not read what it is sent");
            }
            CloseReason::FrameTooLong => warn!(link = %link, "closed: a frame over the limit"),
            CloseReason::ClosedByPeer
            | CloseReason::Reset
            | CloseReason::NotAllowed
            | CloseReason::TooManyParticipants
            | CloseReason::Malformed
            | CloseReason::TooManySubscriptions
            | CloseReason::TooManyPostRemoves
            | CloseReason::Disconnected
            | CloseReason::Ejected
            | CloseReason::Dropped => {
                debug!(link = %link, reason = reason.name(), "left");
            }
        }
        events::say_left(&link, reason, out);
        self.send_post_removes(conn, &mut link, out);
    }

    /// Ends a link for what it did.
    fn close(&mut self, conn: ConnId, reason: CloseReason, fault: &dyn Display, out: &mut Outbox) {
        if let Some(link) = self.links.get_mut(&conn) {
            link.fault = fault.to_string().into();
        }
        out.close(conn, reason);
    }

    /// Routes what a link wanted said when it is gone, in the order stored.
    fn send_post_removes(&mut self, conn: ConnId, link: &mut Link, out: &mut Outbox) {
        let post_removes = link.post_removes.take();
        if post_removes.is_empty() {
            return;
        }
        out.counts.post_removes -= post_removes.len() as u64;
        out.counts.post_removes_sent += post_removes.len() as u64;
        for (_, body) in &post_removes {
            let dg = Datagram::parse(body).expect("checked when it was stored");
            out.route_body(conn, body, dg.recipients()).expect("it came in a frame");
        }
        self.tell_upstream(&Told::Gone { conn }, out);
    }

    fn stopping(&mut self, out: &mut Outbox) {
        let mut links = core::mem::take(&mut self.links);
        for (&conn, link) in &mut links {
            self.send_post_removes(conn, link, out);
        }
        self.links = links;
        self.upstream.iter_mut().for_each(|upstream| upstream.stop(out));
    }

    /// Lets the shard that holds the upstream link know of a post-remove of this shard.
    fn tell_upstream(&self, told: &Told<'_>, out: &mut Outbox) {
        if let Some(upstream) = &self.config.upstream {
            out.tell(upstream.shard, self.me, &told.write());
        }
    }

    fn upstream_connected(&mut self, now: Now, conn: ConnId, peer: SocketAddr, out: &mut Outbox) {
        info!(%peer, "upstream link is up");
        self.upstream.iter_mut().for_each(|upstream| upstream.connected(now, conn, peer, out));
    }

    fn upstream_failed(&mut self, now: Now, why: &str, out: &mut Outbox) {
        self.upstream.iter_mut().for_each(|upstream| upstream.failed(now, why, out));
    }

    /// Says the first dropped message of a link; the counters have them all.
    fn dropped(&mut self, conn: ConnId, what: &str, out: &mut Outbox) {
        if let Some(link) = self.links.get_mut(&conn).filter(|link| !link.warned) {
            link.warned = true;
            warn!(link = %link, "dropped {what}; further ones are only counted");
            events::say_dropped(link, what, out);
        }
    }

    fn who(&self, conn: ConnId) -> Who<'_> {
        Who(self.links.get(&conn))
    }
}

/// Names a link in the log: its name if it gave one, its address always.
struct Who<'a>(Option<&'a Link>);

impl Display for Who<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(link) => link.fmt(f),
            None => f.write_str("upstream"),
        }
    }
}

impl Link {
    fn new(peer: SocketAddr) -> Link {
        Link {
            peer,
            name: Box::default(),
            url: Box::default(),
            post_removes: PostRemoves::default(),
            warned: false,
            fault: Box::default(),
        }
    }
}

impl Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Link { peer, name, url, .. } = self;
        match (name.is_empty(), url.is_empty()) {
            (true, true) => write!(f, "{peer}"),
            (_, true) => write!(f, "{peer} ({name:?})"),
            (..) => write!(f, "{peer} ({name:?}, {url:?})"),
        }
    }
}
