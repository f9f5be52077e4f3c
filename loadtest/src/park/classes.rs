//! What the DC files say of those who are in the park: the gate, the ground, visitors and NPCs;
//! and what a client is to see of them.
//!
//! A client sees of an object the required fields that are `broadcast` or `clrecv`, and an OTHER
//! block of such fields; an owner those that are `ownrecv` too. What else is brought along is a
//! fault: it would be another visitor's secret, or not be understood.

use super::stamp::{Stamp, WORDS_BYTES_MIN, XYH_BYTES};
use anyhow::{Context, Result, ensure};
use dc::{Class, Field, Keywords, Schema, Value};
use std::sync::Arc;
use wire::ids::{ClassId, FieldId};
use wire::state_server::Entry;

/// The classes that a run needs.
pub(crate) struct Classes {
    schema: Arc<Schema>,
    login: dc::FieldId,
    pub(crate) login_result: FieldId,
    pub(crate) park: Kind,
    pub(crate) visitor: Kind,
    pub(crate) npc: Kind,
    /// The keywords by which a field is seen by clients, and by owners.
    seen: [Keywords; 2],
    owned: Keywords,
}

/// A class of objects.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    pub(crate) class: ClassId,
    pub(crate) name: String,
    /// All required fields with their defaults.
    pub(crate) created: Vec<u8>,
    /// The molecular field of place and direction. Field 0 where there is none.
    pub(crate) place: FieldId,
    /// Of its parts the numbers, in order.
    parts: Vec<u16>,
    /// What it says, if it can speak.
    pub(crate) say: Option<FieldId>,
}

/// The answer of the gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LoginResult {
    /// 0: welcome.
    pub(crate) code: u8,
    pub(crate) visitor: u32,
}

const PLACE: &str = "setXYH";
const SAY: &str = "say";

impl Classes {
    pub(crate) fn new(
        schema: Arc<Schema>,
        park: &str,
        visitor: &str,
        npc: &str,
    ) -> Result<Classes> {
        let gate = class(&schema, "LoginManager")?;
        let field = |name: &str| {
            let found = gate.field_by_name(name);
            found.with_context(|| format!("class LoginManager has no field {name}"))
        };
        let (login, result) = (field("login")?, field("loginResult")?);
        let keyword = |name: &str| schema.keyword(name).unwrap_or(Keywords(0));
        let classes = Classes {
            login,
            login_result: FieldId(schema.field(result).number),
            park: Kind::new(&schema, park)?,
            visitor: Kind::new(&schema, visitor)?.with_place(&schema)?,
            npc: Kind::new(&schema, npc)?.with_place(&schema)?,
            seen: [keyword("broadcast"), keyword("clrecv")],
            owned: keyword("ownrecv"),
            schema,
        };
        Ok(classes)
    }

    /// The number of the gate's `login`, and a value of it.
    pub(crate) fn login(&self, name: &str, password: &str) -> Result<(FieldId, Vec<u8>)> {
        let mut value = Vec::new();
        let arguments = Value::list([name, password].map(|text| Value::Text(text.into())));
        let packed = self.schema.pack(self.login, &arguments, &mut value);
        packed.context("a name and a password are no value of login")?;
        Ok((FieldId(self.schema.field(self.login).number), value))
    }

    /// The name in a value of `login`.
    pub(crate) fn name_in(&self, field: FieldId, value: &[u8]) -> Option<String> {
        let is_login = field.0 == self.schema.field(self.login).number;
        let (length, rest) = value.split_first_chunk::<2>().filter(|_| is_login)?;
        let name = rest.get(..usize::from(u16::from_le_bytes(*length)))?;
        String::from_utf8(name.to_vec()).ok()
    }

    /// A value of `loginResult`.
    pub(crate) fn result(&self, result: LoginResult) -> Vec<u8> {
        let why: &[u8] = b"welcome";
        let length = (why.len() as u16).to_le_bytes();
        [&[result.code][..], &length, why, &result.visitor.to_le_bytes()].concat()
    }

