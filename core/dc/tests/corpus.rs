//! Our own files, which together use all of the language: their hashes as Panda3D and the rules of
//! 2003 give them, and what must hold of every field.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

use dc::{
    FieldKind, Options, Rules, Schema, Source, ValueError, astron_hash, classic_hash, format,
    panda_hash, parse_value,
};

const HARBOUR: &str = include_str!("corpus/harbour.dc");
const TYPES: &str = include_str!("corpus/types.dc");
const CLASSIC: &str = include_str!("corpus/classic.dc");

fn source(text: &str) -> Source {
    Source { name: "x.dc".into(), text: text.into() }
}

fn load(texts: &[&str], rules: Rules) -> Schema {
    let sources: Vec<Source> = texts.iter().map(|text| source(text)).collect();
    let options = Options { rules, ..Options::default() };
    Schema::load(&sources, options).unwrap_or_else(|why| panic!("{}", why.lines(&sources)))
}

fn all() -> [Schema; 3] {
    [
        load(&[HARBOUR, TYPES], Rules::Modern),
        load(&[TYPES], Rules::SingleInheritance),
        load(&[CLASSIC], Rules::Classic),
    ]
}

/// The numbers that Panda3D's own parser gave for these files, and the page of 2003 for the last.
#[test]
fn hashes_are_those_of_the_originals() {
    assert_eq!(panda_hash(&load(&[HARBOUR], Rules::Modern)), 0x0304_9dd4);
    assert_eq!(panda_hash(&load(&[TYPES], Rules::Modern)), 0x9d48_48e6);
    assert_eq!(classic_hash(&load(&[CLASSIC], Rules::Classic)), Some(0x0070_5481));
}

/// Where nobody has written down what Astron does, its hash is not told.
#[test]
fn astrons_hash_is_told_where_it_is_known() {
    let hash = |text| astron_hash(&load(&[text], Rules::Modern)).ok();
    let panda = |text| panda_hash(&load(&[text], Rules::Modern));
    let plain = "dclass A { f(int8 x, string(1-5)) ram; };";
    assert_eq!(hash(plain), Some(panda(plain)));
    // Nothing but the number of parameters, at the tenth prime.
    assert_eq!(hash("dclass A { f(float32 x); };"), Some(panda("dclass A { f(); };") + 29));
    for unknown in [
        "keyword k; dclass A { f() k; };",
        "keyword ram;",
        "typedef string word;",
        "dclass A { f(uint8array); };",
        "dclass A { f(uint32(0-4000000000)); };",
    ] {
        assert_eq!(hash(unknown), None, "{unknown}");
    }
}

#[test]
fn numbers_of_2003_go_on_after_the_parent() {
    let schema = load(&[CLASSIC], Rules::Classic);
    let [_, gull, flock] = schema.classes() else { panic!("three classes") };
    let numbers = |class: &dc::Class| -> Vec<(u16, String)> {
        let field = |&id| (schema.field(id).number, schema.field(id).name.clone());
        class.fields.iter().map(field).collect()
    };
    let last = numbers(gull).pop().unwrap();
    assert_eq!(last, (6, "setFeathers".into()));
    let flock = numbers(flock);
    assert_eq!(flock[1..], [(1, "setMembers".into()), (2, "cry".into())], "first parent only");
    for class in schema.classes() {
        for &id in &class.fields {
            assert_eq!(class.field_by_number(schema.field(id).number), Some(id));
        }
    }
}

/// In 2003 a divisor was that of each element.
#[test]
fn divisors_of_old_arrays() {
    let text = "dclass A { f(int16array x / 10) };";
    let packed = |rules| {
        let schema = load(&[text.replace(") }", "); }").as_str()], rules);
        let field = schema.class_by_name("A").unwrap().field_by_name("f").unwrap();
        let mut bytes = Vec::new();
        let value = parse_value(&source("([1.5, 2])")).unwrap();
        schema.pack(field, &value, &mut bytes).unwrap();
        bytes
    };
    assert_eq!(packed(Rules::Classic), [4, 0, 15, 0, 20, 0]);
    assert_eq!(packed(Rules::Modern), [4, 0, 2, 0, 2, 0]);
}

#[test]
fn every_default_is_a_value() {
    for schema in all() {
        for field in schema.fields() {
            let (id, bytes) = (field.id, &field.default[..]);
            assert_eq!(schema.check(id, bytes), Ok(()), "{}", field.name);
            let read = schema.text(id, bytes).unwrap();
            for read in [&read, &schema.plain_text(id, bytes).unwrap()] {
                let mut again = Vec::new();
                schema.pack(id, &parse_value(&source(read)).unwrap(), &mut again).unwrap();
                assert_eq!(again, bytes, "{} {read}", field.name);
            }
            for end in 0..bytes.len() {
                assert!(schema.check(id, &bytes[..end]).is_err(), "{} {read}", field.name);
            }
            let longer = [bytes, &[0]].concat();
            assert_eq!(schema.check(id, &longer), Err(ValueError::Trailing), "{}", field.name);
        }
    }
}

