//! Typed messages against their rows in the tables: a parameter is written where the row names it,
//! and read from there.
#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeSet;
use std::fmt::Debug;
use wire::dialect::{Dialect, Inbox, Kind, Shape};
use wire::ids::{Channel, ClassId, DoId, FieldId, MsgType, Zone};
use wire::lists::{DoIds, Fields, Zones};
use wire::location::Location;
use wire::message::MessageError;
use wire::reader::DecodeError;

pub const DO_ID: DoId = DoId(0x0102_0304);
pub const LOCATION: Location = Location { parent: DoId(0x1112_1314), zone: Zone(0x2122_2324) };
pub const NEW: Location = Location { parent: DoId(0x3132_3334), zone: Zone(0x4142_4344) };
pub const OLD: Location = Location { parent: DoId(0x5152_5354), zone: Zone(0x6162_6364) };
pub const CONTEXT: u32 = 0x7172_7374;
pub const COUNT: u16 = 0x8182;
pub const CLASS: ClassId = ClassId(0x8384);
pub const FIELD: FieldId = FieldId(0x8586);
pub const AI: Channel = Channel(0x9192_9394_9596_9798);
pub const OWNER: Channel = Channel(0xa1a2_a3a4_a5a6_a7a8);
pub const NEW_CHANNEL: Channel = Channel(0xb1b2_b3b4_b5b6_b7b8);
pub const OLD_CHANNEL: Channel = Channel(0xc1c2_c3c4_c5c6_c7c8);
pub const NONE: Channel = Channel(0);
pub const ZONES: Zones<'static> = Zones(&[*b"zon1", *b"zon2", *b"zon3"]);
pub const FIELDS: Fields<'static> = Fields(&[*b"f1", *b"f2"]);
pub const DO_IDS: DoIds<'static> = DoIds(&[*b"doi1", *b"doi2"]);
pub const VALUES: &[u8] = b"values";
pub const VERIFY_CODE: u32 = 0xd1d2_d3d4;

/// The parameter called `name`, as it stands in a payload.
pub fn parameter(name: &str, kind: Kind) -> Vec<u8> {
    let zones = ZONES.0.as_flattened();
    let fields = FIELDS.0.as_flattened();
    match (name, kind) {
        ("do_id", Kind::DoId) => DO_ID.0.to_le_bytes().to_vec(),
        ("parent", Kind::DoId) => LOCATION.parent.0.to_le_bytes().to_vec(),
        ("new_parent", Kind::DoId) => NEW.parent.0.to_le_bytes().to_vec(),
        ("old_parent", Kind::DoId) => OLD.parent.0.to_le_bytes().to_vec(),
        ("zone", Kind::Zone) => LOCATION.zone.0.to_le_bytes().to_vec(),
        ("new_zone", Kind::Zone) => NEW.zone.0.to_le_bytes().to_vec(),
        ("old_zone", Kind::Zone) => OLD.zone.0.to_le_bytes().to_vec(),
        ("context", Kind::U32) => CONTEXT.to_le_bytes().to_vec(),
        ("count", Kind::U16) => COUNT.to_le_bytes().to_vec(),
        ("count", Kind::U32) => u32::from(COUNT).to_le_bytes().to_vec(),
        ("verify_code", Kind::U32) => VERIFY_CODE.to_le_bytes().to_vec(),
        ("dclass", Kind::U32) => u32::from(CLASS.0).to_le_bytes().to_vec(),
        ("active", Kind::Bool) => vec![1],
        ("do_ids", Kind::DoIds) => [&2u32.to_le_bytes(), DO_IDS.0.as_flattened()].concat(),
        ("dclass", Kind::Class) => CLASS.0.to_le_bytes().to_vec(),
        ("field", Kind::Field) => FIELD.0.to_le_bytes().to_vec(),
        ("success", Kind::Bool) => vec![1],
        ("ai", Kind::Channel) => AI.0.to_le_bytes().to_vec(),
        ("owner", Kind::Channel) => OWNER.0.to_le_bytes().to_vec(),
        ("new", Kind::Channel) => NEW_CHANNEL.0.to_le_bytes().to_vec(),
        ("old", Kind::Channel) => OLD_CHANNEL.0.to_le_bytes().to_vec(),
        ("zones", Kind::Zones) => [&3u16.to_le_bytes(), zones].concat(),
        ("fields", Kind::Fields) => [&2u16.to_le_bytes(), fields].concat(),
        ("fields", Kind::FieldsToEnd) => fields.to_vec(),
        (_, Kind::Packed) => VALUES.to_vec(),
        unheard_of => panic!("{unheard_of:?}"),
    }
}

