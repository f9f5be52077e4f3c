//! Workloads in which clients watch: each update of an object is seen by all clients of its zone.
//! Either an AI updates NPCs, or clients update their own avatars, which the server must check.
//!
//! Every client must see each update once and in order; the first that does not ends the run.

use super::super::stamp::{Stamp, now_ns};
use super::cast::{Cast, Hearing};
use super::result::{Measured, Meter};
use super::stage::{Patience, Stage};
use crate::ledger::LATENCY_NS_MAX;
use crate::outgoing::Schedule;
use anyhow::Result;
use hdrhistogram::Histogram;
use std::time::Duration;
use wire::client::{FromClient, ToClient};
use wire::ids::{DoId, FieldId, Zone};
use wire::state_server::ObjectMessage;

/// NPCs in each zone.
const NPCS: u32 = 4;
const NOT_SEEN: &str = "updates are not seen by all";
/// Nobody's object.
const NONE: u32 = u32::MAX;

/// Who updates what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum By {
    Ai,
    Clients,
}

/// How fast.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Pace {
    /// So many updates that have not been seen by all.
    Window(u32),
    /// So many per second.
    Rate(f64),
}

struct Object {
    do_id: DoId,
    zone: u32,
    /// Of the last update.
    number: u16,
}

struct Watching {
    by: By,
    /// Clients in each zone.
    to_each: u32,
    zones: usize,
    place: FieldId,
    objects: Vec<Object>,
    /// From the first id on, which object it is.
    first_id: u32,
    index: Vec<u32>,
    /// The last update of each object that each client of its zone has seen.
    seen: Vec<u16>,
    answered: u32,
    sent: u64,
    delivered: u64,
    latency: Histogram<u64>,
}

/// Lets clients watch for a time, in zones of so many.
pub(crate) fn watch(stage: &mut Stage<'_>, by: By, to_each: u32, pace: Pace) -> Result<Measured> {
    stage.let_all_in()?;
    let mut watching = Watching::prepare(stage, by, to_each)?;
    let first = stage.plan.scenario.first_zone;
    for client in 0..stage.cast.clients() {
        stage.cast.open(client, 1, Zone(first + client / to_each));
    }
    stage.wait(&mut watching, "zones are not shown", |cast, w| w.answered == cast.clients())?;
    watching.drive(stage, pace, stage.plan.warm_up())?;
    watching.latency.reset();
    let (meter, before) = (Meter::start(stage.server)?, watching.delivered);
    watching.drive(stage, pace, stage.plan.duration)?;
    let mut measured = meter.stop(watching.delivered - before)?;
    watching.drain(stage)?;
    measured.latency = Some(watching.latency);
    Ok(measured)
}

