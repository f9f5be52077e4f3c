//! Random requests, against a plain map: what a Database answers and announces is what the map says,
//! on however many shards, in whichever order they take turns, with and without indexes, whether the
//! disk is slow, cold, or the server starts again in between. Where the disk runs full, fails, or the
//! server goes away at once, [`ledger`] says what must hold still.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

#[path = "../transcripts/disk.rs"]
#[allow(dead_code, reason = "the transcripts need more of it")]
mod disk;
mod ledger;
mod map;
mod request;
#[path = "../transcripts/world.rs"]
#[allow(dead_code, reason = "the transcripts need more of it")]
mod world;

use database::{Config, Limits};
use dc::{Options, Schema, Source};
use disk::{DiskEvent, TestDisk};
use map::{Heard, Map};
use proptest::prelude::*;
use request::{Event, Request, events};
use std::sync::{Arc, LazyLock};
use wire::control::ControlMessage;
use wire::datagram::{Datagram, write_datagram};
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::{Channel, DoId};
use world::{Setting, World};

const CONTROL: Channel = Channel(400_000);
const ASKER: Channel = Channel(1000);
const GENERATE: (DoId, DoId) = (DoId(100_000), DoId(100_011));

static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let text = include_str!("../transcripts/classes.dc");
    let source = Source::new("classes.dc".to_owned(), text.as_bytes()).unwrap();
    Arc::new(Schema::load(&[source], Options::default()).unwrap())
});

fn config(at_once: usize, indexed: bool) -> Config {
    let index = |field: &str| ("Account".to_owned(), field.to_owned());
    Config {
        control: CONTROL,
        generate: GENERATE,
        broadcast: true,
        schema: SCHEMA.clone(),
        indexes: if indexed { vec![index("setUser"), index("setEmail")] } else { Vec::new() },
        limits: Limits { objects_at_once: at_once, ..Limits::default() },
        hash_seeds: [1, 2, 3, 4],
    }
}

/// A daemon with one connection that hears everything.
struct Run {
    world: Option<World>,
    config: Config,
    dialect: Dialect,
}

impl Run {
    fn new(dialect: Dialect, setting: Setting, config: Config) -> Run {
        let disk = Arc::new(TestDisk::new());
        let world = World::new(&config, dialect, setting, 1, disk).unwrap();
        let mut run = Run { world: Some(world), config, dialect };
        run.subscribe();
        run
    }

    fn world(&mut self) -> &mut World {
        self.world.as_mut().unwrap()
    }

    fn subscribe(&mut self) {
        let ids = GENERATE.0.0..=GENERATE.1.0;
        let objects = ids.map(|id| self.dialect.database_channel(DoId(id)));
        let mut bytes = Vec::new();
        for channel in objects.chain([ASKER]) {
            ControlMessage::AddChannel(channel).encode(self.dialect, &mut bytes).unwrap();
        }
        self.world().send(0, &bytes);
        self.world().settle();
    }

    fn ask(&mut self, request: &Request) {
        let mut bytes = Vec::new();
        let message = request.bytes(self.dialect, &SCHEMA);
        let write = |out: &mut Vec<u8>| out.extend_from_slice(&message.payload);
        write_datagram(&mut bytes, &[CONTROL], ASKER, message.msgtype, write).unwrap();
        self.world().send(0, &bytes);
        self.world().settle();
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Ask(request) => {
                // A query deletes an object when what it sees of it is durable, the map at once.
                if matches!(request, Request::DeleteQuery(_)) {
                    self.world().disk(DiskEvent::Commit);
                    self.world().settle();
                }
                self.ask(request);
            }
            // What is fetched is looked at when it comes, be it changed meanwhile: the map does not
            // know of that, so a disk that is cold does not keep it waiting.
            Event::Disk(event) => {
                match event {
                    DiskEvent::Waits => self.world().disk(DiskEvent::Warm),
                    DiskEvent::Cold => self.world().disk(DiskEvent::GoesOn),
                    _ => (),
                }
                self.world().disk(*event);
            }
            Event::Restart => {
                self.world().disk(DiskEvent::GoesOn);
                self.world().settle();
                let world = self.world.take().unwrap();
                self.world = Some(world.crash(&self.config, 1).unwrap());
                self.subscribe();
            }
        }
    }

    /// What has come, each as who sent it and what it is.
    fn heard(&mut self) -> Vec<Heard> {
        let bytes = self.world().got(0);
        let (mut rest, mut heard) = (bytes.as_slice(), Vec::new());
        while let Some((frame, behind)) = framing::split_frame(rest) {
            rest = behind;
            let dg = Datagram::parse(framing::body(frame)).unwrap();
            let payload = dg.payload().to_vec();
            heard.push(Heard { sender: dg.sender(), msgtype: dg.msgtype(), payload });
        }
        heard
    }
}

/// Plays `events` and returns all that was heard, sorted.
fn play(dialect: Dialect, setting: Setting, config: Config, events: &[Event]) -> Vec<Heard> {
    let mut run = Run::new(dialect, setting, config);
    let mut heard = Vec::new();
    for event in events {
        if *event == Event::Restart {
            run.world().disk(DiskEvent::GoesOn);
            run.world().settle();
            heard.extend(run.heard());
        }
        run.happen(event);
    }
    run.world().disk(DiskEvent::GoesOn);
    run.world().settle();
    heard.extend(run.heard());
    heard.sort();
    heard
}

fn agrees(dialect: Dialect, setting: Setting, at_once: usize, events: &[Event]) {
    let mut map = Map::new(dialect, SCHEMA.clone(), GENERATE);
    let mut expected: Vec<Heard> = Vec::new();
    for event in events {
        if let Event::Ask(request) = event {
            expected.extend(map.ask(request));
        }
    }
    expected.sort();
    for indexed in [false, true] {
        let heard = play(dialect, setting, config(at_once, indexed), events);
        assert_eq!(heard, expected, "indexed: {indexed}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn openotp_does_what_a_map_does(
        events in events(Dialect::OpenOtp),
        shards in 1_usize..4,
        variant in 0_usize..8,
        at_once in prop::sample::select(vec![1, 3, 1024]),
    ) {
        agrees(Dialect::OpenOtp, Setting { shards, variant }, at_once, &events);
    }

    #[test]
    fn astron_does_what_a_map_does(
        events in events(Dialect::Astron),
        shards in 1_usize..4,
        variant in 0_usize..8,
    ) {
        agrees(Dialect::Astron, Setting { shards, variant }, 1024, &events);
    }
}
