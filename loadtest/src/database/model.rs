//! What every object must be, as far as the tester knows, and what is being done to it. Nothing is
//! done to an object twice at a time, so that what a read must answer is one value.

use crate::chance::Chance;
use std::collections::HashMap;
use wire::ids::{Channel, DoId};

/// What is asked of the Database for one object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Operation {
    Create,
    Update,
    /// `is_true`: the old value that is given is the present one.
    Compare {
        is_true: bool,
    },
    Select,
    SelectAll,
    /// `is_there`: it is looked for by its present value, and not by one that none has.
    Query {
        is_there: bool,
    },
    Delete,
}

/// An operation that goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doing {
    pub(crate) operation: Operation,
    pub(crate) began_ns: u64,
    /// Its answer has not come.
    pub(crate) awaits_answer: bool,
    /// Its announcement has not come.
    pub(crate) awaits_notice: bool,
}

impl Doing {
    /// Whether the object has a new value when it is done.
    pub(crate) fn changes_value(&self) -> bool {
        match self.operation {
            Operation::Update | Operation::Compare { is_true: true } => true,
            Operation::Create
            | Operation::Compare { is_true: false }
            | Operation::Select
            | Operation::SelectAll
            | Operation::Query { .. }
            | Operation::Delete => false,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Object {
    /// None: not created, or deleted.
    pub(crate) do_id: Option<DoId>,
    /// The number of its present value.
    pub(crate) value: u32,
    pub(crate) doing: Option<Doing>,
}

pub(crate) struct Model {
    pub(crate) objects: Vec<Object>,
    by_id: HashMap<DoId, u32>,
    chance: Chance,
    /// The mark of this run.
    pub(crate) run: u32,
}

impl Model {
    pub(crate) fn new(objects: u32, seed: u64, run: u32) -> Model {
        let objects = vec![Object::default(); objects as usize];
        Model { objects, by_id: HashMap::new(), chance: Chance::new(seed), run }
    }

    pub(crate) fn object(&self, object: u32) -> &Object {
        &self.objects[object as usize]
    }

    pub(crate) fn object_mut(&mut self, object: u32) -> &mut Object {
        &mut self.objects[object as usize]
    }

    /// The object of this id.
    pub(crate) fn by_id(&self, do_id: DoId) -> Option<u32> {
        self.by_id.get(&do_id).copied()
    }

    /// It has been created with this id. False: another one has it, or had it.
    pub(crate) fn created(&mut self, object: u32, do_id: DoId) -> bool {
        let is_new = self.by_id.insert(do_id, object).is_none();
        self.object_mut(object).do_id = Some(do_id);
        is_new
    }

    /// The lowest and the highest id.
    pub(crate) fn ids(&self) -> Option<(DoId, DoId)> {
        let ids = self.objects.iter().filter_map(|object| object.do_id);
        Some((ids.clone().min()?, ids.max()?))
    }

    /// A random object that nothing is being done to. There is one: the plan has more objects than
    /// clients.
    pub(crate) fn pick(&mut self) -> u32 {
        let count = self.objects.len() as u32;
        let mut object = self.chance.below(count);
        while self.object(object).doing.is_some() {
            object = (object + 1) % count;
        }
        object
    }

    /// True in `share` of all cases.
    pub(crate) fn is_among(&mut self, share: f64) -> bool {
        self.chance.is_among(share)
    }

    /// The channel of a connection: a location where no object is, hence nobody else's.
    pub(crate) fn channel(&self, connection: u32) -> Channel {
        const NOWHERE: u64 = 0xf000_0000;
        Channel((NOWHERE | u64::from(self.run)) << 32 | u64::from(connection))
    }
}