#[test]
fn texts_have_names_or_not() {
    let schema = load(&["struct S { int8 a; }; dclass A { f(int8 x, S y); };"], Rules::Modern);
    let field = schema.class_by_name("A").unwrap().field_by_name("f").unwrap();
    assert_eq!(schema.text(field, &[1, 2]).unwrap(), "(x = 1, y = {a = 2})");
    assert_eq!(schema.plain_text(field, &[1, 2]).unwrap(), "(1, {2})");
}

/// What stands for bytes that are no UTF-8 is a character like any other.
#[test]
fn a_replacement_character_reads_back() {
    let schema = load(&["dclass A { string s; };"], Rules::Modern);
    let field = schema.class_by_name("A").unwrap().field_by_name("s").unwrap();
    let bytes = [3, 0, 0xef, 0xbf, 0xbd];
    let text = schema.text(field, &bytes).unwrap();
    let mut again = Vec::new();
    schema.pack(field, &parse_value(&source(&text)).unwrap(), &mut again).unwrap();
    assert_eq!(again, bytes, "{text}");
}

#[test]
fn molecular_fields_split_into_their_methods() {
    let schema = load(&[HARBOUR], Rules::Modern);
    let node = schema.class_by_name("DistributedNode").unwrap();
    let [x, y, h, all] =
        ["setX", "setY", "setH", "setXYH"].map(|name| node.field_by_name(name).unwrap());
    assert!(matches!(schema.field(all).kind, FieldKind::Molecular(_)));
    let mut bytes = Vec::new();
    schema.pack(all, &parse_value(&source("(1, -2.5, 361)")).unwrap(), &mut bytes).unwrap();
    assert_eq!(bytes, [10, 0, 231, 255, 10, 0]);
    let parts: Vec<_> = schema.split(all, &bytes).collect();
    let wanted = [(x, &bytes[..2]), (y, &bytes[2..4]), (h, &bytes[4..])];
    assert_eq!(parts, wanted.map(Ok));
}

#[test]
fn required_fields_are_walked() {
    let schema = load(&[HARBOUR], Rules::Modern);
    let ferry = schema.class_by_name("DistributedFerry").unwrap();
    let name = |&id| schema.field(id).name.as_str();
    let names: Vec<&str> = ferry.required.iter().map(name).collect();
    let wanted = ["setX", "setY", "setH", "setBerth", "setCargo", "rudder", "setName"];
    assert_eq!(names, wanted);
    let defaults = ferry.required.iter().flat_map(|&id| schema.field(id).default.iter().copied());
    let object: Vec<u8> = defaults.chain(*b"rest").collect();
    let walked: Vec<_> = schema.required(ferry, &object).collect();
    for (&id, part) in ferry.required.iter().zip(walked) {
        assert_eq!(part, Ok((id, &schema.field(id).default[..])));
    }
    let last = schema.required(ferry, &object[..9]).last().unwrap();
    assert_eq!(last, Err(ValueError::Truncated));
}

#[test]
fn inherited_fields_come_first_and_overridden_ones_not() {
    let schema = load(&[HARBOUR], Rules::Modern);
    let ferry = schema.class_by_name("DistributedFerry").unwrap();
    let names: Vec<&str> = ferry.fields.iter().map(|&id| schema.field(id).name.as_str()).collect();
    assert_eq!(names[..3], ["setLocation", "setX", "setY"]);
    assert_eq!(names.last(), Some(&"setName"));
    assert_eq!(names.iter().filter(|name| **name == "setName").count(), 1);
    let [required, ram, own] =
        ["required", "ram", "mastersend"].map(|name| schema.keyword(name).unwrap());
    let set_x = schema.field(ferry.field_by_name("setX").unwrap());
    assert!(set_x.keywords.contain(required) && set_x.keywords.contain(ram));
    assert!(!set_x.keywords.contain(own));
}

#[test]
fn the_usual_layout_says_the_same() {
    for (text, rules) in
        [(HARBOUR, Rules::Modern), (TYPES, Rules::Modern), (CLASSIC, Rules::Classic)]
    {
        let neat = format(&source(text)).unwrap();
        assert_eq!(format(&source(&neat)).unwrap(), neat, "once is enough");
        let squeeze = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(squeeze(&neat), squeeze(text));
        let [before, after] = [text, &neat].map(|text| load(&[text], rules));
        assert_eq!(panda_hash(&before), panda_hash(&after));
        assert_eq!(dc::diff(&before, &after), []);
    }
}

