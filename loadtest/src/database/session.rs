//! The connections of a run: sending, receiving, waiting. One thread drives them all, so that the
//! model is a plain value.

use super::hearing::{Hearing, PROBE};
use super::plan::{DatabasePhase, DatabasePlan};
use crate::run::run_mark;
use crate::sockets::Sockets;
use anyhow::{Result, ensure};
use std::time::{Duration, Instant};
use wire::control::ControlMessage;
use wire::database::DatabaseMessage;
use wire::datagram::write_datagram;
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId, MsgType};

/// The longest sleep, in ms.
const NAP_MS: u32 = 5;
/// Between two reports of progress.
const PROGRESS_STEP: Duration = Duration::from_secs(1);
/// How long a probe may take before it is sent again.
const PROBE_AGAIN: Duration = Duration::from_millis(500);
/// Objects whose channels are probed: enough to be of every shard.
const PROBES: usize = 256;
/// The channels on which `astron` announces what happens to an object: this, then the id.
const ASTRON_ANNOUNCEMENTS: u64 = 2 << 32;

/// How far a run is; reported once per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DatabaseProgress {
    /// What is going on; None: what is between the phases.
    pub phase: Option<DatabasePhase>,
    /// Since the phase began, in s.
    pub seconds: f64,
    /// Operations so far.
    pub operations: u64,
    /// Operations per second, in the last second.
    pub operations_per_second: f64,
}

pub(crate) struct Session<'a> {
    pub(crate) plan: &'a DatabasePlan,
    pub(crate) hearing: Hearing,
    pub(crate) sockets: Sockets,
    clock: Instant,
    /// Connections with something to send.
    unsent: Vec<u32>,
    pulse: Pulse<'a>,
}

impl<'a> Session<'a> {
    pub(crate) fn connect(
        plan: &'a DatabasePlan,
        progress: &'a mut dyn FnMut(DatabaseProgress),
    ) -> Result<Session<'a>> {
        let hearing = Hearing::new(plan, run_mark() as u32)?;
        Ok(Session {
            sockets: Sockets::connect(
                &plan.addrs,
                plan.connections + u32::from(plan.has_listener),
            )?,
            plan,
            hearing,
            clock: Instant::now(),
            unsent: Vec::new(),
            pulse: Pulse::new(progress),
        })
    }

    /// Subscribes, and asks for an object that nobody has: whoever answers is a Database.
    pub(crate) fn set_up(&mut self) -> Result<()> {
        for conn in 0..self.plan.connections {
            let channel = self.hearing.model.channel(conn);
            self.control(conn, &ControlMessage::AddChannel(channel));
        }
        let context = 0;
        self.hearing.greeting = Some(context);
        self.request(0, &DatabaseMessage::SelectAll { context, do_id: DoId(1) });
        let is_there = self.wait(|session| session.hearing.greeting.is_none())?;
        self.check_connections()?;
        ensure!(
            is_there,
            "no Database answers at control channel {} within {:.1} s: --control?",
            self.plan.control,
            self.plan.patience.as_secs_f64()
        );
        Ok(())
    }

    /// Lets the listener hear what is announced of all objects, and waits until it does.
    pub(crate) fn listen(&mut self) -> Result<()> {
        let Some((first, last)) = self.hearing.model.ids() else { return Ok(()) };
        let (first, last) = (self.announcements(first), self.announcements(last));
        self.control(self.plan.connections, &ControlMessage::AddRange(first, last));
        let objects = &self.hearing.model.objects;
        let step = objects.len().div_ceil(PROBES).max(1);
        let probed: Vec<DoId> =
            objects.iter().step_by(step).filter_map(|object| object.do_id).collect();
        let began = Instant::now();
        while self.hearing.probed.len() < probed.len() {
            self.check_connections()?;
            let is_over = began.elapsed() > self.plan.patience.max(2 * PROBE_AGAIN);
            ensure!(!is_over, "the subscription to the objects' channels has no effect");
            for do_id in &probed {
                let (to, payload) = (self.announcements(*do_id), do_id.0.to_le_bytes());
                self.send(0, to, PROBE, |out| out.extend_from_slice(&payload));
            }
            let sent = Instant::now();
            while self.hearing.probed.len() < probed.len() && sent.elapsed() < PROBE_AGAIN {
                self.turn()?;
            }
        }
        Ok(())
    }

    fn announcements(&self, do_id: DoId) -> Channel {
        match self.plan.dialect {
            Dialect::OpenOtp => Channel::object(do_id),
            Dialect::Astron => Channel(ASTRON_ANNOUNCEMENTS | u64::from(do_id.0)),
        }
    }

    fn check_connections(&self) -> Result<()> {
        let broken = self.sockets.all_broken();
        ensure!(broken.is_empty(), "broken before the run began: {broken}");
        Ok(())
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.elapsed().as_nanos() as u64
    }

    fn control(&mut self, conn: u32, message: &ControlMessage<'_>) {
        let mut out = Vec::new();
        message.encode(self.plan.dialect, &mut out).expect("both dialects have it");
        self.sockets.send(conn, &out);
    }

    /// Sends the Database a message with the next [`Session::turn`].
    pub(crate) fn request(&mut self, conn: u32, message: &DatabaseMessage<'_>) {
        let dialect = self.plan.dialect;
        let msgtype = message.msgtype(dialect).expect("it is one of this dialect");
        self.send(conn, self.plan.control, msgtype, |out| message.write(dialect, out));
    }

    fn send(
        &mut self,
        conn: u32,
        to: Channel,
        msgtype: MsgType,
        payload: impl FnOnce(&mut Vec<u8>),
    ) {
        let sender = self.hearing.model.channel(conn);
        let queue = self.sockets.queue(conn);
        if queue.is_empty() {
            self.unsent.push(conn);
        }
        write_datagram(queue, &[to], sender, msgtype, payload).expect("the plan bounds its length");
    }

    /// Sends what there is to send, waits for something to hear, and hears it.
    pub(crate) fn turn(&mut self) -> Result<()> {
        while let Some(conn) = self.unsent.pop() {
            self.sockets.flush(conn);
        }
        let Session { sockets, hearing, clock, .. } = self;
        for index in 0..sockets.poll(NAP_MS)? {
            let event = sockets.event(index);
            if event.is_writable {
                sockets.flush(event.conn);
            }
            if event.is_readable {
                let now = clock.elapsed().as_nanos() as u64;
                sockets.receive(event.conn, |bytes| hearing.receive(event.conn, bytes, now));
            }
        }
        self.pulse.beat(self.hearing.done);
        Ok(())
    }

    /// Turns until `is_done`; false if nothing more was heard for too long, or a connection broke.
    pub(crate) fn wait(&mut self, is_done: impl Fn(&Self) -> bool) -> Result<bool> {
        let mut patience = Patience::new(self);
        while !is_done(self) {
            let began = Instant::now();
            self.turn()?;
            if patience.is_over(self, began.elapsed()) {
                return Ok(is_done(self));
            }
        }
        Ok(true)
    }

    /// What is reported as going on, from now on.
    pub(crate) fn announce(&mut self, phase: Option<DatabasePhase>) {
        self.pulse.begin(phase, self.hearing.done);
    }
}

