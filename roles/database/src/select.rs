//! Reading objects.

use crate::Database;
use crate::classes::{ClassPlan, Classes, FieldPlan, Kept};
use crate::refusal::Refusal;
use crate::request::{Asked, Undone, object};
use crate::voice::ANSWER_BYTES_MAX;
use alloc::vec::Vec;
use core::slice;
use runtime::Outbox;
use smallvec::SmallVec;
use store::Object;
use wire::database::{DatabaseNotice, StoredObject};
use wire::dialect::Dialect;
use wire::ids::FieldId;
use wire::lists::Fields;

/// What stands for a value that was never set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unset {
    /// The default.
    Default,
    /// Nothing.
    Nothing,
}

impl Unset {
    /// As the dialect has it.
    pub const fn of(dialect: Dialect) -> Unset {
        match dialect {
            Dialect::OpenOtp => Unset::Default,
            Dialect::Astron => Unset::Nothing,
        }
    }
}

impl Database {
    /// `astron` 3010.
    pub(crate) fn select_field(
        &mut self,
        asked: &Asked<'_>,
        field: FieldId,
        out: &mut Outbox,
    ) -> Result<(), Undone> {
        self.with_scratch(|database, value| {
            let (object, class) = object(&database.part, &database.classes, asked.do_id)?;
            let plan = class.field(field).ok_or(Refusal::UnknownField(field))?;
            let unset = Unset::of(out.dialect());
            let is_set = append_value(&database.classes, class, &object, plan, unset, value)?;
            let value = is_set.then_some((field, value.as_slice()));
            let notice = DatabaseNotice::SelectFieldResp { context: asked.context(), value };
            database.answer(asked, &notice, out)
        })
    }

    /// SELECT_STORED_OBJECT (`openotp.md` 13): the values in the order asked. `astron` 3012: fields
    /// and values, ascending, each once, without those that are not set.
    pub(crate) fn select(
        &mut self,
        asked: &Asked<'_>,
        fields: Fields<'_>,
        out: &mut Outbox,
    ) -> Result<(), Undone> {
        self.with_scratch(|database, values| {
            let (object, class) = object(&database.part, &database.classes, asked.do_id)?;
            let count = match out.dialect() {
                Dialect::OpenOtp => in_order(&database.classes, class, &object, fields, values),
                Dialect::Astron => ascending(&database.classes, class, &object, fields, values),
            }?;
            let fields = Some((count, values.as_slice()));
            let notice = DatabaseNotice::SelectResp { context: asked.context(), fields };
            database.answer(asked, &notice, out)
        })
    }

    /// SELECT_STORED_OBJECT_ALL (`openotp.md` 13): the required fields, then the others that are
    /// set. `astron` 3014: all that are set.
    pub(crate) fn select_all(&mut self, asked: &Asked<'_>, out: &mut Outbox) -> Result<(), Undone> {
        self.with_scratch(|database, fields| {
            let (object, class) = object(&database.part, &database.classes, asked.do_id)?;
            match out.dialect() {
                Dialect::OpenOtp => {
                    for plan in &class.required {
                        append_required(&database.classes, class, &object, plan, fields)?;
                    }
                    append_set(&database.classes, class, &object, |plan| !plan.required, fields)?;
                }
                Dialect::Astron => {
                    append_set(&database.classes, class, &object, |_| true, fields)?;
                }
            }
            let object = Some(StoredObject { dclass: class.id, fields });
            let notice = DatabaseNotice::SelectAllResp { context: asked.context(), object };
            database.answer(asked, &notice, out)
        })
    }

    /// Lends memory that is kept between requests.
    pub(crate) fn with_scratch(
        &mut self,
        with: impl FnOnce(&mut Database, &mut Vec<u8>) -> Result<(), Undone>,
    ) -> Result<(), Undone> {
        let mut scratch = core::mem::take(&mut self.scratch);
        scratch.clear();
        let done = with(self, &mut scratch);
        self.scratch = scratch;
        done
    }
}

