//! Objects as a client is to see them. In `openotp` an object shows all of its required fields to
//! whoever looks; a client gets those that are for clients, in the same layout: REQUIRED, then
//! OTHER. In `astron` the State Server has left the others out already.
//!
//! ```text
//! as it came    a | secret | b | c     count: 2 | secret | value | d | value
//! as it goes    a | b | c              count: 1 | d | value
//! ```
//!
//! Values are passed over, not checked: an entry that is too short or too long is bad; one whose
//! class hides nothing goes as it came, unread.

use alloc::sync::Arc;
use alloc::vec::Vec;
use dc::{Class, Field, Keywords, Schema};
use wire::dialect::Dialect;
use wire::ids::{ClassId, FieldId};
use wire::state_server::Entry;

/// To whom an object is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Audience {
    /// A client that sees it: fields with `broadcast` or `clrecv`.
    Observer,
    /// The client that owns it: those with `ownrecv` too.
    Owner,
}

/// An entry that is not as its class says; it is not shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadEntry {
    /// There is no such class.
    #[error("there is no class {0}")]
    UnknownClass(ClassId),
    /// A field of the OTHER block is not one of the class.
    #[error("class {0} has no field {1}")]
    UnknownField(ClassId, FieldId),
    /// It ends too early, goes on too long, or is no value where one should be.
    #[error("its fields are not those of class {0}")]
    Malformed(ClassId),
}

/// Which fields of which class clients see.
pub struct Shown {
    schema: Arc<Schema>,
    dialect: Dialect,
    observer: Vec<Option<Plan>>,
    owner: Vec<Option<Plan>>,
}

/// What one audience sees of a class. Structs have none.
struct Plan {
    /// The required fields.
    steps: Vec<Step>,
    hides_required: bool,
    /// Fields that may stand in an OTHER block and are not shown, ascending by number.
    hidden: Vec<u16>,
}

/// Some required fields that stand together, and are all shown or all not.
struct Step {
    part: Part,
    is_shown: bool,
}

enum Part {
    /// Fields of so many bytes together.
    Bytes(usize),
    Field(dc::FieldId),
}

impl Shown {
    /// Reads the schema.
    pub fn new(dialect: Dialect, schema: Arc<Schema>) -> Shown {
        let plans = |keywords: &[&str]| {
            let keywords = keywords.iter().filter_map(|name| schema.keyword(name));
            let keywords: Vec<Keywords> = keywords.collect();
            let is_shown = |field: &Field| keywords.iter().any(|&one| field.keywords.contain(one));
            let classes = schema.classes().iter();
            let plan = |class: &Class| (!class.is_struct).then(|| plan(&schema, class, is_shown));
            classes.map(plan).collect()
        };
        let (observer, owner) = match dialect {
            Dialect::OpenOtp => {
                (plans(&["broadcast", "clrecv"]), plans(&["broadcast", "clrecv", "ownrecv"]))
            }
            Dialect::Astron => (Vec::new(), Vec::new()),
        };
        Shown { schema, dialect, observer, owner }
    }

    /// An entry as `audience` is to see it: as it came, or written to `scratch`.
    pub fn entry<'e>(
        &self,
        audience: Audience,
        entry: &Entry<'e>,
        scratch: &'e mut Vec<u8>,
    ) -> Result<Entry<'e>, BadEntry> {
        if self.dialect == Dialect::Astron {
            return Ok(*entry);
        }
        let plans = match audience {
            Audience::Observer => &self.observer,
            Audience::Owner => &self.owner,
        };
        let plan = plans.get(entry.dclass.0 as usize).and_then(Option::as_ref);
        let plan = plan.ok_or(BadEntry::UnknownClass(entry.dclass))?;
        if !plan.hides_required && (plan.hidden.is_empty() || !entry.has_other) {
            return Ok(*entry);
        }
        scratch.clear();
        let mut rest = entry.fields;
        self.required(plan, &mut rest, scratch).ok_or(BadEntry::Malformed(entry.dclass))?;
        if entry.has_other {
            self.other(plan, entry.dclass, rest, scratch)?;
        } else if !rest.is_empty() {
            return Err(BadEntry::Malformed(entry.dclass));
        }
        Ok(Entry { fields: scratch, ..*entry })
    }

    /// Copies the required fields that are shown; `rest` begins behind all of them then.
    fn required(&self, plan: &Plan, rest: &mut &[u8], out: &mut Vec<u8>) -> Option<()> {
        for step in &plan.steps {
            let whole = *rest;
            match step.part {
                Part::Bytes(bytes) => *rest = whole.get(bytes..)?,
                Part::Field(field) => self.schema.skip(field, rest).ok()?,
            }
            if step.is_shown {
                out.extend_from_slice(&whole[..whole.len() - rest.len()]);
            }
        }
        Some(())
    }

    /// Copies an OTHER block without the fields that are hidden.
    fn other(
        &self,
        plan: &Plan,
        dclass: ClassId,
        block: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), BadEntry> {
        let malformed = BadEntry::Malformed(dclass);
        let class = self.schema.class(dc::ClassId(dclass.0));
        let (count, mut rest) = block.split_first_chunk().ok_or(malformed)?;
        let (at, mut shown) = (out.len(), 0u16);
        out.extend_from_slice(count);
        for _ in 0..u16::from_le_bytes(*count) {
            let whole = rest;
            let (number, value) = rest.split_first_chunk().ok_or(malformed)?;
            let number = u16::from_le_bytes(*number);
            let field = class.field_by_number(number);
            let field = field.ok_or(BadEntry::UnknownField(dclass, FieldId(number)))?;
            rest = value;
            self.schema.skip(field, &mut rest).map_err(|_| malformed)?;
            if plan.hidden.binary_search(&number).is_err() {
                out.extend_from_slice(&whole[..whole.len() - rest.len()]);
                shown += 1;
            }
        }
        out[at..][..2].copy_from_slice(&shown.to_le_bytes());
        if rest.is_empty() { Ok(()) } else { Err(malformed) }
    }
}

fn plan(schema: &Schema, class: &Class, is_shown: impl Fn(&Field) -> bool) -> Plan {
    let mut plan = Plan { steps: Vec::new(), hides_required: false, hidden: Vec::new() };
    for &id in &class.required {
        let field = schema.field(id);
        let is_shown = is_shown(field);
        plan.hides_required |= !is_shown;
        let is_fixed = field.members().iter().all(|member| member.of.is_fixed);
        let bytes = field.bytes_min as usize;
        match (plan.steps.last_mut(), is_fixed) {
            (Some(Step { part: Part::Bytes(before), is_shown: same }), true)
                if *same == is_shown =>
            {
                *before += bytes;
            }
            (_, true) => plan.steps.push(Step { part: Part::Bytes(bytes), is_shown }),
            (_, false) => plan.steps.push(Step { part: Part::Field(id), is_shown }),
        }
    }
    let hidden = class.fields.iter().map(|&id| schema.field(id));
    plan.hidden.extend(hidden.filter(|field| !is_shown(field)).map(|field| field.number));
    plan.hidden.sort_unstable();
    plan
}

#[cfg(test)]
mod tests;
