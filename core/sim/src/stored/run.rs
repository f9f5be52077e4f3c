//! One run: a store is opened, used, ended in some way, and opened again, some times over.

use super::accounts;
use super::body::Body;
use super::names::{self, Names};
use super::plan::{Plan, Trouble};
use super::promises::Promises;
use super::reader;
use super::session::{self, Session};
use crate::chance::Chance;
use crate::disk::{Fault, FaultyDisk, Moment};
use crate::ledger::Violation;
use crate::trace::Trace;
use std::sync::Arc;
use store::{Log, OpenError, Opened, Options, SegmentId};

/// The first id that is given.
const FIRST_DO_ID: u32 = 1000;
/// Attempts to open a store after which it must have opened.
const ATTEMPTS_MAX: u32 = 8;

/// A run.
pub struct Run {
    plan: Plan,
    chance: Chance,
    pub(super) trace: Trace,
    pub(super) disk: Arc<FaultyDisk>,
    promises: Promises,
    names: Names,
    next_do_id: u32,
    /// How often which action comes in this life.
    pace: [u64; ACTIONS],
    /// A bit that was turned over.
    flipped: Option<Flipped>,
    /// Things that were done.
    pub(super) steps: u64,
    /// Objects that were compared.
    pub(super) compared: u64,
}

/// A bit that was turned over, and the byte that it was in, as it is now.
#[derive(Clone, Copy, Debug)]
struct Flipped {
    segment: SegmentId,
    offset: u32,
    bit: u8,
    byte: u8,
}

const ACTIONS: usize = 9;

/// How a life ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Closed,
    Killed,
    Crashed,
}

impl Run {
    /// A run that has not begun.
    pub fn new(plan: Plan, mut chance: Chance, trace: Trace) -> Run {
        let disk = FaultyDisk::new(plan.disk, chance.fork());
        plan.strike.iter().for_each(|&(call, fault)| disk.strike(call, fault));
        Run {
            plan,
            chance,
            trace,
            disk,
            promises: Promises::default(),
            names: Names::default(),
            next_do_id: FIRST_DO_ID,
            pace: [1; ACTIONS],
            flipped: None,
            steps: 0,
            compared: 0,
        }
    }

    /// All of it.
    pub fn play(&mut self) -> Result<(), Violation> {
        let plan = format!("{:?}", self.plan);
        self.trace.say(0, || plan);
        for _ in 0..self.plan.lives {
            if let Some(mut session) = self.open()? {
                self.live(&mut session)?;
                self.end(session)?;
            }
        }
        self.finish()
    }

    /// Nothing strikes any more: all that was promised is there, and all comes to rest.
    fn finish(&mut self) -> Result<(), Violation> {
        self.flip_back();
        self.disk.spare();
        self.disk.set_bytes_max(None);
        self.plan.strike = None;
        self.plan.trouble = Trouble::Crashes;
        for end in [End::Closed, End::Crashed] {
            let opened = self.open()?;
            let mut session = opened.ok_or_else(|| {
                Violation::new("a store opens", "it did not, though nothing struck".into())
            })?;
            self.rest(&mut session)?;
            self.end_as(session, end)?;
        }
        Ok(())
    }

    fn rest(&mut self, session: &mut Session) -> Result<(), Violation> {
        session.settle()?;
        session.check_all()?;
        self.compared += session.views.ids().count() as u64;
        if session.damaged.is_empty() {
            accounts::check(session, &self.disk)?;
        }
        Ok(())
    }

    /// Opens the store, however often it takes; `None`: it is damaged, which is as it should be.
    fn open(&mut self) -> Result<Option<Session>, Violation> {
        for _ in 0..ATTEMPTS_MAX {
            self.strike(60);
            let parts = self.chance.between(1, 3) as usize;
            self.note("open", &[("parts", parts as u64), ("calls", self.disk.calls())]);
            let options = self.options(parts);
            match Log::open(self.disk.clone(), &options) {
                Ok(_) if self.disk.is_off() => {}
                Ok(opened) => return self.opened(opened).map(Some),
                Err(OpenError::Damaged { .. } | OpenError::Format { .. })
                    if self.flipped.is_some() =>
                {
                    self.note("damaged", &[]);
                    self.flip_back();
                    return Ok(None);
                }
                Err(_) if self.disk.has_struck() => {}
                Err(error) => {
                    let what = format!("{error} ({})", reader::brief(&self.disk));
                    return Err(Violation::new("a store opens", what));
                }
            }
            self.fall(End::Crashed);
        }
        self.disk.spare();
        Ok(None)
    }

