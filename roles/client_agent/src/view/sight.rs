//! Objects come into a client's sight and its ownership, move about in it, and go.
//!
//! Seeing and owning are two things: an object that the client owns is shown to it as its owner's,
//! and once more as one of a zone whenever it comes into sight there, as it may have changed unheard.
//! `astron` has two words for what leaves, as one of a zone and as the client's own. `openotp` has
//! one, which is said when an object is neither any more: until then its owner hears where it goes.
//!
//! An owned object of the session is the exception: where it goes does not matter, it stays with the
//! client as it is.

use super::View;
use super::action::{Action, Sink};
use super::objects::Object;
use super::terms::{Key, Terms};
use alloc::vec::Vec;
use runtime::Now;
use wire::client::ToClient;
use wire::dialect::Dialect;
use wire::ids::DoId;
use wire::state_server::{Entry, Location};

impl View {
    /// ENTERZONE on the channel of a location: an object came there.
    pub fn entered(&mut self, terms: &Terms, entry: &Entry<'_>, sink: &mut Sink<'_>) {
        if !(self.granted.is_of_session(entry.do_id) && self.owns(terms.key(entry.do_id))) {
            self.show(terms, entry, sink);
        }
    }

    /// CHANGE_ZONE: an object goes elsewhere.
    pub fn moved(&mut self, terms: &Terms, do_id: DoId, new: Location, sink: &mut Sink<'_>) {
        let key = terms.key(do_id);
        let Some(&object) = self.objects.get(key).filter(|object| object.location != new) else {
            return;
        };
        let is_of_session = self.granted.is_of_session(do_id);
        let is_followed = is_of_session || terms.dialect == Dialect::OpenOtp;
        let is_of_interest = self.place(terms, key, new);
        if object.is_owned() && is_followed || object.is_seen && is_of_interest {
            sink(Action::Tell(ToClient::Location { do_id, location: new }));
            self.doubt(terms, key);
            if !object.is_sure() {
                // It says next what it is like there (ENTERZONE); then it enters anew.
                self.change(key, Object::set_stale);
            }
        }
        if object.is_seen && !is_of_interest && !(object.is_owned() && is_of_session) {
            self.leave(terms, key, sink);
        }
    }

    /// DELETE_RAM: an object is gone.
    pub fn deleted(&mut self, terms: &Terms, do_id: DoId, sink: &mut Sink<'_>) {
        let key = terms.key(do_id);
        if self.granted.remove_session_object(do_id) {
            sink(Action::SessionObjectLost(do_id));
        } else if let Some(object) = self.objects.get(key) {
            if object.is_seen {
                sink(Action::Tell(ToClient::Leaving { do_id }));
            }
            if object.is_owned() {
                leave_owner(terms, object, sink);
            }
        }
        self.forget(terms, key);
    }

    /// ENTER_OWNER: the client owns an object.
    pub fn owner_entered(&mut self, terms: &Terms, entry: &Entry<'_>, sink: &mut Sink<'_>) {
        let key = terms.key(entry.do_id);
        // Where it is it says to its owner, be it in doubt.
        self.located(terms, entry.do_id, entry.location, sink);
        self.moved(terms, entry.do_id, entry.location, sink);
        let known = self.objects.get(key);
        if known.is_some_and(Object::is_owned) {
            return;
        }
        if known.is_none() && !self.add(terms, key, entry, sink) {
            return;
        }
        self.change(key, |object| {
            object.set_owned(true);
            object.set_lost_unsaid(false);
        });
        sink(Action::Tell(ToClient::EnterOwner(*entry)));
    }

    /// CHANGE_OWNER: the client owns it no longer.
    pub fn owner_changed(&mut self, terms: &Terms, do_id: DoId, sink: &mut Sink<'_>) {
        let key = terms.key(do_id);
        let Some(&object) = self.objects.get(key).filter(|object| object.is_owned()) else {
            return;
        };
        self.change(key, |object| object.set_owned(false));
        match self.granted.is_of_session(do_id) {
            true => sink(Action::SessionObjectLost(do_id)),
            false => leave_owner(terms, &object, sink),
        }
        if !object.is_seen {
            self.forget(terms, key);
        } else if !object.is_counted() {
            // It was where the client does not look, and stayed only because it was owned.
            self.leave(terms, key, sink);
        } else {
            let is_unsaid = terms.dialect == Dialect::OpenOtp;
            self.change(key, |object| object.set_lost_unsaid(is_unsaid));
        }
    }

