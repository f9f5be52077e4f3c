//! What packets become, example by example.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

use event_logger::{Malformed, MapError, PACKET_BYTES_MAX, Stamp, write_line};
use std::net::SocketAddr;
use wire::dialect::Dialect;
use wire::event::{Event, TEXT_BYTES_MAX, Value};

const UTC: &str = "2026-11-26T09:14:02.250Z";

fn line(packet: &[u8]) -> Result<String, Malformed> {
    let stamp = Stamp::new(&"2026-11-26T10:14:02.25+01:00[Europe/Paris]".parse().unwrap());
    let mut out = b"before\n".to_vec();
    let written = write_line(packet, &stamp, &mut out);
    let text = String::from_utf8(out).unwrap();
    let line = text.strip_prefix("before\n").expect("what was there stays").to_owned();
    assert_eq!(written.is_err(), line.is_empty(), "what is no event leaves nothing behind");
    written.map(|()| line)
}

fn strings(strings: &[&[u8]]) -> Vec<u8> {
    let with_length = |string: &&[u8]| [&(string.len() as u16).to_le_bytes(), *string].concat();
    strings.iter().flat_map(with_length).collect()
}

/// The packet of these strings becomes the row `expected`, behind the time.
#[track_caller]
fn check_row(packet: &[&[u8]], expected: &str) {
    assert_eq!(line(&strings(packet)).unwrap(), format!("{UTC},{expected}\r\n"));
}

/// `packet` becomes the object with these pairs, behind the time.
#[track_caller]
fn check_object(packet: &[u8], expected: &str) {
    let line = line(packet).unwrap();
    let expected = match expected {
        "" => "{\"_time\":\"2026-11-26 10:14:02+0100\"}\n".into(),
        pairs => format!("{{\"_time\":\"2026-11-26 10:14:02+0100\",{pairs}}}\n"),
    };
    assert_eq!(line, expected);
    serde_json::from_str::<serde_json::Value>(&line).unwrap();
}

#[track_caller]
fn check_malformed(packet: &[u8], expected: Malformed) {
    assert_eq!(line(packet), Err(expected));
}

#[test]
fn what_the_roles_say_is_a_row_or_an_object() {
    let values =
        [("remote_address", Value::Text("10.0.0.1:5")), ("reason_code", Value::Number(-7))];
    let event = Event { sender: "Client:1000000001", kind: "client-ejected", values: &values };
    assert_eq!(
        line(&event.encode(Dialect::OpenOtp)).unwrap(),
        format!("{UTC},Client:1000000001,client-ejected,10.0.0.1:5,-7\r\n"),
    );
    check_object(
        &event.encode(Dialect::Astron),
        "\"type\":\"client-ejected\",\"sender\":\"Client:1000000001\",\
         \"remote_address\":\"10.0.0.1:5\",\"reason_code\":-7",
    );
}

