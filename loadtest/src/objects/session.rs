//! The connections of a run: sending, receiving, waiting. One thread drives them all, so that the
//! model, the window and the order are plain values.

use super::hearing::Hearing;
use super::plan::{ObjectsPlan, Phase};
use crate::faults::Faults;
use crate::run::run_mark;
use crate::sockets::Sockets;
use anyhow::Result;
use std::time::{Duration, Instant};
use wire::control::ControlMessage;
use wire::datagram::write_datagram;
use wire::ids::{Channel, DoId, MsgType};
use wire::state_server::ObjectMessage;

/// The longest sleep, in ms.
pub(crate) const NAP_MS: u32 = 5;
/// Between two reports of progress.
const PROGRESS_STEP: Duration = Duration::from_secs(1);

/// How far a run is; reported once per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ObjectsProgress {
    /// What is going on; None: what is between the phases.
    pub phase: Option<Phase>,
    /// Since the phase began, in s.
    pub seconds: f64,
    /// Operations so far.
    pub operations: u64,
    /// Operations per second, in the last second.
    pub operations_per_second: f64,
    /// Messages heard per second, in the last second.
    pub messages_per_second: f64,
}

pub(crate) struct Session<'a> {
    pub(crate) plan: &'a ObjectsPlan,
    pub(crate) hearing: Hearing,
    pub(crate) sockets: Sockets,
    /// Operations sent.
    pub(crate) operations: u64,
    /// Without listeners: operations of each AI since it asked last.
    pub(crate) unasked: Vec<u32>,
    clock: Instant,
    /// AIs with something to send.
    unsent: Vec<u32>,
    pulse: Pulse<'a>,
}

