//! Stored objects, at random: requests of several kinds go to a DBSS, whose database is played by a
//! map that answers late and little by little. Whatever the delays, the number of shards and the
//! order of their turns, each object answers as one that was always there would ([`model`]), and in
//! the end the database has what the objects have.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

mod database;
mod model;
#[path = "../transcripts/world.rs"]
#[allow(dead_code, reason = "the transcripts need all of it")]
mod world;

use database::Database;
use model::{Answer, Ask, Class, Model};
use park::{Config, Outside};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use wire::control::ControlMessage;
use wire::datagram::{Datagram, write_datagram};
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::{Channel, DoId};
use wire::state_server::ObjectNotice;
use world::{Setting, World};

const CLASSES: &str = include_str!("../transcripts/classes.dc");
const CONTROL: u64 = 400_000;
const DATABASE: Channel = Channel(700_000);
const ASKER: Channel = Channel(1000);
const OBJECTS: [DoId; 3] = [DoId(31_001), DoId(31_002), DoId(31_003)];
/// The connections of the world.
const ASKING: usize = 0;
const STORING: usize = 1;

/// Something that happens.
#[derive(Clone, Debug)]
enum Step {
    /// Requests are sent in one piece, to an object each.
    Send(Vec<(usize, Ask)>),
    /// The database deals with so many messages, if there are so many.
    Store(usize),
}

struct Machine;

impl Outside for Machine {
    fn resolve(&self, _: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])
    }

    fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
        Ok(CLASSES.into())
    }
}

fn config(dialect: Dialect) -> Config {
    let text = format!(
        "general: {{dialect: {}, dc_files: [classes.dc]}}\n\
         messagedirector: {{bind: localhost}}\n\
         roles:\n\
         - {{type: stateserver, control: {CONTROL}}}\n\
         - {{type: dbss, database: {DATABASE}, ranges: [{{min: 31000, max: 31099}}]}}\n",
        dialect.name()
    );
    park::read(&text, Path::new("park.yml"), &Machine).unwrap().config
}

/// The daemon, the database, and what is expected of them.
struct Play {
    dialect: Dialect,
    class: Class,
    world: World,
    database: Database,
    models: BTreeMap<DoId, Model>,
    next_context: u32,
    expected: BTreeMap<u32, Answer>,
    got: BTreeMap<u32, Answer>,
}

