//! What concerns all objects of a class that meet comparisons (seed section 4, `openotp.md` 16).
//!
//! All instances hear of it, and each looks at its own objects. It sees each of them as it is when
//! it looks at it.

use crate::classes::ClassPlan;
use crate::gather::FOUND_MAX;
use crate::jobs::{Act, Job};
use crate::pending::{Mail, Says};
use crate::refusal::{Refusal, Request};
use crate::told::{QueryId, Told};
use crate::values::{
    Comparison, Unstored, Value, ended, last_of_each, take_comparisons, take_values,
};
use crate::walk::{Source, Walk};
use crate::{Classes, Database};
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use runtime::{Outbox, place};
use store::{ClassKey, FieldKey, Found, Object, Ticket};
use wire::database::{DatabaseMessage, is_kill};
use wire::ids::{Channel, ClassId, DoId};
use wire::lists::DoIds;

/// Which objects are meant.
pub struct Matching {
    class: ClassKey,
    comparisons: Vec<(FieldKey, bool, Box<[u8]>)>,
}

/// What becomes of them.
enum Wanted {
    Select(QueryId),
    Update(NewValues),
    Delete,
}

/// Values that objects get.
type NewValues = Vec<(crate::classes::FieldPlan, FieldKey, Box<[u8]>)>;

/// A search for objects.
pub struct Selection {
    query: QueryId,
    matching: Matching,
    found: BTreeSet<DoId>,
    /// There are more than can be named.
    more: bool,
    /// The newest write that it lets one see, when it has been everywhere.
    pub rests_on: Option<Ticket>,
}

/// A change of objects.
pub struct Change {
    matching: Matching,
    /// What they get; `None`: they are deleted.
    values: Option<NewValues>,
    asker: Channel,
    what: &'static str,
}

impl Matching {
    fn meets(&self, object: &Object<'_>) -> bool {
        let holds = |(key, equal, value): &(FieldKey, bool, Box<[u8]>)| {
            (object.field(*key) == Some(&**value)) == *equal
        };
        object.class() == self.class && self.comparisons.iter().all(holds)
    }
}

impl Database {
    /// DELETE_QUERY, SELECT_QUERY, UPDATE_QUERY.
    pub(crate) fn query(
        &mut self,
        message: &DatabaseMessage<'_>,
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) {
        let (matching, wanted) = match self.read_query(message, mail) {
            Ok(read) => read,
            // All instances have read the same: one says so.
            Err(refusal) if self.is_first(out) => {
                return self.refuse(refusal, message, DoId(0), mail, out);
            }
            Err(_) => return,
        };
        if matches!(&wanted, Wanted::Update(values) if values.is_empty()) {
            return;
        }
        let max = self.config.limits.queries_max;
        let refusal = match &wanted {
            Wanted::Update(_) | Wanted::Delete if self.part.read_only().is_some() => {
                Some(Refusal::ReadOnly)
            }
            _ if self.jobs.queries() >= max => Some(Refusal::Full { what: "queries", max }),
            Wanted::Select(_) | Wanted::Update(_) | Wanted::Delete => None,
        };
        if let Some(refusal) = refusal {
            let request = Request::about(message.name(), DoId(0), mail);
            refusal.note(&mut out.counts, &request);
            if let Wanted::Select(query) = wanted {
                self.tell_found(query, (true, false), &BTreeSet::new(), out);
            }
            return;
        }
        // An update of no field changes nothing, so there is nothing to announce.
        if matches!(&wanted, Wanted::Update(values) if values.is_empty()) {
            return;
        }
        let walk = Walk::new(self.source(&matching));
        let (asker, what) = (mail.sender, message.name());
        let change = |matching, values| Act::Change(Change { matching, values, asker, what });
        let act = match wanted {
            Wanted::Select(query) => Act::Select(Selection {
                query,
                matching,
                found: BTreeSet::new(),
                more: false,
                rests_on: None,
            }),
            Wanted::Update(values) => change(matching, Some(values)),
            Wanted::Delete => change(matching, None),
        };
        self.begin_job(Job::new(walk, act), out);
    }

    fn read_query(
        &self,
        message: &DatabaseMessage<'_>,
        mail: &Mail<'_>,
    ) -> Result<(Matching, Wanted), Refusal> {
        let classes = &self.classes;
        match *message {
            DatabaseMessage::SelectQuery { context, dclass, count, comparisons } => {
                let (_, matching) =
                    read_matching(classes, dclass, count, &mut &*comparisons, true)?;
                let query = self.hasher.hash_one(mail.payload);
                let query = QueryId { asker: mail.sender, context, query };
                Ok((matching, Wanted::Select(query)))
            }
            DatabaseMessage::UpdateQuery { dclass, count, comparisons_and_fields } => {
                let mut rest = comparisons_and_fields;
                let (class, matching) = read_matching(classes, dclass, count, &mut rest, false)?;
                let (count, behind) = rest.split_first_chunk().ok_or(Refusal::Truncated)?;
                rest = behind;
                let count = u16::from_le_bytes(*count);
                let mut values = take_values(classes, class, count, &mut rest, Unstored::Refused)?;
                ended(rest)?;
                last_of_each(&mut values);
                let kept = |value: &Value<'_>| (value.field, value.key, value.bytes.into());
                Ok((matching, Wanted::Update(values.iter().map(kept).collect())))
            }
            DatabaseMessage::DeleteQuery { verify_code, dclass, count, comparisons } => {
                if !is_kill(verify_code) {
                    return Err(Refusal::VerifyCode(verify_code));
                }
                let dclass = dclass.0.into();
                let (_, matching) =
                    read_matching(classes, dclass, count, &mut &*comparisons, true)?;
                Ok((matching, Wanted::Delete))
            }
            DatabaseMessage::Create { .. }
            | DatabaseMessage::Delete { .. }
            | DatabaseMessage::SelectField { .. }
            | DatabaseMessage::Select { .. }
            | DatabaseMessage::SelectAll { .. }
            | DatabaseMessage::UpdateField { .. }
            | DatabaseMessage::Update { .. }
            | DatabaseMessage::UpdateFieldIfEquals { .. }
            | DatabaseMessage::UpdateIfEquals { .. }
            | DatabaseMessage::UpdateFieldIfEmpty { .. }
            | DatabaseMessage::DeleteField { .. }
            | DatabaseMessage::DeleteFields { .. } => {
                unreachable!("the others are about one object")
            }
        }
    }