#[test]
fn values_of_all_kinds_are_written_and_long_ones_are_cut() {
    let long = "\u{e9}".repeat(TEXT_BYTES_MAX);
    let shown = ["127.0.0.1:7199", &long[..TEXT_BYTES_MAX]];
    let address: SocketAddr = shown[0].parse().unwrap();
    let values =
        [("id", Value::Id(u64::MAX)), ("at", Value::Shown(&address)), ("name", Value::Text(&long))];
    let event = Event { sender: "", kind: "k", values: &values };
    let [at, name] = shown;
    let row = format!("{UTC},,k,18446744073709551615,{at},{name}\r\n");
    assert_eq!(line(&event.encode(Dialect::OpenOtp)).unwrap(), row);
    let object =
        format!(r#""type":"k","sender":"","id":18446744073709551615,"at":"{at}","name":"{name}""#);
    check_object(&event.encode(Dialect::Astron), &object);
}

#[test]
fn a_row_is_one_line() {
    check_row(&[b""], "");
    check_row(&[b"", b""], ",");
    check_row(&[b"a b", "Zo\u{e9}".as_bytes()], "a b,Zo\u{e9}");
    check_row(&[b"a,b", b"say \"hi\"", b"\""], r#""a,b","say ""hi""","""""#);
    check_row(
        &[b"x\r\n2026-11-26T09:14:02.250Z,AI,fine"],
        r#""x\r\n2026-11-26T09:14:02.250Z,AI,fine""#,
    );
    check_row(&[b"\t\0\x1b[2J\x7f"], r"\t\x00\x1b[2J\x7f");
    check_row(&["\u{85}\u{9b}\u{2028}\u{202e}".as_bytes()], r"\u0085\u009b\u2028\u202e");
    check_row(&[b"\xff\xc3", b"C:\\new"], r"\xff\xc3,C:\new");
}

#[test]
fn an_object_is_one_line_of_json() {
    check_object(b"\x80", "");
    check_object(b"\x81\xa4type\xa1x", r#""type":"x""#);
    check_object(b"\x82\xa1b\x01\xa1a\x02", r#""b":1,"a":2"#);
    check_object(
        b"\x81\xa1a\xa9\"\\\n\r\t\x1b\x7f\xc2\x85",
        r#""a":"\"\\\n\r\t\u001b\u007f\u0085""#,
    );
    check_object(b"\x81\xa1a\xa3x\xffy", r#""a":"x\\xffy""#);
}

#[test]
fn every_kind_of_value_has_its_json() {
    check_object(b"\x83\xa1a\xc0\xa1b\xc2\xa1c\xc3", r#""a":null,"b":false,"c":true"#);
    check_object(b"\x83\xa1a\x7f\xa1b\xcc\xff\xa1c\xcd\xff\xff", r#""a":127,"b":255,"c":65535"#);
    check_object(
        b"\x82\xa1a\xce\xff\xff\xff\xff\xa1b\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
        r#""a":4294967295,"b":18446744073709551615"#,
    );
    check_object(b"\x83\xa1a\xff\xa1b\xd0\x80\xa1c\xd1\x80\0", r#""a":-1,"b":-128,"c":-32768"#);
    check_object(
        b"\x82\xa1a\xd2\x80\0\0\0\xa1b\xd3\x80\0\0\0\0\0\0\0",
        r#""a":-2147483648,"b":-9223372036854775808"#,
    );
    check_object(b"\x81\xa1a\xca\x3f\xc0\0\0", r#""a":1.5"#);
    check_object(b"\x81\xa1a\xcb\x7e\x37\xe4\x3c\x88\x00\x75\x9c", r#""a":1e300"#);
    check_object(b"\x82\xa1a\xca\x7f\xc0\0\0\xa1b\xca\xff\x80\0\0", r#""a":null,"b":null"#);
    check_object(b"\x81\xa1a\xcb\x7f\xf0\0\0\0\0\0\0", r#""a":null"#);
    check_object(b"\x82\xa1a\xc4\x02hi\xa1b\xc4\x02\0\xfe", r#""a":"hi","b":"\u0000\\xfe""#);
    check_object(b"\x82\xa1a\xd4\x05z\xa1b\xc7\x02\x05hi", r#""a":"z","b":"hi""#);
    check_object(b"\x81\xa1a\x93\x01\x90\x81\xa1b\x80", r#""a":[1,[],{"b":{}}]"#);
}

#[test]
fn keys_are_text() {
    check_object(b"\x83\x01\x02\xff\x02\xc0\x02", r#""1":2,"-1":2,"null":2"#);
    check_object(b"\x81\xc4\x01k\x02", r#""k":2"#);
    check_object(b"\x81\xa5_time\xa1x", r#""__time":"x""#);
    check_object(b"\x81\xa1a\x81\xa5_time\xa1x", r#""a":{"_time":"x"}"#);
    check_malformed(b"\x81\x80\x01", Malformed::Neither(MapError::Key));
    check_malformed(b"\x81\x91\x01\x01", Malformed::Neither(MapError::Key));
}

#[test]
fn what_is_neither_is_no_event() {
    check_malformed(b"", Malformed::Empty);
    check_malformed(&vec![0; PACKET_BYTES_MAX + 1], Malformed::TooLong);
    check_malformed(b"\x01", Malformed::Neither(MapError::NoMap));
    check_malformed(b"\x02\0a", Malformed::Neither(MapError::NoMap));
    check_malformed(b"\x01\0a\x01", Malformed::Neither(MapError::NoMap));
    check_malformed(b"\x81\xa1a", Malformed::Neither(MapError::Truncated));
    check_malformed(b"\x81\xa1a\xdb\xff\xff\xff\xff", Malformed::Neither(MapError::Truncated));
    check_malformed(b"\xdf\xff\xff\xff\xff", Malformed::Neither(MapError::Truncated));
    check_malformed(b"\x81\xa1a\x01\x02", Malformed::Neither(MapError::Trailing));
    check_malformed(b"\x81\xa1a\xc1", Malformed::Neither(MapError::Reserved));
}

#[test]
fn maps_within_maps_end_somewhere() {
    let nested = |depth: usize| [&b"\x81\xa1a".repeat(depth)[..], b"\x01"].concat();
    let expected = format!("{}1{}", r#""a":{"#.repeat(31) + r#""a":"#, "}".repeat(31));
    check_object(&nested(32), &expected);
    check_malformed(&nested(33), Malformed::Neither(MapError::TooDeep));
    check_malformed(&nested(21_000), Malformed::Neither(MapError::TooDeep));
    let lists = [b"\x81\xa1a", &[0x91; 60_000][..], b"\x01"].concat();
    check_malformed(&lists, Malformed::Neither(MapError::TooDeep));
}

#[test]
fn as_much_as_fits_into_a_packet_is_an_event() {
    let name = vec![b'a'; 60_000];
    let row = line(&strings(&[&name])).unwrap();
    assert_eq!(row.len(), UTC.len() + 1 + 60_000 + 2);
    let commas = line(&vec![0; PACKET_BYTES_MAX - 1]).unwrap();
    assert_eq!(commas.matches(',').count(), PACKET_BYTES_MAX / 2);
}

#[test]
fn a_long_name_is_no_map() {
    // Each begins with a byte that begins a map.
    for length in (0x80..=0x8f).chain([0xde, 0xdf]) {
        let name = vec![b'n'; length];
        let expected = format!("{},kind", String::from_utf8(name.clone()).unwrap());
        check_row(&[&name, b"kind"], &expected);
    }
}

#[test]
fn a_list_that_is_a_map_as_well_is_a_list_unless_its_first_key_is_text() {
    // A map of 0x7e numbers, and the list of a string of 0xde bytes and one of 29.
    let name = [b"~", &[b'n'; 0xdd][..]].concat();
    let kind = [b'k'; 29];
    let packet = strings(&[&name, &kind]);
    assert_eq!(packet.len(), 3 + 2 * 0x7e, "it is a whole map");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    check_row(&[&name, &kind], &format!("{},{}", text(&name), text(&kind)));

    // A map of nothing to a text, and the list of a string of 0xa081 bytes.
    let long = [b"\x81\xa0\xda\xa0\x7e", &[b'x'; 0xa07e][..]].concat();
    assert_eq!(long.len(), 2 + 0xa081, "it is a whole list");
    check_object(&long, &format!(r#""":"{}""#, "x".repeat(0xa07e)));
}