    /// An object is where the client may look.
    pub(super) fn show(&mut self, terms: &Terms, entry: &Entry<'_>, sink: &mut Sink<'_>) {
        if !self.zones.contains(terms, entry.location) {
            return;
        }
        let key = terms.key(entry.do_id);
        let known = self.objects.get(key).copied();
        if known.is_none() && !self.add(terms, key, entry, sink) {
            return;
        }
        self.change(key, |object| object.is_seen = true);
        self.place(terms, key, entry.location);
        self.doubt(terms, key);
        // What stayed with the client out of its sight may have changed.
        if known.is_some_and(|object| object.is_seen && !object.is_sure()) {
            self.take_back(terms, key, sink);
        }
        match known.filter(|object| object.is_seen && object.is_counted() && object.is_sure()) {
            None => {
                sink(Action::Tell(ToClient::Enter(*entry)));
                self.change(key, Object::set_fresh);
            }
            // Its move was not heard.
            Some(object) if object.location != entry.location => {
                let (do_id, location) = (entry.do_id, entry.location);
                sink(Action::Tell(ToClient::Location { do_id, location }));
            }
            Some(_) => (),
        }
    }

    /// An object that was in doubt is about to enter anew, as its values may be old: it leaves, unless
    /// that would mean more.
    fn take_back(&mut self, terms: &Terms, key: Key, sink: &mut Sink<'_>) {
        let is_owners = terms.dialect == Dialect::OpenOtp && self.owns(key);
        if !is_owners && !self.granted.is_of_session(key.do_id) {
            sink(Action::Tell(ToClient::Leaving { do_id: key.do_id }));
            self.change(key, |object| object.set_lost_unsaid(false));
        }
    }

    /// LOCATE_RESP: an object that was in doubt says where it is.
    pub fn located(&mut self, terms: &Terms, do_id: DoId, at: Location, sink: &mut Sink<'_>) {
        let key = terms.key(do_id);
        match self.objects.get(key).filter(|object| object.is_asked()) {
            Some(object) if object.location == at => self.trust(key),
            Some(_) => self.moved(terms, do_id, at, sink),
            None => (),
        }
    }

    /// An object is where it is shown to be.
    pub(super) fn trust(&mut self, key: Key) {
        self.change(key, Object::trust);
    }

    /// An object came to a zone. If that is still being asked for, it may be there no more: unless
    /// it answers, it is asked.
    fn doubt(&mut self, terms: &Terms, key: Key) {
        let Some(object) = self.objects.get_mut(key) else { return };
        let is_doubted = object.is_doubted();
        match (self.zones.open_question(terms, object.location), &mut self.questions) {
            (Some(_), Some(questions)) => {
                object.doubt();
                questions.doubted.extend((!is_doubted).then_some(key.do_id));
            }
            (None, _) | (_, None) => object.trust(),
        }
    }

    /// A question is over: what came to its zones meanwhile and has not answered is asked, by do_id.
    /// What the client owns is not: it hears of every move. But of what is said where it was it may
    /// have missed something.
    pub(super) fn locate(&mut self, terms: &Terms, now: Now, sink: &mut Sink<'_>) {
        let Some(questions) = &mut self.questions else { return };
        let (mut asked, until) = (Vec::new(), now.plus_ms(terms.interest_ms));
        questions.doubted.retain(|&do_id| {
            let object = self.objects.get_mut(terms.key(do_id));
            let Some(object) = object.filter(|object| object.is_doubted()) else { return false };
            if self.zones.open_question(terms, object.location).is_some() {
                return true;
            }
            if object.is_owned() {
                object.trust();
                object.set_stale();
            } else {
                object.ask();
                asked.push(do_id);
            }
            false
        });
        asked.sort_unstable();
        for do_id in asked {
            // Who waits no time waits for ever.
            if until > now {
                questions.located.push_back((until, do_id));
            }
            sink(Action::Locate { do_id, until });
        }
    }

