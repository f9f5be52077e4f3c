//! Messages of the Database and the DBSS, typed (seed section 4, `openotp.md` 12 to 18, 21, 22;
//! `astron` sections 6 and 7). Numbers and layouts come from the dialect tables; what a field's
//! value means, and where it ends, is the DC language's business: values stay packed.
//!
//! ```text
//! fields       count: u16, then count x (field: u16, value)
//! conditions   count: u16, then count x (field: u16, old value, new value)
//! comparisons  count: u16, then count x (op: u8, field: u16, value)
//! object       openotp: the values of all required fields, then fields; astron: fields
//! ```
//!
//! Where a message has a count of its own, it stands apart, and the packed bytes begin behind it.
//! A payload is read to its end: bytes behind the last parameter are an error. Nothing is copied.

mod dbss;
mod notice;
mod request;

pub use crate::lists::{DoIds, Fields};
pub use crate::location::Location;
pub use crate::message::MessageError;
pub use request::{refusal, split};

use crate::ids::{ClassId, DoId, FieldId};

/// A message to a database's control channel.
///
/// * Create and Update: `fields` is `count` x (field: u16, value). `openotp` sends a context with
///   an Update, though it has no answer; `astron` sends none.
/// * UpdateFieldIfEquals: old value, new value. UpdateIfEquals: `count` x (field: u16, old value,
///   new value).
/// * DeleteQuery, SelectQuery, UpdateQuery: `count` x (op: u8, field: u16, value); an UpdateQuery
///   then has its fields, with their count. `openotp` only.
/// * The class of SelectQuery and UpdateQuery is a `u32` on the wire: what no [`ClassId`] holds is
///   an unknown class.
/// * Verify codes are those of [`is_die`] and [`is_kill`], which nothing here checks; `astron` has
///   none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the dialect tables say what each is")]
pub enum DatabaseMessage<'a> {
    Create { context: u32, dclass: ClassId, count: u16, fields: &'a [u8] },
    Delete { do_id: DoId, verify_code: Option<u32> },
    DeleteQuery { verify_code: u32, dclass: ClassId, count: u16, comparisons: &'a [u8] },
    SelectField { context: u32, do_id: DoId, field: FieldId },
    Select { context: u32, do_id: DoId, fields: Fields<'a> },
    SelectAll { context: u32, do_id: DoId },
    SelectQuery { context: u32, dclass: u32, count: u16, comparisons: &'a [u8] },
    UpdateField { do_id: DoId, field: FieldId, value: &'a [u8] },
    Update { context: Option<u32>, do_id: DoId, count: u16, fields: &'a [u8] },
    UpdateQuery { dclass: u32, count: u16, comparisons_and_fields: &'a [u8] },
    UpdateFieldIfEquals { context: u32, do_id: DoId, field: FieldId, old_and_new: &'a [u8] },
    UpdateIfEquals { context: u32, do_id: DoId, count: u16, conditions: &'a [u8] },
    UpdateFieldIfEmpty { context: u32, do_id: DoId, field: FieldId, value: &'a [u8] },
    DeleteField { do_id: DoId, field: FieldId },
    DeleteFields { do_id: DoId, fields: Fields<'a> },
}

/// What a database sends to those who asked, and (`astron`) says of its objects.
///
/// * CreateResp: [`BAD_DO_ID`](crate::dialect::BAD_DO_ID) is a failure.
/// * SelectFieldResp, SelectResp, SelectAllResp: without anything it is a failure.
/// * SelectResp: `astron` sends how many, and that many x (field: u16, value). `openotp` sends the
///   values alone, in the order asked, and how many reads as 0; no bytes at all are a failure
///   there, also where nothing was asked for.
/// * UpdateIfEqualsResp: where a value differed, the current values as in SelectResp.
/// * UpdateField and all behind it: announcements. `openotp` announces as a State Server object
///   does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the dialect tables say what each is")]
pub enum DatabaseNotice<'a> {
    CreateResp { context: u32, do_id: DoId },
    SelectFieldResp { context: u32, value: Option<(FieldId, &'a [u8])> },
    SelectResp { context: u32, fields: Option<(u16, &'a [u8])> },
    SelectAllResp { context: u32, object: Option<StoredObject<'a>> },
    SelectQueryResp { context: u32, do_ids: DoIds<'a> },
    UpdateFieldIfEqualsResp { context: u32, outcome: Outcome<(FieldId, &'a [u8])> },
    UpdateIfEqualsResp { context: u32, outcome: Outcome<(u16, &'a [u8])> },
    UpdateFieldIfEmptyResp { context: u32, outcome: Outcome<(FieldId, &'a [u8])> },
    UpdateField { do_id: DoId, field: FieldId, value: &'a [u8] },
    Update { do_id: DoId, count: u16, fields: &'a [u8] },
    DeleteField { do_id: DoId, field: FieldId },
    DeleteFields { do_id: DoId, fields: Fields<'a> },
    Delete { do_id: DoId },
}

/// All that a database has of an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoredObject<'a> {
    /// Its class.
    pub dclass: ClassId,
    /// Its fields, with their count. In `openotp` the required ones stand before it and are not in
    /// it, each with the value that is stored, or its default.
    pub fields: &'a [u8],
}

/// How an update with a condition ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome<T> {
    /// It was done.
    Done,
    /// The condition does not hold: what there is.
    Differs(T),
    /// Nothing was done, for another reason. `astron` does not say which: 0.
    Failed {
        /// A `ret_code`, neither [`DONE`](ret_code::DONE) nor [`DIFFERS`](ret_code::DIFFERS).
        ret_code: u8,
    },
}

/// The `ret_code` of an UpdateIfEqualsResp in `openotp` (`openotp.md` 14).
pub mod ret_code {
    /// All of it was done.
    pub const DONE: u8 = 0;
    /// A value differed.
    pub const DIFFERS: u8 = 1;
    /// There is no such object.
    pub const NO_OBJECT: u8 = 2;
    /// A field that is not in the class, is not `db`, or does not decode; or the object would
    /// become too large.
    pub const INVALID: u8 = 3;
    /// The database cannot write.
    pub const NOT_STORED: u8 = 4;
}

/// "Die!": as the number that the seed prints, and as the one whose bytes spell it
/// (`openotp.md` 12).
pub const DIE: [u32; 2] = [0x4469_6521, u32::from_le_bytes(*b"Die!")];

/// "Kill": as the number that the seed prints, and as the one whose bytes spell it.
pub const KILL: [u32; 2] = [0x4b69_6c6c, u32::from_le_bytes(*b"Kill")];

/// Whether a Delete means it.
pub fn is_die(verify_code: u32) -> bool {
    DIE.contains(&verify_code)
}

/// Whether a DeleteQuery means it.
pub fn is_kill(verify_code: u32) -> bool {
    KILL.contains(&verify_code)
}

/// A message to a stored object's channel that a DBSS alone reads, besides those of an object.
/// `astron` only.
///
/// ActivateWithDefaultsOther: `fields` is `count` x (field: u16, value).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the dialect tables say what each is")]
pub enum DbssMessage<'a> {
    ActivateWithDefaults {
        do_id: DoId,
        location: Location,
    },
    ActivateWithDefaultsOther {
        do_id: DoId,
        location: Location,
        dclass: ClassId,
        count: u16,
        fields: &'a [u8],
    },
    QueryActivated {
        context: u32,
        do_id: DoId,
    },
    DeleteFieldDisk {
        do_id: DoId,
        field: FieldId,
    },
    DeleteFieldsDisk {
        do_id: DoId,
        fields: Fields<'a>,
    },
}

/// What a DBSS answers. `astron` only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the dialect tables say what each is")]
pub enum DbssNotice {
    QueryActivatedResp { context: u32, do_id: DoId, active: bool },
}
