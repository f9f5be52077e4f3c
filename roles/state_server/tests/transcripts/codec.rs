//! Messages between words and bytes, by the dialect tables: no message is known here by itself but
//! the answers to queries of fields, whose layout hangs on whether they succeed, and all of a stored
//! object. What begins with `database.` is said to a database or by one.

use crate::script::Message;
use crate::words::{Names, hex, list, pair};
use dc::{FieldKind, Schema, Source};
use wire::dialect::{
    Database, DatabaseNotice, Dbss, DbssNotice, Dialect, Inbox, Kind, Object, ObjectNotice, Shape,
    StateServer,
};
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

/// A message of the tables: its name and its shapes in `openotp` and `astron`.
struct Known {
    name: &'static str,
    shapes: [Option<Shape>; 2],
}

/// Parameters that say two at once: `at=(parent, zone)`.
const PAIRS: [(&str, [&str; 2]); 3] = [
    ("at", ["parent", "zone"]),
    ("new", ["new_parent", "new_zone"]),
    ("old", ["old_parent", "old_zone"]),
];

/// The class of an object that a database does not have.
const NO_CLASS: &str = "#65535";

/// Words that are no parameters of the message itself.
const EXTRAS: [&str; 4] = ["required", "other", "extra", "cut"];

impl Codec<'_> {
    /// The number that a word means.
    pub fn number(&self, text: &str) -> Result<u64, String> {
        self.names.number(text, self.dialect)
    }

    /// The bytes of a message.
    pub fn encode(&self, message: &Message) -> Result<Packet, String> {
        let arguments = Arguments::read(message)?;
        if let Some(payload) = arguments.get("payload") {
            let payload = hex(payload).unwrap_or_else(|| Err("payload=<hex>".to_owned()))?;
            let number = message.name.strip_prefix('#').map(str::parse::<u16>);
            let msgtype = match number {
                Some(number) => MsgType(number.map_err(|error| error.to_string())?),
                None => self.shape(&known(&message.name, false)?)?.number,
            };
            return Ok(Packet { msgtype, payload });
        }
        let known = known(&message.name, arguments.get("other").is_some())?;
        arguments.check(&known)?;
        let shape = self.shape(&known)?;
        let mut payload = Vec::new();
        for &(name, kind) in shape.layout {
            let written = self.parameter(&known, &arguments, name, kind, &mut payload);
            written.map_err(|what| format!("{name} of {}: {what}", known.name))?;
        }
        if let Some(extra) = arguments.get("extra") {
            payload.extend(hex(extra).unwrap_or_else(|| Err("extra=<hex>".to_owned()))?);
        }
        Ok(Packet { msgtype: shape.number, payload })
    }

    fn shape(&self, known: &Known) -> Result<Shape, String> {
        let shape = known.shapes[usize::from(self.dialect == Dialect::Astron)];
        shape.ok_or_else(|| format!("{} has no {}", self.dialect.name(), known.name))
    }

    fn parameter(
        &self,
        known: &Known,
        arguments: &Arguments<'_>,
        name: &str,
        kind: Kind,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let text = || arguments.get(name).ok_or_else(|| "is missing".to_owned());
        match kind {
            Kind::Bool | Kind::U8 => put(self.number(text()?)?, 1, out),
            Kind::U16 if name == "count" && arguments.get(name).is_none() => {
                put(list(arguments.get("fields").unwrap_or("[]"))?.len() as u64, 2, out)
            }
            Kind::U16 => put(self.number(text()?)?, 2, out),
            Kind::U32 | Kind::DoId | Kind::Zone => put(self.number(text()?)?, 4, out),
            Kind::Channel => put(self.number(text()?)?, 8, out),
            Kind::Class => put(self.class(text()?)?.into(), 2, out),
            Kind::Field => {
                let field = arguments.call.map(|(field, _)| field);
                put(self.field(field.map_or_else(text, Ok)?)?.into(), 2, out)
            }
            Kind::Zones | Kind::ZonesToEnd | Kind::DoIds | Kind::Fields | Kind::FieldsToEnd => {
                self.elements(&list(text()?)?, kind, out)
            }
            Kind::Packed => self.packed(known, arguments, name, out),
            Kind::Text | Kind::Blob => Err("no message of objects has one".to_owned()),
        }
    }

    fn elements(&self, elements: &[&str], kind: Kind, out: &mut Vec<u8>) -> Result<(), String> {
        match kind {
            Kind::Zones | Kind::Fields => put(elements.len() as u64, 2, out)?,
            Kind::DoIds => put(elements.len() as u64, 4, out)?,
            _ => (),
        }
        elements.iter().try_for_each(|element| match kind {
            Kind::Fields | Kind::FieldsToEnd => put(self.field(element)?.into(), 2, out),
            _ => put(self.number(element)?, 4, out),
        })
    }

    fn packed(
        &self,
        known: &Known,
        arguments: &Arguments<'_>,
        name: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let fields = |name| list(arguments.get(name).ok_or(format!("{name}=[..] is missing"))?);
        let is_answer = known.name.ends_with("Resp");
        let astron_answer = is_answer && self.dialect == Dialect::Astron;
        let failed = is_answer && arguments.get("success") == Some("0");
        match name {
            "value" | "fields" if failed => Ok(()),
            "value" => {
                let (field, value) = arguments.call.ok_or("expected FIELD(VALUE)")?;
                if astron_answer {
                    put(self.field(field)?.into(), 2, out)?;
                }
                self.value(field, value, out)
            }
            "values" => self.fields(&fields("values")?, false, out),
            "object" if failed => Ok(()),
            "object" => {
                let class = arguments.get("dclass").ok_or("of which dclass?")?;
                put(self.class(class)?.into(), 2, out)?;
                self.counted(&fields("fields")?, out)
            }
            "fields" if astron_answer => self.counted(&fields("fields")?, out),
            "fields" => self.fields(&fields("fields")?, true, out),
            "required" => self.fields(&fields("required")?, false, out),
            "required_other" if arguments.get("dclass") == Some(NO_CLASS) => Ok(()),
            "required_other" => {
                self.fields(&fields("required")?, false, out)?;
                self.counted(&fields("other")?, out)
            }
            _ => Err("is packed, but who knows how".to_owned()),
        }
    }

    fn counted(&self, fields: &[&str], out: &mut Vec<u8>) -> Result<(), String> {
        put(fields.len() as u64, 2, out)?;
        self.fields(fields, true, out)
    }

    fn fields(&self, fields: &[&str], numbered: bool, out: &mut Vec<u8>) -> Result<(), String> {
        for &field in fields {
            if let Some(raw) = hex(field) {
                out.extend(raw?);
                continue;
            }
            let (name, value) =
                field_and_value(field).ok_or(format!("`{field}` is not FIELD(VALUE)"))?;
            if numbered {
                put(self.field(name)?.into(), 2, out)?;
            }
            self.value(name, value, out)?;
        }
        Ok(())
    }

    fn value(&self, field: &str, text: &str, out: &mut Vec<u8>) -> Result<(), String> {
        if let Some(raw) = hex(text) {
            out.extend(raw?);
            return Ok(());
        }
        let field = &self.schema.fields()[self.field(field)? as usize];
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

    fn class(&self, name: &str) -> Result<u16, String> {
        if let Some(number) = name.strip_prefix('#') {
            return number.parse().map_err(|_| format!("`{name}` is no class"));
        }
        let class = self.schema.class_by_name(name);
        class.map(|class| class.id.0).ok_or_else(|| format!("there is no class {name}"))
    }

    fn field(&self, name: &str) -> Result<u16, String> {
        if let Some(number) = name.strip_prefix('#') {
            return number.parse().map_err(|_| format!("`{name}` is no field"));
        }
        let (class, name) = name.split_once('.').map_or((None, name), |(c, f)| (Some(c), f));
        let of_class = |id| class.is_none_or(|class| self.schema.class(id).name == class);
        let mut fields = self.schema.fields().iter();
        let field = fields.find(|field| field.name == name && of_class(field.class));
        field.map(|field| field.number).ok_or_else(|| format!("there is no field {name}"))
    }
}

