//! What a Database says, as simply as it can be written down: objects in a map, nothing pending,
//! nothing on a disk.
//!
//! [`Rules`] says what comes of a request of one object in one state; [`Model`] has all objects and
//! says what comes of any request. Nothing of the role is used but the typed messages.

mod reading;
mod rules;

pub use reading::Unstored;

use crate::objects::datagram::Dg;
use dc::{ClassId, Schema};
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::database::{DatabaseMessage, DatabaseNotice};
use wire::dialect::{BAD_DO_ID, Dialect};
use wire::ids::DoId;
use wire::lists::DoIds;

/// A stored object.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Object {
    /// Its class.
    pub class: u16,
    /// Its values by the number of the field.
    pub fields: BTreeMap<u16, Vec<u8>>,
}

/// What a Database goes by.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The dialect.
    pub dialect: Dialect,
    /// The classes.
    pub schema: Arc<Schema>,
    /// Its channel.
    pub control: u64,
    /// Whether it announces changes.
    pub broadcast: bool,
}

/// What comes of a request for one object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// What the object is then.
    pub next: Option<Object>,
    /// What the one who asked is told.
    pub answer: Option<Dg>,
    /// What is said of the object.
    pub announced: Option<Dg>,
    /// How often it is counted as refused.
    pub refused: u64,
    /// Whether something is to be stored.
    pub stores: bool,
    /// Whether a query concerns the object.
    pub meets: bool,
}

/// What comes of a request.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// What is said, in no order.
    pub said: Vec<Dg>,
    /// How often it is counted as refused.
    pub refused: u64,
}

/// A Database: all of it.
#[derive(Clone, Debug)]
pub struct Model {
    /// What it goes by.
    pub rules: Rules,
    /// The objects that there are.
    pub objects: BTreeMap<u32, Object>,
    /// The ids that are left, ascending.
    pub ids: Vec<u32>,
}

/// The ids that a Database may give, ascending.
pub fn ids_of(dialect: Dialect, control: u64, (min, max): (u32, u32)) -> Vec<u32> {
    let is_taken = |id: u32| {
        let channel = u64::from(id);
        dialect.control_channel().0 == channel || is_control(dialect, control, channel)
    };
    let may = |&id: &u32| id != 0 && !dialect.is_reserved_do_id(DoId(id)) && !is_taken(id);
    (min..=max).filter(may).collect()
}

fn is_control(dialect: Dialect, control: u64, channel: u64) -> bool {
    channel == control || dialect.all_databases().is_some_and(|all| all.0 == channel)
}

impl Model {
    /// One without objects that may give out the ids from `min` to `max`.
    pub fn new(rules: Rules, generate: (u32, u32)) -> Model {
        let ids = ids_of(rules.dialect, rules.control, generate);
        Model { rules, objects: BTreeMap::new(), ids }
    }

    /// What comes of a datagram.
    pub fn hear(&mut self, dg: &Dg) -> Outcome {
        let (dialect, control) = (self.rules.dialect, self.rules.control);
        if !dg.to.iter().any(|&to| is_control(dialect, control, to)) {
            return Outcome::default();
        }
        let message = match DatabaseMessage::decode(dialect, dg.msgtype, &dg.payload) {
            Ok(message) => message,
            Err(_) => {
                let answer = wire::database::refusal(dialect, dg.msgtype, &dg.payload);
                let said = answer.iter().map(|notice| self.rules.answer(dg.sender, notice));
                return Outcome { said: said.collect(), refused: 1 };
            }
        };
        match message {
            DatabaseMessage::Create { context, .. } => self.create(context, dg),
            DatabaseMessage::DeleteQuery { .. }
            | DatabaseMessage::SelectQuery { .. }
            | DatabaseMessage::UpdateQuery { .. } => self.query(&message, dg),
            DatabaseMessage::Delete { do_id, .. }
            | DatabaseMessage::SelectField { do_id, .. }
            | DatabaseMessage::Select { do_id, .. }
            | DatabaseMessage::SelectAll { do_id, .. }
            | DatabaseMessage::UpdateField { do_id, .. }
            | DatabaseMessage::Update { do_id, .. }
            | DatabaseMessage::UpdateFieldIfEquals { do_id, .. }
            | DatabaseMessage::UpdateIfEquals { do_id, .. }
            | DatabaseMessage::UpdateFieldIfEmpty { do_id, .. }
            | DatabaseMessage::DeleteField { do_id, .. }
            | DatabaseMessage::DeleteFields { do_id, .. } => {
                let mut outcome = Outcome::default();
                self.step(do_id.0, dg, &mut outcome);
                outcome
            }
        }
    }

    fn step(&mut self, id: u32, dg: &Dg, outcome: &mut Outcome) -> bool {
        let step = self.rules.ask(id, self.objects.get(&id), dg);
        match step.next {
            Some(object) => self.objects.insert(id, object),
            None => self.objects.remove(&id),
        };
        outcome.said.extend(step.answer.into_iter().chain(step.announced));
        outcome.refused += step.refused;
        step.meets
    }

    fn create(&mut self, context: u32, dg: &Dg) -> Outcome {
        let object = self.rules.conceive(dg);
        let begins = object.is_some() && !self.ids.is_empty();
        let do_id = if begins { DoId(self.ids.remove(0)) } else { BAD_DO_ID };
        self.objects.extend(object.filter(|_| begins).map(|object| (do_id.0, object)));
        let notice = DatabaseNotice::CreateResp { context, do_id };
        let said = vec![self.rules.answer(dg.sender, &notice)];
        Outcome { said, refused: u64::from(!begins) }
    }

    fn query(&mut self, message: &DatabaseMessage<'_>, dg: &Dg) -> Outcome {
        if self.rules.class_of_query(dg).is_none() {
            let failure = message.failure(self.rules.dialect, 0);
            let said = failure.iter().map(|notice| self.rules.answer(dg.sender, notice));
            return Outcome { said: said.collect(), refused: 1 };
        }
        let mut outcome = Outcome::default();
        let ids: Vec<u32> = self.objects.keys().copied().collect();
        let found: Vec<u32> =
            ids.into_iter().filter(|&id| self.step(id, dg, &mut outcome)).collect();
        if let DatabaseMessage::SelectQuery { context, .. } = *message {
            let do_ids: Vec<[u8; 4]> = found.iter().map(|id| id.to_le_bytes()).collect();
            let notice = DatabaseNotice::SelectQueryResp { context, do_ids: DoIds(&do_ids) };
            outcome.said.push(self.rules.answer(dg.sender, &notice));
        }
        outcome
    }

    /// The class of an object.
    pub fn class_of(&self, id: u32) -> Option<ClassId> {
        self.objects.get(&id).map(|object| ClassId(object.class))
    }
}
