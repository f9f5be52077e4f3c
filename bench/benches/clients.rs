//! The Client Agent on a shard without sockets: what an update that a client makes costs by itself, an
//! update that clients hear, and a client that does nothing.

mod bare;

use bare::{DIALECT, World};
use client_agent::{ClientAgent, Config, InterestPermission, Limits};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dc::{Options, Schema, Source};
use runtime::{Arrival, ConnId, ListenerId, Now, Shard};
use std::sync::Arc;
use wire::client::{AgentMessage, FromClient, Zones};
use wire::datagram::write_datagram;
use wire::ids::{Channel, ClassId, DoId, FieldId, MsgType, Zone};
use wire::state_server::{Entry, Location, ObjectNotice};

const CLIENTS: ListenerId = ListenerId(7);
const FIRST_CHANNEL: u64 = 1_000_000_000;
const CLUSTER: Channel = Channel(4665);
const PARENT: DoId = DoId(5000);
const KITE: DoId = DoId(100_000_000);
const CLASS: &str = "dclass DistributedKite {
    setPosition(int16 / 10 x, int16 / 10 y, int16 / 10 z) required broadcast ownsend;
    setWords(string(1-200) words) broadcast ownsend;
};";
/// The number of `setPosition`.
const SET_POSITION: FieldId = FieldId(0);
/// An update as a client hears it: length, number, object, field, value.
const UPDATE_BYTES: u64 = 2 + 2 + 4 + 2 + 6;
/// The connection of the cluster.
const DIRECTOR: u32 = 0;

fn with_clients(shard: &mut Shard) {
    let sources = [Source { name: "bench.dc".into(), text: CLASS.into() }];
    let schema = Schema::load(&sources, Options::default()).expect("the class is in order");
    let limits = Limits {
        hello_ms: 0,
        established_ms: 0,
        messages_per_second: 2_000_000_000,
        message_burst: u32::MAX,
        bytes_per_second: u32::MAX,
        byte_burst: u32::MAX,
        ..Limits::default()
    };
    let config = Config {
        listener: CLIENTS,
        version: "bench".into(),
        dc_hash: 1,
        channels: Channel(FIRST_CHANNEL)..=Channel(FIRST_CHANNEL + 9_999_999),
        schema: Arc::new(schema),
        uberdogs: Vec::new(),
        relocate: true,
        add_interest: InterestPermission::Enabled,
        send_hash: true,
        send_version: true,
        heartbeat_ms: 0,
        interest_ms: 0,
        limits,
        hash_seeds: [1, 2, 3, 4],
    };
    shard.add_placed_role(ClientAgent::placing(&config), |id| {
        Box::new(ClientAgent::new(id, config))
    });
    shard.add_listener(CLIENTS, runtime::Limits::default());
}

fn to(channel: Channel, msgtype: Option<MsgType>, payload: &[u8], out: &mut Vec<u8>) {
    let msgtype = msgtype.expect("the dialect has it");
    write_datagram(out, &[channel], CLUSTER, msgtype, |out| out.extend_from_slice(payload))
        .expect("it is short");
}

fn tell(channel: Channel, message: &AgentMessage<'_>, out: &mut Vec<u8>) {
    let mut payload = Vec::new();
    message.write(DIALECT, &mut payload);
    to(channel, message.msgtype(DIALECT), &payload, out);
}

fn notify(channel: Channel, notice: &ObjectNotice<'_>, out: &mut Vec<u8>) {
    let mut payload = Vec::new();
    notice.write(DIALECT, &mut payload);
    to(channel, notice.msgtype(DIALECT), &payload, out);
}

fn kite(do_id: DoId, has_other: bool) -> Entry<'static> {
    let location = Location { parent: PARENT, zone: Zone(1) };
    let fields = if has_other { &[0; 8][..] } else { &[0; 6] };
    Entry { do_id, location, dclass: ClassId(0), has_other, fields }
}

/// The channel of a client, of which there are as many as have connected.
fn channel(client: u32) -> Channel {
    Channel(FIRST_CHANNEL + u64::from(client - 1))
}

/// A world with clients that have logged in: their connections are 1 and up.
fn with_sessions(clients: u32) -> World {
    let mut world = World::new(1, with_clients);
    for client in 1..=clients {
        connect(&mut world, client);
    }
    world
}

