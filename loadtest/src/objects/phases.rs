//! The phases: what is sent in a window or by a schedule, what is measured of it, and how its end
//! is checked.

use super::inventory::Inventory;
use super::outcome::{Counts, PhaseOutcome};
use super::plan::Phase;
use super::session::{NAP_MS, Patience, Session};
use crate::chance::Chance;
use crate::faults::Fault;
use crate::outgoing::Schedule;
use crate::run::CpuTime;
use crate::server::ServerProcess;
use anyhow::Result;
use std::time::Instant;
use wire::ids::Zone;
use wire::state_server::{ObjectMessage, Zones};

/// Operations that may wait in an open loop: who has so many does not keep up.
const WAITING_MAX: u64 = 1 << 20;

/// When the next operation may be sent.
enum Pace {
    /// When fewer are in flight than the window.
    Window,
    Schedule(Schedule),
}

/// One operation, meant to be sent at a time in ns; false: there are no more.
type Step<'s> = &'s mut dyn FnMut(&mut Session<'_>, u64) -> bool;

impl Session<'_> {
    /// Carries a phase out and checks what is there afterwards.
    pub(crate) fn phase(&mut self, phase: Phase) -> Result<PhaseOutcome> {
        let server = self.plan.server_pid.map(|pid| ServerProcess { pid });
        let rss = || server.map_or(Ok(0), ServerProcess::settled_rss);
        let rss_before = rss()?;
        self.announce(Some(phase));
        self.hearing.ledger.latency.reset();
        let (began, cpu) = (self.now(), CpuTime::now(server)?);
        let (operations, deliveries) = (self.operations, self.hearing.ledger.delivered);
        let moves = match phase {
            Phase::Create => self.create_all()?,
            Phase::Update => self.update_some(began)?,
            Phase::Delete => self.delete_all()?,
        };
        let is_quiet = self.finish()?;
        let cpu = CpuTime::now(server)?.since(cpu);
        let seconds = self.hearing.heard_ns.saturating_sub(began) as f64 / 1e9;
        let counts = Counts {
            operations: self.operations - operations,
            moves,
            deliveries: self.hearing.ledger.delivered - deliveries,
        };
        let latency = self.hearing.ledger.latency.clone();
        let mut outcome = PhaseOutcome::new(phase, seconds, counts, latency);
        self.announce(None);
        outcome.generator_cpu_ns = cpu.generator_ns;
        if server.is_some() {
            outcome.server = Some(outcome.server_use(cpu.server_ns, (rss_before, rss()?)));
        }
        self.check_the_end(is_quiet)?;
        Ok(outcome)
    }

    fn create_all(&mut self) -> Result<u64> {
        let mut next = 0;
        self.drive(Pace::Window, &mut |session, now| {
            if next == session.plan.objects {
                return false;
            }
            session.create(next, session.hearing.world.zone(next), now);
            next += 1;
            true
        })?;
        Ok(0)
    }

    fn delete_all(&mut self) -> Result<u64> {
        let mut next = 0;
        self.drive(Pace::Window, &mut |session, now| {
            if next == session.plan.objects {
                return false;
            }
            session.delete(next, now);
            next += 1;
            true
        })?;
        Ok(0)
    }

    /// Updates and moves random objects; returns how many moves there were.
    fn update_some(&mut self, began: u64) -> Result<u64> {
        let pace = self.plan.rate.map(|rate| Schedule::new(began, rate));
        let pace = pace.map_or(Pace::Window, Pace::Schedule);
        let end = began + self.plan.duration.as_nanos() as u64;
        let (mut chance, mut moves) = (Chance::new(self.plan.seed), 0);
        self.drive(pace, &mut |session, now| {
            if now >= end {
                return false;
            }
            let object = chance.below(session.plan.objects);
            if chance.is_among(session.plan.moves) {
                let steps = 1 + chance.below(session.plan.zones - 1);
                let from = session.hearing.world.place(object).unwrap_or(Zone(1));
                let to = session.hearing.world.zone_after(from, steps);
                session.relocate(object, to, now);
                moves += 1;
            } else {
                session.update(object, now);
            }
            true
        })?;
        Ok(moves)
    }

    /// Sends what `step` says as fast as `pace` allows, until there is no more or nothing is
    /// heard any more.
    fn drive(&mut self, mut pace: Pace, step: Step<'_>) -> Result<()> {
        let mut patience = Patience::new(self);
        loop {
            let began = Instant::now();
            let Some(timeout_ms) = self.send_what_may_be(&mut pace, step) else { return Ok(()) };
            if self.in_flight() == 0 {
                patience.begin_again();
            }
            self.turn(timeout_ms)?;
            if patience.is_over(self, began.elapsed()) {
                return Ok(());
            }
        }
    }

    /// Returns how long to sleep at most; None when there is no more.
    fn send_what_may_be(&mut self, pace: &mut Pace, step: Step<'_>) -> Option<u32> {
        let now = self.now();
        match pace {
            Pace::Window => {
                while self.in_flight() < u64::from(self.plan.window) {
                    if !step(self, now) {
                        return None;
                    }
                }
                Some(NAP_MS)
            }
            Pace::Schedule(schedule) => {
                while let Some((_, due_ns)) = schedule.take(now) {
                    if self.is_overwhelmed() || !step(self, due_ns) {
                        return None;
                    }
                }
                let ms = schedule.due_ns().saturating_sub(self.now()) / 1_000_000;
                Some((ms.saturating_sub(1) as u32).min(NAP_MS))
            }
        }
    }

    fn is_overwhelmed(&mut self) -> bool {
        let waiting = self.in_flight();
        if waiting >= WAITING_MAX {
            let sentence = format!("the server does not keep up: {waiting} operations in flight");
            self.faults().say(sentence);
        }
        waiting >= WAITING_MAX
    }

    /// Waits for the end of what was begun; false if it does not come.
    fn finish(&mut self) -> Result<bool> {
        if self.plan.listeners == 0 {
            self.ask_all_sentries();
        }
        self.drain()
    }

    /// Notes what was not heard. If all was: lets every sentry say something, which comes after
    /// whatever may have come twice, and compares what is there with what should be.
    fn check_the_end(&mut self, is_quiet: bool) -> Result<()> {
        if !is_quiet {
            self.note_losses();
            return Ok(());
        }
        if self.plan.listeners > 0 {
            for object in self.plan.objects..self.plan.all_objects() {
                self.update(object, self.now());
            }
            if !self.drain()? {
                self.note_losses();
            }
        }
        self.take_inventory()
    }

    fn note_losses(&mut self) {
        let hearing = &mut self.hearing;
        for loss in hearing.ledger.losses() {
            let (listener, object, first) = hearing.ledger.lost(&loss);
            let do_id = hearing.world.do_id(object);
            hearing.faults.note(Fault::Lost, loss.messages, || {
                let what = first.map_or("something".to_owned(), |notice| notice.to_string());
                let more = match loss.messages {
                    1 => String::new(),
                    count => format!(" and {} more", count - 1),
                };
                format!("listener {listener} did not hear {what} of object {do_id}{more}")
            });
        }
        for why in &self.sockets.broken {
            hearing.faults.say(why.to_string());
        }
    }

    /// Asks the parent for the objects of each zone.
    fn take_inventory(&mut self) -> Result<()> {
        self.hearing.inventory = Some(Inventory::new(&self.hearing.world));
        let zones: Vec<Zone> = self.hearing.world.zones().collect();
        for zone in zones {
            if !self.query_zone(zone)? {
                let seconds = self.plan.patience.as_secs_f64();
                let sentence =
                    format!("a query of zone {zone} is not answered to its end for {seconds:.1} s");
                self.faults().say(sentence);
                break;
            }
        }
        let Some(inventory) = self.hearing.inventory.take() else { return Ok(()) };
        inventory.close(&self.hearing.world, &mut self.hearing.faults);
        Ok(())
    }

    fn query_zone(&mut self, zone: Zone) -> Result<bool> {
        if let Some(inventory) = &mut self.hearing.inventory {
            inventory.turn_to(zone);
        }
        let parent = self.hearing.world.parent();
        let zones = Zones(&[zone.0.to_le_bytes()]);
        self.tell(0, parent, &ObjectMessage::QueryZones { context: zone.0, parent, zones });
        self.wait(|session| {
            session.hearing.inventory.as_ref().is_none_or(|inventory| inventory.is_done())
        })
    }
}
