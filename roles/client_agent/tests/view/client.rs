//! What a client must be told, and what must be asked for it: plain maps that check each action.

use crate::cluster::{self, Cluster, Message};
use client_agent::view::{Action, By};
use runtime::Now;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use wire::client::ToClient;
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId, Zone};
use wire::state_server::Location;

/// A change of an interest that the client has not been told to be done.
struct Change {
    number: u64,
    interest: u16,
    by: By,
    context: Option<u32>,
}

/// What a parent was asked.
struct Question {
    parent: DoId,
    zones: BTreeSet<Location>,
    /// Those that have not been opened anew since.
    about: BTreeSet<Location>,
    until: Now,
    is_open: bool,
    answers: u32,
    answers_expected: Option<u32>,
}

pub struct Client {
    dialect: Dialect,
    pub time: Now,
    interests: BTreeMap<u16, Vec<Location>>,
    pub listened: BTreeSet<Location>,
    seen: BTreeMap<DoId, Location>,
    pub owned: BTreeSet<DoId>,
    session: BTreeSet<DoId>,
    /// Owned objects of the session that entered a zone and were not shown there.
    hidden: BTreeSet<DoId>,
    /// Those that stayed when they went out of sight: they may enter once more, as they may have
    /// changed unheard.
    away: BTreeSet<DoId>,
    /// Those that came to a zone that was asked for: they may, too, there or wherever they go, and
    /// leave before unless they cannot.
    doubted: BTreeSet<DoId>,
    changes: Vec<Change>,
    /// The last change of each interest.
    newest: BTreeMap<u16, u64>,
    changed: u64,
    /// Whom the cluster is to tell that an interest is done.
    owed: VecDeque<(Channel, u16)>,
    questions: BTreeMap<u32, Question>,
    /// Zones that were asked for since they were opened, and answered for.
    answered: BTreeSet<Location>,
    /// How often an object entered.
    pub entered: u32,
    pub is_ended: bool,
}

const CALLER: Channel = Channel(777);

impl Client {
    pub fn new(dialect: Dialect) -> Client {
        Client {
            dialect,
            time: Now(1),
            interests: BTreeMap::new(),
            listened: BTreeSet::new(),
            seen: BTreeMap::new(),
            owned: BTreeSet::new(),
            session: BTreeSet::new(),
            hidden: BTreeSet::new(),
            away: BTreeSet::new(),
            doubted: BTreeSet::new(),
            changes: Vec::new(),
            newest: BTreeMap::new(),
            changed: 0,
            owed: VecDeque::new(),
            questions: BTreeMap::new(),
            answered: BTreeSet::new(),
            entered: 0,
            is_ended: false,
        }
    }

    /// Whether it has been told of an object, and not that it left.
    pub fn knows(&self, do_id: DoId) -> bool {
        self.seen.contains_key(&do_id) || self.owned.contains(&do_id)
    }

    fn is_of_interest(&self, location: Location) -> bool {
        self.interests.values().any(|zones| zones.contains(&location))
    }

    /// An interest is about to be opened or altered.
    pub fn add(&mut self, interest: u16, by_client: bool, parent: DoId, zones: &[u32]) -> By {
        let zones = zones.iter().map(|&zone| Location { parent, zone: Zone(zone) });
        self.interests.insert(interest, zones.collect());
        self.lose_sight();
        self.change(interest, by_client)
    }

    /// An interest was opened or altered: it is heard where it looks, and nowhere else.
    pub fn added(&self) {
        let wanted: BTreeSet<Location> = self.interests.values().flatten().copied().collect();
        assert_eq!(self.listened, wanted, "who looks somewhere listens there");
    }

    /// An interest is about to be closed.
    pub fn remove(&mut self, interest: u16, by_client: bool) -> (By, bool) {
        match self.interests.remove(&interest) {
            Some(_) => {
                self.lose_sight();
                (self.change(interest, by_client), true)
            }
            None => (By::Client { context: 0 }, false),
        }
    }

    /// An interest was closed, if there was one.
    pub fn removed(&self, interest: u16) {
        assert!(self.changes.iter().all(|change| change.interest != interest), "all is done");
        self.added();
        for (do_id, location) in &self.seen {
            let stays = self.is_of_interest(*location) || self.away.contains(do_id);
            assert!(stays || self.is_ended, "{do_id} has not left with its zone");
        }
    }

    /// What it owns leaves its sight without a word in `openotp`. What is of the session, too, does so
    /// in both dialects, and stays.
    fn lose_sight(&mut self) {
        let seen = std::mem::take(&mut self.seen);
        for (do_id, location) in seen {
            let is_away = !self.is_of_interest(location) && self.owned.contains(&do_id);
            let stays = self.session.contains(&do_id);
            if is_away && stays {
                self.away.insert(do_id);
            }
            if !is_away || stays || self.dialect == Dialect::Astron {
                self.seen.insert(do_id, location);
            }
        }
    }

