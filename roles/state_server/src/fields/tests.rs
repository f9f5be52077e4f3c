//! Packed fields against a plain map, for a class with fields of every length.

use super::*;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec;
use dc::{Options, Source};
use proptest::prelude::*;
use wire::ids::ClassId;

const TEXT: &str = "dclass DistributedLoom {
    setWidth(uint16 width) required;
    setName(string name) required broadcast;
    setThreads(uint8 threads(0-9)) required;
    setWeaver(uint32 weaver) ram;
    setPattern(blob pattern) ram;
    setSpeed(int8 speed) ram;
    stop(string why);
    setBoth : setWidth, setThreads;
    setWoven : setWeaver, setPattern;
};";

fn classes() -> Classes {
    let sources = [Source { name: "loom.dc".into(), text: TEXT.into() }];
    Classes::new(Arc::new(Schema::load(&sources, Options::default()).unwrap()), false)
}

const ROOM: usize = 1 << 20;
const WIDTH: u16 = 0;
const NAME: u16 = 1;
const THREADS: u16 = 2;
const WEAVER: u16 = 3;
const PATTERN: u16 = 4;
const SPEED: u16 = 5;
const STOP: u16 = 6;
const BOTH: u16 = 7;
const WOVEN: u16 = 8;
const LAST: u16 = WOVEN;

fn text(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_le_bytes()[..], bytes].concat()
}

fn value_of(field: u16, seed: &[u8]) -> Vec<u8> {
    let first = seed.first().copied().unwrap_or(0);
    match field {
        WIDTH => vec![first, 1],
        NAME | PATTERN | STOP => text(&seed.iter().map(|byte| byte & 0x7f).collect::<Vec<_>>()),
        THREADS => vec![first % 10],
        WEAVER => vec![first, 2, 3, 4],
        SPEED => vec![first],
        BOTH => [WIDTH, THREADS].map(|atom| value_of(atom, seed)).concat(),
        WOVEN => [WEAVER, PATTERN].map(|atom| value_of(atom, seed)).concat(),
        _ => unreachable!("the class has no other field"),
    }
}

type Model = BTreeMap<u16, Vec<u8>>;

fn put(model: &mut Model, field: u16, seed: &[u8]) {
    match field {
        STOP => (),
        BOTH => [WIDTH, THREADS].into_iter().for_each(|atom| put(model, atom, seed)),
        WOVEN => [WEAVER, PATTERN].into_iter().for_each(|atom| put(model, atom, seed)),
        _ => drop(model.insert(field, value_of(field, seed))),
    }
}

/// What the model says an object is on the wire.
fn packed(model: &Model) -> Vec<u8> {
    let (required, others): (Vec<_>, Vec<_>) =
        model.iter().partition(|(field, _)| **field < WEAVER);
    let mut out: Vec<u8> = required.into_iter().flat_map(|(_, value)| value.clone()).collect();
    out.extend_from_slice(&(others.len() as u16).to_le_bytes());
    for (field, value) in others {
        out.extend_from_slice(&field.to_le_bytes());
        out.extend_from_slice(value);
    }
    out
}

fn check(fields: &Packed, model: &Model, classes: &Classes) {
    let (schema, class) = (&*classes.schema, classes.of(ClassId(0)));
    assert_eq!(fields.required_other(), packed(model));
    assert_eq!(fields.has_other(), model.keys().any(|&field| field >= WEAVER));
    assert_eq!(fields.len(), packed(model).len());
    for field in WIDTH..=LAST {
        let plan = class.field(FieldId(field)).unwrap();
        let expected = model.get(&field).map(Vec::as_slice);
        assert_eq!(fields.get(schema, class, plan), expected, "field {field}");
    }
}

fn begin(classes: &Classes, bytes: &[u8], has_other: bool) -> Result<Begun, Refusal> {
    Packed::read(classes, classes.of(ClassId(0)), bytes, has_other)
}

fn seeds() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..20)
}

