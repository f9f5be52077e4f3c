//! Messages between words and bytes. Requests are written by the dialect tables; of what comes out
//! the words are the same in both dialects, and here stands how each has them.
//!
//! ```text
//! Create context=1 dclass=Account fields=[setUser("ann"), setAge(20)]
//! Select context=1 do_id=ann fields=[setAge, setUser]         (SelectField: one; DeleteFields, ..)
//! Update context=1 do_id=ann fields=[setAge(21)]              (UpdateField, UpdateFieldIfEmpty: one)
//! UpdateIfEquals context=1 do_id=ann was=[setAge(20)] fields=[setAge(21)]
//! SelectQuery context=1 dclass=Account where=[setAge(20), !setUser("bob")]     (a `!`: is not)
//! CreateResp context=1 do_id=ann                              do_id=0: it failed
//! SelectResp context=1 fields=[setAge(20)]                    or: failed
//! SelectAllResp context=1 dclass=Account required=[..] other=[..]    `astron` has no such order
//! UpdateIfEqualsResp context=1 done                           or: differs fields=[..], failed=2
//! Updated do_id=ann fields=[..]   FieldsDeleted do_id=ann fields=[..]   Deleted do_id=ann
//! ```
//! `cut=2` leaves out the last two bytes, `cut=all` sends every beginning, one after the other;
//! `extra=<00>` adds bytes; `#7 payload=<00>` is whatever it is. What comes is `from` the control
//! channel, if nothing else is said.

use crate::script::Message;
use dc::{FieldKind, Schema, Source};
use transcript::words::{Names, hex, list};
use wire::dialect::{Database, DatabaseNotice, Dialect, Inbox, Kind, Object};
use wire::ids::MsgType;

/// What words and bytes mean.
#[derive(Clone, Copy)]
pub struct Codec<'a> {
    /// The dialect.
    pub dialect: Dialect,
    /// The classes.
    pub schema: &'a Schema,
    /// The names.
    pub names: &'a Names,
}

/// A message in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packet {
    /// Its number.
    pub msgtype: MsgType,
    /// What follows.
    pub payload: Vec<u8>,
}

type Written = Result<(), String>;