/// Appends a number of so many bytes.
fn put(number: u64, bytes: usize, out: &mut Vec<u8>) -> Result<(), String> {
    match number.checked_shr(8 * bytes as u32) {
        Some(0) | None => {
            out.extend_from_slice(&number.to_le_bytes()[..bytes]);
            Ok(())
        }
        Some(_) => Err(format!("{number} does not fit")),
    }
}

/// `FIELD(VALUE)`, or `FIELD<hex>` for bytes that are none.
pub fn field_and_value(text: &str) -> Option<(&str, &str)> {
    let at = text.find(['(', '<'])?;
    let (name, value) = text.split_at(at);
    let is_name = |char: char| char.is_alphanumeric() || matches!(char, '_' | '.' | '#');
    (!name.is_empty() && name.chars().all(is_name)).then_some((name, value))
}

/// The message of the tables that a transcript names; `Generate`, `EnterZone` and so on are two
/// each, of which the parameters tell.
fn known(name: &str, has_other: bool) -> Result<Known, String> {
    let tail = if has_other { "WithRequiredOther" } else { "WithRequired" };
    let mut names = [name.to_owned(), format!("{name}{tail}")];
    let tables = match name.strip_prefix("database.") {
        Some(name) => {
            names[0] = name.to_owned();
            vec![all::<Database>(), all::<DatabaseNotice>()]
        }
        None => vec![
            all::<Object>(),
            all::<ObjectNotice>(),
            all::<StateServer>(),
            all::<Dbss>(),
            all::<DbssNotice>(),
        ],
    };
    let of_name = |known: &Known| names.iter().any(|name| name == known.name);
    let mut rows = tables.into_iter().flatten().filter(of_name);
    let mut known = rows.next().ok_or_else(|| format!("there is no message {name}"))?;
    for row in rows {
        let both = known.shapes.iter_mut().zip(row.shapes);
        both.for_each(|(shape, other)| *shape = shape.or(other));
    }
    Ok(known)
}

