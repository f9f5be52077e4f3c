//! What there has to be before the first phase: subscriptions that are in effect, a parent, and
//! the sentries; and their end after the last one.

use super::hearing::PROBE;
use super::questions::Question;
use super::session::Session;
use anyhow::{Result, bail, ensure};
use std::time::{Duration, Instant};
use wire::ids::{Channel, Zone};
use wire::state_server::{Location, ObjectMessage};

/// How long a probe may take before it is sent again.
const PROBE_AGAIN: Duration = Duration::from_millis(500);

impl Session<'_> {
    pub(crate) fn set_up(&mut self) -> Result<()> {
        self.subscribe_all();
        self.probe_locations()?;
        self.found_parent()?;
        let sentries = self.plan.objects..self.plan.all_objects();
        for (number, object) in (0..).zip(sentries.clone()) {
            let zone = self.hearing.world.zone(number % self.plan.groups);
            self.create(object, zone, self.now());
        }
        for object in sentries {
            self.ask(self.hearing.world.ai(object), object);
        }
        let is_quiet = self.wait(Session::is_quiet)?;
        self.check_connections()?;
        if !is_quiet || !self.hearing.faults.is_empty() {
            let wrong = self.hearing.faults.sentences.join("; ");
            let (left, open) = (self.in_flight(), self.hearing.questions.open());
            bail!(
                "the first few objects do not come out as they should: {left} not heard of, \
                 {open} do not answer; {wrong}"
            );
        }
        Ok(())
    }

    fn subscribe_all(&mut self) {
        for ai in 0..self.plan.ais {
            let channel = self.hearing.world.ai_channel(ai);
            self.subscribe(ai, [channel].into_iter());
        }
        for listener in 0..self.plan.listeners_in_all() {
            let world = &self.hearing.world;
            let group = listener / self.plan.listeners;
            let zones: Vec<Zone> =
                world.zones().filter(|zone| world.group(*zone) == group).collect();
            let parent = world.parent();
            let channels = zones.into_iter().map(|zone| Channel::location(parent, zone));
            self.subscribe(self.plan.ais + listener, channels);
        }
    }

    /// Sends a probe to every location, again and again, until each of its listeners has heard
    /// one.
    fn probe_locations(&mut self) -> Result<()> {
        let wanted = self.plan.listeners as usize * self.plan.zones as usize;
        let began = Instant::now();
        while self.hearing.probed.len() < wanted {
            self.check_connections()?;
            let lacking = wanted - self.hearing.probed.len();
            let is_over = began.elapsed() > self.plan.patience.max(2 * PROBE_AGAIN);
            ensure!(!is_over, "{lacking} of {wanted} subscriptions to a location have no effect");
            self.send_probes();
            let sent = Instant::now();
            while self.hearing.probed.len() < wanted && sent.elapsed() < PROBE_AGAIN {
                self.turn(super::session::NAP_MS)?;
            }
        }
        Ok(())
    }

    fn send_probes(&mut self) {
        let parent = self.hearing.world.parent();
        let zones: Vec<Zone> = self.hearing.world.zones().collect();
        for zone in zones {
            let number = zone.0.to_le_bytes();
            let to = Channel::location(parent, zone);
            self.send(0, to, PROBE, |out| out.extend_from_slice(&number));
        }
    }

    /// Creates the parent; nobody of that name may answer before, and it must after.
    fn found_parent(&mut self) -> Result<()> {
        let do_id = self.hearing.world.parent();
        let question = Question { do_id, location: Location::NOWHERE, operations: 0 };
        let before = self.locate(0, question);
        self.create_parent();
        let after = self.locate(0, question);
        let is_there = self.wait(|session| !session.hearing.questions.is_open(after))?;
        self.check_connections()?;
        ensure!(
            is_there,
            "no State Server answers: object {do_id}, created at control channel {}, says nothing \
             for {:.1} s (another --control? another --dc than the server's?)",
            self.plan.control,
            self.plan.patience.as_secs_f64()
        );
        let is_alone = self.hearing.questions.is_open(before);
        ensure!(is_alone, "object {do_id} exists already (of an earlier run?): --do-id-base");
        self.hearing.questions.withdraw(before);
        Ok(())
    }

    fn check_connections(&self) -> Result<()> {
        let broken = self.sockets.all_broken();
        ensure!(broken.is_empty(), "broken before the first phase: {broken}");
        Ok(())
    }

    /// Deletes the sentries and then the parent, which in `astron` would delete them itself.
    pub(crate) fn take_down(&mut self) -> Result<()> {
        for object in self.plan.objects..self.plan.all_objects() {
            let do_id = self.hearing.world.do_id(object);
            match self.plan.listeners {
                0 => self.tell(0, do_id, &ObjectMessage::DeleteRam { do_id }),
                _ => self.delete(object, self.now()),
            }
        }
        self.drain()?;
        let do_id = self.hearing.world.parent();
        self.tell(0, do_id, &ObjectMessage::DeleteRam { do_id });
        self.flush();
        self.wait(|session| !session.sockets.is_blocked(0))?;
        Ok(())
    }
}
