//! Stored objects, at random: requests of several kinds go to a DBSS, whose database is a Database
//! role of the same daemon, or is played by a map that answers late and little by little. Whatever
//! the delays, the number of shards and the order of their turns, each object answers as one that was
//! always there would ([`model`]), and in the end the database has what the objects have.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

mod database;
mod model;
#[path = "../transcripts/world.rs"]
#[allow(dead_code, reason = "the transcripts need all of it")]
mod world;

use database::Database;
use model::{Answer, Ask, Class, Model, Name};
use park::{Config, Outside};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use transcript::{Setting, Stage};
use wire::control::ControlMessage;
use wire::database::{DatabaseMessage, DatabaseNotice};
use wire::datagram::{Datagram, write_datagram};
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::{Channel, DoId};
use wire::state_server::ObjectNotice;
use world::World;

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

fn config(dialect: Dialect, has_database: bool) -> Config {
    let database = match has_database {
        true => format!(
            "- {{type: database, control: {DATABASE}, generate: {{min: 31001, max: 31099}}, \
             backend: {{type: store, directory: db, segment_bytes: 1048576}}}}\n"
        ),
        false => String::new(),
    };
    let text = format!(
        "general: {{dialect: {}, dc_files: [classes.dc]}}\n\
         messagedirector: {{bind: localhost}}\n\
         roles:\n\
         - {{type: stateserver, control: {CONTROL}}}\n\
         - {{type: dbss, database: {DATABASE}, ranges: [{{min: 31000, max: 31099}}]}}\n{database}",
        dialect.name()
    );
    park::read(&text, Path::new("park.yml"), &Machine).unwrap().config
}

/// The daemon, the database, and what is expected of them.
struct Play {
    dialect: Dialect,
    class: Class,
    world: World,
    /// The one that is played.
    database: Option<Database>,
    models: BTreeMap<DoId, Model>,
    next_context: u32,
    expected: BTreeMap<u32, Answer>,
    got: BTreeMap<u32, Answer>,
}

impl Play {
    /// A daemon with a Database role, or one that plays it. The first `stored` objects are stored.
    fn new(dialect: Dialect, setting: Setting, has_database: bool, stored: usize) -> Play {
        let config = config(dialect, has_database);
        let schema = config.general.classes.schema.clone().unwrap();
        let mut world = World::new(&config, setting, 2);
        let played = (!has_database).then_some((STORING, DATABASE));
        for (conn, channel) in [(ASKING, ASKER)].into_iter().chain(played) {
            let mut bytes = Vec::new();
            ControlMessage::AddChannel(channel).encode(dialect, &mut bytes).unwrap();
            world.send(conn, &bytes);
        }
        world.settle();
        let class = Class::new(dialect, schema.clone());
        let mut models = BTreeMap::new();
        for (at, do_id) in OBJECTS.into_iter().enumerate() {
            models.insert(do_id, Model::new(class.clone(), at < stored));
        }
        let database = (!has_database).then(|| Database::new(dialect, schema));
        let (expected, got) = (BTreeMap::new(), BTreeMap::new());
        let mut play =
            Play { dialect, class, world, database, models, next_context: 1, expected, got };
        OBJECTS[..stored].iter().for_each(|&do_id| play.create(do_id));
        play
    }

    /// A database gives ids ascending.
    fn create(&mut self, do_id: DoId) {
        if let Some(database) = &mut self.database {
            return database.create(do_id, self.class.begins_with());
        }
        let (count, fields) = self.class.created_with();
        let create = DatabaseMessage::Create {
            context: 0,
            dclass: self.class.dclass,
            count,
            fields: &fields,
        };
        let (msgtype, mut payload) = (create.msgtype(self.dialect).unwrap(), Vec::new());
        create.write(self.dialect, &mut payload);
        self.world.send(ASKING, &frame(DATABASE, ASKER, msgtype, &payload));
        self.world.settle();
        let (dialect, mut created) = (self.dialect, 0);
        each_datagram(&self.world.got(ASKING).0, |dg| {
            let answer = DatabaseNotice::decode(dialect, dg.msgtype(), dg.payload());
            assert_eq!(answer, Ok(DatabaseNotice::CreateResp { context: 0, do_id }));
            created += 1;
        });
        assert_eq!(created, 1, "answers to a create");
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
        let stored = self.world.got(STORING).0;
        if let Some(database) = &mut self.database {
            each_datagram(&stored, |dg| database.take(dg));
        }
        let (dialect, got) = (self.dialect, &mut self.got);
        each_datagram(&self.world.got(ASKING).0, |dg| {
            let notice = ObjectNotice::decode(dialect, dg.msgtype(), dg.payload()).unwrap();
            let (context, answer) = Answer::of(&notice).expect("answers alone come to who asks");
            assert!(got.insert(context, answer).is_none(), "answered twice");
        });
    }

