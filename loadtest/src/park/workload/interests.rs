//! Clients that open a zone with some objects in it and close it again, below a parent that has
//! many more.

use super::super::stamp::now_ns;
use super::cast::{Cast, Hearing};
use super::result::{Measured, Meter};
use super::stage::{Patience, Stage};
use crate::ledger::LATENCY_NS_MAX;
use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use std::time::Duration;
use wire::client::ToClient;
use wire::ids::Zone;

const NAP: Duration = Duration::from_millis(5);
/// Objects in a zone.
pub(crate) const TO_EACH_ZONE: u32 = 50;

struct Looking {
    first: u32,
    zones: u32,
    /// Of each client: the context of the zone that it opens, and the objects that it has seen.
    opening: Vec<(u32, u32)>,
    asked_ns: Vec<u64>,
    answered: u64,
    is_over: bool,
    latency: Histogram<u64>,
}

/// Makes `children` objects, then counts zones opened and closed for a time.
pub(crate) fn look(stage: &mut Stage<'_>, children: u32) -> Result<Measured> {
    make_children(stage, children)?;
    stage.let_all_in()?;
    let clients = stage.cast.clients() as usize;
    let mut looking = Looking {
        first: stage.plan.scenario.first_zone,
        zones: children / TO_EACH_ZONE,
        opening: vec![(1, 0); clients],
        asked_ns: vec![now_ns(); clients],
        answered: 0,
        is_over: false,
        latency: Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3)?,
    };
    (0..clients as u32).for_each(|client| looking.ask(client, &mut stage.cast));
    looking.run(stage, stage.plan.warm_up())?;
    looking.latency.reset();
    let (meter, before) = (Meter::start(stage.server)?, looking.answered);
    looking.run(stage, stage.plan.duration)?;
    let mut measured = meter.stop(looking.answered - before)?;
    measured.latency = Some(looking.latency.clone());
    looking.is_over = true;
    Ok(measured)
}

/// Objects in zones of so many.
pub(crate) fn make_children(stage: &mut Stage<'_>, children: u32) -> Result<()> {
    ensure!(children >= TO_EACH_ZONE, "--children: at least {TO_EACH_ZONE}, a zone");
    let first = stage.plan.scenario.first_zone;
    let mut last = None;
    for number in 0..children {
        last = Some(stage.cast.make(Zone(first + number / TO_EACH_ZONE)));
    }
    last.map_or(Ok(()), |last| stage.settle(last))
}

impl Looking {
    fn run(&mut self, stage: &mut Stage<'_>, time: Duration) -> Result<()> {
        let end = now_ns() + time.as_nanos() as u64;
        let (before, mut patience) = (self.answered, Patience::new(stage));
        while now_ns() < end || self.answered == before {
            stage.turn(self, NAP)?;
            patience.check(stage, "no zone is answered to its end")?;
        }
        Ok(())
    }

    fn ask(&mut self, client: u32, cast: &mut Cast) {
        let zone = Zone(self.first + client % self.zones);
        self.asked_ns[client as usize] = now_ns();
        cast.open(client, self.opening[client as usize].0, zone);
    }
}

impl Hearing for Looking {
    fn hear(&mut self, client: u32, message: &ToClient<'_>, now: u64, cast: &mut Cast) {
        let (opening, seen) = &mut self.opening[client as usize];
        match message {
            ToClient::Enter(_) => *seen += 1,
            ToClient::DoneInterestResp { context, .. } if context == opening => {
                if *seen != TO_EACH_ZONE {
                    let what = format!("client {client} saw {seen} objects of {TO_EACH_ZONE}");
                    cast.wrong = Some(what);
                }
                self.answered += 1;
                (*opening, *seen) = (*opening + 2, 0);
                let closing = *opening - 1;
                let asked = self.asked_ns[client as usize];
                self.latency.saturating_record(now.saturating_sub(asked));
                cast.close(client, closing);
                self.ask(client, cast);
            }
            ToClient::DoneInterestResp { .. }
            | ToClient::Leaving { .. }
            | ToClient::HelloResp
            | ToClient::Eject { .. }
            | ToClient::UpdateField { .. }
            | ToClient::UpdateFieldMultiple { .. }
            | ToClient::LeavingOwner { .. }
            | ToClient::Location { .. }
            | ToClient::EnterOwner(_)
            | ToClient::AddInterest { .. }
            | ToClient::RemoveInterest { .. } => (),
        }
    }
}
