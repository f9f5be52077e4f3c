//! Setting fields, with and without a condition.

use crate::Database;
use crate::classes::{ClassPlan, Classes};
use crate::pending::{Said, Says};
use crate::refusal::Refusal;
use crate::request::{Asked, Undone, object};
use crate::select::{Unset, append_value};
use crate::values::{
    Condition, Unstored, Value, Values, last_of_each, read_condition, read_conditions, read_value,
    read_values, single,
};
use alloc::vec::Vec;
use runtime::Outbox;
use smallvec::SmallVec;
use store::{ClassKey, Object};
use wire::database::{DatabaseNotice, Outcome};
use wire::dialect::Dialect;
use wire::ids::{DoId, FieldId};

/// What a request with a condition comes to.
enum Verdict {
    /// The condition holds; the draft has what the object is to be.
    Holds(ClassKey),
    /// It does not: there are so many values.
    Differs(u16),
}

impl Database {
    /// `astron` 3020.
    pub(crate) fn update_field(
        &mut self,
        asked: &Asked<'_>,
        field: FieldId,
        value: &[u8],
        out: &mut Outbox,
    ) -> Result<(), Undone> {
        let (object, class) = object(&self.part, &self.classes, asked.do_id)?;
        let values = read_value(&self.classes, class, field, value)?;
        let class = class.key;
        self.draft.begin(object.fields());
        self.set(asked, class, &values, out)
    }

    /// UPDATE_STORED_OBJECT; `astron` 3021.
    pub(crate) fn update(
        &mut self,
        asked: &Asked<'_>,
        count: u16,
        fields: &[u8],
        out: &mut Outbox,
    ) -> Result<(), Undone> {
        let (object, class) = object(&self.part, &self.classes, asked.do_id)?;
        let values = read_values(&self.classes, class, count, fields, Unstored::Refused)?;
        let class = class.key;
        self.draft.begin(object.fields());
        self.set(asked, class, &values, out)
    }

