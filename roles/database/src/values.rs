//! Fields and their values as requests give them: read, checked as a whole, and split into what is
//! stored.

use crate::classes::{ClassPlan, Classes, FieldPlan, Kept};
use crate::refusal::Refusal;
use dc::Schema;
use smallvec::SmallVec;
use store::FieldKey;
use wire::ids::FieldId;
use wire::lists::Fields;

/// A stored field and a value for it.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    /// The field.
    pub field: FieldPlan,
    /// Its key in the store.
    pub key: FieldKey,
    /// The value.
    pub bytes: &'a [u8],
}

/// Stored fields and their values.
pub type Values<'a> = SmallVec<[Value<'a>; 8]>;

/// What becomes of a field that is not stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unstored {
    /// It is left out.
    LeftOut,
    /// The request is refused.
    Refused,
}

/// A value that a stored field is compared with.
#[derive(Clone, Copy, Debug)]
pub struct Comparison<'a> {
    /// The field.
    pub key: FieldKey,
    /// Whether it is to be equal, or not.
    pub equal: bool,
    /// The value.
    pub value: &'a [u8],
}

/// An old and a new value.
#[derive(Clone, Copy, Debug)]
pub struct Condition<'a> {
    /// The field, and the new value.
    pub new: Value<'a>,
    /// The old value.
    pub old: &'a [u8],
}

/// Takes `count` fields and their values off the front of `rest`.
pub fn take_values<'a>(
    classes: &Classes,
    class: &ClassPlan,
    count: u16,
    rest: &mut &'a [u8],
    unstored: Unstored,
) -> Result<Values<'a>, Refusal> {
    let mut values = Values::new();
    for _ in 0..count {
        let field = take_field(class, rest)?;
        let bytes = take_value(&classes.schema, field, rest)?;
        add(classes, class, field, bytes, unstored, &mut values)?;
    }
    Ok(values)
}

/// Reads `count` fields and their values, to the end of `bytes`; each once, the last one of each.
pub fn read_values<'a>(
    classes: &Classes,
    class: &ClassPlan,
    count: u16,
    bytes: &'a [u8],
    unstored: Unstored,
) -> Result<Values<'a>, Refusal> {
    let mut rest = bytes;
    let mut values = take_values(classes, class, count, &mut rest, unstored)?;
    ended(rest)?;
    last_of_each(&mut values);
    Ok(values)
}

/// Reads the value of one field, to the end of `bytes`.
pub fn read_value<'a>(
    classes: &Classes,
    class: &ClassPlan,
    field: FieldId,
    bytes: &'a [u8],
) -> Result<Values<'a>, Refusal> {
    let field = class.field(field).ok_or(Refusal::UnknownField(field))?;
    let mut rest = bytes;
    let bytes = take_value(&classes.schema, field, &mut rest)?;
    ended(rest)?;
    let mut values = Values::new();
    add(classes, class, field, bytes, Unstored::Refused, &mut values)?;
    last_of_each(&mut values);
    Ok(values)
}

/// Reads an old and a new value of one field, to the end of `bytes`.
pub fn read_condition<'a>(
    schema: &Schema,
    class: &ClassPlan,
    field: FieldId,
    bytes: &'a [u8],
) -> Result<Condition<'a>, Refusal> {
    let mut rest = bytes;
    let condition = take_condition(schema, class, field, &mut rest)?;
    ended(rest)?;
    Ok(condition)
}

/// Reads `count` conditions, to the end of `bytes`.
pub fn read_conditions<'a>(
    schema: &Schema,
    class: &ClassPlan,
    count: u16,
    bytes: &'a [u8],
) -> Result<SmallVec<[Condition<'a>; 8]>, Refusal> {
    let (mut rest, mut conditions) = (bytes, SmallVec::new());
    for _ in 0..count {
        let field = take_number(&mut rest)?;
        conditions.push(take_condition(schema, class, field, &mut rest)?);
    }
    ended(rest)?;
    Ok(conditions)
}