impl Play {
    fn new(dialect: Dialect, setting: Setting, stored: [bool; OBJECTS.len()]) -> Play {
        let config = config(dialect);
        let schema = config.general.classes.schema.clone().unwrap();
        let mut world = World::new(&config, setting, 2);
        for (conn, channel) in [(ASKING, ASKER), (STORING, DATABASE)] {
            let mut bytes = Vec::new();
            ControlMessage::AddChannel(channel).encode(dialect, &mut bytes).unwrap();
            world.send(conn, &bytes);
        }
        world.settle();
        let mut database = Database::new(dialect, schema.clone());
        let (class, mut models) = (Class::new(dialect, schema), BTreeMap::new());
        for (do_id, is_stored) in OBJECTS.into_iter().zip(stored) {
            if is_stored {
                database.create(do_id);
            }
            models.insert(do_id, Model::new(class.clone(), is_stored));
        }
        let (expected, got) = (BTreeMap::new(), BTreeMap::new());
        Play { dialect, class, world, database, models, next_context: 1, expected, got }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Send(asks) => {
                for (object, ask) in asks {
                    self.ask(OBJECTS[*object], ask);
                }
                self.world.settle();
                self.collect();
            }
            Step::Store(messages) => self.store(*messages),
        }
    }

    fn ask(&mut self, do_id: DoId, ask: &Ask) {
        let context = self.next_context;
        self.next_context += 1;
        // The seed's database deletes an active object when it comes to it.
        let waits = self.dialect == Dialect::OpenOtp && matches!(ask, Ask::DeleteDisk);
        if waits {
            self.drain();
        }
        let written = self.class.write(do_id, context, ask);
        let Some((msgtype, payload)) = written else { return };
        let model = self.models.get_mut(&do_id).unwrap();
        if let Some(answer) = model.answer(ask) {
            self.expected.insert(context, answer);
        }
        self.world.send(ASKING, &frame(Channel::object(do_id), ASKER, msgtype, &payload));
        if waits {
            self.drain();
        }
    }

    /// Takes what has come out.
    fn collect(&mut self) {
        each_datagram(&self.world.got(STORING), |dg| self.database.take(dg));
        let (dialect, got) = (self.dialect, &mut self.got);
        each_datagram(&self.world.got(ASKING), |dg| {
            let notice = ObjectNotice::decode(dialect, dg.msgtype(), dg.payload()).unwrap();
            let (context, answer) = Answer::of(&notice).expect("answers alone come to who asks");
            assert!(got.insert(context, answer).is_none(), "answered twice");
        });
    }

    /// The database deals with messages.
    fn store(&mut self, messages: usize) {
        for _ in 0..messages {
            let Some(answers) = self.database.deal() else { break };
            for (to, msgtype, payload) in answers {
                self.world.send(STORING, &frame(to, DATABASE, msgtype, &payload));
            }
        }
        self.world.settle();
        self.collect();
    }

    fn drain(&mut self) {
        self.world.settle();
        self.collect();
        while self.database.is_behind() {
            self.store(1);
        }
    }

    /// Everything has come to its end: all that was to be answered was, and what is stored is what
    /// was written.
    fn end(mut self) {
        self.drain();
        let loading: u64 = self.world.counts().map(|counts| counts.objects_loading).sum();
        assert_eq!(loading, 0, "objects being loaded");
        let objects: u64 = self.world.counts().map(|counts| counts.objects).sum();
        let active = self.models.values().filter(|model| model.is_active()).count();
        assert_eq!(objects, active as u64, "active objects");
        for do_id in OBJECTS {
            self.ask(do_id, &Ask::QueryAll);
        }
        self.drain();
        assert_eq!(self.got, self.expected, "answers by context");
        for (do_id, model) in &self.models {
            assert_eq!(
                self.database.object(*do_id).cloned(),
                model.stored(),
                "object {do_id} as stored"
            );
        }
    }
}

fn frame(to: Channel, sender: Channel, of: wire::ids::MsgType, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    write_datagram(&mut frame, &[to], sender, of, |out| out.extend_from_slice(payload)).unwrap();
    frame
}

fn each_datagram(bytes: &[u8], mut each: impl FnMut(&Datagram<'_>)) {
    let mut rest = bytes;
    while let Some((frame, behind)) = framing::split_frame(rest) {
        each(&Datagram::parse(framing::body(frame)).unwrap());
        rest = behind;
    }
    assert!(rest.is_empty(), "whole frames");
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let send = prop::collection::vec((0..OBJECTS.len(), model::asks()), 1..5).prop_map(Step::Send);
    let step = prop_oneof![2 => send, 1 => (0usize..4).prop_map(Step::Store)];
    prop::collection::vec(step, 1..40)
}

fn play(
    dialect: Dialect,
    (shards, variant): (usize, usize),
    stored: [bool; OBJECTS.len()],
    steps: &[Step],
) {
    let mut play = Play::new(dialect, Setting { shards, variant }, stored);
    steps.iter().for_each(|step| play.step(step));
    play.end();
}

proptest! {
    #[test]
    fn a_stored_object_is_as_if_it_were_always_there_in_openotp(
        setting in (1usize..4, 0usize..64),
        stored in any::<[bool; OBJECTS.len()]>(),
        steps in steps(),
    ) {
        play(Dialect::OpenOtp, setting, stored, &steps);
    }

    #[test]
    fn a_stored_object_answers_whether_it_is_active_or_not_in_astron(
        setting in (1usize..4, 0usize..64),
        stored in any::<[bool; OBJECTS.len()]>(),
        steps in steps(),
    ) {
        play(Dialect::Astron, setting, stored, &steps);
    }
}