/// Panda3D's bytes for arrays of arrays that a typedef names, and for old arrays of a fixed size.
#[test]
fn arrays_as_panda3d_packs_them() {
    let text = "typedef int8[3] t; dclass A { t[2] a; int8array(2) b; t[1-2] c; };";
    let schema = load(&[text], Rules::Modern);
    let hashed = load(&["typedef int8[3] t; dclass A { f(t[2]); };"], Rules::Modern);
    assert_eq!(panda_hash(&hashed), 0xc1f);
    let class = schema.class_by_name("A").unwrap();
    for (field, value, wanted) in [
        ("a", "[[1, 2, 3], [4, 5, 6]]", &[1, 2, 3, 4, 5, 6][..]),
        ("b", "[1, 2]", &[2, 0, 1, 2]),
        ("c", "[[1, 2, 3]]", &[3, 0, 1, 2, 3]),
    ] {
        let id = class.field_by_name(field).unwrap();
        let mut bytes = Vec::new();
        schema.pack(id, &parse_value(&source(value)).unwrap(), &mut bytes).unwrap();
        assert_eq!((&bytes[..], schema.check(id, &bytes)), (wanted, Ok(())), "{field}");
    }
}

#[test]
fn numbers_of_32_bits_are_checked_as_exact_as_they_are() {
    let text = "dclass A { float32(0.7-0.9) a; float32 % 360 b; float32 c; };";
    let schema = load(&[text], Rules::Modern);
    let class = schema.class_by_name("A").unwrap();
    for (field, value, fits) in
        [("a", "0.7", true), ("b", "359.9999999", true), ("b", "-1", true), ("c", "1e300", false)]
    {
        let id = class.field_by_name(field).unwrap();
        assert_eq!(schema.check(id, &schema.field(id).default), Ok(()));
        let mut bytes = Vec::new();
        let packed = schema.pack(id, &parse_value(&source(value)).unwrap(), &mut bytes);
        assert_eq!(packed.is_ok(), fits, "{field} {value}");
        assert_eq!(schema.check(id, &bytes).is_ok(), fits, "{field} {value}");
    }
}

#[test]
fn what_an_old_reader_of_entering_objects_would_misread() {
    let changes = |texts: [&str; 2], rules| -> Vec<String> {
        let [old, new] = texts.map(|text| load(&[text], rules));
        dc::diff(&old, &new).iter().map(ToString::to_string).collect()
    };
    let base = "dclass A { f(int8) required; };";
    for (old, new, wanted) in [
        ("dclass A { f(int8) ram; };", "dclass A { f(int8) ram required; };", "A: enters"),
        ("dclass C {}; dclass D : C {};", "dclass C {}; dclass D : C, A {};", "D: enters"),
        ("dclass B : A {};", "dclass B : A { f(int8); };", "B: enters"),
    ] {
        let before = if old.contains("dclass A") { "" } else { base };
        let texts = [old, new].map(|text| format!("{before} {text}"));
        let changes = changes([&texts[0], &texts[1]], Rules::Modern);
        let is_it = |change: &String| change.contains(wanted) && change.starts_with("misread");
        assert!(changes.iter().any(is_it), "{changes:?}");
    }
    let texts = ["A", "B"].map(|parent| {
        format!("dclass A {{ x(); f(); }}; dclass B {{ f(); }}; dclass C : {parent} {{}};")
    });
    let changes = changes([&texts[0], &texts[1]], Rules::SingleInheritance);
    let is_it = |change: &String| change.contains("C: inherits with other numbers");
    assert!(changes.iter().any(is_it), "{changes:?}");
}

#[test]
fn the_order_of_cases_is_nothing_to_a_reader() {
    let switch = |cases: [&str; 2]| {
        let cases = cases.concat();
        let text = format!("switch W (uint8 k) {{ {cases} }}; dclass A {{ f(W); }};");
        load(&[text.as_str()], Rules::Modern)
    };
    let [one, two] = ["case 1: int8 a; break;", "case 2: string b; break;"];
    let misread = |new: &Schema| {
        let changes = dc::diff(&switch([one, two]), new);
        changes.iter().any(|change| change.severity == dc::Severity::Misread)
    };
    assert!(!misread(&switch([two, one])));
    assert!(misread(&switch([one, "case 2: blob b; break;"])));
}

#[test]
fn a_constructor_is_found_by_name_and_number() {
    let schema = load(&["dclass A { A(int8 x); f(); };"], Rules::Modern);
    let class = schema.class_by_name("A").unwrap();
    assert!(class.constructor.is_some());
    assert_eq!(class.field_by_number(0), class.constructor);
    assert_eq!(class.field_by_name("A"), class.constructor);
    assert_eq!(class.field_by_number(1), class.field_by_name("f"));
    assert_eq!(class.fields.len(), 1);
}
