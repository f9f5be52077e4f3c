//! Whether an object would come to be above itself.
//!
//! The parents of the new parent are looked at one after the other; where one lives on another
//! shard, that shard looks on. What that means for the move depends on the object:
//!
//! * One that nobody listens to as a child moves at once, as almost all do: only a child that was
//!   created in the same instant could close a ring. Should the look find one, the object goes back.
//! * One with children waits for the look to end, and **the whole instance waits with it**: what
//!   comes meanwhile is done after it, in order and each with all that it causes, so that nobody sees
//!   the move late. Parents change their own parents seldom.
//!
//! A look that meets an object which itself waits takes it to be where it is about to go, or waits
//! until that is decided; one that meets an object whose own look is under way may yield to it, which
//! then looks once more. Which of the two, the ids decide, so that of several moves that would close a
//! ring together one is refused, and none waits for ever.

use crate::ai::GENERATIONS_MAX;
use crate::jobs::RESUME;
use crate::loading::Waiting;
use crate::refusal::Refusal;
use crate::told::Told;
use crate::{StateServer, refuse};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use runtime::{Input, Outbox, RoleId, ShardId, place};
use tracing::warn;
use wire::ids::{Channel, ClassId, DoId};
use wire::state_server::{Entry, Location};

/// A look at what is above an object, on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trace {
    /// The object that moves.
    pub origin: DoId,
    /// Which of its moves.
    pub stamp: u64,
    /// How many have been looked at.
    pub generation: u8,
    /// Another object that is on its way too would go back if there is a ring.
    pub yields: bool,
}

/// What a look upwards has found.
pub enum Above {
    /// The end, and no ring.
    Clear,
    /// The object itself, or more generations than there may be.
    Ring,
    /// An ancestor on another shard, after so many generations.
    Elsewhere(DoId, u8),
    /// An ancestor that waits itself; the look waits for its move.
    Waits(u8),
}

/// In the stamp of a look for which an instance waits; the rest of it numbers the waits. Others have
/// the time of the move.
const WAITS: u64 = 1 << 63;
/// So many moves may make an instance wait in a row, before it has caught up with what came meanwhile.
const STALLS_MAX: u32 = 64;

/// A move for which the instance waits.
pub struct Stall {
    stamp: u64,
    origin: DoId,
    to: Location,
    sender: Channel,
    /// The object is yet to be created: what it brings along.
    birth: Option<Birth>,
    /// Looks of others that wait for it to be decided.
    traces: Vec<Trace>,
}

/// An object that is created if it does not close a ring.
pub struct Birth {
    dclass: ClassId,
    has_other: bool,
    fields: Vec<u8>,
}

/// What came while the instance waited, in order.
#[derive(Default)]
pub struct Deferred {
    letters: VecDeque<Letter>,
    bytes: usize,
    /// The turn was full: the rest is done in the next one.
    is_suspended: bool,
    /// Waits since the instance had last caught up, and ever.
    stalls: u32,
    stalls_ever: u64,
}

enum Letter {
    Datagram {
        frame: Vec<u8>,
        from: Option<RoleId>,
    },
    Told {
        message: Vec<u8>,
        from: ShardId,
    },
    /// To one object, which has been loaded.
    Waited {
        do_id: DoId,
        waiting: Waiting,
    },
}

impl Letter {
    fn len(&self) -> usize {
        let (Letter::Datagram { frame: bytes, .. }
        | Letter::Told { message: bytes, .. }
        | Letter::Waited { waiting: Waiting { payload: bytes, .. }, .. }) = self;
        bytes.len() + size_of::<Letter>()
    }
}

/// A move that was made while the look goes on: where the object was, and who moved it.
pub struct Unproved {
    old: Location,
    sender: Channel,
    /// The look of another move has met this one, and yields to it.
    is_contested: bool,
}

impl StateServer {
    /// Looks at `from` and what is above it, as far as it lives on this shard.
    pub(crate) fn look_above(
        &self,
        origin: DoId,
        from: DoId,
        generation: u8,
        out: &Outbox,
    ) -> Above {
        let (mut at, mut generation) = (from, generation);
        loop {
            if at == origin || generation >= GENERATIONS_MAX {
                return Above::Ring;
            }
            if at == DoId(0) {
                return Above::Clear;
            }
            if place(at, out.shards()) != out.me() {
                return Above::Elsewhere(at, generation);
            }
            generation += 1;
            at = match &self.stall {
                Some(stall) if stall.origin == at && origin > at => {
                    return Above::Waits(generation);
                }
                Some(stall) if stall.origin == at => stall.to.parent,
                Some(_) | None => match self.objects.find(at) {
                    Some(object) => self.objects.location(object).parent,
                    None => return Above::Clear,
                },
            };
        }
    }

