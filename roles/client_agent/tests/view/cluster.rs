//! The cluster as a view meets it: objects that say where they go, and parents that answer. What
//! one sender sends arrives in its order; what a parent says arrives after what it had heard of its
//! children, the end of answers after the answers; what the view does is taken note of in its order,
//! but later. Everything else may be in any order.

use client_agent::view::{Action, Sink, Terms, View};
use runtime::Now;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use wire::client::Zones;
use wire::dialect::Dialect;
use wire::ids::{ClassId, DoId, Zone};
use wire::state_server::{Entry, Location};

pub fn parent(at: u32) -> DoId {
    DoId(100_000 + at)
}

pub fn object(at: u32) -> DoId {
    DoId(200_000 + at)
}

fn locations(parent: DoId, zones: &[[u8; 4]]) -> impl Iterator<Item = Location> {
    zones.iter().map(move |zone| Location { parent, zone: Zone(u32::from_le_bytes(*zone)) })
}

/// What arrives at the view.
#[derive(Clone, Debug)]
pub enum Message {
    /// An object is at a location; in answer to a question, if it is one.
    Entered {
        do_id: DoId,
        location: Location,
        answers: Option<u32>,
    },
    Moved {
        do_id: DoId,
        new: Location,
    },
    Deleted {
        do_id: DoId,
    },
    Owned {
        do_id: DoId,
        location: Location,
    },
    Disowned {
        do_id: DoId,
    },
    Located {
        do_id: DoId,
        location: Location,
    },
    Counted {
        question: u32,
        count: u32,
    },
    Done {
        parent: DoId,
        zones: Vec<[u8; 4]>,
    },
}

impl Message {
    pub fn give(&self, view: &mut View, terms: &Terms, now: Now, sink: &mut Sink<'_>) {
        let entry = |do_id, location| Entry {
            do_id,
            location,
            dclass: ClassId(0),
            has_other: false,
            fields: &[],
        };
        match *self {
            Message::Entered { do_id, location, answers: Some(context) } => {
                view.answered(terms, now, context, &entry(do_id, location), sink);
            }
            Message::Entered { do_id, location, answers: None } => {
                view.entered(terms, &entry(do_id, location), sink);
            }
            Message::Moved { do_id, new } => view.moved(terms, do_id, new, sink),
            Message::Deleted { do_id } => view.deleted(terms, do_id, sink),
            Message::Owned { do_id, location } => {
                view.owner_entered(terms, &entry(do_id, location), sink);
            }
            Message::Disowned { do_id } => view.owner_changed(terms, do_id, sink),
            Message::Located { do_id, location } => view.located(terms, do_id, location, sink),
            Message::Counted { question, count } => view.counted(terms, now, question, count, sink),
            Message::Done { parent, ref zones } => {
                view.zones_done(terms, now, parent, Zones(zones), sink);
            }
        }
    }
}

/// What the view did and the cluster has not taken note of yet.
enum Act {
    Listen(Location),
    Leave(Location),
    Locate(DoId),
    Ask { question: u32, parent: DoId, zones: Vec<[u8; 4]> },
}

struct Object {
    location: Location,
    is_owned: bool,
}

/// Objects, and what is under way between them and the view.
pub struct Cluster {
    dialect: Dialect,
    objects: BTreeMap<DoId, Object>,
    listened: BTreeSet<Location>,
    acts: VecDeque<Act>,
    ignores_next: bool,
    /// By sender, each in order; a message comes after those with these numbers.
    under_way: BTreeMap<DoId, VecDeque<(u64, Vec<u64>, Message)>>,
    waiting: BTreeSet<u64>,
    sent: u64,
    /// Zones whose last question was not answered.
    pub ignored: BTreeSet<Location>,
}

impl Cluster {
    pub fn new(dialect: Dialect) -> Cluster {
        Cluster {
            dialect,
            objects: BTreeMap::new(),
            listened: BTreeSet::new(),
            acts: VecDeque::new(),
            ignores_next: false,
            under_way: BTreeMap::new(),
            waiting: BTreeSet::new(),
            sent: 0,
            ignored: BTreeSet::new(),
        }
    }

    /// Where an object is, and whether the client owns it.
    pub fn object(&self, do_id: DoId) -> Option<(Location, bool)> {
        self.objects.get(&do_id).map(|object| (object.location, object.is_owned))
    }

    /// The view did something.
    pub fn note(&mut self, action: Action<'_>) {
        let act = match action {
            Action::Listen(location) => Act::Listen(location),
            Action::Leave(location) => Act::Leave(location),
            Action::Locate { do_id, until: _ } => Act::Locate(do_id),
            Action::Ask { parent, context, zones, until: _ } => {
                self.lose_answers(parent);
                Act::Ask { question: context, parent, zones: zones.0.to_vec() }
            }
            Action::Tell(_)
            | Action::Done { .. }
            | Action::SessionObjectLost(_)
            | Action::NotShown(_)
            | Action::TimedOut { .. } => return,
        };
        self.acts.push_back(act);
    }

    /// `openotp` does not say which question is answered. Who is asked again, because it did not
    /// answer in time, does not answer what it was asked before.
    fn lose_answers(&mut self, asked: DoId) {
        if self.dialect == Dialect::Astron {
            return;
        }
        let mut lost = BTreeSet::new();
        self.acts.retain(|act| match act {
            Act::Ask { parent, zones, .. } if *parent == asked => {
                lost.extend(locations(asked, zones));
                false
            }
            Act::Ask { .. } | Act::Listen(_) | Act::Leave(_) | Act::Locate(_) => true,
        });
        self.lose(|message| match message {
            Message::Entered { location, answers: Some(_), .. } if location.parent == asked => {
                lost.insert(*location);
                true
            }
            Message::Done { parent, .. } => *parent == asked,
            _ => false,
        });
        self.ignored.append(&mut lost);
    }