/// A message of some inbox.
pub trait Message: Copy + Debug {
    type Row: Inbox + Ord + Debug;
    /// Fails where another message is read than this one.
    fn is_read(
        &self,
        dialect: Dialect,
        number: MsgType,
        payload: &[u8],
    ) -> Result<(), MessageError>;
    fn number(&self, dialect: Dialect) -> Option<MsgType>;
    fn written(&self, dialect: Dialect) -> Vec<u8>;
    fn name(&self) -> &'static str;
}

macro_rules! is_message {
    ($message:ty, $row:ident) => {
        impl Message for $message {
            type Row = wire::dialect::$row;
            fn is_read(
                &self,
                dialect: Dialect,
                number: MsgType,
                payload: &[u8],
            ) -> Result<(), MessageError> {
                <$message>::decode(dialect, number, payload).map(|read| assert_eq!(read, *self))
            }
            fn number(&self, dialect: Dialect) -> Option<MsgType> {
                self.msgtype(dialect)
            }
            fn written(&self, dialect: Dialect) -> Vec<u8> {
                let mut out = b"kept".to_vec();
                self.write(dialect, &mut out);
                out.split_off(4)
            }
            fn name(&self) -> &'static str {
                <$message>::name(self)
            }
        }
    };
}

/// The message is its row, byte by byte, and whatever is cut off or follows is noticed.
pub fn check<M: Message>(dialect: Dialect, message: M) -> M::Row {
    let number = message.number(dialect).unwrap();
    let row = M::Row::from_number(dialect, number).unwrap();
    let Shape { layout, .. } = row.shape(dialect).unwrap();
    assert_eq!(message.name(), row.name());
    let parameters: Vec<_> = layout.iter().map(|&(name, kind)| parameter(name, kind)).collect();
    let payload = parameters.concat();
    assert_eq!(message.written(dialect), payload, "{dialect:?} {message:?}");
    assert_eq!(message.is_read(dialect, number, &payload), Ok(()));

    let open = |kind: Kind| matches!(kind, Kind::Packed | Kind::FieldsToEnd);
    let is_open = layout.last().is_some_and(|&(_, kind)| open(kind));
    let closed_bytes = payload.len() - if is_open { parameters.last().unwrap().len() } else { 0 };
    is_closed(dialect, message, number, &payload[..closed_bytes]);
    if !is_open {
        is_too_long(dialect, message, number, &payload);
    }
    row
}

pub fn is_closed<M: Message>(dialect: Dialect, message: M, number: MsgType, closed: &[u8]) {
    for cut in 0..closed.len() {
        let error = MessageError::Arguments { name: message.name(), error: DecodeError::Truncated };
        assert_eq!(message.is_read(dialect, number, &closed[..cut]), Err(error), "cut at {cut}");
    }
}

pub fn is_too_long<M: Message>(dialect: Dialect, message: M, number: MsgType, payload: &[u8]) {
    let error = MessageError::Arguments { name: message.name(), error: DecodeError::Excess(1) };
    assert_eq!(message.is_read(dialect, number, &[payload, &[0]].concat()), Err(error));
}

/// Checks all of them: every row of the dialect but `others` has its message, once.
pub fn check_all<M: Message>(dialect: Dialect, messages: &[M], others: &[M::Row]) {
    let checked: Vec<M::Row> = messages
        .iter()
        .filter(|message| message.number(dialect).is_some())
        .map(|&message| check(dialect, message))
        .chain(others.iter().copied().filter(|row| row.shape(dialect).is_some()))
        .collect();
    let rows: BTreeSet<M::Row> =
        M::Row::ALL.iter().copied().filter(|row| row.shape(dialect).is_some()).collect();
    assert_eq!(checked.len(), rows.len(), "{dialect:?}");
    assert_eq!(checked.into_iter().collect::<BTreeSet<_>>(), rows, "{dialect:?}");
}

/// Written as these bytes, and read from them; cut anywhere in `closed`, or longer where it may
/// not be, it is refused.
pub fn check_bytes<M: Message>(
    dialect: Dialect,
    message: M,
    closed: &[&[u8]],
    open: Option<&[u8]>,
) {
    let closed = closed.concat();
    let number = message.number(dialect).unwrap();
    let payload = [&closed, open.unwrap_or_default()].concat();
    assert_eq!(message.written(dialect), payload, "{message:?}");
    assert_eq!(message.is_read(dialect, number, &payload), Ok(()));
    is_closed(dialect, message, number, &closed);
    if open.is_none() {
        is_too_long(dialect, message, number, &payload);
    }
}
