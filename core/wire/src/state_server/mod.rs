//! State Server messages, typed (seed section 3, `openotp.md`; `astron` section 5). Numbers and
//! layouts come from the dialect tables; what a field's value means is the DC language's business.
//!
//! ```text
//! required:  the values of all required fields, one after the other
//! OTHER:     count: u16, then count x (field: u16, value)
//! entry:     do_id, parent, zone, dclass in the dialect's order, then required, or required OTHER
//! ```
//!
//! A payload is read to its end: bytes behind the last parameter are an error. Nothing is copied.

mod entry;
mod notice;
mod object;
mod server;

pub use crate::lists::{Fields, Zones};
pub use crate::location::Location;
pub use crate::message::MessageError;
pub(crate) use entry::Order;
pub use server::generated_do_id;

use crate::ids::{Channel, ClassId, DoId, FieldId, Zone};

/// An object as a message brings it along.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry<'a> {
    /// Its id.
    pub do_id: DoId,
    /// Where it is.
    pub location: Location,
    /// Its class.
    pub dclass: ClassId,
    /// Whether the required fields are followed by an OTHER block.
    pub has_other: bool,
    /// `required`, or `required OTHER`.
    pub fields: &'a [u8],
}

/// A message to a State Server's control channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StateServerMessage<'a> {
    /// Create an object: GENERATE_WITH_REQUIRED, or with OTHER.
    Generate(Entry<'a>),
    /// An AI is gone: delete all of its objects.
    ShardReset {
        /// Its channel.
        ai: Channel,
    },
}

/// A message to an object's channel, or to the channel of a parent's children.
///
/// * What the dialect does not send is 0, or `None`.
/// * UpdateFieldMultiple: `fields` is `count` x (field: u16, value).
/// * EnterZone: a child of elsewhere answers a zone query of its parent. `openotp` only.
/// * QueryZones and DeleteZones: QUERY_ZONE and DELETE_ZONE too, which are written as these.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the dialect tables say what each is")]
pub enum ObjectMessage<'a> {
    UpdateField { do_id: DoId, field: FieldId, value: &'a [u8] },
    UpdateFieldMultiple { do_id: DoId, count: u16, fields: &'a [u8] },
    DeleteFieldRam { do_id: DoId, field: FieldId },
    DeleteFieldsRam { do_id: DoId, fields: Fields<'a> },
    DeleteRam { do_id: DoId },
    SetZone { location: Location },
    ChangeZone { do_id: DoId, new: Location, old: Location },
    Locate { context: u32 },
    LocateResp { context: u32, do_id: DoId, location: Location },
    LocationAck { location: Location },
    EnterZone(Entry<'a>),
    QueryAll { context: u32, do_id: Option<DoId> },
    QueryField { context: u32, do_id: DoId, field: FieldId },
    QueryFields { context: u32, do_id: DoId, fields: Fields<'a> },
    QueryZones { context: u32, parent: DoId, zones: Zones<'a> },
    QueryChildren { context: u32, parent: DoId },
    CountZone { context: u32, parent: DoId, zone: Zone },
    CountZones { context: u32, parent: DoId, zones: Zones<'a> },
    CountChildren { context: u32, parent: DoId },
    DeleteZones { parent: DoId, zones: Zones<'a> },
    DeleteChildren { parent: DoId },
    QueryActiveZones { context: u32 },
    SetAi { do_id: Option<DoId>, ai: Channel },
    QueryManagingAi { context: u32 },
    NotifyManagingAi { parent: DoId, ai: Channel, old: Channel },
    ManagingAiResp { context: u32, parent: DoId, ai: Channel },
    SetOwner { owner: Channel },
    DeleteDisk { do_id: DoId },
}

/// What objects send to those who asked, and to locations, AIs, owners and parents.
///
/// * What the dialect does not send is 0.
/// * UpdateFieldMultiple: `fields` is `count` x (field: u16, value).
/// * EnterAi and EnterOwner: in `openotp` always with an OTHER block; QueryAllResp: in both.
/// * QueryFieldResp: without a value it is a failure.
/// * QueryFieldsResp: `fields` is how many, and that many x (field: u16, value); without them it is
///   a failure. Where the dialect does not send how many it reads as 0.
/// * LeavingAiInterest: `openotp` sends the do_id alone. `astron`: CHANGING_AI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the dialect tables say what each is")]
pub enum ObjectNotice<'a> {
    UpdateField { do_id: DoId, field: FieldId, value: &'a [u8] },
    UpdateFieldMultiple { do_id: DoId, count: u16, fields: &'a [u8] },
    DeleteFieldRam { do_id: DoId, field: FieldId },
    DeleteFieldsRam { do_id: DoId, fields: Fields<'a> },
    DeleteRam { do_id: DoId },
    DeleteDisk { do_id: DoId },
    ChangeZone { do_id: DoId, new: Location, old: Location },
    EnterZone(Entry<'a>),
    EnterInterest { context: u32, entry: Entry<'a> },
    EnterAi(Entry<'a>),
    EnterOwner(Entry<'a>),
    LocateResp { context: u32, do_id: DoId, location: Location },
    QueryAllResp { context: u32, entry: Entry<'a> },
    QueryFieldResp { context: u32, do_id: DoId, field: FieldId, value: Option<&'a [u8]> },
    QueryFieldsResp { context: u32, do_id: DoId, fields: Option<(u16, &'a [u8])> },
    QueryZoneDone { parent: DoId, zones: Zones<'a> },
    CountZoneResp { context: u32, count: u32 },
    CountZonesResp { context: u32, count: u32 },
    CountChildrenResp { context: u32, count: u32 },
    ActiveZonesResp { context: u32, zones: Zones<'a> },
    LeavingAiInterest { do_id: DoId, new: Channel, old: Channel },
    ManagingAiResp { context: u32, do_id: DoId, ai: Channel },
    ChangeOwner { do_id: DoId, new: Channel, old: Channel },
}