    /// The database deals with messages.
    fn store(&mut self, messages: usize) {
        for _ in 0..messages {
            let Some(answers) = self.database.as_mut().and_then(Database::deal) else { break };
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
        while self.database.as_ref().is_some_and(Database::is_behind) {
            self.store(1);
        }
    }

    /// Everything has come to its end: all that was to be answered was, and what is stored is what
    /// was written.
    fn end(mut self) {
        self.drain();
        let loading: u64 = self.world.counts().iter().map(|counts| counts.objects_loading).sum();
        assert_eq!(loading, 0, "objects being loaded");
        let objects: u64 = self.world.counts().iter().map(|counts| counts.objects).sum();
        let active = self.models.values().filter(|model| model.is_active()).count();
        assert_eq!(objects, active as u64, "active objects");
        // As they are, and as they are loaded once more.
        for asks in [&[Ask::QueryAll][..], &[Ask::DeleteRam, Ask::QueryAll]] {
            for do_id in OBJECTS {
                asks.iter().for_each(|ask| self.ask(do_id, ask));
            }
            self.drain();
        }
        assert_eq!(self.got, self.expected, "answers by context");
        for (do_id, model) in &self.models {
            let stored = self.database.as_ref().map(|database| database.object(*do_id).cloned());
            assert_eq!(
                stored.unwrap_or_else(|| model.stored()),
                model.stored(),
                "{do_id} as stored"
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
    let send = prop::collection::vec((0..OBJECTS.len(), model::asks()), 1..9).prop_map(Step::Send);
    let step = prop_oneof![2 => send, 1 => (0usize..4).prop_map(Step::Store)];
    prop::collection::vec(step, 1..40)
}

fn play(
    dialect: Dialect,
    (shards, variant): (usize, usize),
    has_database: bool,
    stored: usize,
    steps: &[Step],
) {
    let mut play = Play::new(dialect, Setting { shards, variant }, has_database, stored);
    steps.iter().for_each(|step| play.step(step));
    play.end();
}

proptest! {
    #[test]
    fn a_stored_object_is_as_if_it_were_always_there_in_openotp(
        setting in (1usize..4, 0usize..64),
        has_database in any::<bool>(),
        stored in 0..=OBJECTS.len(),
        steps in steps(),
    ) {
        play(Dialect::OpenOtp, setting, has_database, stored, &steps);
    }

    #[test]
    fn a_stored_object_answers_whether_it_is_active_or_not_in_astron(
        setting in (1usize..4, 0usize..64),
        has_database in any::<bool>(),
        stored in 0..=OBJECTS.len(),
        steps in steps(),
    ) {
        play(Dialect::Astron, setting, has_database, stored, &steps);
    }
}

#[test]
fn more_than_a_turn_holds_is_done_in_order_all_the_same() {
    let mut asks = vec![(0, Ask::Update(Name::Note, 255))];
    for number in 0..120 {
        // An answer of some 50 KB each: together they are more than the answers of a turn.
        asks.push((0, Ask::Update(Name::Lock, number)));
        asks.push((
            0,
            Ask::QueryFields([Name::Note; 190].into_iter().chain([Name::Lock]).collect()),
        ));
        asks.push((1, Ask::Locate));
    }
    // Behind them comes what came when it had to wait for the next turn.
    let late = vec![(0, Ask::Update(Name::Lock, 3)), (0, Ask::QueryField(Name::Lock))];
    for shards in 1..4 {
        for variant in 0..3 {
            let steps = [Step::Send(asks.clone()), Step::Store(1), Step::Send(late.clone())];
            play(Dialect::OpenOtp, (shards, variant), false, 2, &steps);
        }
    }
}
