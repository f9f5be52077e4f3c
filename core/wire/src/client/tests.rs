use super::{
    AgentAnswer, AgentMessage, Entry, Fields, FromClient, Location, ToClient, Zones, split,
};
use crate::dialect::Dialect;
use crate::framing;
use crate::ids::{Channel, ClassId, DoId, FieldId, MsgType, Zone};
use alloc::vec;
use alloc::vec::Vec;

const ONE: Zones<'static> = Zones::of(&[9, 0, 0, 0]);
const TWO: Zones<'static> = Zones::of(&[9, 0, 0, 0, 8, 0, 0, 0]);
const FIELDS: Fields<'static> = Fields::of(&[7, 0, 8, 1]);
const PLACE: Location = Location { parent: DoId(5), zone: Zone(6) };

fn entry(has_other: bool) -> Entry<'static> {
    Entry { do_id: DoId(1), location: PLACE, dclass: ClassId(3), has_other, fields: &[1, 2, 3] }
}

/// What is written is read again, and no beginning of it is anything unless it may end anywhere.
macro_rules! roundtrip {
    ($dialect:expr, $open_end:expr, $message:expr, $type:ident) => {{
        let (dialect, message) = ($dialect, $message);
        if let Some(number) = message.msgtype(dialect) {
            let mut bytes = vec![];
            message.write(dialect, &mut bytes);
            assert_eq!($type::decode(dialect, number, &bytes), Ok(message), "{dialect:?}");
            if !$open_end {
                (0..bytes.len()).for_each(|end| {
                    let cut = $type::decode(dialect, number, &bytes[..end]);
                    assert!(cut.is_err(), "{dialect:?} {message:?} cut at {end}");
                });
                bytes.push(0);
                assert!($type::decode(dialect, number, &bytes).is_err(), "{message:?} and more");
            }
        }
    }};
}

#[test]
fn messages_are_read_as_written() {
    for dialect in Dialect::ALL {
        let openotp = dialect == Dialect::OpenOtp;
        for message in [
            AgentMessage::SetState { state: 2 },
            AgentMessage::SetClientId { channel: Channel(77) },
            AgentMessage::SendDatagram { datagram: b"abc" },
            AgentMessage::Eject { code: 100, reason: b"out" },
            AgentMessage::Drop,
            AgentMessage::GetNetworkAddress { context: 4 },
            AgentMessage::DeclareObject { do_id: DoId(1), dclass: ClassId(2) },
            AgentMessage::UndeclareObject { do_id: DoId(1) },
            AgentMessage::AddSessionObject { do_id: DoId(1) },
            AgentMessage::RemoveSessionObject { do_id: DoId(1) },
            AgentMessage::GetTlvs { context: 4 },
            AgentMessage::OpenChannel { channel: Channel(78) },
            AgentMessage::CloseChannel { channel: Channel(78) },
            AgentMessage::AddPostRemove { message: b"later" },
            AgentMessage::ClearPostRemoves,
            AgentMessage::RemoveInterest { interest: 3 },
        ] {
            roundtrip!(dialect, false, message, AgentMessage);
        }
        for zones in [ONE, TWO] {
            let message = AgentMessage::AddInterest { interest: 3, parent: DoId(5), zones };
            roundtrip!(dialect, openotp, message, AgentMessage);
            let message =
                FromClient::AddInterest { context: 2, interest: 3, parent: DoId(5), zones };
            roundtrip!(dialect, openotp, message, FromClient);
            let message = ToClient::AddInterest { context: 2, interest: 3, parent: DoId(5), zones };
            roundtrip!(dialect, false, message, ToClient);
        }
        let message = AgentMessage::SetFieldsSendable { do_id: DoId(1), fields: FIELDS };
        roundtrip!(dialect, openotp, message, AgentMessage);
        for message in [
            AgentAnswer::GetNetworkAddressResp {
                context: 1,
                remote: b"::1",
                remote_port: 9,
                local: b"::2",
                local_port: 8,
            },
            AgentAnswer::GetTlvsResp { context: 1, tlvs: b"\x01\0\0" },
            AgentAnswer::DoneInterestResp { client: Channel(1), interest: 4 },
        ] {
            roundtrip!(dialect, false, message, AgentAnswer);
        }
        for message in [
            FromClient::Hello { dc_hash: 0xdead_beef, version: b"dev" },
            FromClient::Disconnect,
            FromClient::Heartbeat,
            FromClient::Location { do_id: DoId(1), location: PLACE },
            FromClient::RemoveInterest { context: 2, interest: 3 },
        ] {
            roundtrip!(dialect, false, message, FromClient);
        }
        let update = FromClient::UpdateField { do_id: DoId(1), field: FieldId(2), value: b"v" };
        roundtrip!(dialect, true, update, FromClient);
        for message in [
            ToClient::HelloResp,
            ToClient::Eject { code: 107, reason: b"no" },
            ToClient::Leaving { do_id: DoId(1) },
            ToClient::LeavingOwner { do_id: DoId(1) },
            ToClient::Location { do_id: DoId(1), location: PLACE },
            ToClient::RemoveInterest { context: 2, interest: 3 },
            ToClient::DoneInterestResp { context: 2, interest: 3 },
        ] {
            roundtrip!(dialect, false, message, ToClient);
        }
        for message in [
            ToClient::UpdateField { do_id: DoId(1), field: FieldId(2), value: b"v" },
            ToClient::UpdateFieldMultiple { do_id: DoId(1), count: 1, fields: b"\x02\0v" },
            ToClient::Enter(entry(false)),
            ToClient::Enter(entry(true)),
            ToClient::EnterOwner(entry(false)),
            ToClient::EnterOwner(entry(true)),
        ] {
            roundtrip!(dialect, true, message, ToClient);
        }
    }
}

/// To the byte, as the pages have them.
#[test]
fn frames_of_both_dialects() {
    let frame = |dialect, message: FromClient<'_>| -> Vec<u8> {
        let mut out = vec![];
        message.encode(dialect, &mut out).unwrap();
        out
    };
    let hello = FromClient::Hello { dc_hash: 0x0403_0201, version: b"dev" };
    let bytes = [11, 0, 1, 0, 1, 2, 3, 4, 3, 0, b'd', b'e', b'v'];
    Dialect::ALL.into_iter().for_each(|dialect| assert_eq!(frame(dialect, hello), bytes));
    let interest = FromClient::AddInterest { context: 1, interest: 2, parent: DoId(3), zones: ONE };
    assert_eq!(
        frame(Dialect::OpenOtp, interest),
        [16, 0, 97, 0, 2, 0, 1, 0, 0, 0, 3, 0, 0, 0, 9, 0, 0, 0]
    );
    assert_eq!(
        frame(Dialect::Astron, interest),
        [16, 0, 200, 0, 1, 0, 0, 0, 2, 0, 3, 0, 0, 0, 9, 0, 0, 0]
    );
    let several = FromClient::AddInterest { context: 1, interest: 2, parent: DoId(3), zones: TWO };
    assert_eq!(
        frame(Dialect::Astron, several),
        [22, 0, 201, 0, 1, 0, 0, 0, 2, 0, 3, 0, 0, 0, 2, 0, 9, 0, 0, 0, 8, 0, 0, 0]
    );
    assert_eq!(split(framing::body(&bytes)), Some((MsgType(1), &bytes[4..])));
    assert_eq!(split(&[1]), None);
}