    fn options(&mut self, parts: usize) -> Options {
        Options {
            parts,
            place: session::place,
            segment_bytes: self.plan.segment_bytes,
            catalog: names::some(&mut self.chance),
            hash_seeds: std::array::from_fn(|_| self.chance.number()),
            scrub: self.chance.one_in(2),
        }
    }

    fn opened(&mut self, opened: Opened) -> Result<Session, Violation> {
        let Opened { log, parts, report } = opened;
        let (promises, names) =
            (std::mem::take(&mut self.promises), std::mem::take(&mut self.names));
        let mut session = Session::new(Box::new(log), parts, promises, names)?;
        session.may_fail = matches!(self.plan.trouble, Trouble::Cuts | Trouble::Failures);
        let next = report.next_do_id.0;
        self.note("opened", &[("next_do_id", next.into()), ("calls", self.disk.calls())]);
        let (low, high) = (session.promises.highest_durable, session.promises.highest_asked);
        if (low > 0 && next <= low) || (high > 0 && next > high + 1) {
            let what = format!("{next} comes next; {low} is durable, {high} was asked for");
            return Err(Violation::new("no id is given twice", what));
        }
        if !session.damaged.is_empty() && (self.flipped.is_none() || session.damaged.len() > 1) {
            let what = format!("objects {:?} are damaged", session.damaged);
            return Err(Violation::new("nothing is damaged by itself", what));
        }
        self.next_do_id = next.max(FIRST_DO_ID);
        self.compared += session.views.ids().count() as u64;
        Ok(session)
    }

    /// Perhaps lets something strike in the next `calls` calls.
    fn strike(&mut self, calls: u64) {
        if self.plan.strike.is_some() {
            return;
        }
        let at = self.disk.calls() + self.chance.below(calls);
        let fault = match self.plan.trouble {
            Trouble::Cuts if self.chance.one_in(3) => {
                let all = [Moment::Before, Moment::Within, Moment::After];
                Fault::Cut(self.chance.pick(&all).unwrap_or(Moment::Before))
            }
            Trouble::Failures if self.chance.one_in(4) => Fault::Failed,
            Trouble::Full if self.chance.one_in(8) => Fault::Full,
            Trouble::Crashes
            | Trouble::Cuts
            | Trouble::Failures
            | Trouble::Full
            | Trouble::Flips => return,
        };
        self.disk.strike(at, fault);
    }

    fn live(&mut self, session: &mut Session) -> Result<(), Violation> {
        let steps = self.chance.below(self.plan.steps + 1);
        self.strike(steps + 1);
        self.strike(steps + 1);
        self.pace = std::array::from_fn(|_| self.chance.between(1, 8));
        // Parts ask more often than not.
        self.pace[0] += 4;
        for _ in 0..steps {
            self.steps += 1;
            self.act(session)?;
            if self.disk.is_off() {
                return Ok(());
            }
            if session.is_failed && self.chance.one_in(20) {
                break;
            }
        }
        if self.plan.trouble == Trouble::Full {
            return self.recover_space(session);
        }
        if session.refused > 0 {
            let what = format!("{} writes, though there is space", session.refused);
            return Err(Violation::new("nothing is refused without a reason", what));
        }
        if self.chance.one_in(3) && !session.is_failed {
            session.settle()?;
        }
        if !self.disk.is_off() { session.check_all() } else { Ok(()) }
    }

    fn act(&mut self, session: &mut Session) -> Result<(), Violation> {
        let mut at = self.chance.below(self.pace.iter().sum());
        let action = self.pace.iter().position(|&times| {
            let is_it = at < times;
            at = at.wrapping_sub(times);
            is_it
        });
        let part = self.chance.index(session.parts().len());
        match action.unwrap_or(0) {
            0 => self.ask(session)?,
            1 => session.commit(&mut self.chance)?,
            2 => {
                session.hear(part)?;
            }
            3 => while session.hear(part)? {},
            4 => {
                session.take_chore();
            }
            5 => {
                session.run_chore();
            }
            6 => {
                session.hand_chored()?;
            }
            7 => {
                session.work(part);
            }
            _ => self.look(session)?,
        }
        if self.plan.trouble == Trouble::Full && self.chance.one_in(30) {
            self.change_space();
        }
        Ok(())
    }

