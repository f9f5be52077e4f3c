//! Messages that came, in the words of a transcript.

use crate::codec::{Packet, Side};
use dc::{FieldId, Schema};
use wire::datagram::Datagram;
use wire::dialect::{
    ClientChannel, ClientNotice, Database, DatabaseNotice, Dbss, DbssNotice, Dialect, Inbox, Kind,
    Layout, Object, ObjectNotice, StateServer, ToClient,
};
use wire::ids::{Channel, MsgType};
use wire::reader::{DecodeError, Reader};

/// Longer ones are cut.
const SHOWN_MAX: usize = 400;

/// A datagram in words.
pub fn datagram(dialect: Dialect, schema: &Schema, dg: &Datagram<'_>) -> String {
    let to: Vec<String> = dg.recipients().map(channel).collect();
    let (name, layout) = named(dialect, dg.msgtype());
    let head = format!("{name} from {} to [{}]", channel(dg.sender()), to.join(", "));
    words(dialect, schema, (&name, layout), head, dg.payload())
}

/// What comes to a client, in words.
pub fn message(dialect: Dialect, schema: &Schema, number: MsgType, payload: &[u8]) -> String {
    let known = row::<ToClient>(dialect, number, "");
    let (name, layout) = known.unwrap_or_else(|| (format!("#{number}"), &[]));
    words(dialect, schema, (&name, layout), name.clone(), payload)
}

/// What should have come, in words; `to`: if that matters.
pub fn expected(
    dialect: Dialect,
    schema: &Schema,
    side: Side,
    (sender, to): (u64, Option<&[u64]>),
    packet: &Packet,
) -> String {
    if side == Side::ToClient {
        return message(dialect, schema, packet.msgtype, &packet.payload);
    }
    let (name, layout) = named(dialect, packet.msgtype);
    let mut head = format!("{name} from {}", channel(Channel(sender)));
    if let Some(to) = to {
        let to: Vec<String> = to.iter().map(|&to| channel(Channel(to))).collect();
        head += &format!(" to [{}]", to.join(", "));
    }
    words(dialect, schema, (&name, layout), head, &packet.payload)
}

fn words(
    dialect: Dialect,
    schema: &Schema,
    (name, layout): (&str, Layout),
    text: String,
    payload: &[u8],
) -> String {
    let mut shown = Shown { schema, name, dialect, text, field: None, class: None };
    let mut reader = Reader::new(payload);
    match shown.parameters(layout, &mut reader) {
        Ok(()) => shown.rest("extra", reader.rest()),
        Err(_) => shown.rest("payload", payload),
    }
    match shown.text.char_indices().nth(SHOWN_MAX) {
        Some((at, _)) => format!("{} ..", &shown.text[..at]),
        None => shown.text,
    }
}

fn named(dialect: Dialect, number: MsgType) -> (String, Layout) {
    let known = [
        row::<ObjectNotice>(dialect, number, ""),
        row::<Object>(dialect, number, ""),
        row::<StateServer>(dialect, number, ""),
        row::<Database>(dialect, number, "database."),
        row::<DatabaseNotice>(dialect, number, "database."),
        row::<Dbss>(dialect, number, ""),
        row::<DbssNotice>(dialect, number, ""),
        row::<ClientChannel>(dialect, number, ""),
        row::<ClientNotice>(dialect, number, ""),
    ];
    known.into_iter().flatten().next().unwrap_or_else(|| (format!("#{number}"), &[]))
}

fn row<I: Inbox>(dialect: Dialect, number: MsgType, before: &str) -> Option<(String, Layout)> {
    let row = I::from_number(dialect, number)?;
    let layout = row.shape(dialect).map_or(&[] as Layout, |shape| shape.layout);
    Some((format!("{before}{}", row.name()), layout))
}

fn channel(channel: Channel) -> String {
    match (channel.0 >> 32, channel.0 as u32) {
        (0, id) => id.to_string(),
        (1 | 4030, parent) => format!("children({parent})"),
        (parent, zone) => format!("location({parent}, {zone})"),
    }
}

struct Shown<'a> {
    schema: &'a Schema,
    name: &'a str,
    dialect: Dialect,
    text: String,
    field: Option<u16>,
    class: Option<u16>,
}