/// Takes `count` comparisons off the front of `rest`.
pub fn take_comparisons<'a>(
    schema: &Schema,
    class: &ClassPlan,
    count: u16,
    rest: &mut &'a [u8],
) -> Result<SmallVec<[Comparison<'a>; 4]>, Refusal> {
    let mut comparisons = SmallVec::new();
    for _ in 0..count {
        let (&operator, behind) = rest.split_first().ok_or(Refusal::Truncated)?;
        *rest = behind;
        let equal = match operator {
            0 => true,
            1 => false,
            other => return Err(Refusal::BadComparison(other)),
        };
        let field = take_field(class, rest)?;
        let key = single(field)?;
        let value = take_value(schema, field, rest)?;
        comparisons.push(Comparison { key, equal, value });
    }
    Ok(comparisons)
}

/// The stored fields of a list; none of them may be molecular.
pub fn singles(
    class: &ClassPlan,
    fields: Fields<'_>,
) -> Result<SmallVec<[(FieldPlan, FieldKey); 8]>, Refusal> {
    let plan = |number| {
        let field = class.field(number).ok_or(Refusal::UnknownField(number))?;
        Ok((*field, single(field)?))
    };
    let fields: Result<SmallVec<[(FieldPlan, FieldKey); 8]>, Refusal> =
        fields.iter().map(plan).collect();
    let mut fields = fields?;
    fields.sort_unstable_by_key(|(field, _)| field.number);
    fields.dedup_by_key(|(field, _)| field.number);
    Ok(fields)
}

/// The key of a stored field that is not molecular.
pub fn single(field: &FieldPlan) -> Result<FieldKey, Refusal> {
    match field.kept {
        Kept::As(key) => Ok(key),
        _ if field.molecular => Err(Refusal::Molecular(field.number)),
        Kept::No | Kept::Parts => Err(Refusal::NotStored(field.number)),
    }
}

/// Nothing may follow.
pub fn ended(rest: &[u8]) -> Result<(), Refusal> {
    if rest.is_empty() { Ok(()) } else { Err(Refusal::Excess(rest.len())) }
}

/// Sorts by field and keeps the last value of each.
pub fn last_of_each(values: &mut Values<'_>) {
    values.sort_by_key(|value| value.field.number);
    values.reverse();
    values.dedup_by_key(|value| value.field.number);
    values.reverse();
}

/// Takes the number of what follows.
pub fn take_number(rest: &mut &[u8]) -> Result<FieldId, Refusal> {
    let (number, behind) = rest.split_first_chunk().ok_or(Refusal::Truncated)?;
    *rest = behind;
    Ok(FieldId(u16::from_le_bytes(*number)))
}

fn take_field<'a>(class: &'a ClassPlan, rest: &mut &[u8]) -> Result<&'a FieldPlan, Refusal> {
    let number = take_number(rest)?;
    class.field(number).ok_or(Refusal::UnknownField(number))
}

fn take_value<'a>(
    schema: &Schema,
    field: &FieldPlan,
    rest: &mut &'a [u8],
) -> Result<&'a [u8], Refusal> {
    let whole = *rest;
    let checked = schema.check_prefix(field.id, rest);
    checked.map_err(|error| Refusal::BadValue(field.number, error))?;
    Ok(&whole[..whole.len() - rest.len()])
}

fn take_condition<'a>(
    schema: &Schema,
    class: &ClassPlan,
    field: FieldId,
    rest: &mut &'a [u8],
) -> Result<Condition<'a>, Refusal> {
    let field = class.field(field).ok_or(Refusal::UnknownField(field))?;
    let key = single(field)?;
    let old = take_value(schema, field, rest)?;
    let bytes = take_value(schema, field, rest)?;
    Ok(Condition { new: Value { field: *field, key, bytes }, old })
}

/// Adds what is stored of a value: of a molecular field those of its methods that are.
fn add<'a>(
    classes: &Classes,
    class: &ClassPlan,
    field: &FieldPlan,
    bytes: &'a [u8],
    unstored: Unstored,
    values: &mut Values<'a>,
) -> Result<(), Refusal> {
    match (field.kept, unstored) {
        (Kept::As(key), _) => values.push(Value { field: *field, key, bytes }),
        (Kept::No, Unstored::LeftOut) => (),
        (Kept::No, Unstored::Refused) => return Err(Refusal::NotStored(field.number)),
        (Kept::Parts, _) => {
            let parts = class.parts(field).iter().zip(classes.schema.split(field.id, bytes));
            for (part, split) in parts {
                let (_, bytes) = split.expect("the whole value has been checked");
                if let Kept::As(key) = part.kept {
                    values.push(Value { field: *part, key, bytes });
                }
            }
        }
    }
    Ok(())
}