    fn ask(&mut self, session: &mut Session) -> Result<(), Violation> {
        let living: Vec<u32> = session.views.living().collect();
        if living.is_empty() || self.chance.one_in(self.plan.new_one_in) {
            let body = Body::new(self.plan.body_bytes_max, &mut self.chance);
            let body = self.named(session, body);
            let do_id = self.next_do_id;
            self.next_do_id += 1;
            self.note("create", &[("do_id", do_id.into())]);
            return session.ask(do_id, Some(body));
        }
        let from =
            if self.chance.one_in(3) { 0 } else { living.len().saturating_sub(self.plan.hot) };
        let do_id = living[from + self.chance.index(living.len() - from)];
        if self.chance.one_in(self.plan.delete_one_in) {
            self.note("delete", &[("do_id", do_id.into())]);
            return session.ask(do_id, None);
        }
        let body = session.views.content(do_id).expect("it lives");
        let body = body.updated(self.plan.body_bytes_max, &mut self.chance);
        let body = self.named(session, body);
        self.note("update", &[("do_id", do_id.into())]);
        session.ask(do_id, Some(body))
    }

    /// The same with names that the store has in this life.
    fn named(&self, session: &Session, mut body: Body) -> Body {
        if !session.names().has_class(body.class) {
            body.class = 0;
        }
        body.fields.retain(|&field, _| session.names().has_field(field));
        body
    }

    fn look(&mut self, session: &mut Session) -> Result<(), Violation> {
        let ids: Vec<u32> = session.views.ids().collect();
        let Some(do_id) = self.chance.pick(&ids) else { return Ok(()) };
        self.compared += 1;
        session.fetch(do_id);
        session.check(do_id)
    }

    fn change_space(&mut self) {
        let used = self.disk.bytes_used();
        let room = self.chance.below(3 * u64::from(self.plan.segment_bytes));
        let bytes_max = if self.chance.one_in(4) { None } else { Some(used + room) };
        self.note("space", &[("bytes_max", bytes_max.unwrap_or(0))]);
        self.disk.set_bytes_max(bytes_max);
    }

    /// There is space again: all goes on.
    fn recover_space(&mut self, session: &mut Session) -> Result<(), Violation> {
        session.check_all()?;
        self.disk.set_bytes_max(None);
        self.disk.spare();
        if session.is_failed || self.disk.is_off() {
            return Ok(());
        }
        self.note("space again", &[]);
        session.settle()?;
        let refused = session.refused;
        for _ in 0..3 {
            self.ask(session)?;
        }
        session.settle()?;
        session.check_all()?;
        if session.refused > refused {
            let what = "a write is refused though there is space again".into();
            return Err(Violation::new("all goes on when space is there again", what));
        }
        Ok(())
    }

    fn end(&mut self, session: Session) -> Result<(), Violation> {
        let ends = [End::Closed, End::Killed, End::Crashed];
        let end = match self.plan.trouble {
            _ if self.disk.is_off() => End::Crashed,
            Trouble::Flips => End::Closed,
            Trouble::Crashes | Trouble::Cuts | Trouble::Failures | Trouble::Full => {
                self.chance.pick(&ends).unwrap_or(End::Crashed)
            }
        };
        self.end_as(session, end)
    }

    fn end_as(&mut self, mut session: Session, end: End) -> Result<(), Violation> {
        if end == End::Closed {
            session.close()?;
        }
        session.promises.interrupted();
        (self.promises, self.names) = session.end();
        self.flip_back();
        self.fall(end);
        if self.plan.trouble == Trouble::Flips {
            self.flip();
        }
        Ok(())
    }

    fn fall(&mut self, end: End) {
        self.note("end", &[("end", end as u64), ("calls", self.disk.calls())]);
        match end {
            End::Closed | End::Killed => self.disk.kill(),
            End::Crashed => self.disk.crash(),
        }
        let later = self.plan.strike.filter(|&(call, _)| call >= self.disk.calls());
        later.iter().for_each(|&(call, fault)| self.disk.strike(call, fault));
    }

    fn flip(&mut self) {
        let Some(segment) = self.chance.pick(&self.disk.segments()) else { return };
        let bytes = self.disk.image(segment).len() as u64;
        let (offset, bit) = (self.chance.below(bytes) as u32, self.chance.below(8) as u8);
        if self.disk.flip(segment, offset, bit) {
            let byte = self.disk.image(segment)[offset as usize];
            self.flipped = Some(Flipped { segment, offset, bit, byte });
            self.note("flip", &[("segment", segment.0.into()), ("offset", offset.into())]);
        }
    }

    /// Turns it over again, unless it was written in the meantime.
    fn flip_back(&mut self) {
        let Some(Flipped { segment, offset, bit, byte }) = self.flipped.take() else { return };
        if self.disk.image(segment).get(offset as usize) == Some(&byte) {
            self.disk.flip(segment, offset, bit);
            self.note("flip back", &[]);
        }
    }

    fn note(&mut self, what: &'static str, fields: &[(&'static str, u64)]) {
        self.trace.note(self.steps, what, fields);
    }
}