    /// Moves an object below a parent of which it is not known whether it is below the object.
    pub(crate) fn move_unproved(
        &mut self,
        at: u32,
        to: Location,
        sender: Channel,
        (ancestor, generation): (DoId, u8),
        out: &mut Outbox,
    ) {
        let (origin, old) = (self.objects.get(at).do_id, self.objects.location(at));
        if !out.is_subscribed_singly(out.dialect().children_channel(origin)) {
            self.relocate(at, to, sender, out);
            return self.prove(at, old, sender, (ancestor, generation), out);
        }
        self.wait((origin, to), sender, None, (ancestor, generation), out);
    }

    /// Creates an object that has children already, if it is not below one of them.
    pub(crate) fn create_if_proved(
        &mut self,
        entry: &Entry<'_>,
        sender: Channel,
        above: (DoId, u8),
        out: &mut Outbox,
    ) {
        let Entry { do_id, location, dclass, has_other, fields } = *entry;
        let birth = Birth { dclass, has_other, fields: fields.into() };
        self.wait((do_id, location), sender, Some(birth), above, out);
    }

    /// The instance waits for a look at what is above `to`.
    fn wait(
        &mut self,
        (origin, to): (DoId, Location),
        sender: Channel,
        birth: Option<Birth>,
        (ancestor, generation): (DoId, u8),
        out: &mut Outbox,
    ) {
        if self.deferred.stalls >= STALLS_MAX {
            let max = STALLS_MAX as usize;
            let full = Refusal::Full { what: "moves of parents in a row", max };
            return refuse(full, "move of a parent", origin, sender, out);
        }
        self.deferred.stalls += 1;
        self.deferred.stalls_ever += 1;
        let stamp = WAITS | self.deferred.stalls_ever;
        self.stall = Some(Stall { stamp, origin, to, sender, birth, traces: Vec::new() });
        self.trace(Trace { origin, stamp, generation, yields: false }, ancestor, out);
    }

    /// Lets a move that was made be looked at. With too many under way it is believed.
    fn prove(
        &mut self,
        at: u32,
        old: Location,
        sender: Channel,
        (ancestor, generation): (DoId, u8),
        out: &mut Outbox,
    ) {
        if self.unproved.len() < self.limits.moves_max {
            let object = self.objects.get(at);
            let (origin, stamp) = (object.do_id, object.came);
            let unproved = Unproved { old, sender, is_contested: false };
            self.unproved.insert((origin, stamp), unproved);
            self.trace(Trace { origin, stamp, generation, yields: false }, ancestor, out);
        }
    }

    /// An object has another parent again, or is gone: what looks find for earlier moves is of no
    /// interest any more.
    pub(crate) fn forget_unproved(&mut self, do_id: DoId) {
        while let Some((&move_of, _)) = self.unproved.range((do_id, 0)..=(do_id, u64::MAX)).next() {
            self.unproved.remove(&move_of);
        }
    }

    fn trace(&self, trace: Trace, at: DoId, out: &mut Outbox) {
        self.tell(place(at, out.shards()), &Told::Trace { trace, at }, out);
    }

    /// Another shard asks to look on here.
    pub(crate) fn trace_on(&mut self, mut trace: Trace, at: DoId, out: &mut Outbox) {
        let Trace { origin, stamp, generation, .. } = trace;
        trace.yields |= self.contest(trace, at, out);
        let ring = match self.look_above(origin, at, generation, out) {
            Above::Clear => false,
            Above::Ring => !trace.yields,
            Above::Elsewhere(at, generation) => {
                return self.trace(Trace { generation, ..trace }, at, out);
            }
            Above::Waits(generation) => {
                let trace = Trace { generation, ..trace };
                return self.stall.iter_mut().for_each(|stall| stall.traces.push(trace));
            }
        };
        self.tell(place(origin, out.shards()), &Told::Traced { origin, stamp, ring }, out);
    }

    /// Lets those from `at` upwards that are on their way too, and go before, look once more. Whether
    /// there are any.
    fn contest(&mut self, trace: Trace, at: DoId, out: &Outbox) -> bool {
        let (mut next, mut found) = (at, false);
        for _ in trace.generation..GENERATIONS_MAX {
            if self.unproved.is_empty() || place(next, out.shards()) != out.me() {
                break;
            }
            let Some(at) = self.objects.find(next) else { break };
            let is_own = next == trace.origin;
            if next > trace.origin {
                for (_, unproved) in self.unproved.range_mut((next, 0)..=(next, u64::MAX)) {
                    unproved.is_contested = true;
                    found = true;
                }
            }
            if is_own {
                break;
            }
            next = self.objects.location(at).parent;
        }
        found
    }