fn connect(world: &mut World, client: u32) {
    let peer = ([127, 0, 0, 1], 9).into();
    world.shard.accepted(Now(1), ConnId(client), CLIENTS, Arrival::plain(peer, peer));
    let (mut hello, mut state) = (Vec::new(), Vec::new());
    let message = FromClient::Hello { dc_hash: 1, version: b"bench" };
    message.encode(DIALECT, &mut hello).expect("it is short");
    tell(channel(client), &AgentMessage::SetState { state: 2 }, &mut state);
    world.turn(client, hello);
    world.turn(DIRECTOR, state);
}

/// A client sets a field of an object that it owns; somebody of the cluster hears it.
fn updates_made(criterion: &mut Criterion) {
    let mut world = with_sessions(1);
    world.subscribe(DIRECTOR, [Channel::object(KITE).0]);
    let mut out = Vec::new();
    notify(channel(1), &ObjectNotice::EnterOwner(kite(KITE, true)), &mut out);
    world.turn(DIRECTOR, out);
    let mut block = Vec::new();
    for _ in 0..64 {
        let update = FromClient::UpdateField { do_id: KITE, field: SET_POSITION, value: &[1; 6] };
        update.encode(DIALECT, &mut block).expect("it is short");
    }
    block = world.turn(1, block);
    assert_eq!(world.shard.counts().client_updates, 64);
    let mut group = criterion.benchmark_group("clients");
    group.throughput(Throughput::Elements(64));
    group.bench_function("update made by a client", |bencher| {
        bencher.iter(|| block = world.turn(1, std::mem::take(&mut block)));
    });
    group.finish();
}

/// The cluster says to locations that fields were set; 25 clients look at each location and see 50
/// objects there. With few clients all that they have lies in the cache.
fn updates_heard(criterion: &mut Criterion) {
    for clients in [25, 10_000] {
        let mut world = with_sessions(clients);
        let zones = clients / 25;
        (0..zones).for_each(|zone| crowd(&mut world, zone));
        let mut block = Vec::new();
        for at in 0..512 {
            let zone = at * 7919 % zones;
            let do_id = kite_in(zone, at % 50);
            let update = ObjectNotice::UpdateField { do_id, field: SET_POSITION, value: &[1; 6] };
            notify(Channel::location(PARENT, Zone(zone)), &update, &mut block);
        }
        let before = world.sent();
        block = world.turn(DIRECTOR, block);
        assert_eq!(world.shard.counts().updates_shown, 512 * 25);
        assert_eq!(world.sent() - before, 512 * 25 * UPDATE_BYTES, "25 hear each update");
        let mut group = criterion.benchmark_group("clients");
        group.throughput(Throughput::Elements(512 * 25));
        let name = format!("update heard by 25 of {clients} clients, a delivery");
        group.bench_function(name, |bencher| {
            bencher.iter(|| block = world.turn(DIRECTOR, std::mem::take(&mut block)));
        });
        group.finish();
    }
}

/// 25 clients look at a zone, and 50 objects come there.
fn crowd(world: &mut World, zone: u32) {
    let mut out = Vec::new();
    let zones = [zone.to_le_bytes()];
    for client in 1..=25 {
        let interest =
            AgentMessage::AddInterest { interest: 1, parent: PARENT, zones: Zones(&zones) };
        tell(channel(zone * 25 + client), &interest, &mut out);
    }
    for at in 0..50 {
        let location = Location { parent: PARENT, zone: Zone(zone) };
        let entry = Entry { location, ..kite(kite_in(zone, at), false) };
        notify(Channel::location(PARENT, Zone(zone)), &ObjectNotice::EnterZone(entry), &mut out);
    }
    world.turn(DIRECTOR, out);
}

fn kite_in(zone: u32, at: u32) -> DoId {
    DoId(KITE.0 + zone * 50 + at)
}

/// Many clients log in and do nothing: what each takes.
fn idle(_: &mut Criterion) {
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let clients: u32 = if is_bench { 200_000 } else { 1000 };
    let mut world = with_sessions(1);
    let before = resident_bytes();
    (2..clients + 2).for_each(|client| connect(&mut world, client));
    let bytes = (resident_bytes() - before) / u64::from(clients);
    println!("{clients} clients that have logged in take {bytes} bytes each");
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("the second number is of resident pages") * 4096
}

criterion_group!(benches, updates_made, updates_heard, idle);
criterion_main!(benches);
