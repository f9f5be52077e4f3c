//! What every received byte goes through: splitting frames, reading envelopes.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use wire::datagram::{Datagram, write_datagram};
use wire::framing::{self, Assembly};
use wire::ids::{Channel, MsgType};

/// As many frames of `payload_bytes` to `recipients` as one receive brings.
fn stream(recipients: u64, payload_bytes: usize) -> (Vec<u8>, u64) {
    let to: Vec<Channel> = (0..recipients).map(|n| Channel(1_000_000 + n)).collect();
    let (mut out, mut frames) = (Vec::new(), 0);
    while out.len() < 64 << 10 {
        let payload = |out: &mut Vec<u8>| out.resize(out.len() + payload_bytes, 7);
        write_datagram(&mut out, &to, Channel(5), MsgType(6), payload).expect("it is short");
        frames += 1;
    }
    (out, frames)
}

fn parse(mut bytes: &[u8]) -> u64 {
    let mut sum = 0;
    while let Some((frame, rest)) = framing::split_frame(bytes) {
        if let Ok(dg) = Datagram::parse(framing::body(frame)) {
            sum += dg.recipients().map(|channel| channel.0).sum::<u64>();
        }
        bytes = rest;
    }
    sum
}

/// The same in reads that end wherever they end.
fn parse_in_pieces(bytes: &[u8], piece_bytes: usize) -> u64 {
    let (mut sum, mut assembly) = (0, Assembly::default());
    for mut piece in bytes.chunks(piece_bytes) {
        if !assembly.is_empty() {
            let (taken, whole) = assembly.complete(piece);
            sum += whole.map_or(0, |frame| parse(&frame));
            piece = &piece[taken..];
        }
        while let Some((frame, rest)) = framing::split_frame(piece) {
            sum += parse(frame);
            piece = rest;
        }
        if !piece.is_empty() {
            assembly.begin(piece);
        }
    }
    sum
}

fn framing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("framing");
    for (name, recipients, payload) in [
        ("1 recipient, 64 B", 1, 64),
        ("8 recipients, 64 B", 8, 64),
        ("1 recipient, 4 KiB", 1, 4096),
    ] {
        let (bytes, frames) = stream(recipients, payload);
        group.throughput(Throughput::Elements(frames));
        group.bench_function(name, |bencher| bencher.iter(|| parse(black_box(&bytes))));
    }
    let (bytes, frames) = stream(1, 64);
    assert_eq!(parse(&bytes), parse_in_pieces(&bytes, 1460));
    group.throughput(Throughput::Elements(frames));
    group.bench_function("1 recipient, 64 B, reads of 1460 B", |bencher| {
        bencher.iter(|| parse_in_pieces(black_box(&bytes), 1460));
    });
    group.finish();
}

criterion_group!(benches, framing);
criterion_main!(benches);
