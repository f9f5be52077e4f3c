//! Whether an object would come to be above itself.
//!
//! The parents of the new parent are looked at one after the other. Where one lives on another
//! shard, that shard looks on, and meanwhile the move is **held**: what is sent to the object waits
//! behind it, in order. An object that is itself held when it is looked at counts as being where
//! it is about to go, or makes the look wait until that is decided; which of the two, the ids
//! decide, so that of several moves that would close a ring together one is refused, and none waits
//! for ever.

use crate::ai::GENERATIONS_MAX;
use crate::refusal::Refusal;
use crate::told::Told;
use crate::{Mail, StateServer, refuse};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use runtime::{Outbox, place};
use wire::ids::{Channel, DoId, MsgType};
use wire::state_server::Location;

/// A look at what is above an object, on its way.
#[derive(Clone, Copy)]
pub struct Trace {
    origin: DoId,
    generation: u8,
}

/// What a look upwards has found.
pub enum Above {
    /// The end, and no ring.
    Clear,
    /// The object itself, or more generations than there may be.
    Ring,
    /// An ancestor on another shard.
    Elsewhere(DoId, u8),
    /// An ancestor that is about to move; the look waits for that.
    Waits(DoId, Trace),
}

/// A move that waits for a look at what is above.
pub struct Held {
    to: Location,
    sender: Channel,
    mail: VecDeque<Letter>,
    mail_bytes: usize,
    /// Looks of others that wait for this move.
    traces: Vec<Trace>,
}

struct Letter {
    sender: Channel,
    msgtype: MsgType,
    payload: Box<[u8]>,
    own: bool,
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
            let Some(object) = self.objects.find(at) else { return Above::Clear };
            generation += 1;
            at = match self.held.get(&at) {
                Some(_) if origin > at => return Above::Waits(at, Trace { origin, generation }),
                Some(held) => held.to.parent,
                None => self.objects.location(object).parent,
            };
        }
    }

    /// Whether a new object would close a ring. Only then is there a look upwards: an object that
    /// has no children yet is no one's ancestor. On other shards nobody looks.
    pub(crate) fn closes_ring(&self, do_id: DoId, parent: DoId, out: &Outbox) -> bool {
        out.is_subscribed(out.dialect().children_channel(do_id))
            && matches!(self.look_above(do_id, parent, 0, out), Above::Ring)
    }

    /// Holds a move until the shard of `ancestor` has looked on.
    pub(crate) fn hold(
        &mut self,
        do_id: DoId,
        to: Location,
        sender: Channel,
        ancestor: DoId,
        generation: u8,
        out: &mut Outbox,
    ) {
        if self.begin_to_hold(do_id, to, sender, out) {
            let shard = place(ancestor, out.shards());
            self.tell(shard, &Told::Trace { origin: do_id, at: ancestor, generation }, out);
        }
    }

    /// Holds a move until that of `mover` is decided.
    pub(crate) fn hold_behind(
        &mut self,
        do_id: DoId,
        to: Location,
        sender: Channel,
        mover: DoId,
        trace: Trace,
        out: &mut Outbox,
    ) {
        if self.begin_to_hold(do_id, to, sender, out)
            && let Some(held) = self.held.get_mut(&mover)
        {
            held.traces.push(trace);
        }
    }

    fn begin_to_hold(
        &mut self,
        do_id: DoId,
        to: Location,
        sender: Channel,
        out: &mut Outbox,
    ) -> bool {
        let max = self.limits.moves_max;
        if self.held.len() >= max {
            let full = Refusal::Full { what: "moves that wait", max };
            refuse(full, "set zone", do_id, sender, out);
            return false;
        }
        let (mail, traces) = (VecDeque::new(), Vec::new());
        self.held.insert(do_id, Held { to, sender, mail, mail_bytes: 0, traces });
        true
    }

    /// Keeps what is sent to an object whose move is held.
    pub(crate) fn wait_behind_move(
        &mut self,
        do_id: DoId,
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) -> bool {
        let Some(held) = self.held.get_mut(&do_id) else { return false };
        let max = self.limits.waiting_bytes_max;
        if held.mail_bytes + mail.payload.len() > max {
            let full = Refusal::Full { what: "bytes that wait behind a move", max };
            refuse(full, "message", do_id, mail.sender, out);
            return true;
        }
        let Mail { sender, msgtype, payload, own } = *mail;
        held.mail_bytes += payload.len();
        held.mail.push_back(Letter { sender, msgtype, payload: payload.into(), own });
        true
    }

    /// Another shard asks to look on here.
    pub(crate) fn trace_on(&mut self, origin: DoId, at: DoId, generation: u8, out: &mut Outbox) {
        match self.look_above(origin, at, generation, out) {
            Above::Clear => self.answer_trace(origin, false, out),
            Above::Ring => self.answer_trace(origin, true, out),
            Above::Elsewhere(at, generation) => {
                let shard = place(at, out.shards());
                self.tell(shard, &Told::Trace { origin, at, generation }, out);
            }
            Above::Waits(mover, trace) => {
                self.held.get_mut(&mover).into_iter().for_each(|held| held.traces.push(trace));
            }
        }
    }

    fn answer_trace(&self, origin: DoId, ring: bool, out: &mut Outbox) {
        self.tell(place(origin, out.shards()), &Told::Traced { origin, ring }, out);
    }

    /// The look for a held move has come to an end: it is carried out or refused, and what waited
    /// goes on.
    pub(crate) fn traced(&mut self, origin: DoId, ring: bool, out: &mut Outbox) {
        let Some(held) = self.held.remove(&origin) else { return };
        if let Some(at) = self.objects.find(origin).filter(|&at| self.settled(at, out)) {
            if ring {
                refuse(Refusal::Ring(held.to.parent), "set zone", origin, held.sender, out);
            } else {
                self.relocate(at, held.to, held.sender, out);
            }
        }
        self.go_on(origin, held, out);
    }

    /// The object of a held move is gone.
    pub(crate) fn drop_held(&mut self, do_id: DoId, out: &mut Outbox) {
        if let Some(held) = self.held.remove(&do_id) {
            self.go_on(do_id, held, out);
        }
    }

    fn go_on(&mut self, do_id: DoId, held: Held, out: &mut Outbox) {
        for Trace { origin, generation } in held.traces {
            let parent = self.objects.find(do_id).map(|at| self.objects.location(at).parent);
            self.trace_on(origin, parent.unwrap_or_default(), generation, out);
        }
        for letter in held.mail {
            let Letter { sender, msgtype, ref payload, own } = letter;
            self.object_mail(do_id, &Mail { sender, msgtype, payload, own }, out);
        }
    }
}
