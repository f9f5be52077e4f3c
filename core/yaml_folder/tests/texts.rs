//! Objects as text and back: whatever an object holds, its file says it, and says it to any reader
//! of YAML.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

mod desk;

use dc::Schema;
use desk::{field, schema};
use proptest::prelude::*;
use wire::ids::DoId;
use yaml_folder::{PackedObject, TextField, TextObject, object_text, read_object};

fn long(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_le_bytes(), bytes].concat()
}

/// Text with all that could end it too early, be taken for something else, or be lost.
fn awkward_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\""),
        Just("'"),
        Just("\\"),
        Just("\\x"),
        Just("\n"),
        Just("\r\n"),
        Just("\t"),
        Just(": "),
        Just(" #"),
        Just("- "),
        Just("~"),
        Just("null"),
        Just("\u{85}"),
        Just("\u{2028}"),
        Just("\u{feff}"),
        Just("\u{0}"),
        Just("\u{7f}"),
        Just("é"),
        Just("船"),
        Just("🛥"),
        Just(" "),
        Just("{"),
        Just("%"),
        Just("&a"),
        Just("*a"),
        Just("|"),
        Just("\u{9b}"),
        Just("\u{fffd}"),
        Just("plain"),
    ];
    prop_oneof![
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat()),
        any::<String>(),
    ]
}

fn boat(schema: &Schema) -> impl Strategy<Value = PackedObject> + use<> {
    let id = |name| field(schema, "Boat", name);
    let class = schema.class_by_name("Boat").unwrap().id;
    let name = awkward_text().prop_map(|text| long(text.as_bytes()));
    let home = awkward_text().prop_map(|text| long(text.as_bytes()));
    let seal = prop::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| long(&bytes));
    let lines = prop::collection::vec(awkward_text(), 0..4).prop_map(|lines| {
        let lines: Vec<u8> = lines.iter().flat_map(|line| long(line.as_bytes())).collect();
        [long(&lines), vec![1, 2, 3, 4]].concat()
    });
    let berth = (any::<u16>(), 1u8..=40)
        .prop_map(|(pier, number)| [&pier.to_le_bytes()[..], &[number]].concat());
    let draught = any::<u64>().prop_map(|bits| bits.to_le_bytes().to_vec());
    let xy = any::<[u8; 4]>().prop_map(Vec::from);
    let bytes = any::<[u8; 4]>().prop_map(Vec::from);
    let fields = [
        (id("setName"), name.boxed()),
        (id("home"), home.boxed()),
        (id("setSeal"), seal.boxed()),
        (id("setLog"), lines.boxed()),
        (id("berth"), berth.boxed()),
        (id("draught"), draught.boxed()),
        (id("setXY"), xy.boxed()),
        (id("bytes"), bytes.boxed()),
    ];
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(id, value)| prop::option::of(value).prop_map(move |value| Some((id, value?))))
        .collect();
    (any::<u32>(), fields).prop_map(move |(do_id, fields)| {
        let mut fields: Vec<_> = fields.into_iter().flatten().collect();
        fields.sort_unstable_by_key(|&(id, _)| id);
        PackedObject { do_id: DoId(do_id), class, fields }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn what_is_written_is_read(object in boat(&schema())) {
        let schema = schema();
        let text = object_text(&object.text(&schema).unwrap());
        let read = read_object(object.do_id, text.as_bytes(), &schema);
        prop_assert_eq!(read, Ok(object), "{}", text);
    }

    /// The reader of YAML is asked for the text of each value, not for what it means.
    #[test]
    fn every_value_is_one_line(value in awkward_text(), name in "[A-Za-z_][A-Za-z0-9_]{0,12}") {
        let field = TextField { name, value, line: 0 };
        let object =
            TextObject { do_id: DoId(7), class: "null".into(), class_line: 0, fields: vec![field] };
        let text = object_text(&object);
        prop_assert_eq!(text.lines().count(), 4, "{}", text);
        prop_assert!(text.chars().all(|character| character == '\n' || !character.is_control()));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read_object(DoId(7), &bytes, &schema()).is_err());
    }

    /// Pieces of a sound file in any order.
    #[test]
    fn broken_files_are_refused_or_read(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "id: 7\n", "class: Boat\n", "fields:\n", "  setName: '(\"x\")'\n", "  ", "[", "]",
                "{", "}", "&a ", "*a", "- ", "\"", "'", "---\n", "? ", ": ", "|\n", "\t", "!!x ",
            ]),
            0..12,
        )
    ) {
        let (text, schema) = (pieces.concat(), schema());
        if let Ok(object) = read_object(DoId(7), text.as_bytes(), &schema) {
            prop_assert_eq!(object.do_id, DoId(7));
            let again = object_text(&object.text(&schema).unwrap());
            prop_assert_eq!(read_object(DoId(7), again.as_bytes(), &schema), Ok(object));
        }
    }
}