    /// What a value of `loginResult` says, and its words.
    pub(crate) fn read_result(&self, value: &[u8]) -> Option<(LoginResult, String)> {
        let (code, rest) = value.split_first()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (why, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        let visitor = u32::from_le_bytes(rest.try_into().ok()?);
        Some((LoginResult { code: *code, visitor }, String::from_utf8_lossy(why).into_owned()))
    }

    /// The value of `say` for these words.
    pub(crate) fn spoken(&self, words: &[u8]) -> Vec<u8> {
        [&(words.len() as u16).to_le_bytes()[..], words].concat()
    }

    /// The stamp of an update of a visitor or NPC; an error says what is wrong with it.
    #[inline]
    pub(crate) fn stamp(&self, field: FieldId, value: &[u8]) -> Result<Stamp, String> {
        let stamp = if field == self.visitor.place || field == self.npc.place {
            Stamp::of_xyh(value)
        } else if Some(field) == self.visitor.say {
            value.get(2..).and_then(Stamp::of_words)
        } else {
            return Err(format!("field {field}, which nobody set"));
        };
        stamp.ok_or_else(|| format!("field {field} with a value that nobody sent"))
    }

    /// The kind of an object, if it is one that moves about.
    fn kind(&self, class: ClassId) -> Option<&Kind> {
        [&self.visitor, &self.npc].into_iter().find(|kind| kind.class == class)
    }

    /// Checks that an object brings along what a client, or its owner, is to see, and nothing else;
    /// returns the stamp of its place, if it has one and it is one of ours.
    pub(crate) fn entered(
        &self,
        entry: &Entry<'_>,
        is_owner: bool,
    ) -> Result<Option<Stamp>, String> {
        let Some(class) = self.schema.class_by_number(entry.dclass.0) else {
            return Err(format!("class {}, which there is not", entry.dclass));
        };
        let mut rest = entry.fields;
        let wrong = |what: String| format!("{} {what}", class.name);
        let (mut place, mut found) = ([0; XYH_BYTES], 0);
        let parts = self.kind(entry.dclass).map_or(&[][..], |kind| &kind.parts);
        for field in class.required.iter().map(|id| self.schema.field(*id)) {
            if !self.is_seen(field, is_owner) {
                continue;
            }
            let value = self.value(field, &mut rest).map_err(wrong)?;
            if let Some(at) = parts.iter().position(|part| *part == field.number) {
                place[2 * at..][..2].copy_from_slice(value);
                found += 1;
            }
        }
        if entry.has_other {
            self.check_other(class, &mut rest, is_owner).map_err(wrong)?;
        }
        if !rest.is_empty() {
            return Err(wrong(format!("with {} bytes more than it is to show", rest.len())));
        }
        Ok(if found == 3 { Stamp::of_xyh(&place) } else { None })
    }

    fn check_other(&self, class: &Class, rest: &mut &[u8], is_owner: bool) -> Result<(), String> {
        let Some((count, fields)) = rest.split_first_chunk::<2>() else {
            return Err("without its OTHER block".into());
        };
        *rest = fields;
        for _ in 0..u16::from_le_bytes(*count) {
            let Some((number, value)) = rest.split_first_chunk::<2>() else {
                return Err("with an OTHER block that is cut".into());
            };
            *rest = value;
            let number = u16::from_le_bytes(*number);
            let Some(id) = class.field_by_number(number) else {
                return Err(format!("with field {number}, which is not its"));
            };
            let field = self.schema.field(id);
            if !self.is_seen(field, is_owner) {
                return Err(format!("with {}, which is not to be seen", field.name));
            }
            self.value(field, rest)?;
        }
        Ok(())
    }

    fn value<'a>(&self, field: &Field, rest: &mut &'a [u8]) -> Result<&'a [u8], String> {
        let whole = *rest;
        let checked = self.schema.check_prefix(field.id, rest);
        checked.map_err(|error| format!("with a wrong value of {}: {error}", field.name))?;
        Ok(&whole[..whole.len() - rest.len()])
    }

    fn is_seen(&self, field: &Field, is_owner: bool) -> bool {
        let has = |keyword: Keywords| keyword != Keywords(0) && field.keywords.contain(keyword);
        self.seen.into_iter().any(has) || is_owner && has(self.owned)
    }
}

fn class<'a>(schema: &'a Schema, name: &str) -> Result<&'a Class> {
    let class = schema.class_by_name(name).filter(|class| !class.is_struct);
    class.with_context(|| format!("the DC files have no class {name}"))
}

impl Kind {
    fn new(schema: &Schema, name: &str) -> Result<Kind> {
        let class = class(schema, name)?;
        let required = class.required.iter().map(|id| schema.field(*id));
        let say = class.field_by_name(SAY).map(|id| schema.field(id).number);
        Ok(Kind {
            class: ClassId(class.id.0),
            name: name.to_owned(),
            created: required.flat_map(|field| field.default.iter().copied()).collect(),
            place: FieldId(0),
            parts: Vec::new(),
            say: say.map(FieldId),
        })
    }

    /// With a field of place and direction that stamps fit in.
    fn with_place(mut self, schema: &Schema) -> Result<Kind> {
        let name = &self.name;
        let id = class(schema, name)?.field_by_name(PLACE);
        let id = id.with_context(|| format!("class {name} has no field {PLACE}"))?;
        let stamps =
            [Stamp::new(u16::MAX, u64::MAX), Stamp::new(0, 0), Stamp::new(0x8000, 1 << 25)];
        let fits = stamps.iter().all(|stamp| schema.check(id, &stamp.xyh()).is_ok());
        let parts: Vec<u16> = schema.atoms(id).map(|atom| atom.number).collect();
        ensure!(fits && parts.len() == 3, "{PLACE} of class {name} is not as in etc/park.dc");
        if let Some(say) = self.say {
            let shortest =
                [&(WORDS_BYTES_MIN as u16).to_le_bytes()[..], &Stamp::new(0, 0).words(0)];
            let fits = schema.check(dc::FieldId(say.0), &shortest.concat()).is_ok();
            ensure!(fits, "{SAY} of class {name} is not as in etc/park.dc");
        }
        (self.place, self.parts) = (FieldId(schema.field(id).number), parts);
        Ok(self)
    }
}