    /// Where objects are looked for.
    fn source(&self, matching: &Matching) -> Source {
        let equal = matching.comparisons.iter().filter(|(_, equal, _)| *equal);
        let entries =
            equal.filter_map(|(key, _, value)| self.indexes.entry(matching.class, *key, value));
        let fewest = entries.min_by_key(|(_, count)| *count);
        fewest.map_or(Source::Class(matching.class), |(entry, _)| Source::Entry(entry))
    }

    /// A search looks at an object that is in memory, or gone.
    pub(crate) fn select_one(&mut self, selection: &mut Selection, do_id: DoId) {
        let meets = match self.part.find(do_id) {
            Found::Here(object) => selection.matching.meets(&object),
            Found::Absent | Found::Damaged(_) | Found::Away(_) => false,
        };
        if meets {
            selection.found.insert(do_id);
        } else {
            selection.found.remove(&do_id);
        }
        if let Some(rests_on) = &mut selection.rests_on {
            *rests_on = (*rests_on).max(self.part.exposed(do_id).unwrap_or(*rests_on));
        }
    }

    /// A change gets to an object that is in memory, or gone.
    pub(crate) fn change_one(&mut self, change: &Change, do_id: DoId, out: &mut Outbox) {
        let Found::Here(object) = self.part.find(do_id) else { return };
        if !change.matching.meets(&object) {
            return;
        }
        let dialect = out.dialect();
        let (written, said) = match &change.values {
            Some(values) => {
                let class = object.class();
                self.draft.begin(object.fields());
                let value =
                    |(field, key, bytes): &'_ (_, _, Box<[u8]>)| (*field, *key, bytes.clone());
                let values: Vec<_> = values.iter().map(value).collect();
                let values: Vec<Value<'_>> = values
                    .iter()
                    .map(|(field, key, bytes)| Value { field: *field, key: *key, bytes })
                    .collect();
                self.draft.set_all(&values);
                let said = self.updated(do_id, &values, change.asker, dialect);
                (self.write(do_id, class), said)
            }
            None => (self.erase(do_id), self.deleted(do_id, change.asker, dialect)),
        };
        let request = Request { what: change.what, do_id, sender: change.asker };
        match written {
            Ok(ticket) => {
                let says: Says = said.into_iter().collect();
                let otherwise = crate::pending::Otherwise::Fails { request, answer: None };
                self.pending.hold(ticket, crate::pending::Held { says, otherwise });
            }
            Err(refusal) => refusal.note(&mut out.counts, &request),
        }
    }

    /// Tells what has been found to the instance that answers.
    pub(crate) fn report(&mut self, selection: &Selection, out: &mut Outbox) {
        let Selection { query, found, more, .. } = selection;
        self.tell_found(*query, (false, *more), found, out);
    }

    fn tell_found(
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

impl Selection {
    /// Whether no more can be named.
    pub fn is_full(&mut self) -> bool {
        let full = self.found.len() > FOUND_MAX;
        if full {
            self.found.pop_last();
            self.more = true;
        }
        full
    }

    /// Begins again.
    pub fn restart(&mut self) {
        self.found.clear();
        self.more = false;
        self.rests_on = None;
    }
}

impl Database {
    /// Where a search looks that begins again.
    pub(crate) fn source_of(&self, selection: &Selection) -> Source {
        self.source(&selection.matching)
    }
}

/// Takes a class and comparisons off the front of `rest`, or, if they are `all`, reads them to its
/// end.
fn read_matching<'a>(
    classes: &'a Classes,
    dclass: u32,
    count: u16,
    rest: &mut &[u8],
    all: bool,
) -> Result<(&'a ClassPlan, Matching), Refusal> {
    let id = u16::try_from(dclass).ok().map(ClassId);
    let class = id.and_then(|id| classes.get(id)).ok_or(Refusal::UnknownClass(dclass))?;
    let comparisons = take_comparisons(&classes.schema, class, count, rest)?;
    if all {
        ended(rest)?;
    }
    let kept = |one: &Comparison<'_>| (one.key, one.equal, one.value.into());
    let comparisons = comparisons.iter().map(kept).collect();
    Ok((class, Matching { class: class.key, comparisons }))
}
