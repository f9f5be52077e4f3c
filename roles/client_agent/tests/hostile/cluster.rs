//! What the cluster says of objects and clients: mostly sound, sometimes cut or changed.

use crate::SCHEMA;
use crate::client::{COURT, Client, GATE, RAW};
use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::{IndexedRandom, SliceRandom};
use wire::client::{AgentMessage, Fields, Location, Zones};
use wire::datagram::write_datagram;
use wire::dialect::Dialect;
use wire::ids::{Channel, ClassId, DoId, FieldId, MsgType, Zone};
use wire::state_server::{Entry, ObjectNotice};

/// Who speaks for the cluster, mostly.
pub const AI: Channel = Channel(900_001);
/// The message number of what is to be said when a client is gone.
pub const LAST_WORDS: MsgType = MsgType(0x7777);

/// One of the objects that there are.
pub fn object(rng: &mut SmallRng) -> DoId {
    match rng.random_range(0..10) {
        0 => GATE,
        1 => COURT,
        2..=4 => DoId(1_000_001),
        _ => DoId(1_000_000 + rng.random_range(0..6)),
    }
}

/// One of few places.
pub fn location(rng: &mut SmallRng) -> Location {
    Location { parent: object(rng), zone: Zone([0, 1, 1, 2][rng.random_range(0..4)]) }
}

/// A channel that a client may be given: one of its own, that of a location, or none.
fn spare_channel(rng: &mut SmallRng) -> Channel {
    match rng.random_range(0..8) {
        0 => Channel(0),
        1..=4 => Channel::location(DoId(1_000_001), Zone(1)),
        _ => Channel(7_000_000),
    }
}

/// Zones as they stand in a message, as many as fit in one message of both dialects.
pub fn zones(dialect: Dialect, rng: &mut SmallRng) -> Vec<[u8; 4]> {
    let count = rng.random_range(0..4);
    let zones = (0..count).map(|_| [0u32, 1, 1, 2][rng.random_range(0..4)].to_le_bytes()).collect();
    if dialect == Dialect::Astron && count == 0 { vec![[0; 4]] } else { zones }
}

/// The class of objects, always the same for one id.
pub fn class_of(do_id: DoId) -> ClassId {
    let name = ["Ground", "Thing", "Thing", "Other"][do_id.0 as usize % 4];
    ClassId(SCHEMA.class_by_name(name).unwrap().id.0)
}

/// A frame of the cluster, what it does, and to whom it goes.
pub struct Said {
    pub frame: Vec<u8>,
    pub to: Vec<Channel>,
    pub sender: Channel,
    pub effect: Effect,
}

/// What a client that hears it has, or has not, afterwards.
pub enum Effect {
    Nothing,
    Told,
    Raw,
    Enters(DoId, Location),
    State(u16),
    Sender(Channel),
    Declared(DoId, ClassId),
    Undeclared(DoId),
    Session(DoId),
    NoSession(DoId),
    Sendable(DoId, Vec<FieldId>),
    Opened(Channel),
    Closed(Channel),
    PostRemove(u32),
    NoPostRemoves,
    Interest(u16, DoId, Vec<u32>),
    NoInterest(u16),
    OwnedBy(DoId, Channel),
    Deleted(DoId),
}

/// Something that the cluster says to some of `clients`.
///
/// Where it is about channels, it speaks of hardly anything else.
pub fn say(
    dialect: Dialect,
    clients: &[Client],
    serial: u32,
    is_about_channels: bool,
    rng: &mut SmallRng,
) -> Said {
    let to = recipients(clients, rng);
    let sender = match (rng.random_range(0..12), clients.choose(rng)) {
        (0, Some(client)) => client.sender,
        _ => AI,
    };
    let (msgtype, mut payload, mut effect) = match rng.random_range(0..20) {
        _ if is_about_channels => agent_message(dialect, serial, true, rng),
        0 => (MsgType(60_000), bytes(rng), Effect::Nothing),
        1..=9 => notice(dialect, rng),
        _ => agent_message(dialect, serial, false, rng),
    };
    let is_tame = matches!(effect, Effect::Nothing | Effect::Enters(..));
    match rng.random_range(0..20) {
        // One byte more or less makes no message another one.
        0 => {
            payload.push(7);
            effect = Effect::Nothing;
        }
        1 if !payload.is_empty() => {
            payload.pop();
            effect = Effect::Nothing;
        }
        2 if is_tame && !payload.is_empty() => {
            let at = rng.random_range(0..payload.len());
            payload[at] ^= 1 << rng.random_range(0..8);
            effect = Effect::Nothing;
        }
        _ => (),
    }
    let mut frame = Vec::new();
    let write = |out: &mut Vec<u8>| out.extend_from_slice(&payload);
    write_datagram(&mut frame, &to, sender, msgtype, write).unwrap();
    Said { frame, to, sender, effect }
}