/// What a file of Astron's looks like.
#[test]
fn a_file_is_laid_out_as_astron_has_it() {
    let schema = schema();
    let text = "id: 7\nclass: Boat\nfields:\n  setName: (\"Anna\")\n  setXY: (1, 2.5)\n";
    let object = read_object(DoId(7), text.as_bytes(), &schema).unwrap();
    assert_eq!(object.fields[0].1, long(b"Anna"));
    assert_eq!(object.fields[1].1, [10, 0, 25, 0]);
    let written = "id: 7\nclass: Boat\nfields:\n  setName: \"(\\\"Anna\\\")\"\n  setXY: (1, 2.5)\n";
    assert_eq!(object_text(&object.text(&schema).unwrap()), written);
}

#[track_caller]
fn refused(text: &str, wanted: &[&str]) {
    let wrong = read_object(DoId(7), text.as_bytes(), &schema()).unwrap_err();
    let said: Vec<String> = wrong
        .iter()
        .map(|(line, what)| line.map_or(what.clone(), |line| format!("{line}: {what}")))
        .collect();
    assert_eq!(said, wanted);
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    refused(
        "id: 7\nclass: [\n",
        &["3: is not YAML: while parsing a node, did not find expected node content"],
    );
    refused("", &["1: expected `id: ...`, found nothing"]);
    refused("class: Boat", &["1: `id` is missing"]);
    refused("id: 8\nclass: Boat", &["1: the name of the file says 7, and `id` says 8"]);
    refused("id: seven\nclass: Boat", &["1: expected the id of an object, found `seven`"]);
    refused("id: 7\nclass: Boot", &["2: there is no class `Boot`: did you mean `Boat`?"]);
    refused("id: 7\nclass: Berth", &["2: there is no class `Berth`"]);
    refused("id: 7\nclass: Boat\nowner: 9", &["3: unknown key `owner`"]);
    refused("id: 7\nid: 7\nclass: Boat", &["2: `id` stands here a second time"]);
    refused("id: &a 7\nclass: Boat", &["1: anchors and aliases are not read here"]);
    refused("id: 7\nclass: Boat\nfields: 9", &["3: expected fields (name: value), found `9`"]);
    refused(
        "id: 7\nclass: Boat\nfields:\n  home: [1, 2]",
        &["4: `home`: expected a value as text, found a list"],
    );
    let fields = "
  setNmae: (\"x\")
  setSpeed: (1)
  setAll: (<00>, 1, 2)
  setXY: (1, 9999)
  setName: (\"a\")
  setName: (\"b\")
  setSeal: (<0>)
";
    refused(
        &format!("id: 7\nclass: Boat\nfields:{fields}"),
        &[
            "4: `Boat` has no field `setNmae`: did you mean `setName`?",
            "5: `setSpeed` is not stored: it is no `db` field",
            "6: `setAll` is not stored: it is no `db` field",
            "7: no value of `setXY(int16 / 10 x, int16 / 10 y) db`: the number is out of range",
            "9: `setName` stands here a second time",
            "10: `setSeal`: no value: a hex string has two digits for each byte",
        ],
    );
}

#[test]
fn an_object_that_is_too_long_to_be_stored_is_refused() {
    let lines = "00".repeat(65_000);
    let text = format!("id: 7\nclass: Boat\nfields:\n  setSeal: \"(<{lines}>)\"\n");
    refused(&text, &["its fields have 65004 bytes; at most 65000 are stored"]);
}
