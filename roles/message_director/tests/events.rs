//! What is said of links to the Event Logger: a shard that is driven by hand.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

use message_director::{
    Allow, Config, LISTENER, MessageDirector, Network, UPSTREAM_LINK, UpstreamConfig,
};
use runtime::{
    Arrival, Block, CloseReason, ConnId, Effect, Limits, Now, Shard, ShardConfig, ShardId, Sockets,
    Ticket, Write,
};
use std::net::SocketAddr;
use wire::control::ControlMessage;
use wire::datagram::write_datagram;
use wire::dialect::Dialect;
use wire::framing::{begin_frame, finish_frame};
use wire::ids::{Channel, MsgType};

const NOW: Now = Now(1);
const LOCAL: &str = "10.0.0.1:7199";
const PEER: &str = "10.0.0.2:5";

/// Sockets that take everything, but for one.
struct Sink(Option<ConnId>);

impl Sockets for Sink {
    fn write(&mut self, conn: ConnId, slices: &[&[u8]]) -> Write {
        let all = slices.iter().map(|slice| slice.len()).sum();
        Write::Written(if self.0 == Some(conn) { 0 } else { all })
    }
}

struct Desk {
    shard: Shard,
    now: Now,
    sink: Sink,
}

impl Desk {
    fn new(limits: Limits) -> Desk {
        let upstream = UpstreamConfig {
            address: "above:7199".into(),
            shard: ShardId(0),
            name: String::new(),
            url: String::new(),
        };
        let mut shard = Shard::new(ShardConfig {
            me: ShardId(0),
            shards: 1,
            dialect: Dialect::OpenOtp,
            limits,
            upstream: Some(upstream.shard),
            has_event_logger: true,
            hash_seeds: [1, 2, 3, 4],
        });
        let ours = Network { address: [10, 0, 0, 0].into(), prefix: 8 };
        let allow = Allow::Networks([ours].into());
        let config = Config { allow, upstream: Some(upstream), event_logger: true };
        shard.add_role(&[LISTENER], &[UPSTREAM_LINK], |id| {
            Box::new(MessageDirector::new(id, config))
        });
        shard.start(NOW);
        Desk { shard, now: NOW, sink: Sink(None) }
    }

    fn accepted(&mut self, conn: u32, peer: &str) {
        let arrival = Arrival::plain(address(peer), address(LOCAL));
        self.shard.accepted(self.now, ConnId(conn), LISTENER, arrival);
    }

    fn received(&mut self, conn: u32, bytes: Vec<u8>) {
        self.shard.received(self.now, ConnId(conn), Block::new(bytes, Ticket::NONE));
    }

    fn says(&mut self, conn: u32, message: ControlMessage<'_>) {
        let mut bytes = Vec::new();
        message.encode(Dialect::OpenOtp, &mut bytes).unwrap();
        self.received(conn, bytes);
    }

    /// Ends the turn; the events that were said in it, their texts joined by a comma.
    fn events(&mut self) -> Vec<String> {
        self.shard.finish(self.now);
        self.shard.flush(self.now, &mut self.sink);
        let effects: Vec<Effect> = self.shard.effects().collect();
        self.shard.recycle().for_each(drop);
        let packets = effects.iter().filter_map(|effect| match effect {
            Effect::LogEvent(packet) => Some(packet),
            Effect::Close(..)
            | Effect::Finish(..)
            | Effect::Released(_)
            | Effect::Pause(_)
            | Effect::Resume(_)
            | Effect::Connect(..)
            | Effect::AskStore(..) => None,
        });
        packets.map(|packet| texts(packet).join(",")).collect()
    }

