//! What goes wrong: hostile bytes, cut links, dead daemons, slow readers, floods; and the healing.

use crate::ledger::{End, Kind};
use crate::model::Op;
use crate::scenario::{Conn, Part, Scenario};

const MILLI: u64 = 1_000_000;

impl Scenario {
    /// Somebody joins, does what others do, and then sends what no one should.
    pub fn hostile(&mut self) {
        let before = self.conns.len();
        self.open_conn(Part::Hostile);
        if self.conns.len() == before {
            return;
        }
        let Conn { party, outside, .. } = self.conns[before];
        for _ in 0..self.chance.below(3) {
            self.store(before);
            let to = self.ledger.universe().channels()[3];
            self.send(before, &[to]);
        }
        let bytes = self.malformed();
        let now = self.world.now();
        self.world.trace.say(now, || format!("party {party} sends malformed {bytes:?}"));
        self.world.write(outside, &bytes);
        self.conns[before].open = false;
        self.must_be_gone.insert(party);
        if self.chance.one_in(2) {
            let to = self.ledger.universe().channels().to_vec();
            let frame = self.frame(&to, 3);
            let id = self.ledger.new_frame(party, Kind::Void, &to, frame);
            self.world.write(outside, self.ledger.frame(id));
        }
        // From now on: its post-removes may be heard before its own connection is seen to close.
        self.ledger.ended(party, End::Refused);
        if self.chance.one_in(3) {
            self.world.finish(outside);
        }
    }

    fn store(&mut self, at: usize) {
        let party = self.conns[at].party;
        let to = vec![self.ledger.universe().channels()[5]];
        let frame = self.frame(&to, 9);
        let id = self.ledger.new_frame(party, Kind::PostRemove, &to, frame);
        self.ledger.did(party, Op::PostRemove(0, id));
        let message = self.ledger.frame(id)[2..].to_vec();
        let sender = wire::ids::Channel(0);
        self.control(
            at,
            wire::control::ControlMessage::AddPostRemove { sender, message: &message },
        );
    }

    /// A frame that ends its connection.
    fn malformed(&mut self) -> Vec<u8> {
        let control = self.plan.dialect.control_channel();
        let mut add = Vec::new();
        let message = wire::control::ControlMessage::AddChannel(wire::ids::Channel(9_001));
        message.encode(self.plan.dialect, &mut add).expect("short, and in both dialects");
        let whole = self.frame(&[9_001], 0);
        let mut body = match self.chance.below(6) {
            0 => Vec::new(),
            1 => whole[2..whole.len() - 1 - self.chance.index(whole.len() - 4)].to_vec(),
            2 => [&[200], &whole[3..]].concat(),
            3 => [&add[2..], &[0]].concat(),
            4 => add[2..add.len() - 1 - self.chance.index(9)].to_vec(),
            _ => [&[1][..], &control.0.to_le_bytes()].concat(),
        };
        let length = body.len() as u16;
        body.splice(0..0, length.to_le_bytes());
        body
    }

    /// One of the faults of a storm.
    pub fn fail_something(&mut self) {
        let daemon = self.chance.index(self.plan.parents.len());
        match self.chance.below(6) {
            0 | 1 => {
                self.world.cut_link(daemon);
            }
            2 => self.kill(daemon),
            3 => self.cut_observer(),
            4 => self.upstream_away = self.chance.one_in(2),
            _ => {
                // In quick succession: the link, and what it hangs on.
                self.world.cut_link(daemon);
                let above = self.plan.parents[daemon];
                above.into_iter().for_each(|above| self.kill(above));
            }
        }
    }

    fn kill(&mut self, daemon: usize) {
        if self.world.daemons[daemon].life().is_none() {
            return;
        }
        self.world.crash(daemon);
        let open = |conn: &&Conn| conn.daemon == daemon && conn.part != Part::Upstream;
        let parties: Vec<usize> = self.conns.iter().filter(open).map(|conn| conn.party).collect();
        parties.into_iter().for_each(|party| self.ledger.ended(party, End::Cut));
        if self.chance.one_in(3) {
            self.dead.insert(daemon);
        } else {
            let after = self.chance.below(500 * MILLI);
            self.world.alarm(after, RESTART + daemon as u64);
        }
    }

    /// A daemon that was killed comes back.
    pub fn restart(&mut self, token: u64) {
        let daemon = (token - RESTART) as usize;
        if self.world.daemons[daemon].life().is_none() {
            self.world.start(daemon);
            self.dead.remove(&daemon);
        }
    }

    fn cut_observer(&mut self) {
        let open = self.usable();
        let Some(at) = self.chance.pick(&open) else { return };
        let Conn { party, outside, .. } = self.conns[at];
        self.conns[at].open = false;
        self.ledger.ended(party, End::Cut);
        self.world.reset(outside);
    }

    /// All that failed works again.
    pub fn heal(&mut self) {
        self.upstream_away = false;
        let dead: Vec<usize> =
            self.daemons().filter(|&at| self.world.daemons[at].life().is_none()).collect();
        dead.into_iter().for_each(|daemon| self.restart(RESTART + daemon as u64));
    }

    /// Somebody does not read; somebody floods it, somebody else sends it a little. Unless its
    /// subscription comes too late, bytes wait for it until it is closed: see "nothing is stuck".
    pub fn flood(&mut self) {
        if self.conns.iter().any(|conn| conn.part == Part::Flood && conn.open) {
            return;
        }
        let slow = self.conns.len();
        self.open_conn(Part::Slow);
        if self.conns.len() == slow {
            return;
        }
        let daemon = self.conns[slow].daemon;
        let channel = self.ledger.universe().channels()[7];
        self.ledger.did(self.conns[slow].party, Op::Add(channel, channel));
        let wanted = wire::ids::Channel(channel);
        self.control(slow, wire::control::ControlMessage::AddChannel(wanted));
        self.world.set_reads(self.conns[slow].outside, false);
        let flood = self.conns.len();
        let shard = self.chance.index(self.plan.shards[daemon]);
        let process = self.processes[self.chance.index(self.processes.len())];
        self.open_at(Part::Flood, process, daemon, shard);
        for _ in 0..self.chance.between(200, 400) {
            let bytes = self.chance.index(20_000);
            self.send_sized(flood, &[channel], bytes);
        }
    }

    /// Whoever did not read does again.
    pub fn read_again(&mut self) {
        for at in 0..self.conns.len() {
            if self.conns[at].part == Part::Slow {
                self.world.set_reads(self.conns[at].outside, true);
            }
        }
    }
}

/// Alarms from this one on bring a daemon back.
pub(crate) const RESTART: u64 = 100;
