#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

use super::*;
use alloc::vec;
use dc::{Options, Source};
use proptest::prelude::*;
use wire::ids::DoId;
use wire::state_server::Location;

const CLASSES: &str = "
    struct Pair { uint8 a; string b; };
    dclass DistributedOpen {
        setName(string) required broadcast;
        setSize(uint8) required clrecv;
        setHat(uint16) ram broadcast;
    };
    dclass DistributedChest {
        setLid(uint8) required broadcast;
        setKey(uint32) required;
        setCode(string) required airecv;
        setLock(uint16) required airecv;
        setGold(uint16) required ownrecv;
        setLabel(string) required clrecv ram;
        setDust(uint8) ram broadcast;
        setTrap(string) ram airecv;
        setMark(Pair) ram ownrecv;
        setDirt(uint8) ram broadcast;
        setDustDirt : setDust, setDirt;
    };
";

fn schema() -> Arc<Schema> {
    let sources = [Source { name: "tests.dc".into(), text: CLASSES.into() }];
    Arc::new(Schema::load(&sources, Options::default()).expect("the classes are sound"))
}

fn entry(schema: &Schema, class: &str, fields: &[u8], has_other: bool) -> Entry<'static> {
    let class = schema.class_by_name(class).expect("there is such a class");
    let fields = Vec::leak(fields.to_vec());
    let location = Location { parent: DoId(1), zone: wire::ids::Zone(2) };
    Entry { do_id: DoId(7), location, dclass: ClassId(class.id.0), has_other, fields }
}

/// The values of fields, one after the other; those of an OTHER block with their numbers.
fn packed(schema: &Schema, class: &str, values: &[(&str, &str)], with_numbers: bool) -> Vec<u8> {
    let class = schema.class_by_name(class).expect("there is such a class");
    let mut out = vec![];
    for (name, value) in values {
        let field = class.field_by_name(name).expect("it has such a field");
        if with_numbers {
            out.extend_from_slice(&schema.field(field).number.to_le_bytes());
        }
        out.extend(schema.parse_value(field, value).expect("a value of the field"));
    }
    out
}

fn other(schema: &Schema, class: &str, values: &[(&str, &str)]) -> Vec<u8> {
    let mut out = (values.len() as u16).to_le_bytes().to_vec();
    out.extend(packed(schema, class, values, true));
    out
}

const REQUIRED: [(&str, &str); 6] = [
    ("setLid", "(1)"),
    ("setKey", "(2)"),
    ("setCode", "(\"abc\")"),
    ("setLock", "(4)"),
    ("setGold", "(5)"),
    ("setLabel", "(\"x\")"),
];

#[test]
fn an_observer_sees_broadcast_and_clrecv_and_an_owner_ownrecv_too() {
    let schema = schema();
    let shown = Shown::new(Dialect::OpenOtp, schema.clone());
    let class = "DistributedChest";
    let fields = packed(&schema, class, &REQUIRED, false);
    let came = entry(&schema, class, &fields, false);
    let (mut observer, mut owner) = (vec![], vec![]);
    let seen = shown.entry(Audience::Observer, &came, &mut observer).unwrap();
    let expected = [REQUIRED[0], REQUIRED[5]];
    assert_eq!(seen.fields, packed(&schema, class, &expected, false));
    assert_eq!(Entry { fields: came.fields, ..seen }, came, "all else is as it came");
    let owned = shown.entry(Audience::Owner, &came, &mut owner).unwrap();
    let expected = [REQUIRED[0], REQUIRED[4], REQUIRED[5]];
    assert_eq!(owned.fields, packed(&schema, class, &expected, false));
}

#[test]
fn other_fields_are_shown_by_the_same_rule_and_counted() {
    let schema = schema();
    let shown = Shown::new(Dialect::OpenOtp, schema.clone());
    let class = "DistributedChest";
    let others = [("setDust", "(9)"), ("setTrap", "(\"t\")"), ("setMark", "((1, \"m\"))")];
    let mut fields = packed(&schema, class, &REQUIRED, false);
    fields.extend(other(&schema, class, &others));
    let came = entry(&schema, class, &fields, true);
    let mut scratch = vec![];
    let seen = shown.entry(Audience::Observer, &came, &mut scratch).unwrap();
    let mut expected = packed(&schema, class, &[REQUIRED[0], REQUIRED[5]], false);
    expected.extend(other(&schema, class, &others[..1]));
    assert_eq!(seen.fields, expected);
    assert!(seen.has_other);
    let mut scratch = vec![];
    let owned = shown.entry(Audience::Owner, &came, &mut scratch).unwrap();
    let mut expected = packed(&schema, class, &[REQUIRED[0], REQUIRED[4], REQUIRED[5]], false);
    expected.extend(other(&schema, class, &[others[0], others[2]]));
    assert_eq!(owned.fields, expected);
}