proptest! {
    #[test]
    fn fields_are_what_a_map_says(
        first in seeds(),
        others in prop::collection::vec((WIDTH..=LAST, seeds()), 0..8),
        steps in prop::collection::vec((WIDTH..=LAST, seeds(), any::<bool>()), 0..40),
    ) {
        let classes = classes();
        let mut model = Model::new();
        [WIDTH, NAME, THREADS].into_iter().for_each(|field| put(&mut model, field, &first));
        let mut bytes: Vec<u8> = model.values().flatten().copied().collect();
        bytes.extend_from_slice(&(others.len() as u16).to_le_bytes());
        for (field, seed) in &others {
            bytes.extend_from_slice(&field.to_le_bytes());
            bytes.extend_from_slice(&value_of(*field, seed));
            put(&mut model, *field, seed);
        }
        let begun = begin(&classes, &bytes, true).unwrap();
        prop_assert!(begun.unknown.is_none());
        let (mut fields, mut scratch) = (begun.packed, Vec::new());
        check(&fields, &model, &classes);
        let (schema, class) = (&*classes.schema, classes.of(ClassId(0)));
        for (field, seed, unset) in steps {
            let plan = class.field(FieldId(field)).unwrap();
            if unset && (WEAVER..=SPEED).contains(&field) {
                model.remove(&field);
                fields.change((&mut scratch, ROOM), |draft| draft.unset(schema, class, plan)).unwrap();
            } else {
                put(&mut model, field, &seed);
                let value = value_of(field, &seed);
                let mut values = kept(&classes, class, plan, &value);
                last_of_each(&mut values);
                if let [(plan, value)] = values[..] {
                    fields.set(schema, class, &plan, value, (&mut scratch, ROOM)).unwrap();
                } else {
                    let set = |draft: &mut Draft<'_>| {
                        values.iter().for_each(|(plan, value)| draft.set(schema, class, plan, value));
                    };
                    fields.change((&mut scratch, ROOM), set).unwrap();
                }
            }
            check(&fields, &model, &classes);
        }
    }

    #[test]
    fn hostile_bytes_are_refused_and_nothing_else(
        bytes in prop::collection::vec(any::<u8>(), 0..60),
        has_other: bool,
    ) {
        let classes = classes();
        if let Ok(begun) = begin(&classes, &bytes, has_other) {
            let class = classes.of(ClassId(0));
            let all = begun.packed.required_values(&classes.schema, class);
            let others = begun.packed.others(&classes.schema, class);
            for (plan, value) in all.chain(others) {
                prop_assert!(classes.schema.check(plan.id, value).is_ok());
            }
        }
    }
}

#[test]
fn every_way_to_begin_badly() {
    let classes = classes();
    let required = [&[1, 0][..], &text(b"loom"), &[9]].concat();
    let with = |rest: &[u8]| [&required[..], rest].concat();
    let refusal =
        |bytes: &[u8], has_other| begin(&classes, bytes, has_other).map(|_| ()).unwrap_err();
    assert!(begin(&classes, &required, false).is_ok());
    assert_eq!(refusal(&with(&[0]), false), Refusal::Excess(1));
    assert_eq!(refusal(&with(&[0, 0, 7]), true), Refusal::Excess(1));
    assert_eq!(refusal(&with(&[1, 0]), true), Refusal::Truncated);
    assert_eq!(refusal(&required, true), Refusal::Truncated);
    for end in 0..required.len() {
        assert!(matches!(refusal(&required[..end], false), Refusal::BadValue(..)));
    }
    let out_of_range = [&[1, 0][..], &text(b"loom"), &[10]].concat();
    let threads = FieldId(THREADS);
    assert!(
        matches!(refusal(&out_of_range, false), Refusal::BadValue(field, _) if field == threads)
    );
    let unknown = begin(&classes, &with(&[2, 0, SPEED as u8, 0, 5, 99, 0, 1, 2, 3]), true).unwrap();
    assert_eq!(unknown.unknown, Some(FieldId(99)));
    assert_eq!(unknown.packed.len(), required.len() + 2 + 3, "what came before it is kept");
}

#[test]
fn what_would_not_fit_in_a_datagram_changes_nothing() {
    let classes = classes();
    let class = classes.of(ClassId(0));
    let required = [&[1, 0][..], &text(b""), &[9]].concat();
    let mut fields = begin(&classes, &required, false).unwrap().packed;
    let mut scratch = Vec::new();
    let [name, pattern] = [NAME, PATTERN].map(|field| class.field(FieldId(field)).unwrap());
    let half = text(&[7; 40_000]);
    fields.set(&classes.schema, class, pattern, &half, (&mut scratch, ROOM)).unwrap();
    let before = fields.required_other().to_vec();
    let refused = fields.set(&classes.schema, class, name, &half, (&mut scratch, ROOM));
    assert!(matches!(refused, Err(Refusal::TooBig(_))));
    assert_eq!(fields.required_other(), before);
    let room = fields.set(&classes.schema, class, name, &text(b"longer"), (&mut scratch, 5));
    assert!(matches!(room, Err(Refusal::NoRoom)));
    assert_eq!(fields.required_other(), before);
    fields.set(&classes.schema, class, name, &text(b"longer"), (&mut scratch, 6)).unwrap();
    let huge = [&required[..], &[1, 0, PATTERN as u8, 0], &text(&[7; 65_000])].concat();
    assert!(matches!(begin(&classes, &huge, true), Err(Refusal::TooBig(_))));
}