fn recipients(clients: &[Client], rng: &mut SmallRng) -> Vec<Channel> {
    let mut to = Vec::new();
    for _ in 0..rng.random_range(1..4) {
        to.push(match (rng.random_range(0..10), clients.choose(rng)) {
            (0, _) => Channel(10),
            (1..=3, _) | (_, None) => location(rng).channel().unwrap(),
            (8..=9, _) => spare_channel(rng),
            (4, Some(client)) => client.opened.first().copied().unwrap_or(client.channel),
            (5, Some(client)) => client.channel,
            (_, Some(client)) => client.sender,
        });
    }
    to.shuffle(rng);
    to
}

fn bytes(rng: &mut SmallRng) -> Vec<u8> {
    (0..rng.random_range(0..30)).map(|_| rng.random()).collect()
}

/// An object as it stands in an entry.
fn packed(dialect: Dialect, dclass: ClassId, has_other: bool) -> Vec<u8> {
    let class = SCHEMA.class_by_number(dclass.0).unwrap();
    let mut out = Vec::new();
    for field in class.required.iter().map(|&id| SCHEMA.field(id)) {
        let names: Vec<&str> = SCHEMA.keyword_names(field.keywords).collect();
        let is_visible = names.contains(&"broadcast") || names.contains(&"clrecv");
        if dialect == Dialect::OpenOtp || is_visible {
            out.extend_from_slice(&field.default);
        }
    }
    if has_other {
        out.extend_from_slice(&[0; 2]);
    }
    out
}

fn notice(dialect: Dialect, rng: &mut SmallRng) -> (MsgType, Vec<u8>, Effect) {
    let (do_id, place) = (object(rng), location(rng));
    let has_other = rng.random();
    let fields = packed(dialect, class_of(do_id), has_other);
    let entry =
        Entry { do_id, location: place, dclass: class_of(do_id), has_other, fields: &fields };
    let (owned_fields, value) = (packed(dialect, class_of(do_id), true), bytes(rng));
    let owned = Entry { has_other: true, fields: &owned_fields, ..entry };
    let zones = zones(dialect, rng);
    let new = [AI, spare_channel(rng)][rng.random_range(0..2)];
    let context = rng.random_range(0..5);
    let field = FieldId(rng.random_range(0..SCHEMA.fields().len() as u16 + 1));
    let (notice, effect) = match rng.random_range(0..12) {
        0..=2 => (ObjectNotice::EnterZone(entry), Effect::Enters(do_id, place)),
        3..=4 => (ObjectNotice::EnterOwner(owned), Effect::Told),
        5 => (ObjectNotice::UpdateField { do_id, field, value: &value }, Effect::Nothing),
        6 => {
            (ObjectNotice::UpdateFieldMultiple { do_id, count: 1, fields: &value }, Effect::Nothing)
        }
        7 => (ObjectNotice::ChangeZone { do_id, new: place, old: location(rng) }, Effect::Nothing),
        8 => (ObjectNotice::DeleteRam { do_id }, Effect::Deleted(do_id)),
        9 => (ObjectNotice::ChangeOwner { do_id, new, old: AI }, Effect::OwnedBy(do_id, new)),
        _ if dialect == Dialect::OpenOtp => {
            let (parent, zones) = (place.parent, Zones(&zones));
            (ObjectNotice::QueryZoneDone { parent, zones }, Effect::Nothing)
        }
        10 => (ObjectNotice::EnterInterest { context, entry }, Effect::Nothing),
        _ => (ObjectNotice::CountZonesResp { context, count: 1 }, Effect::Nothing),
    };
    let mut payload = Vec::new();
    notice.write(dialect, &mut payload);
    (notice.msgtype(dialect).unwrap(), payload, effect)
}

