//! Packets from anybody: made up, cut anywhere, or changed. FERRIS_FUZZ_CASES=N plays N cases of
//! each property instead of the usual number.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

use event_logger::{Malformed, Stamp, write_line};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use serde_json::{Map, Value, json};

const LOCAL: &str = "2026-11-26 10:14:02+0100";
const UTC: &str = "2026-11-26T09:14:02.250Z";

fn config() -> ProptestConfig {
    let cases = std::env::var("FERRIS_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: cases.unwrap_or(256),
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

/// What a line says.
#[derive(Debug, PartialEq)]
enum Read {
    Object(Map<String, Value>),
    Row(Vec<String>),
}

/// The line of `packet`, read back by others. It is one line of UTF-8 that shows all it holds.
fn line(packet: &[u8]) -> Result<Read, Malformed> {
    let stamp = Stamp::new(&"2026-11-26T10:14:02.25+01:00[Europe/Paris]".parse().unwrap());
    let mut out = Vec::new();
    if let Err(why) = write_line(packet, &stamp, &mut out) {
        assert!(out.is_empty(), "what is no event leaves nothing behind");
        return Err(why);
    }
    let text = String::from_utf8(out).unwrap();
    let shown = text.strip_suffix('\n').expect("a line ends").trim_end_matches('\r');
    assert!(!shown.contains(char::is_control), "{shown:?} shows all it holds");
    Ok(match shown.strip_prefix('{') {
        Some(_) => {
            let mut object: Map<String, Value> = serde_json::from_str(&text).unwrap();
            assert_eq!(object.remove("_time"), Some(json!(LOCAL)));
            Read::Object(object)
        }
        None => {
            let mut reader = csv::ReaderBuilder::new();
            let mut reader = reader.has_headers(false).from_reader(text.as_bytes());
            let rows: Vec<Vec<String>> = reader.deserialize().map(Result::unwrap).collect();
            let [row] = &rows[..] else { panic!("{} rows of one packet", rows.len()) };
            assert_eq!(row[0], UTC);
            Read::Row(row[1..].to_vec())
        }
    })
}

fn list(strings: &[Vec<u8>]) -> Vec<u8> {
    let with_length =
        |string: &Vec<u8>| [&(string.len() as u16).to_le_bytes(), &string[..]].concat();
    strings.iter().flat_map(with_length).collect()
}

/// What stands in a row for a string.
fn shown(string: &[u8]) -> String {
    let mut shown = String::new();
    for chunk in string.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' | '\r' | '\t' => shown.extend(character.escape_default()),
                '\0'..='\x1f' | '\x7f' => shown += &format!("\\x{:02x}", character as u32),
                '\u{80}'..='\u{9f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    shown += &format!("\\u{:04x}", character as u32);
                }
                _ => shown.push(character),
            }
        }
        chunk.invalid().iter().for_each(|byte| shown += &format!("\\x{byte:02x}"));
    }
    shown
}

/// A value as MessagePack, and what it is in JSON.
fn value() -> impl Strategy<Value = (Vec<u8>, Value)> {
    let number = any::<i64>().prop_map(|number| {
        let mut packet = Vec::new();
        rmp::encode::write_sint(&mut packet, number).unwrap();
        (packet, json!(number))
    });
    let float = any::<f64>().prop_map(|float| {
        let mut packet = Vec::new();
        rmp::encode::write_f64(&mut packet, float).unwrap();
        (packet, json!(float)) // null if it is none
    });
    let other = prop_oneof![Just((vec![0xc0], json!(null))), Just((vec![0xc3], json!(true)))];
    let leaf = prop_oneof![number, float, other, ".{0,40}".prop_map(|text| pack_text(&text))];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(pack_list),
            prop::collection::btree_map("[a-z\"]{0,3}", inner, 0..6).prop_map(pack_map),
        ]
    })
}

fn pack_text(text: &str) -> (Vec<u8>, Value) {
    let mut packet = Vec::new();
    rmp::encode::write_str(&mut packet, text).unwrap();
    (packet, json!(text))
}

fn pack_list(values: Vec<(Vec<u8>, Value)>) -> (Vec<u8>, Value) {
    let mut packet = Vec::new();
    rmp::encode::write_array_len(&mut packet, values.len() as u32).unwrap();
    values.iter().for_each(|(value, _)| packet.extend_from_slice(value));
    (packet, values.into_iter().map(|(_, value)| value).collect())
}

fn pack_map(pairs: std::collections::BTreeMap<String, (Vec<u8>, Value)>) -> (Vec<u8>, Value) {
    let mut packet = Vec::new();
    rmp::encode::write_map_len(&mut packet, pairs.len() as u32).unwrap();
    for (key, (value, _)) in &pairs {
        packet.extend_from_slice(&pack_text(key).0);
        packet.extend_from_slice(value);
    }
    (packet, Value::Object(pairs.into_iter().map(|(key, (_, value))| (key, value)).collect()))
}

fn event() -> impl Strategy<Value = (Vec<u8>, Value)> {
    prop::collection::btree_map("[a-z ]{1,8}", value(), 1..20).prop_map(pack_map)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_packet_is_one_line_at_most(packet in prop::collection::vec(any::<u8>(), 0..300)) {
        let _read = line(&packet);
    }

    #[test]
    fn what_begins_like_a_map_is_one_line_at_most(
        first in prop_oneof![0x80..0x90u8, Just(0xde), Just(0xdf)],
        rest in prop::collection::vec(prop_oneof![0..4u8, 0x80..0xe0u8, any::<u8>()], 0..80),
    ) {
        let _read = line(&[&[first], &rest[..]].concat());
    }

    #[test]
    fn a_map_is_the_object_that_it_was((packet, expected) in event()) {
        let Ok(Read::Object(object)) = line(&packet) else { panic!("it is an object") };
        prop_assert_eq!(Value::Object(object), expected);
    }

    #[test]
    fn a_list_is_the_row_that_shows_it(
        strings in prop::collection::vec(
            prop_oneof![
                "\\PC{0,30}".prop_map(String::into_bytes),
                prop::collection::vec(any::<u8>(), 0..60),
                prop::collection::vec(prop_oneof![Just(b'"'), Just(b','), 0..0x20u8], 0..10),
            ],
            1..8,
        ),
    ) {
        let expected: Vec<String> = strings.iter().map(|string| shown(string)).collect();
        prop_assert_eq!(line(&list(&strings)), Ok(Read::Row(expected)));
    }

    /// By chance it may be a list of strings, whose first length is what a map begins with.
    #[test]
    fn what_is_cut_or_goes_on_is_no_object((packet, _) in event(), at: prop::sample::Index, byte: u8) {
        let is_object = |packet: &[u8]| matches!(line(packet), Ok(Read::Object(_)));
        prop_assert!(!is_object(&packet[..at.index(packet.len())]));
        prop_assert!(!is_object(&[&packet[..], &[byte]].concat()));
    }

    #[test]
    fn a_changed_map_is_one_line_at_most(
        (mut packet, _) in event(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        for (at, byte) in changes {
            let at = at.index(packet.len());
            packet[at] = byte;
        }
        let _read = line(&packet);
    }
}