/// A molecular field stands for itself, whatever its methods are.
#[test]
fn a_molecular_field_is_passed_over_whole() {
    let schema = schema();
    let shown = Shown::new(Dialect::OpenOtp, schema.clone());
    let class = "DistributedChest";
    let others = [("setDustDirt", "(1, 2)"), ("setTrap", "(\"t\")")];
    let mut fields = packed(&schema, class, &REQUIRED, false);
    fields.extend(other(&schema, class, &others));
    let came = entry(&schema, class, &fields, true);
    let mut scratch = vec![];
    let seen = shown.entry(Audience::Observer, &came, &mut scratch).unwrap();
    let mut expected = packed(&schema, class, &[REQUIRED[0], REQUIRED[5]], false);
    expected.extend(other(&schema, class, &others[..1]));
    assert_eq!(seen.fields, expected);
}

#[test]
fn a_class_that_hides_nothing_is_not_even_read() {
    let schema = schema();
    let shown = Shown::new(Dialect::OpenOtp, schema.clone());
    for has_other in [false, true] {
        let came = entry(&schema, "DistributedOpen", b"no such fields", has_other);
        let mut scratch = vec![];
        assert_eq!(shown.entry(Audience::Observer, &came, &mut scratch), Ok(came));
        assert!(scratch.is_empty());
    }
}

#[test]
fn in_astron_entries_go_as_they_came() {
    let schema = schema();
    let shown = Shown::new(Dialect::Astron, schema.clone());
    let came = entry(&schema, "DistributedChest", b"whatever", true);
    assert_eq!(shown.entry(Audience::Observer, &came, &mut vec![]), Ok(came));
}

#[test]
fn what_is_no_entry_of_its_class_is_not_shown() {
    let schema = schema();
    let shown = Shown::new(Dialect::OpenOtp, schema.clone());
    let class = "DistributedChest";
    let mut fields = packed(&schema, class, &REQUIRED, false);
    let required = fields.len();
    fields.extend(other(&schema, class, &[("setDust", "(9)"), ("setTrap", "(\"t\")")]));
    let dclass = entry(&schema, class, &[], false).dclass;
    for end in 0..fields.len() {
        let cut = entry(&schema, class, &fields[..end], true);
        let got = shown.entry(Audience::Observer, &cut, &mut vec![]).map(|_| ());
        assert_eq!(got, Err(BadEntry::Malformed(dclass)), "cut at {end}");
    }
    let longer = entry(&schema, class, &[&fields[..], b"x"].concat(), true);
    assert!(shown.entry(Audience::Observer, &longer, &mut vec![]).is_err());
    let longer = entry(&schema, class, &fields[..required + 1], false);
    assert!(shown.entry(Audience::Observer, &longer, &mut vec![]).is_err());
    let unknown = [&fields[..required], &[1, 0, 0xff, 0xff]].concat();
    let unknown = entry(&schema, class, &unknown, true);
    let error = BadEntry::UnknownField(dclass, FieldId(0xffff));
    assert_eq!(shown.entry(Audience::Observer, &unknown, &mut vec![]), Err(error));
    for number in [0, 3, u16::MAX] {
        let odd = Entry { dclass: ClassId(number), ..unknown };
        let error = BadEntry::UnknownClass(ClassId(number));
        assert_eq!(shown.entry(Audience::Observer, &odd, &mut vec![]), Err(error));
    }
}

proptest! {
    /// Whatever comes, nothing panics; and what is shown never is longer than what came.
    #[test]
    fn any_bytes_are_shown_or_bad(
        fields in prop::collection::vec(any::<u8>(), 0..64),
        dclass in 0u16..4,
        has_other: bool,
    ) {
        let schema = schema();
        let shown = Shown::new(Dialect::OpenOtp, schema.clone());
        let came = entry(&schema, "DistributedChest", &fields, has_other);
        let came = Entry { dclass: ClassId(dclass), ..came };
        for audience in [Audience::Observer, Audience::Owner] {
            let mut scratch = vec![];
            if let Ok(seen) = shown.entry(audience, &came, &mut scratch) {
                prop_assert!(seen.fields.len() <= came.fields.len());
            }
        }
    }
}