/// How long nothing has been heard.
pub(crate) struct Patience {
    messages: u64,
    waited: Duration,
}

impl Patience {
    pub(crate) fn new(session: &Session<'_>) -> Patience {
        Patience { messages: session.hearing.messages, waited: Duration::ZERO }
    }

    /// Takes note of a round that lasted `round`. True if there is nothing to wait for any more.
    pub(crate) fn is_over(&mut self, session: &Session<'_>, round: Duration) -> bool {
        // A machine that stood still for seconds has not waited: one round counts as two naps at
        // most.
        self.waited += round.min(Duration::from_millis(2 * u64::from(NAP_MS)));
        if session.hearing.messages != self.messages {
            *self = Patience::new(session);
        }
        self.waited >= session.plan.patience || !session.sockets.broken.is_empty()
    }
}

/// Once per second: what was done since.
struct Pulse<'a> {
    progress: &'a mut dyn FnMut(DatabaseProgress),
    phase: Option<DatabasePhase>,
    began: Instant,
    /// Operations before the phase.
    before: u64,
    last: Instant,
    done: u64,
}

impl<'a> Pulse<'a> {
    fn new(progress: &'a mut dyn FnMut(DatabaseProgress)) -> Pulse<'a> {
        let now = Instant::now();
        Pulse { progress, phase: None, began: now, before: 0, last: now, done: 0 }
    }

    fn begin(&mut self, phase: Option<DatabasePhase>, done: u64) {
        let now = Instant::now();
        (self.phase, self.began, self.before) = (phase, now, done);
        (self.last, self.done) = (now, done);
    }

    fn beat(&mut self, done: u64) {
        let elapsed = self.last.elapsed();
        if elapsed < PROGRESS_STEP {
            return;
        }
        (self.progress)(DatabaseProgress {
            phase: self.phase,
            seconds: self.began.elapsed().as_secs_f64(),
            operations: done - self.before,
            operations_per_second: (done - self.done) as f64 / elapsed.as_secs_f64(),
        });
        (self.last, self.done) = (Instant::now(), done);
    }
}
