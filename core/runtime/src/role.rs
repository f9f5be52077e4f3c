//! The contract of a role: one input in, some outputs out. No clock, no socket, no thread.

use crate::block::Frame;
use crate::counts::CloseReason;
use crate::ids::{ConnId, LinkId, ListenerId, Now, RoleId, ShardId, StoreId};
use crate::outbox::Outbox;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use wire::ids::Channel;

/// A state machine on a shard: Message Director, State Server, and so on.
pub trait Role {
    /// Takes one input. What it wants done it pushes into `out`; it never waits.
    fn step(&mut self, now: Now, input: Input<'_>, out: &mut Outbox);

    /// The channel whose subscription a frame is going to change, as far as a glance at it tells.
    /// Where subscriptions come and go, the shard has it fetched before the frame's turn comes.
    fn foresee(&self, frame: Frame<'_>, out: &Outbox) -> Option<Channel> {
        let _ = (frame, out);
        None
    }
}

/// What can happen to a role.
pub enum Input<'a> {
    /// The shard begins; comes once, before anything else.
    Started,
    /// Someone connected to a listener of this role. To refuse it, close it.
    Accepted {
        /// The new connection.
        conn: ConnId,
        /// Where it came in.
        listener: ListenerId,
        /// From where, and how.
        arrival: Arrival<'a>,
    },
    /// Someone who connected to a listener of this role was turned away before it was a connection.
    Refused {
        /// Where it came in.
        listener: ListenerId,
        /// Its address.
        peer: SocketAddr,
        /// Why.
        why: Refusal,
    },
    /// A connection that this role asked for stands.
    Connected {
        /// The new connection.
        conn: ConnId,
        /// As which it was asked for.
        link: LinkId,
        /// The address reached.
        peer: SocketAddr,
    },
    /// A connection that this role asked for could not be made.
    ConnectFailed {
        /// As which it was asked for.
        link: LinkId,
        /// Why, for the log.
        why: &'a str,
    },
    /// A whole frame on one of its connections.
    Frame {
        /// The connection.
        conn: ConnId,
        /// The frame.
        frame: Frame<'a>,
    },
    /// One of its connections ended. What it queued for it is gone; its subscriptions end by
    /// themselves.
    Closed {
        /// The connection.
        conn: ConnId,
        /// Why.
        reason: CloseReason,
    },
    /// One of its connections is not read from for now, as it floods somebody who is slow.
    Paused {
        /// The connection.
        conn: ConnId,
    },
    /// A datagram for a channel that this role subscribed, or that is placed here.
    Datagram {
        /// Its frame, length tag included.
        frame: &'a [u8],
        /// The role that sent it, if one of this daemon did: its instance here or on another shard.
        from: Option<RoleId>,
    },
    /// Another instance of this role says something ([`Outbox::tell`]).
    Told {
        /// Its shard.
        from: ShardId,
        /// What it says.
        message: &'a [u8],
    },
    /// The log of this role's store answers its part on this shard ([`Outbox::ask_store`]).
    Stored(store::Reply),
    /// A time asked for with [`Outbox::wake_at`] has come.
    Wake {
        /// As asked for.
        token: u64,
    },
    /// The daemon stops in order; connections still stand.
    Stopping,
}

/// From where somebody connected, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival<'a> {
    /// Its address; behind a proxy, that which the proxy names.
    pub peer: SocketAddr,
    /// The address that it connected to; behind a proxy, that which the proxy names.
    pub local: SocketAddr,
    /// The type-length-value vectors of a PROXY header of version 2, as they came.
    pub tlvs: &'a [u8],
    /// Whether what it says is encrypted.
    pub is_secure: bool,
}

impl Arrival<'_> {
    /// A plain connection.
    pub const fn plain(peer: SocketAddr, local: SocketAddr) -> Arrival<'static> {
        Arrival { peer, local, tlvs: &[], is_secure: false }
    }
}

/// Why somebody was turned away before it was a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// There are as many connections as there may be.
    TooMany,
    /// There are as many connections of its address as there may be.
    TooManyOfAddress,
    /// There are as many handshakes under way as there may be.
    TooManyHandshakes,
    /// Its handshake failed.
    HandshakeFailed,
    /// It did not end its handshake, or its PROXY header, in time.
    HandshakeTimeout,
    /// What came first was no PROXY header.
    BadProxyHeader,
    /// Only a proxy may connect, and it is none.
    ProxyNotTrusted,
}

impl Refusal {
    /// Its name, as the metrics, the log and the events have it.
    pub const fn name(self) -> &'static str {
        match self {
            Refusal::TooMany => "too_many",
            Refusal::TooManyOfAddress => "too_many_of_address",
            Refusal::TooManyHandshakes => "too_many_handshakes",
            Refusal::HandshakeFailed => "handshake_failed",
            Refusal::HandshakeTimeout => "handshake_timeout",
            Refusal::BadProxyHeader => "bad_proxy_header",
            Refusal::ProxyNotTrusted => "proxy_not_trusted",
        }
    }
}

/// What the driver of a shard is to do outside.
#[derive(Debug)]
pub enum Effect {
    /// Shut this connection; the shard has forgotten it.
    Close(ConnId, CloseReason),
    /// As [`Effect::Close`], but what was written to it is to arrive: say that nothing follows, and
    /// drop what still comes in for a short while before it is shut.
    Finish(ConnId, CloseReason),
    /// The shard holds nothing under this id any more. Comes once for each connection that
    /// ended, be it by [`Effect::Close`] or by `closed`; the driver may reuse the slot.
    Released(ConnId),
    /// Stop receiving from this connection.
    Pause(ConnId),
    /// Go on receiving from it.
    Resume(ConnId),
    /// Connect to this address (`host:port`), answer with `connected` or `connect_failed`.
    Connect(LinkId, String),
    /// Send this as one UDP datagram to the event logger; best effort.
    LogEvent(Vec<u8>),
    /// Hand this to the log of a store, in order; its replies come back with `stored`.
    AskStore(StoreId, store::Request),
}
