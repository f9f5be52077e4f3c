//! Messages between words and bytes, by the dialect tables: no message is known here by itself but
//! the answers to queries of fields, whose layout hangs on whether they succeed, and all of a stored
//! object. What begins with `database.` is said to a database or by one.
//!
//! A text is `"quoted"`, a blob `<hex>`, or a message in brackets: `datagram=(Leaving do_id=chair)`
//! to a client, `message=(ai -> chair: DeleteRam do_id=chair)` to a channel.

use crate::script::{Message, Send};
use crate::words::{Names, hex, list, pair};
use dc::{FieldKind, Schema, Source};
use wire::datagram::write_datagram;
use wire::dialect::{
    ClientChannel, ClientNotice, Database, DatabaseNotice, Dbss, DbssNotice, Dialect, FromClient,
    Inbox, Kind, Object, ObjectNotice, Shape, StateServer, ToClient,
};
use wire::framing;
use wire::ids::{Channel, MsgType};

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

/// Who says a message to whom, and so by which tables it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Those of the cluster to each other.
    Cluster,
    /// A client.
    FromClient,
    /// Its agent to a client.
    ToClient,
}

/// A message in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packet {
    /// Its number.
    pub msgtype: MsgType,
    /// What follows.
    pub payload: Vec<u8>,
    /// Whether anything may follow that.
    pub is_open: bool,
    /// Where its context stands, if it has one.
    pub context_at: Option<usize>,
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
    pub fn encode(&self, side: Side, message: &Message) -> Result<Packet, String> {
        let arguments = Arguments::read(message)?;
        if let Some(payload) = arguments.get("payload") {
            let payload = hex(payload).unwrap_or_else(|| Err("payload=<hex>".to_owned()))?;
            let number = message.name.strip_prefix('#').map(str::parse::<u16>);
            let msgtype = match number {
                Some(number) => MsgType(number.map_err(|error| error.to_string())?),
                None => self.shape(&known(side, &message.name, false)?)?.number,
            };
            return Ok(Packet { msgtype, payload, is_open: false, context_at: None });
        }
        let name = self.name_of(message, &arguments)?;
        let known = known(side, name, arguments.get("other").is_some())?;
        arguments.check(&known)?;
        let shape = self.shape(&known)?;
        let mut payload = Vec::new();
        let may_be_open = |name| name == "reason" && side == Side::ToClient;
        let (mut is_open, mut context_at) = (false, None);
        for &(name, kind) in shape.layout {
            is_open |= may_be_open(name) && arguments.get(name).is_none();
            if is_open {
                continue;
            }
            if name == "context" {
                context_at = Some(payload.len());
            }
            let written = self.parameter(&known, &arguments, name, kind, &mut payload);
            written.map_err(|what| format!("{name} of {}: {what}", known.name))?;
        }
        if let Some(extra) = arguments.get("extra") {
            payload.extend(hex(extra).unwrap_or_else(|| Err("extra=<hex>".to_owned()))?);
        }
        Ok(Packet { msgtype: shape.number, payload, is_open, context_at })
    }

    /// An interest is opened by a message of its own where there is not exactly one zone.
    fn name_of<'m>(
        &self,
        message: &'m Message,
        arguments: &Arguments<'_>,
    ) -> Result<&'m str, String> {
        let zones = list(arguments.get("zones").unwrap_or("[one]"))?;
        let are_several = self.dialect == Dialect::Astron && zones.len() != 1;
        let is_one = message.name == "AddInterest";
        Ok(if is_one && are_several { "AddInterestMultiple" } else { &message.name })
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
            Kind::Zone if name == "zone" && arguments.get(name).is_none() => {
                let zones = list(arguments.get("zones").unwrap_or("[]"))?;
                put(self.number(zones.first().ok_or("is missing")?)?, 4, out)
            }
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
            Kind::Text | Kind::Blob => {
                let bytes = self.blob(name, text()?)?;
                put(bytes.len() as u64, 2, out)?;
                out.extend(bytes);
                Ok(())
            }
        }
    }

    /// A text, bytes, or a message.
    fn blob(&self, name: &str, text: &str) -> Result<Vec<u8>, String> {
        if let Some(raw) = hex(text) {
            return raw;
        }
        if let Some(quoted) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            return Ok(quoted.as_bytes().to_vec());
        }
        let inside = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
        let inside = inside.ok_or_else(|| format!("`{text}` is no text, no hex and no message"))?;
        if name == "datagram" {
            let packet = self.encode(Side::ToClient, &Message::read(inside)?)?;
            return Ok([&packet.msgtype.0.to_le_bytes(), &packet.payload[..]].concat());
        }
        let (head, message) = inside.split_once(": ").ok_or("expected WHO -> CHANNEL: MESSAGE")?;
        let (_, sender, to) = Send::head(head)?;
        let frame = self.datagram(&to, &sender, &Message::read(message)?)?;
        Ok(framing::body(&frame).to_vec())
    }

    /// The frame of a datagram.
    fn datagram(&self, to: &[String], sender: &str, of: &Message) -> Result<Vec<u8>, String> {
        let packet = self.encode(Side::Cluster, of)?;
        self.frame(to, sender, packet.msgtype, &packet.payload)
    }

    /// The frame of a datagram with this payload.
    pub fn frame(
        &self,
        to: &[String],
        sender: &str,
        of: MsgType,
        payload: &[u8],
    ) -> Result<Vec<u8>, String> {
        let to = to.iter().map(|channel| self.number(channel).map(Channel));
        let to = to.collect::<Result<Vec<Channel>, String>>()?;
        let (sender, mut frame) = (Channel(self.number(sender)?), Vec::new());
        write_datagram(&mut frame, &to, sender, of, |out| out.extend_from_slice(payload))
            .map_err(|error| error.to_string())?;
        Ok(frame)
    }

    fn elements(&self, elements: &[&str], kind: Kind, out: &mut Vec<u8>) -> Result<(), String> {
        let count = elements.len() as u64;
        if matches!(kind, Kind::Zones | Kind::Fields) {
            put(count, 2, out)?;
        } else if kind == Kind::DoIds {
            put(count, 4, out)?;
        }
        let are_fields = matches!(kind, Kind::Fields | Kind::FieldsToEnd);
        elements.iter().try_for_each(|element| match are_fields {
            true => put(self.field(element)?.into(), 2, out),
            false => put(self.number(element)?, 4, out),
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
fn known(side: Side, name: &str, has_other: bool) -> Result<Known, String> {
    let tail = if has_other { "WithRequiredOther" } else { "WithRequired" };
    let tail = if side == Side::ToClient { tail.trim_start_matches("With") } else { tail };
    let mut names = [name.to_owned(), format!("{name}{tail}")];
    let tables = match (side, name.strip_prefix("database.")) {
        (Side::FromClient, _) => vec![all::<FromClient>()],
        (Side::ToClient, _) => vec![all::<ToClient>()],
        (Side::Cluster, Some(name)) => {
            names[0] = name.to_owned();
            vec![all::<Database>(), all::<DatabaseNotice>()]
        }
        (Side::Cluster, None) => vec![
            all::<Object>(),
            all::<ObjectNotice>(),
            all::<StateServer>(),
            all::<Dbss>(),
            all::<DbssNotice>(),
            all::<ClientChannel>(),
            all::<ClientNotice>(),
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
            let is_list_of_one = |row: &(&str, Kind)| *name == "zones" && row.0 == "zone";
            let is_known = |row: &(&str, Kind)| {
                row.0 == *name || is_part_of_object(row) || is_list_of_one(row)
            };
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