fn agent_message(
    dialect: Dialect,
    serial: u32,
    is_about_channels: bool,
    rng: &mut SmallRng,
) -> (MsgType, Vec<u8>, Effect) {
    let (do_id, channel) = (object(rng), spare_channel(rng));
    let (interest, zones) = (rng.random_range(0..4), zones(dialect, rng));
    let listed = zones.iter().map(|zone| u32::from_le_bytes(*zone)).collect();
    let state = [0, 1, 2, 2, 2, 2, 3][rng.random_range(0..7)];
    let dclass = class_of(do_id);
    let fields: Vec<[u8; 2]> =
        (0..rng.random_range(0..3)).map(|_| rng.random_range(0..14u16).to_le_bytes()).collect();
    let may_send = fields.iter().map(|field| FieldId(u16::from_le_bytes(*field))).collect();
    let raw = [&RAW[..], &bytes(rng)].concat();
    let last_words = last_words(serial);
    let context = rng.random();
    let is_astron = dialect == Dialect::Astron;
    let number = match is_about_channels {
        true => [6, 10, 10, 23, 26, 29, 30][rng.random_range(0..7)],
        false => rng.random_range(0..38),
    };
    let (message, effect) = match number {
        0..=5 => (AgentMessage::SetState { state }, Effect::State(state)),
        6..=9 => (AgentMessage::SetClientId { channel }, Effect::Sender(channel)),
        10..=12 => (AgentMessage::SendDatagram { datagram: &raw }, Effect::Raw),
        13 if rng.random() => (AgentMessage::Eject { code: 9, reason: &raw }, Effect::Told),
        14 if rng.random() => (AgentMessage::Drop, Effect::Nothing),
        13 if is_astron => (AgentMessage::GetNetworkAddress { context }, Effect::Nothing),
        14 if is_astron => (AgentMessage::GetTlvs { context }, Effect::Nothing),
        13..=17 => (AgentMessage::DeclareObject { do_id, dclass }, Effect::Declared(do_id, dclass)),
        18 => (AgentMessage::UndeclareObject { do_id }, Effect::Undeclared(do_id)),
        19 => (AgentMessage::AddSessionObject { do_id }, Effect::Session(do_id)),
        20 => (AgentMessage::RemoveSessionObject { do_id }, Effect::NoSession(do_id)),
        21..=22 => (
            AgentMessage::SetFieldsSendable { do_id, fields: Fields(&fields) },
            Effect::Sendable(do_id, may_send),
        ),
        23..=25 => (AgentMessage::OpenChannel { channel }, Effect::Opened(channel)),
        26..=27 => (AgentMessage::CloseChannel { channel }, Effect::Closed(channel)),
        28 | 36..=37 => {
            (AgentMessage::AddPostRemove { message: &last_words }, Effect::PostRemove(serial))
        }
        29 if rng.random() => (AgentMessage::ClearPostRemoves, Effect::NoPostRemoves),
        29 => (AgentMessage::RemoveInterest { interest }, Effect::NoInterest(interest)),
        _ => (
            AgentMessage::AddInterest { interest, parent: do_id, zones: Zones(&zones) },
            Effect::Interest(interest, do_id, listed),
        ),
    };
    let mut payload = Vec::new();
    message.write(dialect, &mut payload);
    (message.msgtype(dialect).unwrap(), payload, effect)
}

/// A datagram for when a client is gone.
pub fn last_words(serial: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let write = |out: &mut Vec<u8>| out.extend_from_slice(&serial.to_le_bytes());
    write_datagram(&mut out, &[AI], AI, LAST_WORDS, write).unwrap();
    out.split_off(2)
}
