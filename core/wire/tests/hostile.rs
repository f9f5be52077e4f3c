//! Bytes from anybody: cut anywhere, made up, or changed. FERRIS_FUZZ_CASES=N plays N cases of
//! each property instead of the usual number.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use wire::control::ControlMessage;
use wire::database::{DatabaseMessage, DatabaseNotice, DbssMessage, DbssNotice, refusal, split};
use wire::datagram::{Datagram, control_message, write_datagram};
use wire::dialect::Dialect;
use wire::framing::{self, Assembly, BODY_BYTES_MAX};
use wire::ids::{Channel, DoId, MsgType};
use wire::state_server::{ObjectMessage, ObjectNotice, StateServerMessage, generated_do_id};

fn config() -> ProptestConfig {
    let cases = std::env::var("FERRIS_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: cases.unwrap_or(256),
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

fn frames(bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for body in bodies {
        let start = framing::begin_frame(&mut out);
        out.extend_from_slice(body);
        framing::finish_frame(&mut out, start).unwrap();
    }
    out
}

/// Reads `pieces` as a connection does: what a read leaves over is assembled with the next ones.
fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let (mut assembly, mut bodies) = (Assembly::default(), Vec::new());
    for piece in pieces {
        let mut rest = piece;
        if !assembly.is_empty() {
            let (taken, whole) = assembly.complete(rest);
            rest = &rest[taken..];
            bodies.extend(whole.map(|frame| framing::body(&frame).to_vec()));
        }
        while let Some((frame, after)) = framing::split_frame(rest) {
            bodies.push(framing::body(frame).to_vec());
            rest = after;
        }
        if !rest.is_empty() {
            assembly.begin(rest);
        }
    }
    assert!(assembly.is_empty(), "{} bytes are left", assembly.len());
    bodies
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![
        Just(0),
        1..40usize,
        Just(BODY_BYTES_MAX),
        (BODY_BYTES_MAX - 3)..=BODY_BYTES_MAX
    ];
    (length, any::<u8>()).prop_map(|(length, byte)| vec![byte; length])
}

fn message() -> impl Strategy<Value = (u8, u64, u64, Vec<u8>)> {
    (0..9u8, any::<u64>(), any::<u64>(), prop::collection::vec(any::<u8>(), 0..60))
}

fn control((kind, a, b, text): &(u8, u64, u64, Vec<u8>), dialect: Dialect) -> ControlMessage<'_> {
    let (a, b) = (Channel(*a), Channel(*b));
    // The seed protocol does not send who stored it.
    let sender = if dialect == Dialect::Astron { a } else { Channel(0) };
    match kind {
        0 => ControlMessage::AddChannel(a),
        1 => ControlMessage::RemoveChannel(a),
        2 => ControlMessage::AddRange(a, b),
        3 => ControlMessage::RemoveRange(a, b),
        4 => ControlMessage::AddPostRemove { sender, message: text },
        5 => ControlMessage::ClearPostRemoves { sender },
        6 => ControlMessage::SetConName(text),
        7 => ControlMessage::SetConUrl(text),
        _ => ControlMessage::LogMessage(text),
    }
}

/// The whole frame, if the dialect has the message.
fn encoded(message: &ControlMessage<'_>, dialect: Dialect) -> Option<Vec<u8>> {
    let mut frame = Vec::new();
    message.encode(dialect, &mut frame).ok()?;
    Some(frame)
}