    fn change(&mut self, interest: u16, by_client: bool) -> By {
        self.changed += 1;
        let (by, context) = match (by_client, self.dialect) {
            (true, _) => {
                let context = 1_000_000 + self.changed as u32;
                (By::Client { context }, Some(context))
            }
            (false, Dialect::OpenOtp) => (By::Cluster { caller: CALLER }, Some(0)),
            // It is told with a context that is not known yet.
            (false, Dialect::Astron) => (By::Cluster { caller: CALLER }, None),
        };
        self.changes.push(Change { number: self.changed, interest, by, context });
        self.newest.insert(interest, self.changed);
        by
    }

    pub fn session(&mut self, do_id: DoId, is_one: bool) {
        if is_one {
            self.session.insert(do_id);
        } else {
            self.session.remove(&do_id);
        }
    }

    /// A message is about to reach the view.
    pub fn expect(&mut self, message: &Message) {
        match *message {
            Message::Entered { do_id, location, answers } => {
                let is_quiet = self.session.contains(&do_id) && self.owned.contains(&do_id);
                if is_quiet && answers.is_none() && self.is_of_interest(location) {
                    self.hidden.insert(do_id);
                }
                if let Some(question) = answers.and_then(|id| self.questions.get_mut(&id)) {
                    question.answers += 1;
                }
            }
            Message::Counted { question, count } => {
                if let Some(question) = self.questions.get_mut(&question) {
                    question.answers_expected = Some(count);
                }
            }
            Message::Done { parent, ref zones } => {
                let zones = zones.iter().map(|zone| Zone(u32::from_le_bytes(*zone)));
                let zones: BTreeSet<Location> =
                    zones.map(|zone| Location { parent, zone }).collect();
                let asked = self.questions.values_mut();
                let asked = asked.filter(|asked| asked.is_open && asked.zones == zones);
                asked.for_each(|asked| asked.answers_expected = Some(0));
            }
            Message::Moved { .. }
            | Message::Deleted { .. }
            | Message::Owned { .. }
            | Message::Disowned { .. }
            | Message::Located { .. } => (),
        }
        self.end_questions(|_, question| {
            question.answers_expected.is_some_and(|expected| question.answers >= expected)
        });
    }

    fn end_questions(&mut self, is_over: impl Fn(u32, &Question) -> bool) {
        let open = self.questions.iter_mut().filter(|(_, question)| question.is_open);
        for (_, question) in open.filter(|(id, question)| is_over(**id, question)) {
            question.is_open = false;
            self.answered.append(&mut question.about);
        }
    }

    /// A message has reached the view.
    pub fn arrived(&mut self, message: &Message) {
        match *message {
            Message::Deleted { do_id } => {
                if self.dialect == Dialect::OpenOtp {
                    self.owned.remove(&do_id);
                }
                assert!(!self.knows(do_id) || self.is_ended, "{do_id} is gone");
                self.session.remove(&do_id);
                self.hidden.remove(&do_id);
            }
            Message::Disowned { do_id } => {
                if self.dialect == Dialect::OpenOtp {
                    self.owned.remove(&do_id);
                }
            }
            Message::Moved { do_id, .. } => drop(self.hidden.remove(&do_id)),
            Message::Entered { .. }
            | Message::Owned { .. }
            | Message::Located { .. }
            | Message::Counted { .. }
            | Message::Done { .. } => (),
        }
    }

    /// Checks what the view wants done.
    pub fn hear(&mut self, action: Action<'_>) {
        match action {
            Action::Listen(location) => {
                assert!(self.is_of_interest(location), "{location:?} is of interest");
                assert!(self.listened.insert(location), "{location:?} is listened to once");
                self.answered.remove(&location);
                self.questions.values_mut().for_each(|one| one.about.retain(|&at| at != location));
            }
            Action::Leave(location) => {
                assert!(self.listened.remove(&location), "{location:?} is listened to");
            }
            Action::Ask { parent, context, zones, until } => {
                let zones: Vec<Location> =
                    zones.iter().map(|zone| Location { parent, zone }).collect();
                self.ask(parent, context, zones, until);
            }
            Action::Locate { do_id, until } => {
                assert!(self.seen.contains_key(&do_id) && until > self.time, "{do_id} is seen");
            }
            Action::Tell(message) => self.told(message),
            Action::Done { caller, interest } => {
                assert_eq!(self.owed.pop_front(), Some((caller, interest)), "the caller waits");
            }
            Action::SessionObjectLost(do_id) => {
                assert!(self.session.contains(&do_id), "{do_id} is of the session");
                self.is_ended = true;
            }
            Action::NotShown(do_id) => panic!("{do_id} is not shown, and there are few"),
            Action::TimedOut { parent } => {
                let mut questions = self.questions.iter();
                let late = questions
                    .find(|(_, one)| one.is_open && one.parent == parent && one.until <= self.time);
                let (&late, _) = late.expect("a parent that is late was asked");
                self.end_questions(|id, _| id == late);
            }
        }
    }