impl Shown<'_> {
    fn add(&mut self, name: &str, value: &str) {
        self.text += &format!(" {name}={value}");
    }

    fn rest(&mut self, name: &str, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.add(name, &raw(bytes));
        }
    }

    fn parameters(&mut self, layout: Layout, r: &mut Reader<'_>) -> Result<(), DecodeError> {
        for &(name, kind) in layout {
            if kind == Kind::Packed {
                let bytes = r.rest();
                let packed = self.packed(name, bytes);
                let text = packed.unwrap_or_else(|| format!("{name}={}", raw(bytes)));
                self.text += &format!(" {text}");
            } else {
                let value = self.parameter(kind, r)?;
                self.add(name, &value);
            }
        }
        Ok(())
    }

    fn parameter(&mut self, kind: Kind, r: &mut Reader<'_>) -> Result<String, DecodeError> {
        Ok(match kind {
            Kind::Bool | Kind::U8 => r.u8()?.to_string(),
            Kind::U16 => r.u16()?.to_string(),
            Kind::U32 | Kind::DoId | Kind::Zone => r.u32()?.to_string(),
            Kind::Channel => channel(r.channel()?),
            Kind::Class => self.class(r.u16()?),
            Kind::Field => self.field(r.u16()?),
            Kind::Zones => {
                let count = r.u16()?;
                list((0..count).map(|_| r.u32().map(|zone| zone.to_string())))?
            }
            Kind::Fields => {
                let count = r.u16()?;
                list((0..count).map(|_| r.u16().map(|field| self.field(field))))?
            }
            Kind::Text => format!("{:?}", String::from_utf8_lossy(r.blob()?)),
            Kind::Blob => raw(r.blob()?),
            Kind::DoIds | Kind::ZonesToEnd | Kind::FieldsToEnd | Kind::Packed => raw(r.rest()),
        })
    }

    fn class(&mut self, number: u16) -> String {
        self.class = Some(number);
        let class = self.schema.class_by_number(number);
        class.map_or(format!("#{number}"), |class| class.name.clone())
    }

    fn field(&mut self, number: u16) -> String {
        self.field = Some(number);
        let field = self.schema.fields().get(number as usize);
        field.map_or(format!("#{number}"), |field| field.name.clone())
    }

    /// What is packed; `None`: something else than it should be.
    fn packed(&mut self, name: &str, bytes: &[u8]) -> Option<String> {
        let mut rest = bytes;
        let is_answer = self.name.ends_with("Resp") && self.dialect == Dialect::Astron;
        let text = match name {
            "value" if bytes.is_empty() => String::new(),
            "value" if is_answer => self.numbered(&mut rest)?,
            "value" => self.value(self.field?, &mut rest)?,
            "fields" => {
                let _count = if is_answer && !rest.is_empty() { two(&mut rest)? } else { 0 };
                format!("fields=[{}]", self.all_numbered(&mut rest)?)
            }
            "required" => format!("required=[{}]", self.required(&mut rest)?),
            "required_other" => {
                let required = self.required(&mut rest)?;
                let _count = two(&mut rest)?;
                format!("required=[{required}] other=[{}]", self.all_numbered(&mut rest)?)
            }
            _ => return None,
        };
        rest.is_empty().then_some(text)
    }

    fn required(&self, rest: &mut &[u8]) -> Option<String> {
        let class = self.schema.class_by_number(self.class?)?;
        let values = class.required.iter().map(|&field| self.value(field.0, rest));
        Some(values.collect::<Option<Vec<String>>>()?.join(", "))
    }

    fn all_numbered(&self, rest: &mut &[u8]) -> Option<String> {
        let mut fields = Vec::new();
        while !rest.is_empty() {
            fields.push(self.numbered(rest)?);
        }
        Some(fields.join(", "))
    }

    fn numbered(&self, rest: &mut &[u8]) -> Option<String> {
        let field = two(rest)?;
        self.value(field, rest)
    }

    fn value(&self, number: u16, rest: &mut &[u8]) -> Option<String> {
        let field = self.schema.fields().get(number as usize)?;
        let whole = *rest;
        self.schema.skip(FieldId(number), rest).ok()?;
        let value = &whole[..whole.len() - rest.len()];
        match self.schema.text(FieldId(number), value).ok()? {
            text if text.starts_with('(') => Some(format!("{}{text}", field.name)),
            text => Some(format!("{}({text})", field.name)),
        }
    }
}

fn two(rest: &mut &[u8]) -> Option<u16> {
    let (two, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(u16::from_le_bytes(*two))
}

fn list(
    elements: impl Iterator<Item = Result<String, DecodeError>>,
) -> Result<String, DecodeError> {
    Ok(format!("[{}]", elements.collect::<Result<Vec<String>, DecodeError>>()?.join(", ")))
}

fn raw(bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("<{hex}>")
}