impl Watching {
    fn prepare(stage: &mut Stage<'_>, by: By, to_each: u32) -> Result<Watching> {
        let zones = stage.cast.clients() / to_each;
        assert!(zones > 0, "a workload has clients for whole zones");
        let (first, place) = (stage.plan.scenario.first_zone, stage.cast.classes.visitor.place);
        let objects: Vec<Object> = match by {
            By::Ai => (0..zones * NPCS)
                .map(|number| {
                    let zone = number / NPCS;
                    Object { do_id: stage.cast.make(Zone(first + zone)), zone, number: 0 }
                })
                .collect(),
            By::Clients => (0..stage.cast.clients())
                .map(|client| {
                    let (do_id, zone) = (stage.cast.avatar(client), client / to_each);
                    Object { do_id, zone, number: 0 }
                })
                .collect(),
        };
        if let Some(last) = objects.last() {
            stage.settle(last.do_id)?;
        }
        let ids = || objects.iter().map(|object| object.do_id.0);
        let first_id = ids().min().unwrap_or_default();
        let span = ids().max().unwrap_or_default() - first_id + 1;
        let mut index = vec![NONE; span as usize];
        for (at, object) in (0..).zip(&objects) {
            index[(object.do_id.0 - first_id) as usize] = at;
        }
        Ok(Watching {
            by,
            to_each,
            zones: zones as usize,
            place,
            first_id,
            index,
            seen: vec![0; objects.len() * to_each as usize],
            objects,
            answered: 0,
            sent: 0,
            delivered: 0,
            latency: Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3)?,
        })
    }

    /// Who sees each update: all of the zone, but for who makes it.
    fn watchers(&self) -> u64 {
        match self.by {
            By::Ai => self.to_each.into(),
            By::Clients => u64::from(self.to_each) - 1,
        }
    }

    fn in_flight(&self) -> u64 {
        self.sent * self.watchers() - self.delivered
    }

    /// Updates objects by turns, for a time.
    fn drive(&mut self, stage: &mut Stage<'_>, pace: Pace, time: Duration) -> Result<()> {
        let began = now_ns();
        let end = began + time.as_nanos() as u64;
        let mut schedule = match pace {
            Pace::Rate(rate) => Some(Schedule::new(began, rate)),
            Pace::Window(_) => None,
        };
        let (before, mut patience) = (self.delivered, Patience::new(stage));
        while now_ns() < end || self.delivered == before {
            let now = now_ns();
            match (&mut schedule, pace) {
                (Some(schedule), _) => {
                    while let Some((_, due)) = schedule.take(now) {
                        self.update(&mut stage.cast, due);
                    }
                }
                (None, Pace::Window(window)) => {
                    let most = u64::from(window) * self.watchers();
                    while self.in_flight() + self.watchers() <= most {
                        self.update(&mut stage.cast, now);
                    }
                }
                (None, Pace::Rate(_)) => (),
            }
            // It does not sleep: over loopback, whoever sends to somebody asleep pays for waking him.
            stage.turn(self, Duration::ZERO)?;
            patience.check(stage, NOT_SEEN)?;
        }
        Ok(())
    }

    /// The object that is updated next: one of each zone in turn, so that the updates on their way are
    /// spread over all clients.
    fn next(&self) -> usize {
        let objects = self.objects.len();
        let (turn, zones) = ((self.sent % objects as u64) as usize, self.zones);
        turn % zones * (objects / zones) + turn / zones
    }

    fn update(&mut self, cast: &mut Cast, due: u64) {
        let at = self.next();
        self.sent += 1;
        let object = &mut self.objects[at];
        object.number = object.number.wrapping_add(1);
        let value = Stamp::new(object.number, due).xyh();
        let (do_id, field) = (object.do_id, self.place);
        match self.by {
            By::Ai => {
                let message = ObjectMessage::UpdateField { do_id, field, value: &value };
                cast.cluster.tell(0, do_id, &message);
            }
            By::Clients => {
                let message = FromClient::UpdateField { do_id, field, value: &value };
                cast.out.say(at as u32, cast.dialect, &message);
            }
        }
    }

    /// Waits until all has been seen.
    fn drain(&mut self, stage: &mut Stage<'_>) -> Result<()> {
        stage.wait(self, NOT_SEEN, |_, watching| watching.in_flight() == 0)
    }

    #[inline]
    fn sees(&mut self, client: u32, do_id: DoId, value: &[u8], now: u64) -> Result<(), String> {
        let at = do_id.0.wrapping_sub(self.first_id) as usize;
        let object = self.index.get(at).copied().filter(|object| *object != NONE);
        let Some(object) = object.filter(|o| self.zone_of(*o) == client / self.to_each) else {
            return Err(format!("an update of object {do_id}, which is not in its zone"));
        };
        let Some(stamp) = Stamp::of_xyh(value) else { return Err("a value of nobody".into()) };
        let seen = &mut self.seen[(object * self.to_each + client % self.to_each) as usize];
        let next = seen.wrapping_add(1);
        if stamp.number != next {
            return Err(format!("update {} of object {do_id} instead of {next}", stamp.number));
        }
        *seen = next;
        self.delivered += 1;
        self.latency.saturating_record(stamp.age_ns(now));
        Ok(())
    }

    fn zone_of(&self, object: u32) -> u32 {
        self.objects[object as usize].zone
    }
}

impl Hearing for Watching {
    #[inline]
    fn hear(&mut self, client: u32, message: &ToClient<'_>, now: u64, cast: &mut Cast) {
        if let ToClient::UpdateField { do_id, value, .. } = *message {
            if let Err(what) = self.sees(client, do_id, value, now) {
                cast.wrong = Some(format!("client {client} heard {what}"));
            }
        } else if let ToClient::DoneInterestResp { .. } = message {
            self.answered += 1;
        }
    }
}
