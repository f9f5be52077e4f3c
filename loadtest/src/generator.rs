//! One thread's event loop: connect, find out that every stream arrives, send and receive for a
//! while, wait for what has not arrived.

use crate::ledger::Ledger;
use crate::outcome::Part;
use crate::outgoing::{Outgoing, Schedule};
use crate::plan::{Length, Load, Plan};
use crate::protocol::{Found, Malformed, Protocol};
use crate::sockets::{Broken, Sockets};
use crate::topology::{Topology, share};
use anyhow::{Result, bail};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Bytes that one sender may hand to its socket at once.
const SEND_BYTES: usize = 256 << 10;
/// Subscriptions written at once before the traffic.
const PRELOAD_STEP: u64 = 4096;
/// How long a probe may take before it is sent again.
const PROBE_AGAIN: Duration = Duration::from_millis(500);
/// How long the streams may take to be there.
const PROBE_PATIENCE: Duration = Duration::from_secs(60);
/// The longest sleep while there is a clock to watch, in ms.
const NAP_MS: u32 = 5;

/// Counters of one thread that others may look at.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    pub(crate) sent: AtomicU64,
    pub(crate) delivered: AtomicU64,
    pub(crate) changes: AtomicU64,
}

/// The measured part begins, or has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mark {
    Began,
    Ended,
}

pub(crate) struct Generator {
    plan: Plan,
    part: u32,
    clock: Instant,
    protocol: Arc<dyn Protocol>,
    topology: Topology,
    sockets: Sockets,
    ledger: Ledger,
    outgoing: Outgoing,
    /// What one sender sends at once; shared by all to stay in the cache.
    out: Vec<u8>,
    found: Vec<Found>,
    /// Senders that did not get rid of all they may send; they go on in the next round.
    again: Vec<u32>,
    /// What is wrong with what comes after the last message.
    wrong_end: Option<String>,
}

/// How far the counters were.
#[derive(Clone, Copy, Debug, Default)]
struct Snapshot {
    at_ns: u64,
    sent: u64,
    delivered: u64,
    changes: u64,
}

impl Generator {
    /// Connects, subscribes, and waits until every stream arrives everywhere.
    pub(crate) fn prepare(plan: &Plan, part: u32, run: u64, clock: Instant) -> Result<Generator> {
        let topology = Topology::new(plan, part);
        let mut generator = Generator {
            sockets: Sockets::connect(&plan.addrs, topology.connections)?,
            ledger: Ledger::new(&topology, run, plan.payload_bytes)?,
            outgoing: Outgoing::new(plan, &topology, run)?,
            plan: plan.clone(),
            part,
            clock,
            protocol: plan.protocol.clone(),
            topology,
            out: Vec::with_capacity(SEND_BYTES + (64 << 10)),
            found: Vec::new(),
            again: Vec::new(),
            wrong_end: None,
        };
        generator.subscribe();
        generator.probe()?;
        Ok(generator)
    }

    fn subscribe(&mut self) {
        for conn in 0..self.topology.connections {
            self.out.clear();
            self.out.extend_from_slice(self.protocol.greeting());
            for channel in self.topology.subscriptions(conn) {
                self.protocol.subscribe(wire::ids::Channel(channel), &mut self.out);
            }
            if !self.out.is_empty() {
                self.sockets.send(conn, &self.out);
            }
        }
    }

    /// Adds this thread's share of the subscriptions that are to be there beforehand, and waits
    /// until the server has read them. Returns how many there are.
    pub(crate) fn preload(&mut self) -> Result<u64> {
        let senders = u64::from(self.topology.senders);
        let all = u64::from(self.plan.senders);
        let mut total = 0;
        for sender in 0..self.topology.senders {
            let number = u64::from(sender) + u64::from(self.part) * senders;
            let wanted = self.plan.preload / all + u64::from(number < self.plan.preload % all);
            let wanted = self.outgoing.preload_of(wanted);
            total += wanted;
            let mut left = wanted;
            while left > 0 {
                let step = left.min(PRELOAD_STEP);
                self.out.clear();
                self.outgoing.write_preload(sender, step, &mut self.out);
                self.sockets.send(sender, &self.out);
                left -= step;
                self.turn(0)?;
                while self.sockets.is_blocked(sender) {
                    self.turn(NAP_MS)?;
                }
            }
        }
        if total > 0 {
            self.probe()?;
        }
        Ok(total)
    }

    /// Sends a probe on every stream, again and again, until each has arrived everywhere.
    fn probe(&mut self) -> Result<()> {
        let round = self.ledger.begin_probes();
        let began = Instant::now();
        while self.ledger.probes_lacking() > 0 {
            if !self.sockets.broken.is_empty() {
                bail!("broken while the streams were set up: {}", self.sockets.all_broken());
            }
            if began.elapsed() > PROBE_PATIENCE {
                let lacking = self.ledger.probes_lacking();
                bail!("{lacking} of {} streams and receivers do not connect", self.topology.slots);
            }
            self.send_probes(round);
            let sent = Instant::now();
            while self.ledger.probes_lacking() > 0 && sent.elapsed() < PROBE_AGAIN {
                self.turn(NAP_MS)?;
            }
        }
        Ok(())
    }

