//! Every message of the State Server in both dialects, against its row in the tables.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

#[macro_use]
mod rows;

use rows::*;
use wire::dialect::{self, Dialect, Inbox};
use wire::ids::{Channel, DoId, FieldId, MsgType, Zone};
use wire::reader::DecodeError;
use wire::state_server::*;

is_message!(StateServerMessage<'_>, StateServer);
is_message!(ObjectMessage<'_>, Object);
is_message!(ObjectNotice<'_>, ObjectNotice);

fn entry(has_other: bool) -> Entry<'static> {
    Entry { do_id: DO_ID, location: LOCATION, dclass: CLASS, has_other, fields: VALUES }
}

#[test]
fn messages_to_the_control_channel() {
    for dialect in Dialect::ALL {
        let messages = [
            StateServerMessage::Generate(entry(false)),
            StateServerMessage::Generate(entry(true)),
            StateServerMessage::ShardReset { ai: AI },
        ];
        check_all(dialect, &messages, &[]);
    }
}

#[test]
fn messages_to_objects() {
    use ObjectMessage::*;
    let (do_id, context, parent, location) = (DO_ID, CONTEXT, LOCATION.parent, LOCATION);
    for dialect in Dialect::ALL {
        let astron = dialect == Dialect::Astron;
        let messages = [
            UpdateField { do_id, field: FIELD, value: VALUES },
            UpdateFieldMultiple { do_id, count: COUNT, fields: VALUES },
            DeleteFieldRam { do_id, field: FIELD },
            DeleteFieldsRam { do_id, fields: FIELDS },
            DeleteRam { do_id },
            SetZone { location },
            ChangeZone { do_id, new: NEW, old: OLD },
            Locate { context },
            LocateResp { context, do_id, location },
            LocationAck { location },
            EnterZone(entry(false)),
            EnterZone(entry(true)),
            QueryAll { context, do_id: astron.then_some(do_id) },
            QueryField { context, do_id, field: FIELD },
            QueryFields { context, do_id, fields: FIELDS },
            QueryZones { context: if astron { context } else { 0 }, parent, zones: ZONES },
            QueryChildren { context, parent },
            CountZone { context, parent, zone: LOCATION.zone },
            CountZones { context, parent, zones: ZONES },
            CountChildren { context, parent },
            DeleteZones { parent, zones: ZONES },
            DeleteChildren { parent },
            QueryActiveZones { context },
            SetAi { do_id: (!astron).then_some(do_id), ai: AI },
            QueryManagingAi { context: if astron { context } else { 0 } },
            // CHANGING_AI of the parent, whose id is the do_id there.
            match dialect {
                Dialect::OpenOtp => NotifyManagingAi { parent, ai: AI, old: NONE },
                Dialect::Astron => {
                    NotifyManagingAi { parent: do_id, ai: NEW_CHANNEL, old: OLD_CHANNEL }
                }
            },
            ManagingAiResp { context, parent: do_id, ai: AI },
            SetOwner { owner: OWNER },
            DeleteDisk { do_id },
        ];
        // These two read as their plurals.
        check_all(dialect, &messages, &[dialect::Object::QueryZone, dialect::Object::DeleteZone]);
    }
}

/// `astron` answers queries of fields with more than the tables can say; see below.
#[test]
fn what_objects_send() {
    use ObjectNotice::*;
    let (do_id, context, parent, location) = (DO_ID, CONTEXT, LOCATION.parent, LOCATION);
    for dialect in Dialect::ALL {
        let astron = dialect == Dialect::Astron;
        let mut messages = vec![
            UpdateField { do_id, field: FIELD, value: VALUES },
            UpdateFieldMultiple { do_id, count: COUNT, fields: VALUES },
            DeleteFieldRam { do_id, field: FIELD },
            DeleteFieldsRam { do_id, fields: FIELDS },
            DeleteRam { do_id },
            DeleteDisk { do_id },
            ChangeZone { do_id, new: NEW, old: OLD },
            EnterZone(entry(false)),
            EnterZone(entry(true)),
            EnterInterest { context, entry: entry(false) },
            EnterInterest { context, entry: entry(true) },
            EnterAi(entry(false)),
            EnterAi(entry(true)),
            EnterOwner(entry(false)),
            EnterOwner(entry(true)),
            LocateResp { context, do_id, location },
            QueryAllResp { context, entry: entry(true) },
            QueryZoneDone { parent, zones: ZONES },
            CountZoneResp { context, count: COUNT.into() },
            CountZonesResp { context, count: COUNT.into() },
            CountChildrenResp { context, count: COUNT.into() },
            ActiveZonesResp { context, zones: ZONES },
            LeavingAiInterest {
                do_id,
                new: if astron { NEW_CHANNEL } else { NONE },
                old: if astron { OLD_CHANNEL } else { NONE },
            },
            ManagingAiResp { context, do_id, ai: AI },
            ChangeOwner { do_id, new: NEW_CHANNEL, old: OLD_CHANNEL },
        ];
        let answers =
            [dialect::ObjectNotice::QueryFieldResp, dialect::ObjectNotice::QueryFieldsResp];
        if astron {
            check_all(dialect, &messages, &answers);
        } else {
            messages.extend([
                QueryFieldResp { context, do_id, field: FIELD, value: Some(VALUES) },
                QueryFieldsResp { context, do_id, fields: Some((0, VALUES)) },
            ]);
            check_all(dialect, &messages, &[]);
        }
    }
}

#[test]
fn answers_to_queries_of_fields() {
    use ObjectNotice::{QueryFieldResp, QueryFieldsResp};
    let (do_id, context) = (DO_ID, CONTEXT);
    let (no_id, no_field) = (DoId(0), FieldId(0));
    let (id, ctx) = (&DO_ID.0.to_le_bytes(), &CONTEXT.to_le_bytes());
    let (number, count) = (&FIELD.0.to_le_bytes(), &COUNT.to_le_bytes());

    let (openotp, astron) = (Dialect::OpenOtp, Dialect::Astron);
    let failed = QueryFieldResp { context, do_id, field: FIELD, value: None };
    check_bytes(openotp, failed, &[id, number, ctx, &[0]], None);
    let failed = QueryFieldsResp { context, do_id, fields: None };
    check_bytes(openotp, failed, &[id, ctx, &[0]], None);

    let failed = QueryFieldResp { context, do_id: no_id, field: no_field, value: None };
    check_bytes(astron, failed, &[ctx, &[0]], None);
    let answer = QueryFieldResp { context, do_id: no_id, field: FIELD, value: Some(VALUES) };
    check_bytes(astron, answer, &[ctx, &[1], number], Some(VALUES));
    let failed = QueryFieldsResp { context, do_id: no_id, fields: None };
    check_bytes(astron, failed, &[ctx, &[0]], None);
    let answer = QueryFieldsResp { context, do_id: no_id, fields: Some((COUNT, VALUES)) };
    check_bytes(astron, answer, &[ctx, &[1], count], Some(VALUES));
}

#[test]
fn any_byte_but_0_is_a_success() {
    let number = dialect::ObjectNotice::QueryFieldResp.number(Dialect::Astron).unwrap();
    let payload = [&CONTEXT.to_le_bytes()[..], &[0x80], &FIELD.0.to_le_bytes(), VALUES].concat();
    let (context, do_id, value) = (CONTEXT, DoId(0), Some(VALUES));
    let answer = ObjectNotice::QueryFieldResp { context, do_id, field: FIELD, value };
    assert_eq!(ObjectNotice::decode(Dialect::Astron, number, &payload), Ok(answer));
}

#[test]
fn a_single_zone_reads_as_a_list_of_one() {
    let (context, parent) = (CONTEXT, LOCATION.parent);
    let zone = LOCATION.zone.0.to_le_bytes();
    let list = [zone];
    let zones = Zones(&list);
    let of = |row: dialect::Object| (row, row.number(Dialect::Astron).unwrap());
    let (id, ctx) = (parent.0.to_le_bytes(), context.to_le_bytes());
    for ((row, number), message, payload) in [
        (
            of(dialect::Object::QueryZone),
            ObjectMessage::QueryZones { context, parent, zones },
            [&ctx[..], &id, &zone].concat(),
        ),
        (
            of(dialect::Object::DeleteZone),
            ObjectMessage::DeleteZones { parent, zones },
            [&id[..], &zone].concat(),
        ),
    ] {
        assert_eq!(ObjectMessage::decode(Dialect::Astron, number, &payload), Ok(message));
        let refused = |error| Err(MessageError::Arguments { name: row.name(), error });
        for cut in 0..payload.len() {
            let read = ObjectMessage::decode(Dialect::Astron, number, &payload[..cut]);
            assert_eq!(read, refused(DecodeError::Truncated), "cut at {cut}");
        }
        let longer = [&payload[..], &[0]].concat();
        let read = ObjectMessage::decode(Dialect::Astron, number, &longer);
        assert_eq!(read, refused(DecodeError::Excess(1)));
        assert_eq!(check_plural(message), format!("{}s", row.name()));
    }
}

fn check_plural(message: ObjectMessage<'_>) -> &'static str {
    let number = message.msgtype(Dialect::Astron).unwrap();
    assert_eq!(message.is_read(Dialect::Astron, number, &message.written(Dialect::Astron)), Ok(()));
    message.name()
}

#[test]
fn half_a_field_at_the_end_is_refused() {
    let (context, do_id, fields) = (CONTEXT, DO_ID, FIELDS);
    let query = ObjectMessage::QueryFields { context, do_id, fields };
    let number = query.msgtype(Dialect::OpenOtp).unwrap();
    let payload = query.written(Dialect::OpenOtp);
    let error = DecodeError::Truncated;
    assert_eq!(
        ObjectMessage::decode(Dialect::OpenOtp, number, &payload[..payload.len() - 1]),
        Err(MessageError::Arguments { name: "QueryFields", error })
    );
}

#[test]
fn where_a_new_object_goes_is_read_alone() {
    for dialect in Dialect::ALL {
        for has_other in [false, true] {
            let create = StateServerMessage::Generate(entry(has_other));
            let number = create.msgtype(dialect).unwrap();
            let payload = create.written(dialect);
            assert_eq!(generated_do_id(dialect, number, &payload), Some(DO_ID));
            let end = if dialect == Dialect::OpenOtp { 14 } else { 4 };
            assert_eq!(generated_do_id(dialect, number, &payload[..end]), Some(DO_ID));
            for cut in 0..end {
                assert_eq!(generated_do_id(dialect, number, &payload[..cut]), None, "cut at {cut}");
            }
        }
        let reset = StateServerMessage::ShardReset { ai: AI };
        let payload = [0; 20];
        assert_eq!(generated_do_id(dialect, reset.msgtype(dialect).unwrap(), &payload), None);
        assert_eq!(generated_do_id(dialect, MsgType(9), &payload), None);
    }
}

#[test]
fn numbers_of_other_inboxes_are_unknown() {
    let dialect = Dialect::OpenOtp;
    let number = dialect::Object::SetZone.number(dialect).unwrap();
    let unknown = MessageError::Unknown(number);
    assert_eq!(StateServerMessage::decode(dialect, number, &[0; 8]), Err(unknown));
    assert_eq!(ObjectNotice::decode(dialect, number, &[0; 8]), Err(unknown));
    assert_eq!(unknown.to_string(), format!("unknown message {number}"));
    let error = ObjectMessage::decode(dialect, number, &[0; 7]).unwrap_err();
    assert_eq!(error.to_string(), "SetZone: it ends too early");
}

#[test]
fn a_dialect_has_no_number_for_what_it_does_not_say() {
    let erased = ObjectMessage::DeleteFieldRam { do_id: DO_ID, field: FIELD };
    assert_eq!(erased.msgtype(Dialect::OpenOtp), None);
    assert_eq!(ObjectMessage::EnterZone(entry(true)).msgtype(Dialect::Astron), None);
    // Without OTHER there is none for an AI.
    assert_eq!(ObjectNotice::EnterAi(entry(false)).msgtype(Dialect::OpenOtp), None);
}

#[test]
fn locations_and_lists() {
    assert_eq!(Location::NOWHERE, Location::default());
    assert_eq!(Location { parent: DoId(0), zone: Zone(5) }.channel(), None);
    let here = Location { parent: DoId(7), zone: Zone(5) };
    assert_eq!(here.channel(), Some(Channel(7 << 32 | 5)));

    let zones = Zones::of(&[1, 0, 0, 0, 2, 0, 0, 1, 9, 9, 9]);
    assert_eq!(zones.iter().collect::<Vec<_>>(), [Zone(1), Zone(0x0100_0002)]);
    assert_eq!((zones.iter().len(), Zones::of(&[1, 2, 3]).iter().len()), (2, 0));
    let fields = Fields::of(&[1, 0, 2, 1, 9]);
    assert_eq!(fields.iter().collect::<Vec<_>>(), [FieldId(1), FieldId(0x0102)]);
}
