//! What observers do: subscribe, send, answer what they hear, leave in order or not, fail to read.

use crate::ledger::Violation;
use crate::ledger::{End, FIRST_SENDER, Kind};
use crate::model::Op;
use crate::plan::Trouble;
use crate::scenario::{ACT, Part, Scenario};
use wire::control::ControlMessage;
use wire::datagram;
use wire::dialect::Dialect;
use wire::ids::{Channel, MsgType};

const MILLI: u64 = 1_000_000;

impl Scenario {
    pub fn alarmed(&mut self, token: u64) -> Result<(), Violation> {
        if token == ACT && self.churning && self.actions_left > 0 {
            self.actions_left -= 1;
            self.act();
            let delay = self.chance.below(self.plan.action_ns_max + 1);
            let pause = if self.storm && self.chance.one_in(8) { 300 * MILLI } else { 0 };
            self.world.alarm(delay + self.chance.below(pause + 1), ACT);
        } else if token != ACT {
            self.restart(token);
        }
        Ok(())
    }

    fn act(&mut self) {
        let open: Vec<usize> = self.usable();
        if open.len() < 3 || self.chance.one_in(8) {
            return self.open_conn(Part::Plain);
        }
        let at = open[self.chance.index(open.len())];
        match self.chance.below(40) {
            0..8 => self.subscribe(at),
            8..12 => self.unsubscribe(at),
            12..14 => self.subscribe_and_tell(at),
            14..28 => {
                let burst = self.chance.between(1, 4);
                (0..burst).for_each(|_| self.send_somewhere(at));
            }
            28..31 => self.store_post_remove(at),
            31 => self.clear_post_removes(at),
            32 => self.say_nothing_much(at),
            33 => self.close(at),
            34 => self.reset(at),
            35 => self.hostile(),
            _ => self.trouble(),
        }
    }

    fn trouble(&mut self) {
        match self.plan.trouble {
            Trouble::Calm => (),
            Trouble::Storm => self.fail_something(),
            Trouble::Flood => self.flood(),
        }
    }

    /// Connections that ordinary things are done on.
    pub fn usable(&self) -> Vec<usize> {
        let plain = |at: &usize| {
            let conn = &self.conns[*at];
            conn.open && matches!(conn.part, Part::Plain | Part::Upstream)
        };
        (0..self.conns.len()).filter(plain).collect()
    }

    pub fn open_conn(&mut self, part: Part) {
        let living: Vec<usize> =
            self.daemons().filter(|&at| self.world.daemons[at].life().is_some()).collect();
        let Some(daemon) = self.chance.pick(&living) else { return };
        let shard = self.chance.index(self.plan.shards[daemon]);
        let process = self.processes[self.chance.index(self.processes.len())];
        self.open_at(part, process, daemon, shard);
    }

    pub fn open_at(&mut self, part: Part, process: usize, daemon: usize, shard: usize) {
        let peer = std::net::SocketAddr::from(([127, 0, 0, 1], 1 + self.conns.len() as u16));
        let Some(outside) = self.world.open(daemon, shard, peer) else { return };
        let party = self.ledger.join(process, daemon, false);
        let now = self.world.now();
        self.world.trace.say(now, || {
            format!(
                "party {party} ({part:?}) of process {process} joins daemon {daemon} shard {shard}"
            )
        });
        self.add_conn(outside, party, process, daemon, part);
        let first = self.chance.between(0, 3);
        (0..first).for_each(|_| self.subscribe(self.conns.len() - 1));
    }

    pub fn control(&mut self, at: usize, message: ControlMessage<'_>) {
        let mut frame = Vec::new();
        let written = message.encode(self.plan.dialect, &mut frame);
        written.expect("what observers say is short and in both dialects");
        let now = self.world.now();
        let party = self.conns[at].party;
        self.world.trace.say(now, || format!("party {party} says {message:?}"));
        self.world.write(self.conns[at].outside, &frame);
    }

    fn some_channel(&mut self) -> u64 {
        let channels = self.ledger.universe().channels();
        channels[self.chance.index(channels.len())]
    }

    fn some_range(&mut self) -> (u64, u64) {
        let at = self.chance.index(self.ledger.universe().channels().len());
        let channels = self.ledger.universe().channels();
        let to = at + self.chance.index((channels.len() - at).min(9));
        match self.chance.below(20) {
            0 => (0, channels[at]),
            1 => (channels[at], u64::MAX),
            _ => (channels[at], channels[to]),
        }
    }

