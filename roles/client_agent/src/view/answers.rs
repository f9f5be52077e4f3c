//! Parents are asked for the zones that interests open, and answer; what waited for that is done.

use super::By;
use super::View;
use super::action::{Action, Sink};
use super::questions::{Done, Question};
use super::terms::Terms;
use super::zones::{ZoneBytes, below};
use runtime::Now;
use wire::client::{ToClient, Zones};
use wire::dialect::Dialect;
use wire::ids::DoId;
use wire::state_server::Entry;

impl View {
    /// ENTER_INTEREST, or (`openotp`, which has no context) ENTERZONE to the channel that the
    /// client was allocated: an object answers.
    ///
    /// It answers for the zone as it was opened. If that was closed meanwhile and opened anew, the
    /// object may have left unheard: then it will answer again, or not.
    pub fn answered(
        &mut self,
        terms: &Terms,
        now: Now,
        context: u32,
        entry: &Entry<'_>,
        sink: &mut Sink<'_>,
    ) {
        let about = self.zones.question(terms, entry.location);
        let questions = self.questions.as_deref_mut();
        let is_meant = match terms.dialect {
            Dialect::Astron => about == Some(context),
            Dialect::OpenOtp => {
                let question = questions.zip(about).and_then(|(all, about)| all.get(about));
                question.is_none_or(|question| question.until.is_some())
            }
        };
        if is_meant && self.zones.contains(terms, entry.location) {
            self.show(terms, entry, sink);
            self.trust(terms.key(entry.do_id));
        }
        if let Some(question) = self.asked(terms, context) {
            question.answer();
            self.end_if_answered(terms, now, context, sink);
        }
    }

    /// GET_ZONES_COUNT_RESP: so many objects answer (`astron`).
    pub fn counted(
        &mut self,
        terms: &Terms,
        now: Now,
        context: u32,
        count: u32,
        sink: &mut Sink<'_>,
    ) {
        if let Some(question) = self.asked(terms, context) {
            question.expect(count);
            self.end_if_answered(terms, now, context, sink);
        }
    }

    /// QUERY_ZONE_ALL_DONE: all objects have answered (`openotp`).
    pub fn zones_done(
        &mut self,
        terms: &Terms,
        now: Now,
        parent: DoId,
        zones: Zones<'_>,
        sink: &mut Sink<'_>,
    ) {
        if let Some(id) = self.questions.as_ref().and_then(|all| all.echoed(parent, zones)) {
            self.end(terms, now, id, sink);
            self.ask(terms, now, parent, sink);
        }
    }

    /// What was not answered until now is not waited for any more.
    pub fn expired(&mut self, terms: &Terms, now: Now, sink: &mut Sink<'_>) {
        self.give_up(terms, now, sink);
        while let Some((id, parent)) = self.questions.as_ref().and_then(|all| all.late(now)) {
            sink(Action::TimedOut { parent });
            self.end(terms, now, id, sink);
            self.ask(terms, now, parent, sink);
        }
        self.questions.take_if(|questions| questions.is_empty());
    }

    /// Until when the first answer is waited for, if any is: then [`View::expired`] is wanted.
    pub fn waits_until(&self) -> Option<Now> {
        self.questions.as_ref()?.waits_until()
    }

    /// Zones that were not of interest before are listened to, and the parent is asked for them.
    pub(super) fn open(
        &mut self,
        terms: &Terms,
        now: Now,
        parent: DoId,
        zones: &[ZoneBytes],
        sink: &mut Sink<'_>,
    ) {
        zones.iter().for_each(|&zone| sink(Action::Listen(below(parent, zone))));
        for &zone in zones {
            let number = self.next_number();
            let questions = self.questions.get_or_insert_default();
            let question = questions.enqueue(parent, number, zone);
            self.zones.set_question(terms, below(parent, zone), question);
        }
        self.ask(terms, now, parent, sink);
    }

    /// Puts the questions to a parent that may be put now.
    fn ask(&mut self, terms: &Terms, now: Now, parent: DoId, sink: &mut Sink<'_>) {
        let at_once = terms.dialect == Dialect::Astron;
        while let Some(questions) = &mut self.questions
            && (at_once || !questions.is_asked(parent))
            && let Some(question) = questions.first_unasked(parent)
        {
            let id = question.id;
            if question.zones.is_empty() {
                self.end(terms, now, id, sink);
                continue;
            }
            let until = now.plus_ms(terms.interest_ms);
            question.until = Some(until);
            sink(Action::Ask { parent, context: id, zones: Zones(&question.zones), until });
        }
    }

    /// A change waits for the zones of its interest that are not answered for yet.
    pub(super) fn wait(&mut self, terms: &Terms, done: Done, sink: &mut Sink<'_>) {
        let Some(mut questions) = self.questions.take() else { return done.tell(terms, sink) };
        let number = self.next_number();
        let zones = self.zones_of(done.interest);
        let open = zones.filter_map(|zone| self.zones.open_question(terms, zone));
        let waits = questions.wait(number, done, open);
        self.questions = Some(questions);
        if !waits {
            done.tell(terms, sink);
        }
    }

    /// An interest is closed: its changes are done.
    pub(super) fn wait_no_more(&mut self, terms: &Terms, interest: u16, sink: &mut Sink<'_>) {
        if let Some(questions) = &mut self.questions {
            questions.drop_changes(interest, |done| done.tell(terms, sink));
        }
    }

    /// Zones were closed: they are not asked for any more.
    pub(super) fn leave_out(&mut self, terms: &Terms) {
        if let Some(questions) = &mut self.questions {
            questions.leave_out(|id, location| self.zones.question(terms, location) == Some(id));
        }
    }

    /// A question by its context (`astron`).
    fn asked(&mut self, terms: &Terms, context: u32) -> Option<&mut Question> {
        let questions = self.questions.as_mut().filter(|_| terms.dialect == Dialect::Astron);
        questions.and_then(|questions| questions.get(context))
    }

    fn end_if_answered(&mut self, terms: &Terms, now: Now, id: u32, sink: &mut Sink<'_>) {
        let question = self.questions.as_mut().and_then(|questions| questions.get(id));
        if question.is_some_and(|question| question.is_answered()) {
            self.end(terms, now, id, sink);
        }
    }

    /// A question is over.
    fn end(&mut self, terms: &Terms, now: Now, id: u32, sink: &mut Sink<'_>) {
        let Some(questions) = &mut self.questions else { return };
        let Some(question) = questions.remove(id) else { return };
        for &zone in &question.zones {
            self.zones.answered(terms, below(question.parent, zone), id);
        }
        self.locate(terms, now, sink);
        if let Some(questions) = &mut self.questions {
            questions.settle(&question, |done| done.tell(terms, sink));
        }
        self.questions.take_if(|questions| questions.is_empty());
    }

    /// Numbers questions, changes and contexts of this view; never 0.
    pub(super) fn next_number(&mut self) -> u32 {
        self.last_number = self.last_number.checked_add(1).unwrap_or(1);
        self.last_number
    }
}

impl Done {
    /// Tells those who are to hear it.
    pub(super) fn tell(self, terms: &Terms, sink: &mut Sink<'_>) {
        let Done { interest, by, context } = self;
        sink(Action::Tell(ToClient::DoneInterestResp { context, interest }));
        if let (By::Cluster { caller }, Dialect::Astron) = (by, terms.dialect) {
            sink(Action::Done { caller, interest });
        }
    }
}
