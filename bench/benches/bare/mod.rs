//! A shard without sockets, for the benches of what goes on inside.

use message_director::{Allow, Config, LISTENER, MessageDirector};
use runtime::{
    Arrival, Block, ConnId, Limits, Now, Shard, ShardConfig, ShardId, Sockets, Ticket, Write,
};
use wire::control::ControlMessage;
use wire::dialect::Dialect;
use wire::ids::Channel;

/// What the messages of the benches look like.
pub const DIALECT: Dialect = Dialect::OpenOtp;
const NOW: Now = Now(1);

/// Takes everything and remembers how much it was.
#[derive(Default)]
struct Swallow {
    bytes: usize,
}

impl Sockets for Swallow {
    fn write(&mut self, _: ConnId, slices: &[&[u8]]) -> Write {
        let bytes = slices.iter().map(|slice| slice.len()).sum();
        self.bytes += bytes;
        Write::Written(bytes)
    }
}

/// One shard and its connections.
pub struct World {
    /// The shard.
    pub shard: Shard,
    sockets: Swallow,
}

impl World {
    /// A shard of a Message Director and whatever `add` adds, with `conns` connections.
    pub fn new(conns: u32, add: impl FnOnce(&mut Shard)) -> World {
        let mut shard = Shard::new(ShardConfig {
            has_event_logger: false,
            me: ShardId(0),
            shards: 1,
            dialect: DIALECT,
            limits: Limits::default(),
            upstream: None,
            hash_seeds: [1, 2, 3, 4],
        });
        let config = Config { allow: Allow::Everyone, upstream: None, event_logger: false };
        shard.add_role(&[LISTENER], &[], |id| Box::new(MessageDirector::new(id, config)));
        add(&mut shard);
        shard.start(NOW);
        let peer = ([127, 0, 0, 1], 9).into();
        (0..conns).for_each(|conn| {
            shard.accepted(NOW, ConnId(conn), LISTENER, Arrival::plain(peer, peer))
        });
        World { shard, sockets: Swallow::default() }
    }

    /// Bytes sent so far.
    #[allow(dead_code, reason = "not every bench counts bytes")]
    pub fn sent(&self) -> u64 {
        self.sockets.bytes as u64
    }

    /// One turn with one block, which comes back; and what must follow it.
    pub fn turn(&mut self, conn: u32, bytes: Vec<u8>) -> Vec<u8> {
        self.shard.received(NOW, ConnId(conn), Block::new(bytes, Ticket(0)));
        let mut back = Vec::new();
        loop {
            self.shard.finish(NOW);
            self.shard.flush(NOW, &mut self.sockets);
            assert_eq!(self.shard.effects().count(), 0, "nobody is to be closed");
            back.extend(self.shard.recycle().filter_map(|block| match block.into_parts() {
                (Ticket(0), memory) => memory,
                _ => None,
            }));
            if self.shard.next_wake().is_some_and(|at| at <= NOW) {
                self.shard.wake(NOW);
            } else if !self.shard.wants_turn() {
                return back.pop().expect("a block of small frames comes back");
            }
        }
    }

    /// Subscribes channels for a connection.
    pub fn subscribe(&mut self, conn: u32, channels: impl IntoIterator<Item = u64>) {
        let mut out = Vec::new();
        for channel in channels {
            write(ControlMessage::AddChannel(Channel(channel)), &mut out);
            if out.len() > 48 << 10 {
                self.turn(conn, std::mem::take(&mut out));
            }
        }
        if !out.is_empty() {
            self.turn(conn, out);
        }
    }
}

/// Appends the frame of a control message.
pub fn write(message: ControlMessage<'_>, out: &mut Vec<u8>) {
    message.encode(DIALECT, out).expect("both dialects have it, and it is short");
}