    #[track_caller]
    fn check(&mut self, expected: &[&str]) {
        let expected: Vec<String> =
            expected.iter().map(|event| format!("MessageDirector,{event}")).collect();
        assert_eq!(self.events(), expected);
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn texts(packet: &[u8]) -> Vec<String> {
    let (mut texts, mut rest) = (Vec::new(), packet);
    while let Some((length, after)) = rest.split_first_chunk() {
        let (text, after) = after.split_at(u16::from_le_bytes(*length).into());
        texts.push(String::from_utf8(text.to_vec()).unwrap());
        rest = after;
    }
    texts
}

fn frame(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let start = begin_frame(&mut out);
    out.extend_from_slice(body);
    finish_frame(&mut out, start).unwrap();
    out
}

#[test]
fn who_joins_and_leaves_is_said() {
    let mut desk = Desk::new(Limits::default());
    desk.accepted(1, PEER);
    desk.check(&["link-joined,10.0.0.2:5,10.0.0.1:7199"]);
    desk.says(1, ControlMessage::SetConName(b"AI, the \"first\""));
    desk.shard.closed(NOW, ConnId(1), CloseReason::ClosedByPeer);
    desk.check(&["link-left,10.0.0.2:5,AI, the \"first\",closed_by_peer,"]);
}

#[test]
fn who_may_not_join_is_said() {
    let mut desk = Desk::new(Limits { participants_max: 1, ..Limits::default() });
    desk.accepted(1, "192.0.2.1:5");
    desk.check(&["link-refused,192.0.2.1:5,not_allowed"]);
    desk.accepted(2, PEER);
    desk.accepted(3, PEER);
    desk.check(&[
        "link-joined,10.0.0.2:5,10.0.0.1:7199",
        "link-refused,10.0.0.2:5,too_many_participants",
    ]);
}

#[test]
fn what_a_link_is_closed_for_is_said() {
    let limits = Limits { subscriptions_max: 1, frame_bytes_max: 64, ..Limits::default() };
    let mut desk = Desk::new(limits);
    (1..=4).for_each(|conn| desk.accepted(conn, PEER));
    assert_eq!(desk.events().len(), 4);
    desk.received(1, frame(b"\x01\0\0"));
    desk.says(2, ControlMessage::AddChannel(Channel(1)));
    desk.says(2, ControlMessage::AddChannel(Channel(2)));
    desk.received(3, frame(&[0; 65]));
    let events = desk.events();
    let reasons = ["malformed", "too_many_subscriptions", "frame_too_long"];
    assert_eq!(events.len(), reasons.len(), "{events:?}");
    for (event, reason) in events.iter().zip(reasons) {
        let expected = format!("MessageDirector,link-closed,{PEER},,{reason},");
        let detail = event.strip_prefix(&expected).unwrap_or_else(|| panic!("{event}"));
        assert_eq!(detail.is_empty(), reason == "frame_too_long", "{event}");
    }
}

#[test]
fn the_first_dropped_message_of_a_link_is_said() {
    let mut desk = Desk::new(Limits::default());
    desk.accepted(1, PEER);
    assert_eq!(desk.events().len(), 1);
    (0..3).for_each(|_| desk.says(1, ControlMessage::AddRange(Channel(2), Channel(1))));
    desk.check(&["link-message-dropped,10.0.0.2:5,,a range that ends before it begins"]);
    desk.says(1, ControlMessage::AddRange(Channel(2), Channel(1)));
    desk.check(&[]);
}

#[test]
fn the_upstream_comes_and_goes() {
    let mut desk = Desk::new(Limits::default());
    desk.shard.connect_failed(NOW, UPSTREAM_LINK, "it is away");
    desk.check(&["upstream-failed,above:7199,it is away"]);
    desk.shard.connected(NOW, ConnId(9), UPSTREAM_LINK, address("10.0.0.9:7199"));
    desk.check(&["upstream-up,above:7199,10.0.0.9:7199,0"]);
    desk.shard.closed(NOW, ConnId(9), CloseReason::Reset);
    desk.check(&["upstream-down,above:7199,reset"]);
}

/// A datagram for a channel, of some bytes.
fn dg(to: u64, bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let payload = |out: &mut Vec<u8>| out.resize(out.len() + bytes, 7);
    write_datagram(&mut out, &[Channel(to)], Channel(5), MsgType(6), payload).unwrap();
    out
}

#[test]
fn who_floods_is_said() {
    let limits = Limits { backlog_bytes_max: 100_000, flood_bytes_max: 1000, ..Limits::default() };
    let mut desk = Desk::new(limits);
    desk.accepted(1, PEER);
    desk.accepted(2, "10.0.0.3:5");
    desk.says(2, ControlMessage::AddChannel(Channel(70)));
    assert_eq!(desk.events().len(), 2);
    desk.sink = Sink(Some(ConnId(2)));
    for _ in 0..60 {
        desk.received(1, dg(70, 1000));
        desk.shard.finish(desk.now);
        desk.shard.flush(desk.now, &mut desk.sink);
    }
    desk.check(&["link-flooding,10.0.0.2:5,"]);
    assert_eq!(desk.shard.counts().pauses, 1);
}

#[test]
fn a_full_queue_for_the_upstream_is_said_once() {
    let mut desk = Desk::new(Limits { upstream_queue_bytes_max: 1500, ..Limits::default() });
    desk.accepted(1, PEER);
    assert_eq!(desk.events().len(), 1);
    for _ in 0..2 {
        desk.received(1, dg(70, 1000));
        desk.check(&[]);
        (0..3).for_each(|_| desk.received(1, dg(70, 1000)));
        desk.check(&["upstream-queue-full,1500"]);
        desk.shard.connected(NOW, ConnId(9), UPSTREAM_LINK, address("10.0.0.9:7199"));
        desk.check(&["upstream-up,above:7199,10.0.0.9:7199,0"]);
        (0..5).for_each(|_| desk.check(&[]));
        desk.shard.closed(NOW, ConnId(9), CloseReason::Reset);
        desk.check(&["upstream-down,above:7199,reset"]);
    }
    assert_eq!(desk.shard.counts().dropped_upstream_queue_full, 6);
}

#[test]
fn a_flood_of_events_is_not_said_but_counted() {
    let limits = Limits { events_per_second: 1, event_burst: 2, ..Limits::default() };
    let mut desk = Desk::new(limits);
    let refused = "MessageDirector,link-refused,192.0.2.1:5,not_allowed";
    (0..10).for_each(|conn| desk.accepted(conn, "192.0.2.1:5"));
    assert_eq!(desk.events(), [refused; 2]);
    desk.now = desk.now.plus_ms(1000);
    assert_eq!(desk.events(), [""; 0]);
    desk.accepted(10, "192.0.2.1:5");
    assert_eq!(desk.events(), ["Shard:0,events-suppressed,link-refused,8", refused]);
    let counts = desk.shard.counts();
    assert_eq!((counts.events, counts.events_suppressed), (4, 8));
}
