//! Who manages an object: its AI, said explicitly or inherited from its parent.
//!
//! A parent whose AI changes says so on its children channel, and the instances tell each other.
//! An inherited AI is handed on from generation to generation, so far and no further: with parents
//! in a ring over several State Servers, two values would chase each other for ever.

use crate::deletion::Death;
use crate::refusal::Refusal;
use crate::told::{Below, KnownAi, Question, Told};
use crate::voice::{Showing, To};
use crate::walk::Act;
use crate::{StateServer, refuse};
use runtime::{Outbox, place};
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId};
use wire::state_server::{ObjectMessage, ObjectNotice};

/// How many parents an object can have above each other.
pub const GENERATIONS_MAX: u8 = 64;
const NONE: Channel = Channel(0);

/// What a parent has said of its AI.
#[derive(Clone, Copy)]
pub struct Said {
    /// The parent.
    pub parent: DoId,
    /// Its AI.
    pub known: KnownAi,
    /// Since when it is meant, on the clock of the child's instance.
    pub since: u64,
}

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

    /// Asks the parent of an object which AI it has: its instance, and by the wire whoever else may be
    /// that parent.
    pub(crate) fn ask_for_ai(&self, do_id: DoId, parent: DoId, out: &mut Outbox) {
        let context = match out.dialect() {
            Dialect::OpenOtp => 0,
            Dialect::Astron => do_id.0,
        };
        let question = ObjectMessage::QueryManagingAi { context };
        self.request_others(&To::object(parent), Channel::object(do_id), &question, out);
        let question = Question { child: do_id, parent, asked: self.objects.clock() };
        self.tell(place(parent, out.shards()), &Told::AskAi { question }, out);
    }

    /// A child of this State Server asks. Its instance is told, and whoever listens to it.
    pub(crate) fn child_asks_for_ai(&mut self, question: Question, out: &mut Outbox) {
        let Question { child, parent, .. } = question;
        let Some(at) = self.objects.find(parent).filter(|&at| self.settled(at, out)) else {
            // It may have gone with its AI before its child's question came.
            if let Some(known) = self.resets.of_late(parent) {
                let shard = place(child, out.shards());
                self.tell(shard, &Told::AiIs { question, known }, out);
            }
            return;
        };
        let ((ai, _), to) = (self.objects.ai(at), To::object(child));
        let sender = Channel::object(parent);
        match out.dialect() {
            Dialect::OpenOtp => {
                let answer = ObjectMessage::NotifyManagingAi { parent, ai, old: NONE };
                self.request_others(&to, sender, &answer, out);
            }
            Dialect::Astron => {
                let (context, do_id) = (child.0, parent);
                self.notify(&to, sender, &ObjectNotice::ManagingAiResp { context, do_id, ai }, out);
            }
        }
        let known = self.resets.known(ai);
        self.tell(place(child, out.shards()), &Told::AiIs { question, known }, out);
    }

    /// The parent of an object of this shard has answered.
    pub(crate) fn parent_has_ai(&mut self, question: Question, known: KnownAi, out: &mut Outbox) {
        let Question { child, parent, asked } = question;
        if let Some(at) = self.objects.find(child).filter(|&at| self.settled(at, out)) {
            let said = Said { parent, known, since: asked };
            self.adopt_ai(at, said, Channel::object(parent), 0, out);
        }
    }

    /// What a parent says its AI is. Not for objects that have one of their own. In the seed an object
    /// that was to have the AI before that was reset goes with it; one that has asked later has
    /// nothing to do with it.
    pub(crate) fn adopt_ai(
        &mut self,
        at: u32,
        said: Said,
        sender: Channel,
        generation: u8,
        out: &mut Outbox,
    ) {
        let Said { parent, known, since } = said;
        if self.objects.location(at).parent != parent || self.objects.ai(at).1 {
            return;
        }
        if out.dialect() == Dialect::OpenOtp
            && let Some(reset) = self.resets.missed_by(known)
        {
            if since > reset {
                return;
            }
            self.late.push(self.objects.get(at).do_id);
        }
        self.change_ai(at, known.ai, false, sender, generation, out);
    }

    /// Deletes the objects that came too late to an AI.
    pub(crate) fn delete_late(&mut self, out: &mut Outbox) {
        for do_id in core::mem::take(&mut self.late) {
            if let Some(at) = self.objects.find(do_id).filter(|&at| self.settled(at, out)) {
                self.delete(at, Death::asked_by(Channel::object(do_id)), out);
            }
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
            let (parent, known) = (do_id, self.resets.known(new));
            self.tell_all(&Told::NewAi { parent, known, sender, generation }, out);
        }
    }

    /// Somebody asks for the AI: a child in another State Server, say.
    pub(crate) fn query_ai(&self, at: u32, context: u32, asker: Channel, out: &mut Outbox) {
        let ((ai, _), do_id) = (self.objects.ai(at), self.objects.get(at).do_id);
        let (to, sender) = (To::one(asker), Channel::object(do_id));
        match out.dialect() {
            Dialect::OpenOtp => {
                let answer = ObjectMessage::NotifyManagingAi { parent: do_id, ai, old: NONE };
                self.request_others(&to, sender, &answer, out);
            }
            Dialect::Astron => {
                self.notify(&to, sender, &ObjectNotice::ManagingAiResp { context, do_id, ai }, out);
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
        (parent, known): (DoId, KnownAi),
        sender: Channel,
        generation: u8,
        out: &mut Outbox,
    ) {
        self.drop_adoptions(parent, out);
        let act = Act::Adopt { parent, known, sender, generation };
        self.walk(Below { parent, zones: None }, act, out);
    }
}
