//! What is done to one object: the model changes, the ledger learns what is to be heard of it, and
//! the object's AI sends it.
//!
//! Without listeners nothing is heard of an operation. Then an AI asks one of the sentries where it
//! is after every few operations: the answer comes after what was sent before to the same shard.

use super::ledger::Notice;
use super::questions::Question;
use super::session::Session;
use crate::stamp::Stamp;
use wire::ids::{DoId, Zone};
use wire::state_server::{Entry, Location, ObjectMessage, StateServerMessage};

/// Questions of one AI that are in a window without listeners.
const QUESTIONS_PER_WINDOW: u32 = 4;

impl Session<'_> {
    pub(crate) fn create(&mut self, object: u32, zone: Zone, intended_ns: u64) {
        let hearing = &mut self.hearing;
        hearing.world.put(object, Some(zone));
        let (ai, do_id) = (hearing.world.ai(object), hearing.world.do_id(object));
        let (location, stamp) = (hearing.world.location(zone), hearing.stamp(object));
        let notice = Notice::Entered { zone, value: hearing.shown_value(object) };
        self.generate(ai, do_id, location, stamp);
        self.tell_of(object, [(zone, notice)], intended_ns);
    }

    /// The parent of all. It is nowhere.
    pub(crate) fn create_parent(&mut self) {
        let parent = self.hearing.world.parent();
        let stamp = Stamp { object: u32::MAX, ..self.hearing.stamp(0) };
        self.generate(0, parent, Location::NOWHERE, stamp);
    }

    fn generate(&mut self, ai: u32, do_id: DoId, location: Location, stamp: Stamp) {
        let (dialect, control) = (self.plan.dialect, self.plan.control);
        let blueprint = &mut self.hearing.blueprint;
        let (dclass, has_other) = (blueprint.class, blueprint.created.has_other);
        let fields = blueprint.created.fields.stamped(stamp).to_vec();
        let entry = Entry { do_id, location, dclass, has_other, fields: &fields };
        let message = StateServerMessage::Generate(entry);
        let msgtype = message.msgtype(dialect).expect("both dialects have it");
        self.send(ai, control, msgtype, |out| message.write(dialect, out));
    }

    pub(crate) fn update(&mut self, object: u32, intended_ns: u64) {
        let hearing = &mut self.hearing;
        let Some(zone) = hearing.world.place(object) else { return };
        let value = hearing.world.next_value(object);
        let (ai, do_id) = (hearing.world.ai(object), hearing.world.do_id(object));
        let (stamp, field) = (hearing.stamp(object), hearing.blueprint.field);
        let bytes = hearing.blueprint.update.stamped(stamp).to_vec();
        self.tell(ai, do_id, &ObjectMessage::UpdateField { do_id, field, value: &bytes });
        self.tell_of(object, [(zone, Notice::Updated { value })], intended_ns);
    }

    pub(crate) fn relocate(&mut self, object: u32, to: Zone, intended_ns: u64) {
        let hearing = &mut self.hearing;
        let Some(from) = hearing.world.place(object).filter(|from| *from != to) else { return };
        hearing.world.put(object, Some(to));
        let (ai, do_id) = (hearing.world.ai(object), hearing.world.do_id(object));
        let entered = Notice::Entered { zone: to, value: hearing.shown_value(object) };
        let location = hearing.world.location(to);
        self.tell(ai, do_id, &ObjectMessage::SetZone { location });
        self.tell_of(object, [(from, Notice::Left { from, to }), (to, entered)], intended_ns);
    }

    pub(crate) fn delete(&mut self, object: u32, intended_ns: u64) {
        let world = &mut self.hearing.world;
        let Some(zone) = world.place(object) else { return };
        world.put(object, None);
        let (ai, do_id) = (world.ai(object), world.do_id(object));
        self.tell(ai, do_id, &ObjectMessage::DeleteRam { do_id });
        self.tell_of(object, [(zone, Notice::Deleted)], intended_ns);
    }

    fn tell_of<const N: usize>(
        &mut self,
        object: u32,
        notices: [(Zone, Notice); N],
        intended_ns: u64,
    ) {
        self.operations += 1;
        let hearing = &mut self.hearing;
        if self.plan.listeners > 0 {
            let notices = notices.map(|(zone, notice)| (hearing.world.group(zone), notice));
            return hearing.ledger.begin(object, notices, intended_ns);
        }
        hearing.questions.unanswered += 1;
        let ai = hearing.world.ai(object);
        let unasked = &mut self.unasked[ai as usize];
        *unasked += 1;
        let is_time = *unasked >= self.plan.window / (self.plan.ais * QUESTIONS_PER_WINDOW);
        // Other AIs may still be creating the sentries.
        if is_time && object < self.plan.objects {
            let sentry = (self.operations % u64::from(self.plan.sentries())) as u32;
            self.ask(ai, self.plan.objects + sentry);
        }
    }

    /// Asks every sentry, for every AI.
    pub(crate) fn ask_all_sentries(&mut self) {
        for ai in 0..self.plan.ais {
            for object in self.plan.objects..self.plan.all_objects() {
                self.ask(ai, object);
            }
        }
    }

    /// Asks an object where it is; the answer counts for what its AI has not asked for yet.
    pub(crate) fn ask(&mut self, ai: u32, object: u32) {
        let Some(zone) = self.hearing.world.place(object) else { return };
        let (do_id, location) =
            (self.hearing.world.do_id(object), self.hearing.world.location(zone));
        let operations = std::mem::take(&mut self.unasked[ai as usize]);
        self.locate(ai, Question { do_id, location, operations });
    }

    /// Sends a LOCATE and returns its context.
    pub(crate) fn locate(&mut self, ai: u32, question: Question) -> u32 {
        let context = self.hearing.questions.ask(question);
        self.tell(ai, question.do_id, &ObjectMessage::Locate { context });
        context
    }
}