/// Reads a payload as a message of an inbox. What is read can be written, and means the same then:
/// the same bytes, but for a lone zone and for what counts as true.
macro_rules! read_if_it_can {
    ($message:ident, $dialect:expr, $number:expr, $payload:expr) => {
        if let Ok(message) = $message::decode($dialect, $number, $payload) {
            let number = message.msgtype($dialect).unwrap();
            let mut written = Vec::new();
            message.write($dialect, &mut written);
            prop_assert_eq!($message::decode($dialect, number, &written), Ok(message));
            let lists_one = number != $number;
            prop_assert_eq!(written.len(), $payload.len() + 2 * usize::from(lists_one));
        }
    };
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn made_up_payloads_are_refused_or_mean_what_they_say(
        other in any::<u16>(),
        payload in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            // Low numbers, so that counts are often right.
            prop::collection::vec(0..3u8, 0..40),
        ],
    ) {
        let known = (1000..1030).chain(2000..2240).chain(3000..3040);
        let numbers = known.chain([other]).map(MsgType);
        for (dialect, number) in Dialect::ALL.into_iter().flat_map(|dialect| {
            numbers.clone().map(move |number| (dialect, number))
        }) {
            read_if_it_can!(StateServerMessage, dialect, number, &payload[..]);
            read_if_it_can!(ObjectMessage, dialect, number, &payload[..]);
            read_if_it_can!(ObjectNotice, dialect, number, &payload[..]);
            read_if_it_can!(DatabaseMessage, dialect, number, &payload[..]);
            read_if_it_can!(DatabaseNotice, dialect, number, &payload[..]);
            read_if_it_can!(DbssMessage, dialect, number, &payload[..]);
            read_if_it_can!(DbssNotice, dialect, number, &payload[..]);
            if DatabaseMessage::decode(dialect, number, &payload).is_err() {
                prop_assert_eq!(split(dialect, number, &payload), Some(DoId(0)));
            }
            if let Some(answer) = refusal(dialect, number, &payload) {
                let mut written = Vec::new();
                answer.write(dialect, &mut written);
                prop_assert_eq!(&written[..4], &payload[..4]);
            }
            let created = generated_do_id(dialect, number, &payload);
            if let Ok(StateServerMessage::Generate(entry)) =
                StateServerMessage::decode(dialect, number, &payload)
            {
                prop_assert_eq!(created, Some(entry.do_id));
            }
        }
    }

    #[test]
    fn frames_are_found_however_they_are_cut(
        bodies in prop::collection::vec(body(), 0..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let stream = frames(&bodies);
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        at.extend([0, stream.len()]);
        at.sort_unstable();
        let pieces = at.windows(2).map(|cut| &stream[cut[0]..cut[1]]);
        prop_assert!(read(pieces) == bodies);
    }

    #[test]
    fn control_messages_are_read_as_written(message in message()) {
        for dialect in Dialect::ALL {
            let message = control(&message, dialect);
            let Some(frame) = encoded(&message, dialect) else { continue };
            let body = framing::body(&frame);
            let rest = control_message(body, dialect.control_channel()).unwrap();
            prop_assert_eq!(ControlMessage::decode(dialect, rest), Ok(message));
            for cut in 0..rest.len() {
                prop_assert!(ControlMessage::decode(dialect, &rest[..cut]).is_err(), "cut at {}", cut);
            }
            let longer = [rest, &[0]].concat();
            prop_assert!(ControlMessage::decode(dialect, &longer).is_err());
        }
    }

    #[test]
    fn a_changed_control_message_is_refused_or_means_what_it_says(
        message in message(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        for dialect in Dialect::ALL {
            let message = control(&message, dialect);
            let Some(mut frame) = encoded(&message, dialect) else { continue };
            for (at, byte) in &changes {
                let at = 2 + at.index(frame.len() - 2);
                frame[at] = *byte;
            }
            let body = framing::body(&frame);
            let Some(rest) = control_message(body, dialect.control_channel()) else { continue };
            if let Ok(decoded) = ControlMessage::decode(dialect, rest) {
                prop_assert_eq!(encoded(&decoded, dialect), Some(frame));
            }
        }
    }

    #[test]
    fn made_up_bodies_are_refused_or_hold_what_they_claim(
        count in any::<u8>(),
        rest in prop::collection::vec(any::<u8>(), 0..2200),
    ) {
        let body = [&[count][..], &rest].concat();
        let envelope = 1 + 8 * count as usize + 8 + 2;
        match Datagram::parse(&body) {
            Ok(dg) => {
                prop_assert!(body.len() >= envelope);
                prop_assert_eq!(dg.recipients().len(), count as usize);
                prop_assert_eq!(dg.recipients().count(), count as usize);
                prop_assert_eq!(dg.payload(), &body[envelope..]);
            }
            Err(_) => prop_assert!(body.len() < envelope),
        }
        for dialect in Dialect::ALL {
            if let Some(rest) = control_message(&body, dialect.control_channel()) {
                prop_assert!(count == 1);
                prop_assert_eq!(rest, &body[9..]);
            }
            // Whatever it says, it does not panic, and what it reads can be written.
            if let Ok(message) = ControlMessage::decode(dialect, &body) {
                prop_assert!(encoded(&message, dialect).is_some());
            }
        }
    }

    #[test]
    fn datagrams_are_read_as_written(
        recipients in prop::collection::vec(any::<u64>().prop_map(Channel), 0..=255),
        sender in any::<u64>(),
        msgtype in any::<u16>(),
        payload in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let mut frame = Vec::new();
        let write = |out: &mut Vec<u8>| out.extend_from_slice(&payload);
        write_datagram(&mut frame, &recipients, Channel(sender), MsgType(msgtype), write).unwrap();
        let dg = Datagram::parse(framing::body(&frame)).unwrap();
        prop_assert_eq!(dg.recipients().collect::<Vec<_>>(), recipients);
        prop_assert_eq!((dg.sender(), dg.msgtype()), (Channel(sender), MsgType(msgtype)));
        prop_assert_eq!(dg.payload(), payload);
    }
}

#[test]
fn every_two_cuts_of_a_short_stream() {
    let bodies = [vec![], vec![7], vec![1, 2, 3, 4, 5], vec![], vec![9; 11]];
    let stream = frames(&bodies);
    for first in 0..=stream.len() {
        for second in first..=stream.len() {
            let pieces = [&stream[..first], &stream[first..second], &stream[second..]];
            assert_eq!(read(pieces.into_iter()), bodies, "cut at {first} and {second}");
        }
    }
}