    fn ask(&mut self, parent: DoId, context: u32, zones: Vec<Location>, until: Now) {
        let count = zones.len();
        let zones: BTreeSet<Location> = zones.into_iter().collect();
        assert!(count > 0 && zones.len() == count, "each zone once");
        assert!(zones.is_subset(&self.listened), "who asks listens already");
        let mut others = self.questions.values().filter(|one| one.is_open && one.parent == parent);
        assert!(self.dialect == Dialect::Astron || others.next().is_none(), "one at a time");
        let (about, is_open) = (zones.clone(), true);
        let question =
            Question { parent, zones, about, until, is_open, answers: 0, answers_expected: None };
        assert!(self.questions.insert(context, question).is_none(), "a context is used once");
    }

    fn told(&mut self, message: ToClient<'_>) {
        let openotp = self.dialect == Dialect::OpenOtp;
        match message {
            ToClient::Enter(entry) => {
                assert!(self.is_of_interest(entry.location), "{entry:?} is of interest");
                let before = self.seen.insert(entry.do_id, entry.location);
                let is_back = self.away.remove(&entry.do_id);
                let was_doubted = self.doubted.remove(&entry.do_id);
                // It cannot leave, so it enters without.
                let stays = self.session.contains(&entry.do_id)
                    || openotp && self.owned.contains(&entry.do_id);
                let may_enter = before.is_none() || is_back || was_doubted && stays;
                assert!(may_enter, "{entry:?} enters once");
                self.doubt(entry.do_id, entry.location);
                self.hidden.remove(&entry.do_id);
                self.entered += 1;
            }
            ToClient::Leaving { do_id } => {
                // `openotp` has no other word: it is neither seen nor owned any more.
                let was_owned = openotp && self.owned.remove(&do_id);
                let was_seen = self.seen.remove(&do_id).is_some();
                assert!(was_seen || was_owned, "{do_id} was seen");
                self.away.remove(&do_id);
                self.doubted.remove(&do_id);
            }
            ToClient::LeavingOwner { do_id } => {
                assert!(!openotp && self.owned.remove(&do_id), "{do_id} was owned");
            }
            ToClient::EnterOwner(entry) => {
                assert!(self.owned.insert(entry.do_id), "{entry:?} is owned once");
            }
            ToClient::Location { do_id, location } => {
                assert!(self.knows(do_id), "{do_id} is known");
                if let Some(before) = self.seen.get_mut(&do_id) {
                    *before = location;
                }
                self.away.remove(&do_id);
                self.lose_sight();
                self.doubt(do_id, location);
            }
            ToClient::AddInterest { context, interest, .. }
            | ToClient::RemoveInterest { context, interest } => {
                assert!(!openotp, "the dialect has that");
                let change = self.changes.last_mut().unwrap();
                assert_eq!((change.interest, change.context), (interest, None));
                change.context = Some(context);
            }
            ToClient::DoneInterestResp { context, interest } => self.done(context, interest),
            ToClient::HelloResp
            | ToClient::Eject { .. }
            | ToClient::UpdateField { .. }
            | ToClient::UpdateFieldMultiple { .. } => panic!("a view does not say {message:?}"),
        }
    }

    fn doubt(&mut self, do_id: DoId, at: Location) {
        if !self.answered.contains(&at) {
            self.doubted.insert(do_id);
        }
    }

    fn done(&mut self, context: u32, interest: u16) {
        let is_it = |one: &Change| (one.interest, one.context) == (interest, Some(context));
        let at = self.changes.iter().position(is_it).expect("it is done once, and was wanted");
        let change = self.changes.remove(at);
        if self.newest[&interest] == change.number {
            for zone in self.interests.get(&interest).into_iter().flatten() {
                let is_done = self.answered.contains(zone) || !self.listened.contains(zone);
                assert!(is_done, "{zone:?} of interest {interest} has not been answered for");
            }
        }
        if let (By::Cluster { caller }, Dialect::Astron) = (change.by, self.dialect) {
            self.owed.push_back((caller, interest));
        }
    }

    /// Nothing is under way any more.
    pub fn check_settled(&self, cluster: &Cluster) {
        if self.is_ended {
            return;
        }
        assert!(self.changes.is_empty() && self.owed.is_empty(), "all is done");
        self.added();
        for do_id in (0..crate::OBJECTS).map(cluster::object) {
            let Some((location, is_owned)) = cluster.object(do_id) else {
                assert!(!self.knows(do_id), "{do_id} is gone");
                continue;
            };
            assert_eq!(self.owned.contains(&do_id), is_owned, "{do_id}");
            let is_of_interest = self.is_of_interest(location);
            if let Some(shown) = self.seen.get(&do_id) {
                assert!(is_of_interest || is_owned, "{do_id} is out of sight");
                assert_eq!(*shown, location, "{do_id} is where it is shown");
            } else if is_of_interest {
                let is_hidden = self.hidden.contains(&do_id);
                let was_ignored = cluster.ignored.contains(&location);
                assert!(is_hidden || was_ignored, "{do_id} at {location:?} is in sight");
            }
        }
    }
}
