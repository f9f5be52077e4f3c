//! Every message of the Database and the DBSS in both dialects, against its row in the tables, and
//! answers that end early.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

#[macro_use]
mod rows;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use rows::*;
use wire::database::*;
use wire::dialect::{self, Dialect, Inbox, Kind, Shape};
use wire::ids::{ClassId, DoId, FieldId, MsgType, Zone};
use wire::reader::DecodeError;

is_message!(DatabaseMessage<'_>, Database);
is_message!(DatabaseNotice<'_>, DatabaseNotice);
is_message!(DbssMessage<'_>, Dbss);
is_message!(DbssNotice, DbssNotice);

const OPENOTP: Dialect = Dialect::OpenOtp;
const ASTRON: Dialect = Dialect::Astron;

fn requests(dialect: Dialect) -> [DatabaseMessage<'static>; 15] {
    use DatabaseMessage::*;
    let openotp = dialect == OPENOTP;
    let (context, do_id, field, count) = (CONTEXT, DO_ID, FIELD, COUNT);
    let (fields, dclass) = (VALUES, u32::from(CLASS.0));
    [
        Create { context, dclass: CLASS, count, fields },
        Delete { do_id, verify_code: openotp.then_some(VERIFY_CODE) },
        DeleteQuery { verify_code: VERIFY_CODE, dclass: CLASS, count, comparisons: VALUES },
        SelectField { context, do_id, field },
        Select { context, do_id, fields: FIELDS },
        SelectAll { context, do_id },
        SelectQuery { context, dclass, count, comparisons: VALUES },
        UpdateField { do_id, field, value: VALUES },
        Update { context: openotp.then_some(context), do_id, count, fields },
        UpdateQuery { dclass, count, comparisons_and_fields: VALUES },
        UpdateFieldIfEquals { context, do_id, field, old_and_new: VALUES },
        UpdateIfEquals { context, do_id, count, conditions: VALUES },
        UpdateFieldIfEmpty { context, do_id, field, value: VALUES },
        DeleteField { do_id, field },
        DeleteFields { do_id, fields: FIELDS },
    ]
}

#[test]
fn messages_to_the_control_channel() {
    for dialect in Dialect::ALL {
        check_all(dialect, &requests(dialect), &[]);
    }
}

#[test]
fn what_a_database_sends() {
    use DatabaseNotice::*;
    use dialect::DatabaseNotice as Row;
    let (context, do_id, field, count) = (CONTEXT, DO_ID, FIELD, COUNT);
    let messages = [
        CreateResp { context, do_id },
        SelectQueryResp { context, do_ids: DO_IDS },
        UpdateField { do_id, field, value: VALUES },
        Update { do_id, count, fields: VALUES },
        DeleteField { do_id, field },
        DeleteFields { do_id, fields: FIELDS },
        Delete { do_id },
    ];
    // These end early, or say more than the tables can: see below.
    let answers = [
        Row::SelectFieldResp,
        Row::SelectResp,
        Row::SelectAllResp,
        Row::UpdateFieldIfEqualsResp,
        Row::UpdateIfEqualsResp,
        Row::UpdateFieldIfEmptyResp,
    ];
    for dialect in Dialect::ALL {
        check_all(dialect, &messages, &answers);
    }
}

#[test]
fn messages_of_a_dbss() {
    use DbssMessage::*;
    let (context, do_id, location) = (CONTEXT, DO_ID, LOCATION);
    let messages = [
        ActivateWithDefaults { do_id, location },
        ActivateWithDefaultsOther { do_id, location, dclass: CLASS, count: COUNT, fields: VALUES },
        QueryActivated { context, do_id },
        DeleteFieldDisk { do_id, field: FIELD },
        DeleteFieldsDisk { do_id, fields: FIELDS },
    ];
    for dialect in Dialect::ALL {
        check_all(dialect, &messages, &[]);
        let answer = DbssNotice::QueryActivatedResp { context, do_id, active: true };
        check_all(dialect, &[answer], &[]);
    }
    assert!(messages.iter().all(|message| message.do_id() == DO_ID));
}

/// `context`, as it stands in a payload.
fn ctx() -> [u8; 4] {
    CONTEXT.to_le_bytes()
}

#[test]
fn answers_of_values() {
    use DatabaseNotice::{SelectFieldResp, SelectResp};
    let (context, ctx) = (CONTEXT, &ctx());
    let (field, count) = (&FIELD.0.to_le_bytes(), &COUNT.to_le_bytes());

    let answer = SelectFieldResp { context, value: Some((FIELD, VALUES)) };
    check_bytes(ASTRON, answer, &[ctx, &[1], field], Some(VALUES));
    check_bytes(ASTRON, SelectFieldResp { context, value: None }, &[ctx, &[0]], None);

    let answer = SelectResp { context, fields: Some((COUNT, VALUES)) };
    check_bytes(ASTRON, answer, &[ctx, &[1], count], Some(VALUES));
    let nothing = SelectResp { context, fields: Some((0, &[])) };
    check_bytes(ASTRON, nothing, &[ctx, &[1], &[0, 0]], Some(&[]));
    check_bytes(ASTRON, SelectResp { context, fields: None }, &[ctx, &[0]], None);

    let answer = SelectResp { context, fields: Some((0, VALUES)) };
    check_bytes(OPENOTP, answer, &[ctx], Some(VALUES));
    let unknown = SelectResp { context, fields: None };
    check_bytes(OPENOTP, unknown, &[ctx], Some(&[]));
    assert_eq!(nothing.written(OPENOTP), unknown.written(OPENOTP));
}

#[test]
fn answers_of_whole_objects() {
    use DatabaseNotice::SelectAllResp;
    let (context, ctx, dclass) = (CONTEXT, &ctx(), &CLASS.0.to_le_bytes());
    let (whole, unknown) = (
        SelectAllResp {
            context,
            object: Some(StoredObject { dclass: CLASS, fields: b"\x01\0values" }),
        },
        SelectAllResp { context, object: None },
    );
    // A count of fields is there in any case: six bytes of value may be missing to us, two not.
    check_bytes(OPENOTP, whole, &[ctx, dclass, &[1, 0]], Some(VALUES));
    check_bytes(OPENOTP, unknown, &[ctx, &[0xff, 0xff]], None);
    check_bytes(ASTRON, whole, &[ctx, &[1], dclass, &[1, 0]], Some(VALUES));
    check_bytes(ASTRON, unknown, &[ctx, &[0]], None);
}

#[test]
fn ends_of_updates_with_a_condition() {
    use DatabaseNotice::{UpdateFieldIfEmptyResp, UpdateFieldIfEqualsResp, UpdateIfEqualsResp};
    let (context, ctx) = (CONTEXT, &ctx());
    let (field, count) = (&FIELD.0.to_le_bytes()[..], &COUNT.to_le_bytes()[..]);
    let one = |outcome| {
        [UpdateFieldIfEqualsResp { context, outcome }, UpdateFieldIfEmptyResp { context, outcome }]
    };
    let all = |outcome| UpdateIfEqualsResp { context, outcome };
    let differs = one(Outcome::Differs((FIELD, VALUES))).map(|answer| (answer, field));
    let differs = differs.into_iter().chain([(all(Outcome::Differs((COUNT, VALUES))), count)]);
    for (answer, two) in differs {
        let number = answer.number(ASTRON).unwrap();
        let payload = [&ctx[..], &[0], two, VALUES].concat();
        assert_eq!(answer.written(ASTRON), payload);
        assert_eq!(answer.is_read(ASTRON, number, &payload), Ok(()));
        for cut in [0, 1, 4, 6] {
            let error = DecodeError::Truncated;
            let refused = MessageError::Arguments { name: answer.name(), error };
            assert_eq!(answer.is_read(ASTRON, number, &payload[..cut]), Err(refused), "{cut}");
        }
    }
    for done in one(Outcome::Done).into_iter().chain([all(Outcome::Done)]) {
        check_bytes(ASTRON, done, &[ctx, &[1]], None);
    }
    for refused in one(failed(0)).into_iter().chain([all(failed(0))]) {
        let number = refused.number(ASTRON).unwrap();
        let payload = [&ctx[..], &[0]].concat();
        assert_eq!(refused.written(ASTRON), payload);
        assert_eq!(refused.is_read(ASTRON, number, &payload), Ok(()));
    }
    assert_eq!(all(failed(ret_code::INVALID)).written(ASTRON), [&ctx[..], &[0]].concat());

    check_bytes(OPENOTP, all(Outcome::Done), &[ctx, &[0]], None);
    check_bytes(OPENOTP, all(Outcome::Differs((0, VALUES))), &[ctx, &[1]], Some(VALUES));
    for code in [ret_code::NO_OBJECT, ret_code::INVALID, ret_code::NOT_STORED, 255] {
        check_bytes(OPENOTP, all(failed(code)), &[ctx, &[code]], None);
    }
}

#[test]
#[should_panic(expected = "0 is no failure")]
fn a_failure_never_says_that_it_was_done() {
    let outcome = Outcome::Failed { ret_code: ret_code::DONE };
    DatabaseNotice::UpdateIfEqualsResp { context: CONTEXT, outcome }.written(OPENOTP);
}

#[test]
fn a_list_of_objects_that_is_longer_than_any_payload() {
    let number = dialect::DatabaseNotice::SelectQueryResp.number(OPENOTP).unwrap();
    for count in [3u32, 0x4000_0000, 0x4000_0001, u32::MAX] {
        let payload = [&ctx()[..], &count.to_le_bytes(), &[0; 8]].concat();
        let error = DecodeError::Truncated;
        assert_eq!(
            DatabaseNotice::decode(OPENOTP, number, &payload),
            Err(MessageError::Arguments { name: "SelectQueryResp", error })
        );
    }
    assert_eq!(DO_IDS.iter().next(), Some(DoId(u32::from_le_bytes(*b"doi1"))));
    assert_eq!(DoIds::of(&[1, 0, 0, 0, 9, 9, 9]).iter().collect::<Vec<_>>(), [DoId(1)]);
}

#[test]
fn verify_codes_in_both_spellings() {
    let spelled = |word: &[u8; 4]| [u32::from_be_bytes(*word), u32::from_le_bytes(*word)];
    assert_eq!((DIE, KILL), (spelled(b"Die!"), spelled(b"Kill")));
    assert!(DIE.into_iter().all(is_die) && KILL.into_iter().all(is_kill));
    assert!(!KILL.into_iter().any(is_die) && !DIE.into_iter().any(is_kill));
    assert!(!is_die(0) && !is_kill(0));
}

#[test]
fn whose_instance_reads_a_request() {
    use DatabaseMessage::*;
    for dialect in Dialect::ALL {
        for request in requests(dialect) {
            let Some(number) = request.msgtype(dialect) else { continue };
            let wanted = match request {
                Create { .. } => Some(DoId(0)),
                DeleteQuery { .. } | SelectQuery { .. } | UpdateQuery { .. } => None,
                Delete { .. }
                | SelectField { .. }
                | Select { .. }
                | SelectAll { .. }
                | UpdateField { .. }
                | Update { .. }
                | UpdateFieldIfEquals { .. }
                | UpdateIfEquals { .. }
                | UpdateFieldIfEmpty { .. }
                | DeleteField { .. }
                | DeleteFields { .. } => Some(DO_ID),
            };
            let payload = request.written(dialect);
            assert_eq!(split(dialect, number, &payload), wanted, "{request:?}");
            assert_eq!(split(dialect, number, &payload[..3]), Some(DoId(0)), "{request:?}");
        }
        assert_eq!(split(dialect, MsgType(9), &[1; 20]), Some(DoId(0)));
    }
}

/// Each request that has an answer, and no other, is refused in the name of its context.
#[test]
fn refusals_of_what_cannot_be_read() {
    use DatabaseMessage::*;
    for dialect in Dialect::ALL {
        for request in requests(dialect) {
            let Some(number) = request.msgtype(dialect) else { continue };
            let payload = request.written(dialect);
            let refused = refusal(dialect, number, &payload[..4]);
            assert_eq!(refused, request.failure(dialect, ret_code::INVALID));
            assert_eq!(refusal(dialect, number, &payload[..3]), None);
            let has_none = matches!(
                request,
                Delete { .. }
                    | DeleteQuery { .. }
                    | UpdateField { .. }
                    | Update { .. }
                    | UpdateQuery { .. }
                    | DeleteField { .. }
                    | DeleteFields { .. }
            );
            assert_eq!(refused.is_none(), has_none, "{request:?}");
            let Some(answer) = refused else { continue };
            assert_eq!(answer.name(), format!("{}Resp", request.name()));
            let written = answer.written(dialect);
            assert_eq!(written[..4], ctx());
            assert!(written[4..].iter().all(|&byte| byte == 0) || dialect == OPENOTP);
            assert_eq!(answer.is_read(dialect, answer.number(dialect).unwrap(), &written), Ok(()));
        }
        assert_eq!(refusal(dialect, MsgType(9), &[1; 20]), None);
    }
    let request = UpdateIfEquals { context: 5, do_id: DO_ID, count: 0, conditions: &[] };
    let answer = request.failure(OPENOTP, ret_code::NO_OBJECT).unwrap();
    assert_eq!(answer.written(OPENOTP), [5, 0, 0, 0, 2]);
    assert_eq!(request.context(), Some(5));
}

fn failed<T>(ret_code: u8) -> Outcome<T> {
    Outcome::Failed { ret_code }
}

/// What messages are made of.
#[derive(Clone, Debug)]
struct Parts {
    numbers: [u32; 4],
    fields: Vec<[u8; 2]>,
    do_ids: Vec<[u8; 4]>,
    packed: Vec<u8>,
}

fn parts() -> impl Strategy<Value = Parts> {
    let fields = prop::collection::vec(any::<[u8; 2]>(), 0..6);
    let do_ids = prop::collection::vec(any::<[u8; 4]>(), 0..6);
    let packed = prop::collection::vec(any::<u8>(), 0..40);
    (any::<[u32; 4]>(), fields, do_ids, packed)
        .prop_map(|(numbers, fields, do_ids, packed)| Parts { numbers, fields, do_ids, packed })
}

impl Parts {
    fn requests(&self, dialect: Dialect) -> [DatabaseMessage<'_>; 15] {
        use DatabaseMessage::*;
        let [context, id, class, count] = self.numbers;
        let (do_id, field, count) = (DoId(id), FieldId(class as u16), count as u16);
        let (list, packed) = (Fields(&self.fields), &self.packed[..]);
        let sent = (dialect == OPENOTP).then_some(context);
        let dclass = ClassId(class as u16);
        [
            Create { context, dclass, count, fields: packed },
            Delete { do_id, verify_code: sent },
            DeleteQuery { verify_code: context, dclass, count, comparisons: packed },
            SelectField { context, do_id, field },
            Select { context, do_id, fields: list },
            SelectAll { context, do_id },
            SelectQuery { context, dclass: class, count, comparisons: packed },
            UpdateField { do_id, field, value: packed },
            Update { context: sent, do_id, count, fields: packed },
            UpdateQuery { dclass: class, count, comparisons_and_fields: packed },
            UpdateFieldIfEquals { context, do_id, field, old_and_new: packed },
            UpdateIfEquals { context, do_id, count, conditions: packed },
            UpdateFieldIfEmpty { context, do_id, field, value: packed },
            DeleteField { do_id, field },
            DeleteFields { do_id, fields: list },
        ]
    }

    fn notices(&self, dialect: Dialect) -> Vec<DatabaseNotice<'_>> {
        use DatabaseNotice::*;
        let astron = dialect == ASTRON;
        let [context, id, class, count] = self.numbers;
        let (do_id, field, packed) = (DoId(id), FieldId(class as u16), &self.packed[..]);
        let count = if astron { count as u16 } else { 0 };
        let (one, all) = ((field, packed), (count, packed));
        let dclass = ClassId(class as u16 & 0x7fff);
        let ret_code = if astron { 0 } else { (id as u8).max(ret_code::NO_OBJECT) };
        let object = (packed.len() >= 2).then_some(StoredObject { dclass, fields: packed });
        let mut notices = vec![
            CreateResp { context, do_id },
            SelectFieldResp { context, value: Some(one) },
            SelectFieldResp { context, value: None },
            SelectResp { context, fields: (astron || !packed.is_empty()).then_some(all) },
            SelectResp { context, fields: None },
            SelectAllResp { context, object },
            SelectAllResp { context, object: None },
            SelectQueryResp { context, do_ids: DoIds(&self.do_ids) },
            UpdateField { do_id, field, value: packed },
            Update { do_id, count, fields: packed },
            DeleteField { do_id, field },
            DeleteFields { do_id, fields: Fields(&self.fields) },
            Delete { do_id },
        ];
        let failed = Outcome::Failed { ret_code };
        let outcomes = [Outcome::Done, Outcome::Differs(all), failed];
        notices.extend(outcomes.map(|outcome| UpdateIfEqualsResp { context, outcome }));
        let failed = Outcome::Failed { ret_code: 0 };
        let outcomes = [Outcome::Done, Outcome::Differs(one), failed];
        notices.extend(outcomes.map(|outcome| UpdateFieldIfEqualsResp { context, outcome }));
        notices.extend(outcomes.map(|outcome| UpdateFieldIfEmptyResp { context, outcome }));
        notices
    }

    fn of_dbss(&self) -> [DbssMessage<'_>; 5] {
        use DbssMessage::*;
        let [context, id, parent, zone] = self.numbers;
        let (do_id, field, count) = (DoId(id), FieldId(zone as u16), context as u16);
        let location = Location { parent: DoId(parent), zone: Zone(zone) };
        let (dclass, fields) = (ClassId(context as u16), &self.packed[..]);
        [
            ActivateWithDefaults { do_id, location },
            ActivateWithDefaultsOther { do_id, location, dclass, count, fields },
            QueryActivated { context, do_id },
            DeleteFieldDisk { do_id, field },
            DeleteFieldsDisk { do_id, fields: Fields(&self.fields) },
        ]
    }
}

/// It is read as written; what is cut off makes it another message that is written as this, or
/// none.
macro_rules! is_read_as_written {
    ($type:ident, $message:expr, $dialect:expr) => {
        let (message, dialect) = ($message, $dialect);
        if let Some(number) = message.msgtype(dialect) {
            let payload = message.written(dialect);
            prop_assert_eq!($type::decode(dialect, number, &payload), Ok(message));
            let layout = <$type as Message>::Row::from_number(dialect, number)
                .and_then(|row| row.shape(dialect))
                .map(|Shape { layout, .. }| layout)
                .unwrap();
            let is_open = layout.last().is_some_and(|&(_, kind)| kind == Kind::Packed);
            for cut in 0..payload.len() {
                if let Ok(shorter) = $type::decode(dialect, number, &payload[..cut]) {
                    prop_assert!(is_open, "{:?} cut at {}", message, cut);
                    prop_assert_eq!(shorter.written(dialect), &payload[..cut]);
                }
            }
        }
    };
}

fn config() -> ProptestConfig {
    let cases = std::env::var("FERRIS_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: cases.unwrap_or(256),
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn messages_are_read_as_written(parts in parts()) {
        for dialect in Dialect::ALL {
            for message in parts.requests(dialect) {
                is_read_as_written!(DatabaseMessage, message, dialect);
            }
            for message in parts.notices(dialect) {
                is_read_as_written!(DatabaseNotice, message, dialect);
            }
            for message in parts.of_dbss() {
                is_read_as_written!(DbssMessage, message, dialect);
            }
            let [context, id, active, _] = parts.numbers;
            let active = active % 2 == 1;
            let answer = DbssNotice::QueryActivatedResp { context, do_id: DoId(id), active };
            is_read_as_written!(DbssNotice, answer, dialect);
        }
    }
}
