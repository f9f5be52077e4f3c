//! Who manages an object: its AI, said explicitly or inherited from its parent.
//!
//! A parent whose AI changes says so on its children channel, and the instances tell each other.
//! An inherited AI is handed on from generation to generation, so far and no further: with parents
//! in a ring over several State Servers, two values would chase each other for ever.

use crate::refusal::Refusal;
use crate::told::{Below, Told};
use crate::voice::{Showing, To};
use crate::walk::Act;
use crate::{StateServer, refuse};
use runtime::Outbox;
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId};
use wire::state_server::{ObjectMessage, ObjectNotice};

/// How many parents an object can have above each other.
pub const GENERATIONS_MAX: u8 = 64;
const NONE: Channel = Channel(0);

impl StateServer {
    /// SET_AI: from now on explicit; 0: inherited again.
    pub(crate) fn set_ai(&mut self, at: u32, ai: Channel, sender: Channel, out: &mut Outbox) {
        if ai != NONE {
            return self.change_ai(at, ai, true, sender, 0, out);
        }
        let (old, _) = self.objects.ai(at);
        self.objects.set_ai(at, old, false);
        let (do_id, parent) = (self.objects.get(at).do_id, self.objects.location(at).parent);
        if parent == DoId(0) {
            self.change_ai(at, NONE, false, sender, 0, out);
        } else {
            self.ask_for_ai(do_id, parent, out);
        }
    }

    /// What a parent says its AI is. Not for objects that have one of their own.
    pub(crate) fn adopt_ai(
        &mut self,
        at: u32,
        parent: DoId,
        ai: Channel,
        sender: Channel,
        generation: u8,
        out: &mut Outbox,
    ) {
        if self.objects.location(at).parent == parent && !self.objects.ai(at).1 {
            self.change_ai(at, ai, false, sender, generation, out);
        }
    }

    pub(crate) fn change_ai(
        &mut self,
        at: u32,
        new: Channel,
        explicit: bool,
        sender: Channel,
        generation: u8,
        out: &mut Outbox,
    ) {
        let (old, was_explicit) = self.objects.ai(at);
        if (old, was_explicit) == (new, explicit) {
            return;
        }
        self.objects.set_ai(at, new, explicit);
        if old == new {
            return;
        }
        let (do_id, dialect) = (self.objects.get(at).do_id, out.dialect());
        let children = dialect.children_channel(do_id);
        let leaving = ObjectNotice::LeavingAiInterest { do_id, new, old };
        let announcer = self.announcer(do_id, sender, dialect);
        let leaving_to = match dialect {
            Dialect::OpenOtp => To::one(old),
            Dialect::Astron => To::one(old).and(children),
        };
        self.notify(&leaving_to, announcer, &leaving, out);
        self.show(at, Showing::EnterAi, &To::one(new), out);
        if dialect == Dialect::OpenOtp {
            let told = ObjectMessage::NotifyManagingAi { parent: do_id, ai: new, old };
            self.request(&To::one(children), announcer, &told, out);
        }
        // A child subscribes before it asks for the AI, so one that is not known yet will ask.
        if generation < GENERATIONS_MAX && out.is_subscribed(children) {
            let generation = generation + 1;
            self.tell_all(&Told::NewAi { parent: do_id, ai: new, sender, generation }, out);
        }
    }

    /// A child, or anybody, asks for the AI.
    pub(crate) fn query_ai(&self, at: u32, context: u32, asker: Channel, out: &mut Outbox) {
        let ((ai, _), do_id) = (self.objects.ai(at), self.objects.get(at).do_id);
        let (to, sender) = (To::one(asker), Channel::object(do_id));
        match out.dialect() {
            Dialect::OpenOtp => {
                let answer = ObjectMessage::NotifyManagingAi { parent: do_id, ai, old: NONE };
                self.request(&to, sender, &answer, out);
            }
            Dialect::Astron => {
                self.send(&to, sender, &ObjectNotice::ManagingAiResp { context, do_id, ai }, out);
            }
        }
    }

    /// Whether what is said from outside of an object's AI is to be heard: not over and over again at
    /// the same moment, as where two State Servers of one daemon say it to each other.
    pub(crate) fn may_hear_ai(&mut self, do_id: DoId, sender: Channel, out: &mut Outbox) -> bool {
        let times = self.heard_ais.entry(do_id).or_default();
        *times = times.saturating_add(1);
        if *times > GENERATIONS_MAX {
            refuse(Refusal::Ring(do_id), "managing AI", do_id, sender, out);
            return false;
        }
        true
    }

    /// A parent's children on this shard hear of its new AI. Those that have not yet heard of one
    /// before it never will.
    pub(crate) fn parent_has_new_ai(
        &mut self,
        parent: DoId,
        ai: Channel,
        sender: Channel,
        generation: u8,
        out: &mut Outbox,
    ) {
        self.drop_adoptions(parent, out);
        let act = Act::Adopt { parent, ai, sender, generation };
        self.walk(Below { parent, zones: None }, act, out);
    }
}