    fn send_probes(&mut self, round: u64) {
        let reach = self.topology.receivers_per_message;
        for (number, stream) in (0..).zip(&self.topology.streams) {
            let mut slots = stream.first_slot..stream.first_slot + reach;
            if !slots.all(|slot| self.ledger.is_probed(slot)) {
                self.out.clear();
                self.outgoing.write_probe(number, round, &mut self.out);
                self.sockets.send(stream.sender, &self.out);
            }
        }
    }

    /// The traffic: warm-up, measured part, the rest.
    pub(crate) fn run(
        mut self,
        start_ns: u64,
        gauge: &Gauge,
        mut mark: impl FnMut(Mark),
    ) -> Result<Part> {
        let mut pace = self.pace(start_ns);
        let measured_from = start_ns + self.plan.warmup.as_nanos() as u64;
        self.drive(&mut pace, gauge, None, |now, _| now < measured_from)?;
        let began = self.snapshot();
        let first_due_ns = pace.map_or(began.at_ns, |schedule| schedule.due_ns());
        self.ledger.begin_measuring(first_due_ns);
        mark(Mark::Began);
        let (end_ns, budget) = self.end_of(began.at_ns);
        self.drive(&mut pace, gauge, budget, |now, idle| now < end_ns && !idle)?;
        let ended = self.snapshot();
        mark(Mark::Ended);
        self.drain(gauge)?;
        self.probe_the_end();
        Ok(self.part_of(began, ended))
    }

    /// When the measured part that began at `from` ends, and how many messages it has.
    fn end_of(&self, from: u64) -> (u64, Option<u64>) {
        match self.plan.length {
            Length::Time(length) => (from + length.as_nanos() as u64, None),
            Length::Messages(all) => {
                let threads = u64::from(self.plan.threads);
                let extra = u64::from(u64::from(self.part) < all % threads);
                (u64::MAX, Some(all / threads + extra))
            }
        }
    }

    fn pace(&mut self, start_ns: u64) -> Option<Schedule> {
        match self.plan.load {
            Load::Closed { window } => {
                self.ledger.open_window(&self.topology, window);
                None
            }
            Load::Open { rate } => {
                let ours = share(self.plan.senders, self.part, self.plan.threads);
                let rate = rate * f64::from(ours) / f64::from(self.plan.senders);
                Some(Schedule::new(start_ns, rate))
            }
        }
    }

    /// Sends and receives while `goes_on(now, whether all that may be sent has arrived)`.
    fn drive(
        &mut self,
        pace: &mut Option<Schedule>,
        gauge: &Gauge,
        budget: Option<u64>,
        goes_on: impl Fn(u64, bool) -> bool,
    ) -> Result<()> {
        let limit = budget.map_or(u64::MAX, |budget| self.outgoing.sent + budget);
        let (mut seen, mut seen_at) = (self.ledger.delivered, self.now());
        loop {
            let now = self.now();
            let is_spent = self.outgoing.sent >= limit;
            if self.ledger.delivered != seen || !is_spent && pace.is_some() {
                (seen, seen_at) = (self.ledger.delivered, now);
            }
            let is_stuck = now - seen_at > self.plan.patience.as_nanos() as u64;
            let is_idle = is_spent && self.outstanding() == 0 || budget.is_some() && is_stuck;
            if !goes_on(now, is_idle) {
                return Ok(());
            }
            let timeout_ms = match pace {
                None => self.send_by_credit(now, limit),
                Some(schedule) => self.send_by_schedule(schedule, now, limit),
            };
            self.turn(timeout_ms)?;
            self.publish(gauge);
        }
    }

    /// Closed loop: every sender with credit sends. Returns how long to sleep at most.
    fn send_by_credit(&mut self, now: u64, limit: u64) -> u32 {
        let mut ready = std::mem::take(&mut self.ledger.ready);
        ready.append(&mut self.again);
        for sender in ready.drain(..) {
            if !self.sockets.is_blocked(sender) {
                self.fill(sender, now, limit);
            }
            if self.ledger.allowance(&self.topology, sender) > 0 {
                self.again.push(sender);
            }
        }
        self.ledger.ready = ready;
        let can_go_on = |&sender: &u32| !self.sockets.is_blocked(sender);
        let is_busy = self.outgoing.sent < limit && self.again.iter().any(can_go_on);
        if is_busy { 0 } else { NAP_MS }
    }

    /// One send of what `sender` may send now, as far as it fits.
    fn fill(&mut self, sender: u32, now: u64, limit: u64) {
        let left = limit - self.outgoing.sent.min(limit);
        let allowed = u64::from(self.ledger.allowance(&self.topology, sender)).min(left);
        self.out.clear();
        let mut messages = 0;
        while messages < allowed && self.out.len() < SEND_BYTES {
            self.outgoing.write_next(sender, now, &mut self.out);
            messages += 1;
        }
        self.ledger.spend(&self.topology, sender, messages as u32);
        if messages > 0 {
            self.sockets.send(sender, &self.out);
        }
    }

