//! Client Agent messages, typed: what the cluster says to a client's channel, and what a client and
//! its agent say to each other (`openotp.md`, Client Agent and client protocol; `astron` sections 3
//! and 4). Numbers and layouts come from the dialect tables.
//!
//! What a client sends and hears has no envelope:
//!
//! ```text
//! +--------+-----------------+--------------+-------------+
//! | length (u16 LE)          | msgtype: u16 | payload ... |
//! +--------+-----------------+--------------+-------------+
//! ```
//!
//! A payload is read to its end: bytes behind the last parameter are an error. Nothing is copied.

mod agent;
mod from_client;
mod to_client;

pub use crate::lists::{Fields, Zones};
pub use crate::location::Location;
pub use crate::message::MessageError;
pub use crate::state_server::Entry;

use crate::ids::{Channel, ClassId, DoId, FieldId, MsgType};

/// A message to a client's channel, besides those of objects that it sees.
///
/// * AddInterest: ADD_INTEREST_MULTIPLE too, which `astron` writes if there is not exactly one zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the dialect tables say what each is")]
pub enum AgentMessage<'a> {
    SetState { state: u16 },
    SetClientId { channel: Channel },
    SendDatagram { datagram: &'a [u8] },
    Eject { code: u16, reason: &'a [u8] },
    Drop,
    GetNetworkAddress { context: u32 },
    DeclareObject { do_id: DoId, dclass: ClassId },
    UndeclareObject { do_id: DoId },
    AddSessionObject { do_id: DoId },
    RemoveSessionObject { do_id: DoId },
    SetFieldsSendable { do_id: DoId, fields: Fields<'a> },
    GetTlvs { context: u32 },
    OpenChannel { channel: Channel },
    CloseChannel { channel: Channel },
    AddPostRemove { message: &'a [u8] },
    ClearPostRemoves,
    AddInterest { interest: u16, parent: DoId, zones: Zones<'a> },
    RemoveInterest { interest: u16 },
}

/// What a Client Agent answers to whoever asked about a client. `astron` only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the dialect tables say what each is")]
pub enum AgentAnswer<'a> {
    GetNetworkAddressResp {
        context: u32,
        remote: &'a [u8],
        remote_port: u16,
        local: &'a [u8],
        local_port: u16,
    },
    GetTlvsResp {
        context: u32,
        tlvs: &'a [u8],
    },
    DoneInterestResp {
        client: Channel,
        interest: u16,
    },
}

/// A message of a game client.
///
/// * AddInterest: ADD_INTEREST_MULTIPLE too, which `astron` writes if there is not exactly one zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the dialect tables say what each is")]
pub enum FromClient<'a> {
    Hello { dc_hash: u32, version: &'a [u8] },
    Disconnect,
    Heartbeat,
    UpdateField { do_id: DoId, field: FieldId, value: &'a [u8] },
    Location { do_id: DoId, location: Location },
    AddInterest { context: u32, interest: u16, parent: DoId, zones: Zones<'a> },
    RemoveInterest { context: u32, interest: u16 },
}

/// A message to a game client.
///
/// * UpdateFieldMultiple: `fields` is `count` x (field: u16, value). `astron` only.
/// * Enter and EnterOwner: in `openotp` EnterOwner always has an OTHER block.
/// * LeavingOwner, AddInterest and RemoveInterest: `astron` only. AddInterest: with one zone, or as
///   ADD_INTEREST_MULTIPLE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the dialect tables say what each is")]
pub enum ToClient<'a> {
    HelloResp,
    Eject { code: u16, reason: &'a [u8] },
    UpdateField { do_id: DoId, field: FieldId, value: &'a [u8] },
    UpdateFieldMultiple { do_id: DoId, count: u16, fields: &'a [u8] },
    Leaving { do_id: DoId },
    LeavingOwner { do_id: DoId },
    Location { do_id: DoId, location: Location },
    Enter(Entry<'a>),
    EnterOwner(Entry<'a>),
    AddInterest { context: u32, interest: u16, parent: DoId, zones: Zones<'a> },
    RemoveInterest { context: u32, interest: u16 },
    DoneInterestResp { context: u32, interest: u16 },
}

/// Splits the body of a client's frame into its message number and what follows it; `None` if it is
/// too short to have one.
#[inline]
pub fn split(body: &[u8]) -> Option<(MsgType, &[u8])> {
    let (msgtype, payload) = body.split_first_chunk::<2>()?;
    Some((MsgType(u16::from_le_bytes(*msgtype)), payload))
}

#[cfg(test)]
mod tests;
