//! A round: several connections ask for things at once, and what the mode has for them goes wrong.

use crate::database::history::{History, Troubles};
use crate::database::plan::Mode;
use crate::database::run::Run;
use crate::disk::Fault;
use crate::ledger::Violation;
use crate::world::Happening;
use wire::database::{DatabaseMessage, DatabaseNotice};
use wire::dialect::BAD_DO_ID;

const SEND: u64 = 1;
const CRASH: u64 = 2;
const FILL: u64 = 3;
const ROOM: u64 = 4;
const BREAK: u64 = 5;
/// With the number of a daemon.
const START: u64 = 16;

const MILLI: u64 = 1_000_000;

/// A round under way.
struct Storm {
    history: History,
    troubles: Troubles,
    /// The connection that hears what is said of objects.
    watcher: usize,
    conns: Vec<usize>,
    left: u32,
    crashes_left: u32,
}

impl Run {
    /// Plays a round until all is quiet, and all daemons live.
    pub(super) fn storm(&mut self) -> Result<(History, Troubles), Violation> {
        let mut storm = self.join()?;
        self.plan_troubles(&mut storm);
        self.stage.world.alarm(0, SEND);
        while let Some(happening) = self.stage.world.next_pressing() {
            match happening {
                Happening::Alarm(token) => self.act(&mut storm, token),
                heard @ (Happening::Heard(..)
                | Happening::Ended(..)
                | Happening::Linked(..)
                | Happening::ClosedByShard(..)
                | Happening::LinkClosedByShard(..)
                | Happening::Event(..)) => {
                    self.stage.take(heard)?;
                    self.take_in(&mut storm)?;
                }
            }
        }
        self.stage.release();
        self.take_in(&mut storm)?;
        self.stage.cut_all();
        self.stage.settle()?;
        Ok((storm.history, storm.troubles))
    }

    fn join(&mut self) -> Result<Storm, Violation> {
        let (channel, of_objects) = (self.next_channel(), self.stage.of_objects());
        let watcher = self.stage.connect(self.plan.home, channel, &[of_objects]);
        let mut conns = Vec::new();
        for _ in 0..self.plan.conns {
            let channel = self.next_channel();
            conns.push(self.stage.connect_anywhere(channel, &[]));
        }
        self.stage.settle()?;
        self.stage.take_heard();
        Ok(Storm {
            history: History::default(),
            troubles: Troubles::default(),
            watcher,
            conns,
            left: self.plan.requests,
            crashes_left: 0,
        })
    }

    /// About how long the round takes.
    fn some_time(&mut self) -> u64 {
        let tempo = &self.plan.tempo;
        let sends = u64::from(self.plan.requests) * self.plan.action_ns_max / 2;
        let ways = 4 * tempo.weather.delay_ns_max + 20 * tempo.step_ns_max + 2 * tempo.disk_ns_max;
        self.chance.below(1 + (sends + ways) * 5 / 4)
    }

    fn plan_troubles(&mut self, storm: &mut Storm) {
        let at = self.some_time();
        match self.plan.mode {
            Mode::Crashes => {
                storm.crashes_left = self.chance.between(1, 3) as u32;
                self.stage.world.alarm(at, CRASH);
            }
            Mode::Full => {
                storm.troubles.refused = true;
                let later = at + self.some_time();
                self.stage.world.alarm(at / 8, FILL);
                if self.chance.one_in(2) {
                    self.stage.world.alarm(later, ROOM);
                }
            }
            Mode::Broken => {
                storm.troubles.refused = true;
                self.stage.world.alarm(at, BREAK);
            }
            Mode::Sequential | Mode::Parallel | Mode::Rot => (),
        }
    }

    fn act(&mut self, storm: &mut Storm, token: u64) {
        match token {
            SEND => self.send_one(storm),
            CRASH => self.crash_one(storm),
            FILL => {
                let room = self.chance.below(u64::from(self.plan.segment_bytes));
                let most = self.stage.disk.bytes_used() + room;
                self.stage.disk.set_bytes_max(Some(most));
            }
            ROOM => self.stage.disk.set_bytes_max(None),
            BREAK => {
                let call = self.stage.disk.calls() + self.chance.below(12);
                self.stage.disk.strike(call, Fault::Failed);
            }
            _ => self.stage.start((token - START) as usize),
        }
    }

    fn send_one(&mut self, storm: &mut Storm) {
        let open = |conn: &usize| self.stage.conns[*conn].open;
        let conns: Vec<usize> = storm.conns.iter().copied().filter(open).collect();
        let Some(conn) = self.chance.pick(&conns).filter(|_| storm.left > 0) else { return };
        storm.left -= 1;
        let dg = self.draw(conn);
        storm.history.sent(&self.model.rules, conn, &dg, self.stage.world.now());
        let message = DatabaseMessage::decode(self.plan.dialect, dg.msgtype, &dg.payload);
        if !matches!(message, Ok(DatabaseMessage::Create { .. })) {
            // Probably it is done.
            self.model.hear(&dg);
        }
        self.stage.send(conn, &dg);
        let delay = self.chance.below(self.plan.action_ns_max + 1);
        self.stage.world.alarm(delay, SEND);
    }

    /// A daemon dies, and is to start again.
    fn crash_one(&mut self, storm: &mut Storm) {
        storm.crashes_left -= 1;
        storm.troubles.lost = true;
        let any = self.chance.index(self.plan.daemons);
        let daemon = if self.chance.one_in(4) { any } else { self.plan.home };
        if self.stage.world.daemons[daemon].life().is_some() {
            self.stage.crash(daemon);
            let delay = self.chance.below(2 * MILLI);
            self.stage.world.alarm(delay, START + daemon as u64);
        }
        if self.chance.one_in(2) {
            self.stage.cut_all();
        }
        if storm.crashes_left > 0 {
            let delay = self.chance.below(4 * MILLI);
            self.stage.world.alarm(delay, CRASH);
        }
    }

    /// What was heard goes to the history, and what is learned of it to what there probably is.
    fn take_in(&mut self, storm: &mut Storm) -> Result<(), Violation> {
        let heard = std::mem::take(&mut self.stage.conns[storm.watcher].heard);
        // It may hear what is sent to the Database, too, if that has a channel among those of objects.
        let said = heard.into_iter().filter(|(_, dg)| !dg.to.contains(&self.plan.control));
        for (_, dg) in said {
            storm.history.announced.entry(dg.to[0] as u32).or_default().push(dg);
        }
        for conn in storm.conns.clone() {
            let heard = std::mem::take(&mut self.stage.conns[conn].heard);
            for (at, dg) in heard {
                let dg = self.tampered(dg);
                let (rules, in_order) = (&self.model.rules, !storm.troubles.refused);
                storm.history.answered(rules, conn, &dg, at, in_order)?;
                let notice = DatabaseNotice::decode(self.plan.dialect, dg.msgtype, &dg.payload);
                if let Ok(DatabaseNotice::CreateResp { do_id, .. }) = notice
                    && do_id != BAD_DO_ID
                {
                    let object = storm.history.create_of(rules, &dg);
                    self.model.objects.extend(object.map(|object| (do_id.0, object)));
                }
            }
        }
        Ok(())
    }
}