    /// Objects that were asked and have not said until now where they are, are nowhere.
    pub(super) fn give_up(&mut self, terms: &Terms, now: Now, sink: &mut Sink<'_>) {
        let Some(mut questions) = self.questions.take() else { return };
        let is_silent = |view: &View, do_id| {
            let object = view.objects.get(terms.key(do_id));
            object.is_some_and(|object| object.is_asked() && !object.is_owned())
        };
        while let Some(do_id) = questions.silent(now, |do_id| is_silent(self, do_id)) {
            self.leave(terms, terms.key(do_id), sink);
        }
        self.questions = Some(questions);
    }

    /// Zones were closed: what was seen there leaves, by do_id.
    pub(super) fn lose_sight(&mut self, terms: &Terms, sink: &mut Sink<'_>) {
        let mut gone = Vec::new();
        for object in self.objects.iter_mut().filter(|object| object.is_counted()) {
            if !self.zones.contains(terms, object.location) {
                object.set_counted(false);
                let stays = object.is_owned() && self.granted.is_of_session(object.do_id);
                gone.extend((!stays).then_some(object.do_id));
            }
        }
        gone.sort_unstable();
        gone.into_iter().for_each(|do_id| self.leave(terms, terms.key(do_id), sink));
        self.objects.shrink(terms);
    }

    /// A seen object goes out of sight.
    fn leave(&mut self, terms: &Terms, key: Key, sink: &mut Sink<'_>) {
        let do_id = key.do_id;
        let is_owned = self.owns(key);
        match (is_owned, terms.dialect) {
            (false, _) if self.granted.is_of_session(do_id) => {
                sink(Action::SessionObjectLost(do_id));
            }
            (true, Dialect::OpenOtp) => (), // it has not left its owner
            (false, _) | (true, Dialect::Astron) => {
                sink(Action::Tell(ToClient::Leaving { do_id }));
            }
        }
        if is_owned {
            self.change(key, |object| object.is_seen = false);
        } else {
            self.forget(terms, key);
        }
    }

    /// Adds an object that is neither seen nor owned yet, unless there are too many.
    fn add(&mut self, terms: &Terms, key: Key, entry: &Entry<'_>, sink: &mut Sink<'_>) -> bool {
        let has_room = self.objects.len() < terms.limits.objects_max;
        if has_room {
            self.objects.insert(terms, key, Object::new(key.do_id, entry.location, entry.dclass));
        } else {
            sink(Action::NotShown(key.do_id));
        }
        has_room
    }

    /// An object is at a location now: a zone of interest counts it if it is seen. Whether it is
    /// one.
    fn place(&mut self, terms: &Terms, key: Key, location: Location) -> bool {
        let Some(object) = self.objects.get_mut(key) else { return false };
        if object.is_counted() {
            self.zones.discount(terms, object.location);
        }
        object.location = location;
        object.set_counted(object.is_seen && self.zones.count(terms, location));
        object.is_counted()
    }

    fn change(&mut self, key: Key, change: impl FnOnce(&mut Object)) {
        if let Some(object) = self.objects.get_mut(key) {
            change(object);
        }
    }

    /// The client neither sees nor owns an object any more, if it did.
    fn forget(&mut self, terms: &Terms, key: Key) {
        let Some(object) = self.objects.remove(key) else { return };
        if object.is_counted() {
            self.zones.discount(terms, object.location);
        }
        self.past.add(key.do_id);
    }
}

/// The client owns an object no longer. In `openotp` it is not told so while it sees it.
fn leave_owner(terms: &Terms, object: &Object, sink: &mut Sink<'_>) {
    let do_id = object.do_id;
    match terms.dialect {
        Dialect::Astron => sink(Action::Tell(ToClient::LeavingOwner { do_id })),
        Dialect::OpenOtp if object.is_seen => (),
        Dialect::OpenOtp => sink(Action::Tell(ToClient::Leaving { do_id })),
    }
}