    /// A look has come to its end.
    pub(crate) fn traced(&mut self, origin: DoId, stamp: u64, ring: bool, out: &mut Outbox) {
        if stamp & WAITS != 0 {
            if self.stall.as_ref().is_some_and(|stall| stall.stamp == stamp) {
                self.end_stall(ring, out);
            }
            return;
        }
        let Some(unproved) = self.unproved.remove(&(origin, stamp)) else { return };
        let Unproved { old, sender, is_contested } = unproved;
        let moved = self.objects.find(origin);
        let Some(at) = moved.filter(|&at| self.settled(at, out)) else { return };
        let parent = self.objects.location(at).parent;
        if ring {
            refuse(Refusal::Ring(parent), "set zone", origin, sender, out);
            self.relocate(at, old, sender, out);
            // Where it was may be below it by now: then it is nowhere.
            if old.parent != DoId(0) {
                self.prove(at, Location::NOWHERE, sender, (old.parent, 0), out);
            }
        } else if is_contested {
            self.prove(at, old, sender, (parent, 0), out);
        }
    }

    /// Keeps an input for after the move that the instance waits for, and for after what came before
    /// it. Looks at what is above go on.
    pub(crate) fn defer(&mut self, input: &Input<'_>, out: &mut Outbox) -> bool {
        if self.stall.is_none() && !self.deferred.is_suspended {
            return false;
        }
        let letter = match *input {
            Input::Datagram { frame, from } => Letter::Datagram { frame: frame.into(), from },
            Input::Told { message, .. } if Told::never_waits(message) => return false,
            Input::Told { message, from } => Letter::Told { message: message.into(), from },
            Input::Wake { .. }
            | Input::Started
            | Input::Stopping
            | Input::Accepted { .. }
            | Input::Refused { .. }
            | Input::Connected { .. }
            | Input::ConnectFailed { .. }
            | Input::Frame { .. }
            | Input::Paused { .. }
            | Input::Closed { .. }
            | Input::Stored(_) => return false,
        };
        self.deferred.bytes += letter.len();
        self.deferred.letters.push_back(letter);
        if self.deferred.bytes > self.limits.waiting_bytes_max
            && let Some(stall) = &self.stall
        {
            warn!(do_id = %stall.origin, "a move is refused: too much waits for it");
            self.end_stall(true, out);
        }
        true
    }

    /// The move is decided: it is carried out or refused, and what waited goes on.
    fn end_stall(&mut self, ring: bool, out: &mut Outbox) {
        let Some(stall) = self.stall.take() else { return };
        let Stall { origin, to, sender, birth, traces, .. } = stall;
        if ring {
            refuse(Refusal::Ring(to.parent), "move of a parent", origin, sender, out);
        } else if let Some(Birth { dclass, has_other, fields }) = birth {
            let (do_id, location, fields) = (origin, to, &fields[..]);
            self.bear(&Entry { do_id, location, dclass, has_other, fields }, sender, out);
        } else if let Some(at) = self.objects.find(origin).filter(|&at| self.settled(at, out)) {
            self.relocate(at, to, sender, out);
        }
        let parent = self.objects.find(origin).map(|at| self.objects.location(at).parent);
        for trace in traces {
            self.trace_on(trace, parent.unwrap_or_default(), out);
        }
        self.tell(out.me(), &Told::GoOn, out);
    }

    /// Does the next thing that waited, once all is done that the last one has caused.
    pub(crate) fn go_on(&mut self, out: &mut Outbox) {
        if self.stall.is_some() {
            return;
        }
        if out.has_mail() {
            return self.tell(out.me(), &Told::GoOn, out);
        }
        if out.is_full() && !self.deferred.letters.is_empty() {
            self.deferred.is_suspended = true;
            return out.wake_at(self.me, self.now, RESUME);
        }
        let Some(letter) = self.deferred.letters.pop_front() else {
            self.deferred.stalls = 0;
            return;
        };
        self.deferred.bytes -= letter.len();
        match letter {
            Letter::Datagram { frame, from } => {
                self.take(&Input::Datagram { frame: &frame, from }, out);
            }
            Letter::Told { message, from } => {
                self.take(&Input::Told { message: &message, from }, out);
            }
            Letter::Waited { do_id, waiting } => self.object_mail(do_id, &waiting.mail(), out),
        }
        self.tell(out.me(), &Told::GoOn, out);
    }

    /// Whether what waited for an object has to wait on: for a move, or for the next turn.
    pub(crate) fn must_wait(&self, out: &Outbox) -> bool {
        self.stall.is_some() || self.deferred.is_suspended || out.is_full()
    }

    /// Keeps what waited for an object, before all that came meanwhile.
    pub(crate) fn put_off(&mut self, do_id: DoId, letters: VecDeque<Waiting>, out: &mut Outbox) {
        for waiting in letters.into_iter().rev() {
            let letter = Letter::Waited { do_id, waiting };
            self.deferred.bytes += letter.len();
            self.deferred.letters.push_front(letter);
        }
        if self.stall.is_none() && !self.deferred.is_suspended {
            self.deferred.is_suspended = true;
            out.wake_at(self.me, self.now, RESUME);
        }
    }

    /// The next turn has come.
    pub(crate) fn resume(&mut self, out: &mut Outbox) {
        self.deferred.is_suspended = false;
        self.go_on(out);
    }
}