    fn lose(&mut self, mut is_lost: impl FnMut(&Message) -> bool) {
        for queue in self.under_way.values_mut() {
            queue.retain(|(number, _, message)| {
                let is_lost = is_lost(message);
                if is_lost {
                    self.waiting.remove(number);
                }
                !is_lost
            });
        }
    }

    /// The cluster takes note of the next thing that the view did.
    pub fn act(&mut self) {
        match self.acts.pop_front() {
            Some(Act::Listen(location)) => self.listened.extend([location]),
            Some(Act::Leave(location)) => self.listened.retain(|other| *other != location),
            Some(Act::Locate(do_id)) => {
                if let Some((location, _)) = self.object(do_id) {
                    self.send(do_id, Vec::new(), Message::Located { do_id, location });
                }
            }
            Some(Act::Ask { question, parent, zones }) => self.answer(question, parent, zones),
            None => (),
        }
    }

    pub fn act_all(&mut self) {
        while !self.acts.is_empty() {
            self.act();
        }
    }

    pub fn ignore_next(&mut self) {
        self.ignores_next = true;
    }

    fn answer(&mut self, question: u32, parent: DoId, zones: Vec<[u8; 4]>) {
        let asked: BTreeSet<Location> = locations(parent, &zones).collect();
        if std::mem::take(&mut self.ignores_next) {
            return self.ignored.extend(asked);
        }
        self.ignored.retain(|location| !asked.contains(location));
        let found = self.objects.iter().filter(|(_, object)| asked.contains(&object.location));
        let found: Vec<(DoId, Location)> =
            found.map(|(&id, object)| (id, object.location)).collect();
        let count = found.len() as u32;
        // What objects said before reached the parent, too.
        let mut before: Vec<u64> = self.waiting.iter().copied().collect();
        if self.dialect == Dialect::Astron {
            self.send(parent, before.clone(), Message::Counted { question, count });
        }
        for (do_id, location) in found {
            let answer = Message::Entered { do_id, location, answers: Some(question) };
            before.push(self.send(do_id, Vec::new(), answer));
        }
        if self.dialect == Dialect::OpenOtp {
            self.send(parent, before, Message::Done { parent, zones });
        }
    }

    /// An object comes to be at a location, or moves there.
    pub fn put(&mut self, do_id: DoId, new: Location) {
        let object = Object { location: new, is_owned: false };
        match self.objects.get_mut(&do_id) {
            None => drop(self.objects.insert(do_id, object)),
            Some(object) if object.location == new => return,
            Some(object) => {
                let old = std::mem::replace(&mut object.location, new);
                if object.is_owned || self.listened.contains(&old) {
                    self.send(do_id, Vec::new(), Message::Moved { do_id, new });
                }
            }
        }
        if self.listened.contains(&new) {
            let entered = Message::Entered { do_id, location: new, answers: None };
            self.send(do_id, Vec::new(), entered);
        }
    }

    pub fn delete(&mut self, do_id: DoId) {
        let Some(object) = self.objects.remove(&do_id) else { return };
        if object.is_owned || self.listened.contains(&object.location) {
            self.send(do_id, Vec::new(), Message::Deleted { do_id });
        }
    }

    /// The client owns an object from now on, or somebody else does.
    pub fn own(&mut self, do_id: DoId, by_client: bool) {
        let Some(object) = self.objects.get_mut(&do_id) else { return };
        let location = object.location;
        let was_owned = std::mem::replace(&mut object.is_owned, by_client);
        match (was_owned, by_client) {
            (false, true) => drop(self.send(do_id, Vec::new(), Message::Owned { do_id, location })),
            (true, false) => drop(self.send(do_id, Vec::new(), Message::Disowned { do_id })),
            (false, false) | (true, true) => (),
        }
    }

    fn send(&mut self, sender: DoId, after: Vec<u64>, message: Message) -> u64 {
        self.sent += 1;
        self.waiting.insert(self.sent);
        self.under_way.entry(sender).or_default().push_back((self.sent, after, message));
        self.sent
    }

    pub fn is_busy(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The first message of some sender of those that may arrive.
    pub fn arrival(&mut self, sender: u8) -> Option<Message> {
        let waiting = &self.waiting;
        let may_arrive = |queue: &VecDeque<(u64, Vec<u64>, Message)>| {
            let after = queue.front().map(|(_, after, _)| after);
            after.is_some_and(|after| after.iter().all(|number| !waiting.contains(number)))
        };
        let senders = self.under_way.iter().filter(|(_, queue)| may_arrive(queue));
        let senders: Vec<DoId> = senders.map(|(&sender, _)| sender).collect();
        let sender = senders.get(sender as usize % senders.len().max(1))?;
        let (number, _, message) = self.under_way.get_mut(sender)?.pop_front()?;
        self.waiting.remove(&number);
        Some(message)
    }

    /// The first message of a sender who says something by itself.
    pub fn news(&mut self) -> Option<Message> {
        let is_news = |message: &Message| match message {
            Message::Entered { answers, .. } => answers.is_none(),
            Message::Moved { .. }
            | Message::Deleted { .. }
            | Message::Owned { .. }
            | Message::Disowned { .. }
            | Message::Located { .. } => true,
            Message::Counted { .. } | Message::Done { .. } => false,
        };
        let mut queues = self.under_way.values_mut();
        let queue = queues.find(|queue| queue.iter().any(|(_, _, message)| is_news(message)))?;
        let (number, _, message) = queue.pop_front()?;
        self.waiting.remove(&number);
        Some(message)
    }
}