    pub fn subscribe(&mut self, at: usize) {
        if self.conns[at].part == Part::Upstream {
            return;
        }
        let party = self.conns[at].party;
        if self.chance.one_in(3) {
            let (low, high) = self.some_range();
            self.ledger.did(party, Op::Add(low, high));
            self.control(at, ControlMessage::AddRange(Channel(low), Channel(high)));
        } else {
            let channel = self.some_channel();
            self.ledger.did(party, Op::Add(channel, channel));
            self.control(at, ControlMessage::AddChannel(Channel(channel)));
        }
    }

    fn unsubscribe(&mut self, at: usize) {
        if self.conns[at].part == Part::Upstream {
            return;
        }
        let party = self.conns[at].party;
        if self.chance.one_in(2) {
            let (low, high) = self.some_range();
            self.ledger.did(party, Op::Remove(low, high));
            self.control(at, ControlMessage::RemoveRange(Channel(low), Channel(high)));
        } else {
            let channel = self.some_channel();
            self.ledger.did(party, Op::Remove(channel, channel));
            self.control(at, ControlMessage::RemoveChannel(Channel(channel)));
        }
    }

    /// Subscribes on one connection and says so to what a second one of the process hears.
    fn subscribe_and_tell(&mut self, at: usize) {
        let process = self.conns[at].process;
        let others: Vec<usize> = self
            .usable()
            .into_iter()
            .filter(|&one| self.conns[one].process == process && one != at)
            .collect();
        let Some(other) = self.chance.pick(&others) else { return };
        if self.chance.one_in(2) {
            self.subscribe(at);
        } else {
            self.unsubscribe(at);
        }
        let wanted = self.ledger.subscriber(self.conns[other].party).now();
        let channels: Vec<u64> = self.channels_of(wanted);
        let Some(channel) = self.chance.pick(&channels) else { return };
        self.send(at, &[channel, channel]);
    }

    fn channels_of(&self, points: u64) -> Vec<u64> {
        let channels = self.ledger.universe().channels().iter().enumerate();
        channels.filter(|(bit, _)| points >> bit & 1 == 1).map(|(_, &channel)| channel).collect()
    }

    fn send_somewhere(&mut self, at: usize) {
        let count = if self.chance.one_in(3) { self.chance.between(1, 8) } else { 1 };
        let to: Vec<u64> = (0..count).map(|_| self.some_channel()).collect();
        self.send(at, &to);
    }

    /// Sends a datagram. One that would be a control message goes to its channel twice.
    pub fn send(&mut self, at: usize, to: &[u64]) {
        let bytes = self.some_length();
        self.send_sized(at, to, bytes);
    }

    pub fn send_sized(&mut self, at: usize, to: &[u64], bytes: usize) {
        let to = self.not_control(to);
        let frame = self.frame(&to, bytes);
        let Conn { party, outside, .. } = self.conns[at];
        let id = self.ledger.new_frame(party, Kind::Datagram, &to, frame);
        let now = self.world.now();
        self.world
            .trace
            .say(now, || format!("party {party} sends message {id} of {bytes} bytes to {to:?}"));
        self.world.write(outside, self.ledger.frame(id));
    }

    pub fn not_control(&self, to: &[u64]) -> Vec<u64> {
        let control = self.plan.dialect.control_channel().0;
        if to == [control] { vec![control; 2] } else { to.to_vec() }
    }

    /// The frame of the next message.
    pub fn frame(&mut self, to: &[u64], bytes: usize) -> Vec<u8> {
        let id = self.ledger.next_message() as u64;
        let to: Vec<Channel> = to.iter().copied().map(Channel).collect();
        let mut frame = Vec::new();
        let payload =
            |out: &mut Vec<u8>| out.extend((0..bytes).map(|at| (at as u64 * 7 + id) as u8));
        let sender = Channel(FIRST_SENDER + id);
        let msgtype = MsgType(self.chance.number() as u16);
        let written = datagram::write_datagram(&mut frame, &to, sender, msgtype, payload);
        written.expect("observers know how long a body may be");
        frame
    }

    fn some_length(&mut self) -> usize {
        match self.chance.below(60) {
            0..40 => self.chance.index(64),
            40..50 => self.chance.index(600),
            50..58 => 1_990 + self.chance.index(120),
            58 => self.chance.index(40_000),
            _ => 65_535 - 19 - 7 * 8 - self.chance.index(3),
        }
    }

