//! Random requests, with few different values so that they meet.

use crate::disk::DiskEvent;
use dc::Schema;
use proptest::prelude::*;
use wire::database::DatabaseMessage;
use wire::dialect::Dialect;
use wire::ids::{ClassId, DoId, FieldId, MsgType};
use wire::lists::Fields;

/// A field and a value: by name and by text.
pub type Given = (&'static str, &'static str);

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    Create(u32, &'static str, Vec<Given>),
    Delete(DoId),
    Select(u32, DoId, Vec<&'static str>),
    SelectField(u32, DoId, &'static str),
    SelectAll(u32, DoId),
    Update(DoId, Vec<Given>),
    UpdateIfEquals(u32, DoId, Vec<(Given, &'static str)>),
    UpdateIfEmpty(u32, DoId, Given),
    DeleteFields(DoId, Vec<&'static str>),
    SelectQuery(u32, Vec<(bool, Given)>),
    UpdateQuery(Vec<(bool, Given)>, Vec<Given>),
    DeleteQuery(Vec<(bool, Given)>),
}

/// What happens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    Ask(Request),
    Disk(DiskEvent),
    /// The server stops when all is durable, and starts again.
    Restart,
}

/// A request as it is sent.
pub struct Bytes {
    pub msgtype: MsgType,
    pub payload: Vec<u8>,
}

/// Values of stored fields of an Account; of these none is molecular.
const VALUES: [Given; 10] = [
    ("setUser", r#"("a")"#),
    ("setUser", r#"("b")"#),
    ("setAge", "(18)"),
    ("setAge", "(7)"),
    ("setEmail", r#"("")"#),
    ("setEmail", r#"("x")"#),
    ("setCoins", "(100)"),
    ("setCoins", "(-3)"),
    ("level", "9"),
    ("setPhone", r#"("1")"#),
];

fn given() -> impl Strategy<Value = Given> {
    prop::sample::select(VALUES.to_vec())
}

/// A value for a create or an update.
fn settable() -> impl Strategy<Value = Given> {
    prop_oneof![9 => given(), 1 => Just(("setContact", r#"("x", "1")"#))]
}

fn field() -> impl Strategy<Value = &'static str> {
    let names = vec!["setUser", "setAge", "setEmail", "setCoins", "level", "setPhone"];
    prop_oneof![8 => prop::sample::select(names), 1 => Just("setContact"), 1 => Just("setMood")]
}

fn do_id() -> impl Strategy<Value = DoId> {
    (100_000_u32..100_007).prop_map(DoId)
}

/// Two values of the same field.
fn pair() -> impl Strategy<Value = (Given, &'static str)> {
    (given(), given()).prop_map(|(old, new)| (old, if old.0 == new.0 { new.1 } else { old.1 }))
}

fn comparisons() -> impl Strategy<Value = Vec<(bool, Given)>> {
    prop::collection::vec((prop::bool::weighted(0.7), given()), 0..3)
}

fn request(dialect: Dialect) -> BoxedStrategy<Request> {
    let class = prop_oneof![4 => Just("Account"), 1 => Just("Staff")];
    let some = || prop::collection::vec(settable(), 0..5);
    let asked = || prop::collection::vec(field(), 0..5);
    let both = prop_oneof![
        4 => (any::<u32>(), class, some()).prop_map(|(c, class, all)| Request::Create(c, class, all)),
        1 => do_id().prop_map(Request::Delete),
        3 => (any::<u32>(), do_id(), asked()).prop_map(|(c, id, all)| Request::Select(c, id, all)),
        1 => (any::<u32>(), do_id()).prop_map(|(c, id)| Request::SelectAll(c, id)),
        3 => (do_id(), some()).prop_map(|(id, all)| Request::Update(id, all)),
        2 => (any::<u32>(), do_id(), prop::collection::vec(pair(), 1..3))
            .prop_map(|(c, id, all)| Request::UpdateIfEquals(c, id, all)),
    ];
    match dialect {
        Dialect::OpenOtp => prop_oneof![
            8 => both,
            3 => (any::<u32>(), comparisons()).prop_map(|(c, all)| Request::SelectQuery(c, all)),
            1 => (comparisons(), some()).prop_map(|(where_, all)| Request::UpdateQuery(where_, all)),
            1 => comparisons().prop_map(Request::DeleteQuery),
        ]
        .boxed(),
        Dialect::Astron => prop_oneof![
            8 => both,
            1 => (any::<u32>(), do_id(), field()).prop_map(|(c, id, f)| Request::SelectField(c, id, f)),
            1 => (any::<u32>(), do_id(), given()).prop_map(|(c, id, g)| Request::UpdateIfEmpty(c, id, g)),
            2 => (do_id(), asked()).prop_map(|(id, all)| Request::DeleteFields(id, all)),
        ]
        .boxed(),
    }
}

/// What happens in a run.
pub fn events(dialect: Dialect) -> impl Strategy<Value = Vec<Event>> {
    let disk = prop::sample::select(vec![
        DiskEvent::Waits,
        DiskEvent::Commit,
        DiskEvent::GoesOn,
        DiskEvent::Cold,
    ]);
    let event = prop_oneof![
        16 => request(dialect).prop_map(Event::Ask),
        3 => disk.prop_map(Event::Disk),
        1 => Just(Event::Restart),
    ];
    prop::collection::vec(event, 1..60)
}

/// The number of a field.
pub fn number(schema: &Schema, name: &str) -> FieldId {
    let class = schema.class_by_name("Account").unwrap();
    FieldId(schema.field(class.field_by_name(name).unwrap()).number)
}

/// A value as it is sent.
pub fn value(schema: &Schema, (name, text): Given) -> Vec<u8> {
    let class = schema.class_by_name("Account").unwrap();
    schema.parse_value(class.field_by_name(name).unwrap(), text).unwrap()
}

fn fields(schema: &Schema, all: &[Given]) -> Vec<u8> {
    let one = |&given: &Given| {
        let number = number(schema, given.0).0.to_le_bytes();
        [number.to_vec(), value(schema, given)].concat()
    };
    all.iter().flat_map(one).collect()
}

fn compared(schema: &Schema, all: &[(bool, Given)]) -> Vec<u8> {
    let one = |(equal, given): &(bool, Given)| {
        [vec![u8::from(!equal)], fields(schema, &[*given])].concat()
    };
    all.iter().flat_map(one).collect()
}

fn conditions(schema: &Schema, all: &[(Given, &'static str)]) -> Vec<u8> {
    let one = |(old, new): &(Given, &'static str)| {
        [fields(schema, &[*old]), value(schema, (old.0, new))].concat()
    };
    all.iter().flat_map(one).collect()
}

impl Request {
    /// As it is sent.
    pub fn bytes(&self, dialect: Dialect, schema: &Schema) -> Bytes {
        let of = |name: &str| ClassId(schema.class_by_name(name).unwrap().id.0);
        let account = of("Account");
        let numbers = |names: &[&str]| -> Vec<[u8; 2]> {
            names.iter().map(|name| number(schema, name).0.to_le_bytes()).collect()
        };
        let write = |message: &DatabaseMessage<'_>| {
            let mut payload = Vec::new();
            message.write(dialect, &mut payload);
            Bytes { msgtype: message.msgtype(dialect).unwrap(), payload }
        };
        let is_openotp = dialect == Dialect::OpenOtp;
        match self {
            &Request::Create(context, class, ref all) => {
                let (dclass, count, fields) = (of(class), all.len() as u16, fields(schema, all));
                write(&DatabaseMessage::Create { context, dclass, count, fields: &fields })
            }
            &Request::Delete(do_id) => {
                let verify_code = is_openotp.then_some(wire::database::DIE[0]);
                write(&DatabaseMessage::Delete { do_id, verify_code })
            }
            &Request::Select(context, do_id, ref names) => {
                let fields = numbers(names);
                write(&DatabaseMessage::Select { context, do_id, fields: Fields(&fields) })
            }
            &Request::SelectField(context, do_id, name) => {
                let field = number(schema, name);
                write(&DatabaseMessage::SelectField { context, do_id, field })
            }
            &Request::SelectAll(context, do_id) => {
                write(&DatabaseMessage::SelectAll { context, do_id })
            }
            &Request::Update(do_id, ref all) => {
                let (count, fields) = (all.len() as u16, fields(schema, all));
                let context = is_openotp.then_some(0);
                write(&DatabaseMessage::Update { context, do_id, count, fields: &fields })
            }
            &Request::UpdateIfEquals(context, do_id, ref all) => {
                let (count, conditions) = (all.len() as u16, conditions(schema, all));
                let conditions = conditions.as_slice();
                write(&DatabaseMessage::UpdateIfEquals { context, do_id, count, conditions })
            }
            &Request::UpdateIfEmpty(context, do_id, given) => {
                let (field, value) = (number(schema, given.0), value(schema, given));
                let value = value.as_slice();
                write(&DatabaseMessage::UpdateFieldIfEmpty { context, do_id, field, value })
            }
            &Request::DeleteFields(do_id, ref names) => {
                let fields = numbers(names);
                write(&DatabaseMessage::DeleteFields { do_id, fields: Fields(&fields) })
            }
            &Request::SelectQuery(context, ref all) => {
                let (count, comparisons) = (all.len() as u16, compared(schema, all));
                let (dclass, comparisons) = (account.0.into(), comparisons.as_slice());
                write(&DatabaseMessage::SelectQuery { context, dclass, count, comparisons })
            }
            Request::UpdateQuery(all, values) => {
                let count = all.len() as u16;
                let values_count = (values.len() as u16).to_le_bytes().to_vec();
                let all = [compared(schema, all), values_count, fields(schema, values)].concat();
                let dclass = account.0.into();
                let comparisons_and_fields = all.as_slice();
                write(&DatabaseMessage::UpdateQuery { dclass, count, comparisons_and_fields })
            }
            Request::DeleteQuery(all) => {
                let (count, comparisons) = (all.len() as u16, compared(schema, all));
                let (dclass, verify_code) = (account, wire::database::KILL[1]);
                let comparisons = comparisons.as_slice();
                write(&DatabaseMessage::DeleteQuery { verify_code, dclass, count, comparisons })
            }
        }
    }
}