fn in_order(
    classes: &Classes,
    class: &ClassPlan,
    object: &Object<'_>,
    fields: Fields<'_>,
    out: &mut Vec<u8>,
) -> Result<u16, Refusal> {
    for number in fields.iter() {
        let plan = class.field(number).ok_or(Refusal::UnknownField(number))?;
        append_value(classes, class, object, plan, Unset::Default, out)?;
    }
    Ok(fields.iter().len() as u16)
}

fn ascending(
    classes: &Classes,
    class: &ClassPlan,
    object: &Object<'_>,
    fields: Fields<'_>,
    out: &mut Vec<u8>,
) -> Result<u16, Refusal> {
    let mut asked: SmallVec<[FieldId; 32]> = fields.iter().collect();
    asked.sort_unstable();
    asked.dedup();
    let mut count = 0;
    for number in asked {
        let plan = class.field(number).ok_or(Refusal::UnknownField(number))?;
        let before = out.len();
        out.extend_from_slice(&number.0.to_le_bytes());
        if append_value(classes, class, object, plan, Unset::Nothing, out)? {
            count += 1;
        } else {
            out.truncate(before);
        }
    }
    Ok(count)
}

/// Appends the value of a field; of a molecular one those of all its methods, which must all be
/// stored. Whether it is set; if it is not nothing is appended.
pub fn append_value(
    classes: &Classes,
    class: &ClassPlan,
    object: &Object<'_>,
    plan: &FieldPlan,
    unset: Unset,
    out: &mut Vec<u8>,
) -> Result<bool, Refusal> {
    let before = out.len();
    let parts = match plan.kept {
        Kept::Parts => class.parts(plan),
        Kept::No | Kept::As(_) => slice::from_ref(plan),
    };
    for part in parts {
        let Kept::As(key) = part.kept else { return Err(Refusal::NotStored(plan.number)) };
        match (object.field(key), unset) {
            (Some(value), _) => out.extend_from_slice(sound(classes, part, value)?),
            (None, Unset::Default) => {
                out.extend_from_slice(&classes.schema.field(part.id).default);
            }
            (None, Unset::Nothing) => {
                out.truncate(before);
                return Ok(false);
            }
        }
        // The same field may be asked for many times.
        if out.len() > ANSWER_BYTES_MAX {
            return Err(Refusal::AnswerTooBig(out.len()));
        }
    }
    Ok(true)
}

/// Appends the value of a required field, stored or not.
fn append_required(
    classes: &Classes,
    class: &ClassPlan,
    object: &Object<'_>,
    plan: &FieldPlan,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    match plan.kept {
        Kept::As(_) => append_value(classes, class, object, plan, Unset::Default, out).map(drop),
        Kept::No | Kept::Parts => {
            out.extend_from_slice(&classes.schema.field(plan.id).default);
            Ok(())
        }
    }
}

/// Appends how many of the fields that are `wanted` are set, and these, ascending.
fn append_set(
    classes: &Classes,
    class: &ClassPlan,
    object: &Object<'_>,
    wanted: impl Fn(&FieldPlan) -> bool,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    let at = out.len();
    out.extend_from_slice(&[0; 2]);
    let mut count: u16 = 0;
    for (plan, key) in class.stored.iter().filter(|(plan, _)| wanted(plan)) {
        if let Some(value) = object.field(*key) {
            out.extend_from_slice(&plan.number.0.to_le_bytes());
            out.extend_from_slice(sound(classes, plan, value)?);
            count += 1;
        }
    }
    out[at..at + 2].copy_from_slice(&count.to_le_bytes());
    Ok(())
}

/// What is stored must still be a value of its field: the DC file may allow less than it did.
fn sound<'a>(classes: &Classes, plan: &FieldPlan, value: &'a [u8]) -> Result<&'a [u8], Refusal> {
    let checked = classes.schema.check(plan.id, value);
    checked.map_err(|error| Refusal::BadStored(plan.number, error))?;
    Ok(value)
}