    fn store_post_remove(&mut self, at: usize) {
        if self.conns[at].part == Part::Upstream {
            return;
        }
        let count = self.chance.between(1, 4);
        let to: Vec<u64> = (0..count).map(|_| self.some_channel()).collect();
        let to = self.not_control(&to);
        let bytes = self.chance.index(300);
        let frame = self.frame(&to, bytes);
        let party = self.conns[at].party;
        let id = self.ledger.new_frame(party, Kind::PostRemove, &to, frame);
        let sender = self.clearer();
        self.ledger.did(party, Op::PostRemove(sender, id));
        let now = self.world.now();
        self.world.trace.say(now, || format!("party {party} stores message {id} to {to:?}"));
        let message = self.ledger.frame(id)[2..].to_vec();
        self.control(
            at,
            ControlMessage::AddPostRemove { sender: Channel(sender), message: &message },
        );
    }

    /// Who clears a post-remove: in `openotp` there is no such field.
    fn clearer(&mut self) -> u64 {
        match self.plan.dialect {
            Dialect::OpenOtp => 0,
            Dialect::Astron => self.chance.between(70, 72),
        }
    }

    fn clear_post_removes(&mut self, at: usize) {
        if self.conns[at].part == Part::Upstream {
            return;
        }
        let sender = self.clearer();
        self.ledger.did(self.conns[at].party, Op::Clear(sender));
        self.control(at, ControlMessage::ClearPostRemoves { sender: Channel(sender) });
    }

    fn say_nothing_much(&mut self, at: usize) {
        if self.conns[at].part == Part::Upstream {
            return;
        }
        match self.chance.below(4) {
            0 => self.control(at, ControlMessage::SetConName(b"an observer \xff\xfe")),
            1 => self.control(at, ControlMessage::SetConUrl(b"http://127.0.0.1/")),
            2 => {
                let (low, high) = (Channel(9_010), Channel(9_000));
                self.control(at, ControlMessage::AddRange(low, high));
            }
            _ => {
                let message = b"\x03garbage, nested";
                let sender = Channel(0);
                self.control(at, ControlMessage::AddPostRemove { sender, message });
            }
        }
    }

    /// Leaves in order.
    pub fn close(&mut self, at: usize) {
        let Conn { party, outside, part, .. } = self.conns[at];
        if part == Part::Upstream {
            return;
        }
        self.conns[at].open = false;
        let now = self.world.now();
        self.world.trace.say(now, || format!("party {party} leaves"));
        self.ledger.ended(party, End::Finished);
        if self.chance.one_in(3) {
            // In the middle of a frame that never comes whole.
            self.world.write(outside, &[200, 0, 1, 2, 3][..1 + self.chance.index(5)]);
        }
        self.world.finish(outside);
    }

    fn reset(&mut self, at: usize) {
        let Conn { party, outside, part, .. } = self.conns[at];
        if part == Part::Upstream {
            return;
        }
        self.conns[at].open = false;
        let now = self.world.now();
        self.world.trace.say(now, || format!("party {party} breaks"));
        self.ledger.ended(party, End::Reset);
        self.world.reset(outside);
    }

    /// Acts on what was heard: on another connection of the process, to those who heard, or will
    /// hear, what its sender said before.
    pub fn react(&mut self, at: usize, message: usize) {
        if self.reactions_left == 0 || !self.chance.one_in(2) {
            return;
        }
        let process = self.conns[at].process;
        let mine = |one: &usize| self.conns[*one].process == process;
        let mine: Vec<usize> = self.usable().into_iter().filter(mine).collect();
        let Some(with) = self.chance.pick(&mine) else { return };
        self.reactions_left -= 1;
        let points = match self.ledger.before(message) {
            Some(before) if !self.chance.one_in(4) => self.ledger.points(before),
            _ => self.last_subscribed(),
        };
        let channels = self.channels_of(points);
        match self.chance.pick(&channels) {
            Some(channel) => self.send_sized(with, &[channel], message % 50),
            None => self.send_somewhere(with),
        }
    }

    /// The points of something that one of the observers subscribed or left last.
    fn last_subscribed(&mut self) -> u64 {
        let open = self.usable();
        let Some(at) = self.chance.pick(&open) else { return 0 };
        let ops = self.ledger.subscriber(self.conns[at].party).ops();
        let last = ops.iter().rev().find_map(|op| match *op {
            Op::Add(low, high) | Op::Remove(low, high) => Some((low, high)),
            Op::PostRemove(..) | Op::Clear(_) | Op::Sent(_) => None,
        });
        last.map_or(0, |(low, high)| self.ledger.universe().range(low, high))
    }

    pub fn send_probe(&mut self) {
        let open = self.usable();
        let Some(at) = self.chance.pick(&open) else { return };
        let count = if self.chance.one_in(3) { self.chance.between(2, 8) } else { 1 };
        let to: Vec<u64> = (0..count).map(|_| self.some_channel()).collect();
        let bytes = self.chance.index(100);
        self.send_sized(at, &to, bytes);
    }
}

use crate::scenario::Conn;
