//! Objects that meet comparisons: found, or changed, one after the other.

use crate::Database;
use crate::classes::FieldPlan;
use crate::gather::FOUND_MAX;
use crate::pending::{Held, Otherwise};
use crate::refusal::{Refusal, Request};
use crate::told::{QueryId, Told};
use crate::values::{Comparison, Value, Values};
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use runtime::{Outbox, place};
use store::{ClassKey, FieldKey, Found, Object, Place, Ticket};
use wire::ids::{Channel, DoId};
use wire::lists::DoIds;

/// Why an object is not changed now.
pub enum Later {
    /// It is away.
    Away(Place),
    /// What is seen of it may still come to nothing: this write is waited for.
    Unsettled(Ticket),
    /// There is no room for one more write.
    NoRoom,
}

/// Which objects are meant.
pub struct Matching {
    /// Those of this class.
    pub class: ClassKey,
    comparisons: Vec<(FieldKey, bool, Box<[u8]>)>,
}

/// Values that objects get, each of another field, ascending.
pub struct NewValues(Vec<(FieldPlan, FieldKey, Box<[u8]>)>);

/// A search for objects.
pub struct Selection {
    query: QueryId,
    /// Which are meant.
    pub matching: Matching,
    found: BTreeSet<DoId>,
    /// There are more than can be named.
    more: bool,
    /// The newest write that it lets one see, when it has been everywhere.
    pub rests_on: Option<Ticket>,
}

/// A change of objects.
pub struct Change {
    /// Which are meant.
    pub matching: Matching,
    /// What they get; `None`: they are deleted.
    pub values: Option<NewValues>,
    /// Who asked for it, and how.
    pub request: Request,
}

impl Matching {
    /// Those of a class that meet all of these.
    pub fn new(class: ClassKey, comparisons: &[Comparison<'_>]) -> Matching {
        let kept = |one: &Comparison<'_>| (one.key, one.equal, one.value.into());
        Matching { class, comparisons: comparisons.iter().map(kept).collect() }
    }

    /// The values that fields must have.
    pub fn equal(&self) -> impl Iterator<Item = (FieldKey, &[u8])> {
        let equal = self.comparisons.iter().filter(|(_, equal, _)| *equal);
        equal.map(|(key, _, value)| (*key, &**value))
    }

    /// A field without a value is not equal to anything.
    fn meets(&self, object: &Object<'_>) -> bool {
        let holds = |(key, equal, value): &(FieldKey, bool, Box<[u8]>)| {
            (object.field(*key) == Some(&**value)) == *equal
        };
        object.class() == self.class && self.comparisons.iter().all(holds)
    }
}

impl NewValues {
    /// Keeps them.
    pub fn new(values: &Values<'_>) -> NewValues {
        let kept = values.iter().map(|value| (value.field, value.key, value.bytes.into()));
        NewValues(kept.collect())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn get(&self) -> Values<'_> {
        let value = |kept| {
            let (field, key, bytes): &(FieldPlan, FieldKey, Box<[u8]>) = kept;
            Value { field: *field, key: *key, bytes }
        };
        self.0.iter().map(value).collect()
    }
}

impl Selection {
    /// One that begins.
    pub fn new(query: QueryId, matching: Matching) -> Selection {
        Selection { query, matching, found: BTreeSet::new(), more: false, rests_on: None }
    }

    /// Begins again.
    pub fn restart(&mut self) {
        self.found.clear();
        (self.more, self.rests_on) = (false, None);
    }

    /// Whether no more can be named.
    pub fn is_full(&mut self) -> bool {
        let is_full = self.found.len() > FOUND_MAX;
        if is_full {
            self.found.pop_last();
            self.more = true;
        }
        is_full
    }
}

impl Database {
    /// A search looks at an object, unless that is away.
    pub(crate) fn select_one(
        &mut self,
        selection: &mut Selection,
        do_id: DoId,
        out: &mut Outbox,
    ) -> Result<(), Place> {
        let meets = match self.part.find(do_id) {
            Found::Here(object) => selection.matching.meets(&object),
            Found::Absent => false,
            Found::Damaged(at) => {
                note_damage(do_id, at, out);
                false
            }
            Found::Away(at) => return Err(at),
        };
        if meets {
            selection.found.insert(do_id);
        } else {
            selection.found.remove(&do_id);
        }
        if let Some(rests_on) = &mut selection.rests_on {
            *rests_on = self.part.exposed(do_id).map_or(*rests_on, |seen| seen.max(*rests_on));
        }
        Ok(())
    }

    /// A change gets to an object, unless that has to be later.
    ///
    /// A write that rests on one that is not carried out is not carried out either; a deletion is.
    /// So nothing is deleted for a value that may come to nothing.
    pub(crate) fn change_one(
        &mut self,
        change: &Change,
        do_id: DoId,
        out: &mut Outbox,
    ) -> Result<(), Later> {
        let object = match self.part.find(do_id) {
            Found::Here(object) if change.matching.meets(&object) => object,
            Found::Here(_) | Found::Absent => return Ok(()),
            Found::Damaged(at) => {
                note_damage(do_id, at, out);
                return Ok(());
            }
            Found::Away(at) => return Err(Later::Away(at)),
        };
        if let (None, Some(ticket)) = (&change.values, self.part.exposed(do_id)) {
            return Err(Later::Unsettled(ticket));
        }
        let (asker, dialect) = (change.request.sender, out.dialect());
        let (written, said) = match &change.values {
            Some(values) => {
                let class = object.class();
                let values = values.get();
                self.draft.begin(object.fields());
                self.draft.set_all(&values);
                (self.write(do_id, class), self.updated(do_id, &values, asker, dialect))
            }
            None => (self.erase(do_id), self.deleted(do_id, asker, dialect)),
        };
        let request = Request { do_id, ..change.request };
        match written {
            Ok(ticket) => {
                let otherwise = Otherwise::Fails { request, answer: None };
                self.pending.hold(ticket, Held { says: said.into_iter().collect(), otherwise });
            }
            Err(Refusal::Full { .. }) => return Err(Later::NoRoom),
            Err(refusal) => refusal.note(out, &request),
        }
        Ok(())
    }

    /// Tells what has been found to the instance that answers.
    pub(crate) fn report(&mut self, selection: &Selection, out: &mut Outbox) {
        let Selection { query, found, more, .. } = selection;
        self.tell_found(*query, (false, *more), found, out);
    }

    pub(crate) fn tell_found(
        &mut self,
        query: QueryId,
        (refused, more): (bool, bool),
        found: &BTreeSet<DoId>,
        out: &mut Outbox,
    ) {
        let bytes: Vec<[u8; 4]> = found.iter().map(|do_id| do_id.0.to_le_bytes()).collect();
        let do_ids = DoIds(&bytes);
        let first = place(DoId(0), out.shards());
        if first == out.me() {
            self.gather(first, query, (refused, more, do_ids), out);
        } else {
            out.tell(first, self.me, &Told::Found { query, refused, more, do_ids }.write());
        }
    }
}

fn note_damage(do_id: DoId, at: Place, out: &mut Outbox) {
    let request = Request { what: "a query", do_id, sender: Channel(0) };
    Refusal::Damaged(at).note(out, &request);
}
