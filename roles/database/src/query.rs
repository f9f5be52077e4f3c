//! What concerns all objects of a class that meet comparisons (seed section 4, `openotp.md` 16):
//! read, and begun.
//!
//! All instances hear of it, and each looks at its own objects. It sees each of them as it is when
//! it looks at it.

use crate::Database;
use crate::classes::{ClassPlan, Classes};
use crate::jobs::{Act, Job};
use crate::matching::{Change, Matching, NewValues, Selection};
use crate::pending::Mail;
use crate::refusal::{Refusal, Request};
use crate::request::Asked;
use crate::told::QueryId;
use crate::values::{Unstored, ended, last_of_each, take_comparisons, take_values};
use crate::walk::{Source, Walk};
use alloc::collections::BTreeSet;
use runtime::Outbox;
use wire::database::{DatabaseMessage, is_kill};
use wire::ids::{ClassId, DoId};

/// Objects that a query looks at besides those that an index names, at most.
const BESIDES_MAX: usize = 256;

/// What becomes of the objects.
enum Wanted {
    Select(QueryId),
    Update(NewValues),
    Delete,
}

impl Database {
    /// DELETE_QUERY, SELECT_QUERY, UPDATE_QUERY.
    pub(crate) fn query(
        &mut self,
        message: DatabaseMessage<'_>,
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) {
        match self.read_query(&message, mail) {
            Ok((_, Wanted::Update(values))) if values.is_empty() => (),
            Ok((matching, wanted)) => {
                let request = Request { what: message.name(), do_id: DoId(0), sender: mail.sender };
                match self.check_query(&wanted) {
                    Ok(()) => self.begin_query(matching, wanted, request, out),
                    Err(refusal) => self.refuse_query(refusal, wanted, request, out),
                }
            }
            // All instances have read the same: one says so.
            Err(refusal) if self.is_first(out) => {
                self.refuse(refusal, &Asked { do_id: DoId(0), message, mail: *mail }, out);
            }
            Err(_) => (),
        }
    }

    fn check_query(&self, wanted: &Wanted) -> Result<(), Refusal> {
        let writes = !matches!(wanted, Wanted::Select(_));
        if writes && self.part.read_only().is_some() {
            return Err(Refusal::ReadOnly);
        }
        let max = self.config.limits.queries_max;
        if self.jobs.queries() >= max {
            Err(Refusal::Full { what: "queries", max })
        } else {
            Ok(())
        }
    }

    /// This instance does not do its part.
    fn refuse_query(
        &mut self,
        refusal: Refusal,
        wanted: Wanted,
        request: Request,
        out: &mut Outbox,
    ) {
        refusal.note(out, &request);
        match wanted {
            Wanted::Select(query) => self.tell_found(query, (true, false), &BTreeSet::new(), out),
            Wanted::Update(_) | Wanted::Delete => (),
        }
    }

    fn begin_query(
        &mut self,
        matching: Matching,
        wanted: Wanted,
        request: Request,
        out: &mut Outbox,
    ) {
        let (source, besides) = self.sources(&matching);
        let act = match wanted {
            Wanted::Select(query) => Act::Select(Selection::new(query, matching)),
            Wanted::Update(values) => {
                Act::Change(Change { matching, values: Some(values), request })
            }
            Wanted::Delete => Act::Change(Change { matching, values: None, request }),
        };
        self.begin_job(Job::new(Walk::new(source), act).with(besides), out);
    }

    /// Where objects are looked for; and those of which an index does not know what they will be
    /// when what was asked of them before is done, as it waits for them. Where these are many, the
    /// whole class is looked at.
    pub(crate) fn sources(&self, matching: &Matching) -> (Source, BTreeSet<DoId>) {
        let entry = |(key, value)| self.indexes.entry(matching.class, key, value);
        let fewest = matching.equal().filter_map(entry).min_by_key(|(_, count)| *count);
        let Some((entry, _)) = fewest else {
            return (Source::Class(matching.class), BTreeSet::new());
        };
        let of_class = self.part.objects_of(matching.class);
        let is_of_class = |do_id: &DoId| of_class.binary_search(do_id).is_ok();
        let mut besides = BTreeSet::new();
        for do_id in self.waiting.about_to_change().filter(is_of_class) {
            if besides.len() == BESIDES_MAX {
                return (Source::Class(matching.class), BTreeSet::new());
            }
            besides.insert(do_id);
        }
        (Source::Entry(entry), besides)
    }

    fn read_query(
        &self,
        message: &DatabaseMessage<'_>,
        mail: &Mail<'_>,
    ) -> Result<(Matching, Wanted), Refusal> {
        match *message {
            DatabaseMessage::SelectQuery { context, dclass, count, comparisons } => {
                let matching = self.read_matching(dclass, count, comparisons)?;
                let query = self.hasher.hash_one(mail.payload);
                let query = QueryId { asker: mail.sender, context, query };
                Ok((matching, Wanted::Select(query)))
            }
            DatabaseMessage::UpdateQuery { dclass, count, comparisons_and_fields } => {
                self.read_update_query(dclass, count, comparisons_and_fields)
            }
            DatabaseMessage::DeleteQuery { verify_code, dclass, count, comparisons } => {
                if !is_kill(verify_code) {
                    return Err(Refusal::VerifyCode(verify_code));
                }
                let matching = self.read_matching(dclass.0.into(), count, comparisons)?;
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
            | DatabaseMessage::DeleteFields { .. } => unreachable!("these are about one object"),
        }
    }

    fn read_matching(&self, dclass: u32, count: u16, bytes: &[u8]) -> Result<Matching, Refusal> {
        let mut rest = bytes;
        let (_, matching) = take_matching(&self.classes, dclass, count, &mut rest)?;
        ended(rest)?;
        Ok(matching)
    }

    fn read_update_query(
        &self,
        dclass: u32,
        count: u16,
        bytes: &[u8],
    ) -> Result<(Matching, Wanted), Refusal> {
        let mut rest = bytes;
        let (class, matching) = take_matching(&self.classes, dclass, count, &mut rest)?;
        let (count, mut rest) = rest.split_first_chunk().ok_or(Refusal::Truncated)?;
        let count = u16::from_le_bytes(*count);
        let values = take_values(&self.classes, class, count, &mut rest, Unstored::Refused);
        let mut values = values?;
        ended(rest)?;
        last_of_each(&mut values);
        Ok((matching, Wanted::Update(NewValues::new(&values))))
    }
}

/// Takes `count` comparisons off the front of `rest`, which are about a class.
fn take_matching<'a>(
    classes: &'a Classes,
    dclass: u32,
    count: u16,
    rest: &mut &[u8],
) -> Result<(&'a ClassPlan, Matching), Refusal> {
    let id = u16::try_from(dclass).ok().map(ClassId);
    let class = id.and_then(|id| classes.get(id)).ok_or(Refusal::UnknownClass(dclass))?;
    let comparisons = take_comparisons(&classes.schema, class, count, rest)?;
    Ok((class, Matching::new(class.key, &comparisons)))
}