    /// Open loop: what is due is sent, the senders in turn. Returns how long to sleep at most.
    fn send_by_schedule(&mut self, schedule: &mut Schedule, now: u64, limit: u64) -> u32 {
        while self.outgoing.sent < limit
            && let Some((number, due_ns)) = schedule.take(now)
        {
            let sender = (number % u64::from(self.topology.senders)) as u32;
            let queue = self.sockets.queue(sender);
            if queue.is_empty() {
                self.again.push(sender);
            }
            self.outgoing.write_next(sender, due_ns, queue);
        }
        for sender in self.again.drain(..) {
            self.sockets.flush(sender);
        }
        let ms = schedule.due_ns().saturating_sub(self.now()) / 1_000_000;
        (ms.saturating_sub(1) as u32).min(NAP_MS)
    }

    /// Stops sending and waits until all has arrived, or nothing does for too long.
    fn drain(&mut self, gauge: &Gauge) -> Result<()> {
        // A machine that stood still for seconds has not waited: one round counts as two naps at
        // most.
        let round_max = Duration::from_millis(2 * u64::from(NAP_MS));
        let (mut seen, mut waited) = (self.ledger.delivered, Duration::ZERO);
        while self.outstanding() > 0 && waited < self.plan.patience {
            let began = Instant::now();
            self.turn(NAP_MS)?;
            waited += began.elapsed().min(round_max);
            if self.ledger.delivered != seen {
                (seen, waited) = (self.ledger.delivered, Duration::ZERO);
            }
            self.publish(gauge);
        }
        Ok(())
    }

    /// Doubles of the last messages arrive before a probe does. If the probes fail, what is
    /// wrong with the connections is known already or shows as losses.
    fn probe_the_end(&mut self) {
        if self.outstanding() == 0
            && let Err(error) = self.probe()
        {
            self.wrong_end = Some(format!("after the last message: {error:#}"));
        }
    }

    /// One round: waits, receives from each connection that has something, sends what waited.
    fn turn(&mut self, timeout_ms: u32) -> Result<()> {
        for index in 0..self.sockets.poll(timeout_ms)? {
            let event = self.sockets.event(index);
            if event.is_writable {
                self.sockets.flush(event.conn);
            }
            if event.is_readable {
                self.receive(event.conn);
            }
        }
        Ok(())
    }

    #[inline]
    fn receive(&mut self, conn: u32) {
        let Generator { sockets, ledger, topology, protocol, found, clock, .. } = self;
        sockets.receive(conn, |bytes| -> Result<usize, Malformed> {
            found.clear();
            let done = protocol.parse(bytes, found)?;
            let now = nanoseconds(clock.elapsed());
            for Found { start, end } in found.iter() {
                let payload = bytes.get(*start as usize..*end as usize).ok_or(Malformed)?;
                ledger.arrived(topology, conn, payload, now);
            }
            Ok(done)
        });
    }

    /// Deliveries that should still come.
    fn outstanding(&self) -> u64 {
        let wanted = self.outgoing.sent * u64::from(self.topology.receivers_per_message);
        wanted.saturating_sub(self.ledger.delivered)
    }

    fn now(&self) -> u64 {
        nanoseconds(self.clock.elapsed())
    }

    fn publish(&self, gauge: &Gauge) {
        gauge.sent.store(self.outgoing.sent, Relaxed);
        gauge.delivered.store(self.ledger.delivered, Relaxed);
        gauge.changes.store(self.outgoing.changes, Relaxed);
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            at_ns: self.now(),
            sent: self.outgoing.sent,
            delivered: self.ledger.delivered,
            changes: self.outgoing.changes,
        }
    }

    fn part_of(self, began: Snapshot, ended: Snapshot) -> Part {
        let losses = self.ledger.checker.losses(|slot| {
            let (stream, _) = self.topology.of_slot(slot);
            self.outgoing.sent_of(stream)
        });
        let named = losses.iter().take(Part::LOSSES_NAMED_MAX).map(|loss| {
            let (stream, conn) = self.topology.of_slot(loss.slot);
            let sender = self.topology.streams[stream as usize].sender;
            format!(
                "thread {} stream {stream} (connection {sender}, first channel {}) at connection \
                 {conn}: {} lost, first number {}",
                self.part,
                self.topology.recipients(stream)[0],
                loss.messages,
                loss.first_seq
            )
        });
        Part {
            sent: ended.sent - began.sent,
            delivered: ended.delivered - began.delivered,
            changes: ended.changes - began.changes,
            seconds: (ended.at_ns - began.at_ns) as f64 / 1e9,
            sent_total: self.outgoing.sent,
            delivered_total: self.ledger.delivered,
            lost: losses.iter().map(|loss| loss.messages).sum(),
            losses: named.collect(),
            doubled: self.ledger.checker.doubled,
            out_of_order: self.ledger.checker.out_of_order,
            stray: self.ledger.stray,
            broken: self
                .sockets
                .broken
                .iter()
                .map(Broken::to_string)
                .chain(self.wrong_end)
                .collect(),
            latency: self.ledger.latency,
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}