fn all<I: Inbox>() -> Vec<Known> {
    let known = |message: &I| Known {
        name: message.name(),
        shapes: Dialect::ALL.map(|dialect| message.shape(dialect)),
    };
    I::ALL.iter().map(known).collect()
}

/// The parameters of a message as written.
struct Arguments<'a> {
    named: Vec<(&'a str, &'a str)>,
    /// `FIELD(VALUE)`
    call: Option<(&'a str, &'a str)>,
}

impl<'a> Arguments<'a> {
    fn read(message: &'a Message) -> Result<Arguments<'a>, String> {
        let mut arguments = Arguments { named: Vec::new(), call: None };
        let mut words = message.arguments.iter();
        while let Some(word) = words.next() {
            if let "from" | "to" = word.as_str() {
                words.next();
            } else if let Some((name, value)) = word.split_once('=').filter(|(n, _)| is_word(n)) {
                arguments.add(name, value);
            } else if let Some(call) = field_and_value(word) {
                arguments.call = Some(call);
            } else {
                return Err(format!("`{word}` is no NAME=VALUE and no FIELD(VALUE)"));
            }
        }
        Ok(arguments)
    }

    fn add(&mut self, name: &'a str, value: &'a str) {
        let both = PAIRS.iter().find(|(short, _)| *short == name);
        match both.zip(pair(value)) {
            Some(((_, names), (a, b))) => self.named.extend([(names[0], a), (names[1], b)]),
            None => self.named.push((name, value)),
        }
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.named.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// Whether each parameter is one of the message in some dialect.
    fn check(&self, known: &Known) -> Result<(), String> {
        for (name, _) in &self.named {
            let mut layouts = known.shapes.iter().flatten().flat_map(|shape| shape.layout);
            let is_part_of_object = |&(parameter, _): &(&str, Kind)| {
                parameter == "object" && matches!(*name, "dclass" | "fields")
            };
            let is_known = |row: &(&str, Kind)| row.0 == *name || is_part_of_object(row);
            if !EXTRAS.contains(name) && !layouts.any(is_known) {
                return Err(format!("{} has no {name}", known.name));
            }
        }
        Ok(())
    }
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// The word behind `before` among the parameters.
pub fn word_after<'a>(message: &'a Message, before: &str) -> Option<&'a str> {
    let at = message.arguments.iter().position(|word| word == before)?;
    message.arguments.get(at + 1).map(String::as_str)
}

/// The do_id that a message is about, for what comes in order: as it says, or its parent.
pub fn subject(message: &Message) -> Option<&str> {
    let arguments = Arguments::read(message).ok()?;
    arguments
        .get("do_id")
        .or_else(|| arguments.get("parent").filter(|_| arguments.get("at").is_none()))
}