impl<'a> Session<'a> {
    pub(crate) fn connect(
        plan: &'a ObjectsPlan,
        progress: &'a mut dyn FnMut(ObjectsProgress),
    ) -> Result<Session<'a>> {
        let hearing = Hearing::new(plan, run_mark() as u32)?;
        Ok(Session {
            sockets: Sockets::connect(&plan.addrs, plan.ais + plan.listeners_in_all())?,
            plan,
            hearing,
            operations: 0,
            unasked: vec![0; plan.ais as usize],
            clock: Instant::now(),
            unsent: Vec::new(),
            pulse: Pulse::new(progress),
        })
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.elapsed().as_nanos() as u64
    }

    pub(crate) fn faults(&mut self) -> &mut Faults {
        &mut self.hearing.faults
    }

    /// Operations that have not been heard everywhere or answered for.
    pub(crate) fn in_flight(&self) -> u64 {
        u64::from(self.hearing.ledger.in_flight) + self.hearing.questions.unanswered
    }

    /// Nothing is in flight and no question is open.
    pub(crate) fn is_quiet(&self) -> bool {
        self.in_flight() == 0 && self.hearing.questions.open() == 0
    }

    /// Subscribes `channels` for a connection.
    pub(crate) fn subscribe(&mut self, conn: u32, channels: impl Iterator<Item = Channel>) {
        let mut out = Vec::new();
        for channel in channels {
            let message = ControlMessage::AddChannel(channel);
            message.encode(self.plan.dialect, &mut out).expect("both dialects have it");
        }
        self.sockets.send(conn, &out);
    }

    /// Sends a datagram of `ai` with the next [`Session::flush`].
    pub(crate) fn send(
        &mut self,
        ai: u32,
        to: Channel,
        msgtype: MsgType,
        payload: impl FnOnce(&mut Vec<u8>),
    ) {
        let sender = self.hearing.world.ai_channel(ai);
        let queue = self.sockets.queue(ai);
        if queue.is_empty() {
            self.unsent.push(ai);
        }
        write_datagram(queue, &[to], sender, msgtype, payload).expect("the plan bounds its length");
    }

    /// Sends a message of `ai` to an object with the next [`Session::flush`].
    pub(crate) fn tell(&mut self, ai: u32, do_id: DoId, message: &ObjectMessage<'_>) {
        let dialect = self.plan.dialect;
        let msgtype = message.msgtype(dialect).expect("this dialect has it");
        self.send(ai, Channel::object(do_id), msgtype, |out| message.write(dialect, out));
    }

    pub(crate) fn flush(&mut self) {
        for ai in self.unsent.drain(..) {
            self.sockets.flush(ai);
        }
    }

    /// One round: sends, waits for something to happen, receives.
    pub(crate) fn turn(&mut self, timeout_ms: u32) -> Result<()> {
        self.flush();
        let Session { sockets, hearing, clock, .. } = self;
        for index in 0..sockets.poll(timeout_ms)? {
            let event = sockets.event(index);
            if event.is_writable {
                sockets.flush(event.conn);
            }
            if event.is_readable {
                let now = clock.elapsed().as_nanos() as u64;
                sockets.receive(event.conn, |bytes| hearing.receive(event.conn, bytes, now));
            }
        }
        self.pulse.beat(self.operations, self.hearing.messages);
        Ok(())
    }

    /// Turns until `is_done`; false if nothing more was heard for too long, or a connection broke.
    pub(crate) fn wait(&mut self, is_done: impl Fn(&Self) -> bool) -> Result<bool> {
        let mut patience = Patience::new(self);
        while !is_done(self) {
            let began = Instant::now();
            self.turn(NAP_MS)?;
            if patience.is_over(self, began.elapsed()) {
                return Ok(is_done(self));
            }
        }
        Ok(true)
    }

    /// Waits until nothing is in flight; what does not come is a loss. False if it does not.
    pub(crate) fn drain(&mut self) -> Result<bool> {
        let is_quiet = self.wait(Session::is_quiet)?;
        if !is_quiet && self.sockets.broken.is_empty() {
            let (left, open) = (self.in_flight(), self.hearing.questions.open());
            let seconds = self.plan.patience.as_secs_f64();
            self.faults().say(format!(
                "nothing more was heard for {seconds:.1} s, with {left} operations in flight and \
                 {open} questions open"
            ));
        }
        Ok(is_quiet)
    }

    /// What is reported as going on, from now on.
    pub(crate) fn announce(&mut self, phase: Option<Phase>) {
        self.pulse.begin(phase, self.operations, self.hearing.messages);
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

    /// Nothing is waited for.
    pub(crate) fn begin_again(&mut self) {
        self.waited = Duration::ZERO;
    }
}

/// Once per second: what the counters did since.
struct Pulse<'a> {
    progress: &'a mut dyn FnMut(ObjectsProgress),
    phase: Option<Phase>,
    began: Instant,
    /// Operations before the phase.
    before: u64,
    last: Instant,
    counts: [u64; 2],
}

impl<'a> Pulse<'a> {
    fn new(progress: &'a mut dyn FnMut(ObjectsProgress)) -> Pulse<'a> {
        let now = Instant::now();
        Pulse { progress, phase: None, began: now, before: 0, last: now, counts: [0; 2] }
    }

    fn begin(&mut self, phase: Option<Phase>, operations: u64, messages: u64) {
        let now = Instant::now();
        (self.phase, self.began, self.before) = (phase, now, operations);
        (self.last, self.counts) = (now, [operations, messages]);
    }

    fn beat(&mut self, operations: u64, messages: u64) {
        let elapsed = self.last.elapsed();
        if elapsed < PROGRESS_STEP {
            return;
        }
        let per_second = |now: u64, before: u64| (now - before) as f64 / elapsed.as_secs_f64();
        (self.progress)(ObjectsProgress {
            phase: self.phase,
            seconds: self.began.elapsed().as_secs_f64(),
            operations: operations - self.before,
            operations_per_second: per_second(operations, self.counts[0]),
            messages_per_second: per_second(messages, self.counts[1]),
        });
        (self.last, self.counts) = (Instant::now(), [operations, messages]);
    }
}