impl Codec<'_> {
    /// The number that a word means.
    pub fn number(&self, text: &str) -> Result<u64, String> {
        self.names.number(text, self.dialect)
    }

    fn is_openotp(&self) -> bool {
        self.dialect == Dialect::OpenOtp
    }

    /// A request.
    pub fn request(&self, message: &Message) -> Result<Packet, String> {
        if let Some(payload) = message.get("payload") {
            let payload = hex(payload).unwrap_or_else(|| Err("payload=<hex>".to_owned()))?;
            let number = message.name.strip_prefix('#').and_then(|number| number.parse().ok());
            return Ok(Packet { msgtype: MsgType(number.ok_or("expected #NUMBER")?), payload });
        }
        let row = Database::ALL.iter().find(|row| row.name() == message.name);
        let row = row.ok_or_else(|| format!("there is no request {}", message.name))?;
        let shape = row.shape(self.dialect);
        let shape = shape.ok_or_else(|| format!("this dialect has no {}", message.name))?;
        let mut payload = Vec::new();
        for &(name, kind) in shape.layout {
            let written = self.parameter(message, name, kind, &mut payload);
            written.map_err(|what| format!("{name} of {}: {what}", message.name))?;
        }
        if let Some(extra) = message.get("extra") {
            payload.extend(hex(extra).unwrap_or_else(|| Err("extra=<hex>".to_owned()))?);
        }
        Ok(Packet { msgtype: shape.number, payload })
    }

    fn parameter(&self, message: &Message, name: &str, kind: Kind, out: &mut Vec<u8>) -> Written {
        let text = || message.get(name).ok_or_else(|| "is missing".to_owned());
        let fields = message.list("fields")?;
        let first = || fields.first().copied().ok_or("expected fields=[..]".to_owned());
        match (name, kind) {
            ("context", _) => put(self.number(message.get(name).unwrap_or("0"))?, 4, out),
            ("count", _) => {
                let count = message.get(name).map(|count| self.number(count)).transpose()?;
                let is_query = message.name.ends_with("Query");
                let usual = if is_query { message.list("where")?.len() } else { fields.len() };
                put(count.unwrap_or(usual as u64), 2, out)
            }
            ("verify_code", _) => {
                let usual = if message.name == "Delete" { "0x44696521" } else { "0x4b696c6c" };
                put(self.number(message.get(name).unwrap_or(usual))?, 4, out)
            }
            ("dclass", Kind::Class) => put(self.class(text()?)?, 2, out),
            ("dclass", _) => put(self.class(text()?)?, 4, out),
            ("field", _) => put(self.field(field_name(first()?))?, 2, out),
            ("fields", Kind::Fields) => {
                put(fields.len() as u64, 2, out)?;
                fields.iter().try_for_each(|field| put(self.field(field)?, 2, out))
            }
            ("conditions", _) => {
                let was = message.list("was")?;
                was.iter().zip(&fields).try_for_each(|(old, new)| {
                    put(self.field(field_name(old))?, 2, out)?;
                    self.value(old, out)?;
                    self.value(new, out)
                })
            }
            ("fields", _) => self.fields(&fields, out),
            ("value", _) => self.value(first()?, out),
            ("old_and_new", _) => {
                let was = message.list("was")?;
                self.value(was.first().ok_or("expected was=[..]")?, out)?;
                self.value(first()?, out)
            }
            ("comparisons", _) => self.comparisons(message, out),
            ("comparisons_and_fields", _) => {
                self.comparisons(message, out)?;
                put(fields.len() as u64, 2, out)?;
                self.fields(&fields, out)
            }
            (_, Kind::DoId) => put(self.number(text()?)?, 4, out),
            _ => Err("nobody knows how".to_owned()),
        }
    }

    fn comparisons(&self, message: &Message, out: &mut Vec<u8>) -> Written {
        message.list("where")?.iter().try_for_each(|comparison| {
            let other = comparison.strip_prefix('?').map(|field| (7, field));
            let not = comparison.strip_prefix('!').map(|field| (1, field));
            let (operator, field) = not.or(other).unwrap_or((0, comparison));
            put(operator, 1, out)?;
            self.fields(&[field], out)
        })
    }

    /// What comes out.
    pub fn notice(&self, message: &Message) -> Result<Packet, String> {
        let mut payload = Vec::new();
        let out = &mut payload;
        if let Some(context) = message.get("context") {
            put(self.number(context)?, 4, out)?;
        }
        let fields = message.list("fields")?;
        let row = match message.name.as_str() {
            "Updated" | "FieldsDeleted" | "Deleted" => return self.announcement(message, &fields),
            "CreateResp" => {
                put(self.number(message.get("do_id").ok_or("do_id=..")?)?, 4, out)?;
                DatabaseNotice::CreateResp
            }
            "SelectFieldResp" => {
                self.success(!message.has("failed"), out)?;
                self.fields(&fields, out)?;
                DatabaseNotice::SelectFieldResp
            }
            "SelectResp" => {
                self.selected(message, &fields, out)?;
                DatabaseNotice::SelectResp
            }
            "SelectAllResp" => {
                self.object(message, &fields, out)?;
                DatabaseNotice::SelectAllResp
            }
            "SelectQueryResp" => {
                let do_ids = message.list("do_ids")?;
                put(do_ids.len() as u64, 4, out)?;
                do_ids.iter().try_for_each(|do_id| put(self.number(do_id)?, 4, out))?;
                DatabaseNotice::SelectQueryResp
            }
            "UpdateFieldIfEqualsResp" | "UpdateFieldIfEmptyResp" => {
                self.success(message.has("done"), out)?;
                self.fields(&fields, out)?;
                match message.name.starts_with("UpdateFieldIfEquals") {
                    true => DatabaseNotice::UpdateFieldIfEqualsResp,
                    false => DatabaseNotice::UpdateFieldIfEmptyResp,
                }
            }
            "UpdateIfEqualsResp" => {
                self.outcome(message, &fields, out)?;
                DatabaseNotice::UpdateIfEqualsResp
            }
            other => return Err(format!("`{other}` does not come out")),
        };
        let msgtype = row.number(self.dialect);
        let msgtype = msgtype.ok_or_else(|| format!("this dialect has no {}", message.name))?;
        Ok(Packet { msgtype, payload })
    }

    fn success(&self, success: bool, out: &mut Vec<u8>) -> Written {
        put(success.into(), 1, out)
    }

    fn selected(&self, message: &Message, fields: &[&str], out: &mut Vec<u8>) -> Written {
        if self.is_openotp() {
            return fields.iter().try_for_each(|field| self.value(field, out));
        }
        self.success(!message.has("failed"), out)?;
        if message.has("failed") { Ok(()) } else { self.counted(fields, out) }
    }

    fn object(&self, message: &Message, fields: &[&str], out: &mut Vec<u8>) -> Written {
        let failed = message.has("failed");
        if !self.is_openotp() {
            self.success(!failed, out)?;
        } else if failed {
            return put(0xffff, 2, out);
        }
        if failed {
            return Ok(());
        }
        put(self.class(message.get("dclass").ok_or("dclass=..")?)?, 2, out)?;
        let (required, other) = (message.list("required")?, message.list("other")?);
        if self.is_openotp() {
            required.iter().try_for_each(|field| self.value(field, out))?;
            return self.counted(&other, out);
        }
        let mut all: Vec<&str> = [required, other, fields.to_vec()].concat();
        let number = |field: &&str| self.field(field_name(field)).unwrap_or_default();
        all.sort_by_key(number);
        self.counted(&all, out)
    }

    fn outcome(&self, message: &Message, fields: &[&str], out: &mut Vec<u8>) -> Written {
        let failed = message.get("failed");
        if !self.is_openotp() {
            self.success(message.has("done"), out)?;
            return if message.has("differs") { self.counted(fields, out) } else { Ok(()) };
        }
        match (message.has("done"), failed) {
            (true, _) => put(0, 1, out),
            (false, Some(code)) => put(self.number(code)?, 1, out),
            (false, None) => {
                put(1, 1, out)?;
                fields.iter().try_for_each(|field| self.value(field, out))
            }
        }
    }

    fn announcement(&self, message: &Message, fields: &[&str]) -> Result<Packet, String> {
        let mut payload = Vec::new();
        let out = &mut payload;
        put(self.number(message.get("do_id").ok_or("do_id=..")?)?, 4, out)?;
        let one = fields.len() == 1;
        let msgtype = match (message.name.as_str(), self.dialect) {
            ("Deleted", Dialect::OpenOtp) => Object::DeleteRam.number(self.dialect),
            ("Deleted", Dialect::Astron) => DatabaseNotice::Delete.number(self.dialect),
            ("Updated", dialect) => {
                if !one {
                    put(fields.len() as u64, 2, out)?;
                }
                self.fields(fields, out)?;
                match (dialect, one) {
                    (Dialect::OpenOtp, true) => Object::UpdateField.number(dialect),
                    (Dialect::OpenOtp, false) => Object::UpdateFieldMultiple.number(dialect),
                    (Dialect::Astron, true) => DatabaseNotice::UpdateField.number(dialect),
                    (Dialect::Astron, false) => DatabaseNotice::Update.number(dialect),
                }
            }
            _ => {
                if !one {
                    put(fields.len() as u64, 2, out)?;
                }
                fields.iter().try_for_each(|field| put(self.field(field)?, 2, out))?;
                match one {
                    true => DatabaseNotice::DeleteField.number(self.dialect),
                    false => DatabaseNotice::DeleteFields.number(self.dialect),
                }
            }
        };
        let msgtype = msgtype.ok_or_else(|| format!("this dialect has no {}", message.name))?;
        Ok(Packet { msgtype, payload })
    }

    fn counted(&self, fields: &[&str], out: &mut Vec<u8>) -> Written {
        put(fields.len() as u64, 2, out)?;
        self.fields(fields, out)
    }

    fn fields(&self, fields: &[&str], out: &mut Vec<u8>) -> Written {
        fields.iter().try_for_each(|field| {
            put(self.field(field_name(field))?, 2, out)?;
            self.value(field, out)
        })
    }

    /// The value of `FIELD(VALUE)`, or of `FIELD<hex>` for bytes that are none; `FIELD*N`: a blob of
    /// so many bytes.
    fn value(&self, text: &str, out: &mut Vec<u8>) -> Written {
        let (name, text) = text.split_at(field_name(text).len());
        if let Some(count) = text.strip_prefix('*') {
            let count: u16 = count.parse().map_err(|_| format!("`{text}` is no length"))?;
            put(count.into(), 2, out)?;
            out.extend((0..count).map(|at| at as u8));
            return Ok(());
        }
        if let Some(raw) = hex(text) {
            out.extend(raw?);
            return Ok(());
        }
        let field = &self.schema.fields()[self.field(name)? as usize];
        let inside = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
        let text = match field.kind {
            FieldKind::Parameter(_) => inside.unwrap_or(text),
            FieldKind::Atomic(_) | FieldKind::Molecular(_) => text,
        };
        let source = Source { name: field.name.clone(), text: text.to_owned() };
        let value = dc::parse_value(&source)
            .map_err(|errors| errors.lines(std::slice::from_ref(&source)))?;
        let packed = self.schema.pack(field.id, &value, out);
        packed.map_err(|error| format!("{}{text}: {error}", field.name))
    }

    fn class(&self, name: &str) -> Result<u64, String> {
        if let Some(number) = name.strip_prefix('#') {
            return number.parse().map_err(|_| format!("`{name}` is no class"));
        }
        let class = self.schema.class_by_name(name);
        class.map(|class| class.id.0.into()).ok_or_else(|| format!("there is no class {name}"))
    }

    fn field(&self, name: &str) -> Result<u64, String> {
        if let Some(number) = name.strip_prefix('#') {
            return number.parse().map_err(|_| format!("`{name}` is no field"));
        }
        let (class, name) = name.split_once('.').map_or((None, name), |(c, f)| (Some(c), f));
        let of_class = |id| class.is_none_or(|class| self.schema.class(id).name == class);
        let mut fields = self.schema.fields().iter();
        let field = fields.find(|field| field.name == name && of_class(field.class));
        field.map(|field| field.number.into()).ok_or_else(|| format!("there is no field {name}"))
    }
}

/// The field of `FIELD(VALUE)`.
fn field_name(text: &str) -> &str {
    let end = text.find(['(', '<', '*']).unwrap_or(text.len());
    &text[..end]
}

/// How much of a message is sent.
pub fn lengths(message: &Message, whole: usize) -> Result<Vec<usize>, String> {
    match message.get("cut") {
        None => Ok(vec![whole]),
        Some("all") => Ok((0..whole).collect()),
        Some(cut) => {
            let cut = cut.parse().map_err(|_| "cut=BYTES or cut=all")?;
            Ok(vec![whole.checked_sub(cut).ok_or("it is not so long")?])
        }
    }
}

/// Appends a number of so many bytes.
fn put(number: u64, bytes: usize, out: &mut Vec<u8>) -> Written {
    match number.checked_shr(8 * bytes as u32) {
        Some(0) | None => {
            out.extend_from_slice(&number.to_le_bytes()[..bytes]);
            Ok(())
        }
        Some(_) => Err(format!("{number} does not fit")),
    }
}

/// The numbers of `[1, 2]`.
pub fn numbers(codec: &Codec<'_>, text: &str) -> Result<Vec<u64>, String> {
    list(text)?.into_iter().map(|number| codec.number(number)).collect()
}