    /// Sets fields of the object that the draft has, and announces it.
    fn set(
        &mut self,
        asked: &Asked<'_>,
        class: ClassKey,
        values: &[Value<'_>],
        out: &mut Outbox,
    ) -> Result<(), Undone> {
        if values.is_empty() {
            return Ok(());
        }
        self.draft.set_all(values);
        let ticket = self.write(asked.do_id, class)?;
        let said = self.updated(asked.do_id, values, asked.mail.sender, out.dialect());
        self.hold(ticket, said.into_iter().collect(), asked, out);
        Ok(())
    }

    /// `astron` 3022.
    pub(crate) fn update_field_if_equals(
        &mut self,
        asked: &Asked<'_>,
        field: FieldId,
        old_and_new: &[u8],
        out: &mut Outbox,
    ) -> Result<(), Undone> {
        let context = asked.context();
        self.with_scratch(|database, current| {
            let (object, class) = object(&database.part, &database.classes, asked.do_id)?;
            let schema = &database.classes.schema;
            let condition = read_condition(schema, class, field, old_and_new)?;
            let is_set = object.field(condition.new.key).is_some();
            let class = match database.judge(asked.do_id, &[condition], current, out.dialect())? {
                Verdict::Holds(class) => class,
                Verdict::Differs(_) => {
                    // Behind the number of the field.
                    let value = current.get(2..).filter(|_| is_set);
                    let outcome = match value {
                        Some(value) => Outcome::Differs((field, value)),
                        None => Outcome::Failed { ret_code: 0 },
                    };
                    let notice = DatabaseNotice::UpdateFieldIfEqualsResp { context, outcome };
                    return database.answer(asked, &notice, out);
                }
            };
            let done = DatabaseNotice::UpdateFieldIfEqualsResp { context, outcome: Outcome::Done };
            let done = database.said(&done, asked.mail.sender, out.dialect())?;
            database.set_if(asked, class, &[condition.new], done, out)
        })
    }

    /// UPDATE_STORED_OBJECT_IF_EQUALS (`openotp.md` 14); `astron` 3024. What was never set equals
    /// its default in `openotp`, where that is what a reader sees, and nothing in `astron`.
    pub(crate) fn update_if_equals(
        &mut self,
        asked: &Asked<'_>,
        count: u16,
        conditions: &[u8],
        out: &mut Outbox,
    ) -> Result<(), Undone> {
        let context = asked.context();
        self.with_scratch(|database, current| {
            let (_, class) = object(&database.part, &database.classes, asked.do_id)?;
            let schema = &database.classes.schema;
            let conditions = read_conditions(schema, class, count, conditions)?;
            let class = match database.judge(asked.do_id, &conditions, current, out.dialect())? {
                Verdict::Holds(class) => class,
                Verdict::Differs(count) => {
                    let outcome = Outcome::Differs((count, current.as_slice()));
                    let notice = DatabaseNotice::UpdateIfEqualsResp { context, outcome };
                    return database.answer(asked, &notice, out);
                }
            };
            let mut values: Values<'_> = conditions.iter().map(|condition| condition.new).collect();
            last_of_each(&mut values);
            let done = DatabaseNotice::UpdateIfEqualsResp { context, outcome: Outcome::Done };
            let done = database.said(&done, asked.mail.sender, out.dialect())?;
            database.set_if(asked, class, &values, done, out)
        })
    }

    /// `astron` 3026.
    pub(crate) fn update_field_if_empty(
        &mut self,
        asked: &Asked<'_>,
        field: FieldId,
        value: &[u8],
        out: &mut Outbox,
    ) -> Result<(), Undone> {
        let context = asked.context();
        self.with_scratch(|database, current| {
            let (object, class) = object(&database.part, &database.classes, asked.do_id)?;
            let plan = class.field(field).ok_or(Refusal::UnknownField(field))?;
            let key = single(plan)?;
            let values = read_value(&database.classes, class, field, value)?;
            let notice = |outcome| DatabaseNotice::UpdateFieldIfEmptyResp { context, outcome };
            if object.field(key).is_some() {
                append_value(&database.classes, class, &object, plan, Unset::Nothing, current)?;
                let notice = notice(Outcome::Differs((field, current.as_slice())));
                return database.answer(asked, &notice, out);
            }
            let class = class.key;
            database.draft.begin(object.fields());
            let done = database.said(&notice(Outcome::Done), asked.mail.sender, out.dialect())?;
            database.set_if(asked, class, &values, done, out)
        })
    }

    /// Sets fields of the object that the draft has, announces it, and answers that it was done.
    fn set_if(
        &mut self,
        asked: &Asked<'_>,
        class: ClassKey,
        values: &[Value<'_>],
        done: Said,
        out: &mut Outbox,
    ) -> Result<(), Undone> {
        self.draft.set_all(values);
        let ticket = self.write(asked.do_id, class)?;
        let announced = match values {
            [] => None,
            values => self.updated(asked.do_id, values, asked.mail.sender, out.dialect()),
        };
        let says: Says = [done].into_iter().chain(announced).collect();
        self.hold(ticket, says, asked, out);
        Ok(())
    }

    /// Whether all conditions hold. If not `current` gets what there is instead.
    fn judge(
        &mut self,
        do_id: DoId,
        conditions: &[Condition<'_>],
        current: &mut Vec<u8>,
        dialect: Dialect,
    ) -> Result<Verdict, Undone> {
        let (object, class) = object(&self.part, &self.classes, do_id)?;
        let holds = |condition: &Condition<'_>| match (object.field(condition.new.key), dialect) {
            (Some(value), _) => value == condition.old,
            (None, Dialect::OpenOtp) => {
                *self.classes.schema.field(condition.new.field.id).default == *condition.old
            }
            (None, Dialect::Astron) => false,
        };
        if conditions.iter().all(holds) {
            self.draft.begin(object.fields());
            return Ok(Verdict::Holds(class.key));
        }
        let count = match dialect {
            Dialect::OpenOtp => all_values(&self.classes, class, &object, conditions, current)?,
            Dialect::Astron => set_fields(&self.classes, class, &object, conditions, current)?,
        };
        Ok(Verdict::Differs(count))
    }
}

/// The values of all given fields, in the order given.
fn all_values(
    classes: &Classes,
    class: &ClassPlan,
    object: &Object<'_>,
    conditions: &[Condition<'_>],
    out: &mut Vec<u8>,
) -> Result<u16, Refusal> {
    for condition in conditions {
        append_value(classes, class, object, &condition.new.field, Unset::Default, out)?;
    }
    Ok(conditions.len() as u16)
}

/// Those of the given fields that are set, ascending, each once; and their values.
fn set_fields(
    classes: &Classes,
    class: &ClassPlan,
    object: &Object<'_>,
    conditions: &[Condition<'_>],
    out: &mut Vec<u8>,
) -> Result<u16, Refusal> {
    let mut fields: SmallVec<[_; 8]> = conditions.iter().map(|one| one.new.field).collect();
    fields.sort_unstable_by_key(|field| field.number);
    fields.dedup_by_key(|field| field.number);
    let mut count = 0;
    for field in fields {
        let before = out.len();
        out.extend_from_slice(&field.number.0.to_le_bytes());
        if append_value(classes, class, object, &field, Unset::Nothing, out)? {
            count += 1;
        } else {
            out.truncate(before);
        }
    }
    Ok(count)
}
