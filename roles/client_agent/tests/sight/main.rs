//! Random clients look at random objects, through whole shards that take turns in any order, while
//! everything is under way: when all has come to rest, each client sees what is where it looks, and
//! it was told so in an order that makes sense.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

#[path = "../transcripts/setup.rs"]
#[allow(dead_code, reason = "the transcripts need more of it")]
mod setup;
mod watcher;
#[path = "../transcripts/world.rs"]
#[allow(dead_code, reason = "the transcripts need more of it")]
mod world;

use dc::{Options, Schema, Source};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use transcript::{Script, Setting, Stage};
use watcher::Watcher;
use wire::client::{AgentMessage, FromClient, Zones};
use wire::datagram::write_datagram;
use wire::dialect::Dialect;
use wire::ids::{Channel, ClassId, DoId, Zone};
use wire::state_server::{Entry, Location, ObjectMessage, StateServerMessage};
use world::World;

/// Who is there: the AI, and then the clients.
const PEOPLE: &str = "# They are there.\n\
    config add_interest=enabled\n\
    conn ai: 1000\n\
    client anna\n\
    client bert\n\
    client carl\n\
    > ai -> nobody: Locate context=1\n";
const NAMES: &str = include_str!("../transcripts/names.txt");
const AI: usize = 0;
const AI_CHANNEL: Channel = Channel(1000);
const CLIENTS: std::ops::RangeInclusive<usize> = 1..=3;
const CONTROL: Channel = Channel(400_000);
const DC_HASH: u32 = 0x0bad_cafe;
/// On different shards, as the objects are.
const PARENTS: [DoId; 3] = [DoId(20_001), DoId(20_006), DoId(20_005)];
const OBJECTS: u32 = 6;
const ZONES: u32 = 4;

/// Longer than any answer is waited for.
const ANSWER_MS: u64 = 2000;

static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let text = include_str!("../transcripts/classes.dc");
    let source = Source::new("classes.dc".to_owned(), text.as_bytes()).unwrap();
    Arc::new(Schema::load(&[source], Options::default()).unwrap())
});

/// Something that somebody does, or that time does.
#[derive(Clone, Debug)]
enum Event {
    /// The AI creates or moves an object.
    Put { object: u32, parent: usize, zone: u32 },
    /// The AI deletes an object.
    Delete { object: u32 },
    /// The AI gives an object to a client, or to nobody.
    Own { object: u32, client: Option<usize> },
    /// A client opens or alters an interest: a bit for each zone.
    Look { client: usize, interest: u16, parent: usize, zones: u8 },
    /// A client closes an interest.
    LookAway { client: usize, interest: u16 },
    /// Some shards take turns.
    Turns { count: usize },
}

fn event() -> impl Strategy<Value = Event> {
    let (object, parent, zone) = (0..OBJECTS, 0..PARENTS.len(), 0..ZONES);
    prop_oneof![
        6 => (object.clone(), parent.clone(), zone)
            .prop_map(|(object, parent, zone)| Event::Put { object, parent, zone }),
        1 => object.clone().prop_map(|object| Event::Delete { object }),
        1 => (object, prop::option::of(CLIENTS))
            .prop_map(|(object, client)| Event::Own { object, client }),
        5 => (CLIENTS, 1u16..4, parent, 0u8..16).prop_map(|(client, interest, parent, zones)| {
            Event::Look { client, interest, parent, zones }
        }),
        2 => (CLIENTS, 1u16..4)
            .prop_map(|(client, interest)| Event::LookAway { client, interest }),
        10 => (1usize..6).prop_map(|count| Event::Turns { count }),
    ]
}

struct Run {
    dialect: Dialect,
    world: World,
    watchers: BTreeMap<usize, Watcher>,
    /// Where objects are, and who owns them.
    objects: BTreeMap<DoId, (Location, Option<usize>)>,
    context: u32,
}

impl Run {
    /// Everybody is there, the clients are established, and the parents exist.
    fn new(dialect: Dialect, setting: Setting) -> Run {
        let script = Script::read(NAMES, PEOPLE).unwrap();
        let world = World::new(&script, &SCHEMA, dialect, setting);
        let watchers = CLIENTS.map(|client| (client, Watcher::new(dialect))).collect();
        let mut run = Run { dialect, world, watchers, objects: BTreeMap::new(), context: 0 };
        for client in CLIENTS {
            run.world.connect(client);
            run.world.settle();
            run.say(client, &FromClient::Hello { dc_hash: DC_HASH, version: b"dev" });
            run.world.settle();
            let (let_in, mut payload) = (AgentMessage::SetState { state: 2 }, Vec::new());
            let_in.write(dialect, &mut payload);
            run.send(channel(client), let_in.msgtype(dialect).unwrap(), &payload);
            run.world.settle();
        }
        PARENTS.into_iter().for_each(|parent| run.generate(parent, Location::NOWHERE));
        run.world.settle();
        CLIENTS.for_each(|client| drop(run.world.got(client)));
        run
    }

    fn say(&mut self, client: usize, message: &FromClient<'_>) {
        let mut bytes = Vec::new();
        message.encode(self.dialect, &mut bytes).unwrap();
        self.world.send(client, &bytes);
    }

    fn send(&mut self, to: Channel, of: wire::ids::MsgType, payload: &[u8]) {
        let mut frame = Vec::new();
        let write = |out: &mut Vec<u8>| out.extend_from_slice(payload);
        write_datagram(&mut frame, &[to], AI_CHANNEL, of, write).unwrap();
        self.world.send(AI, &frame);
    }

    /// An object without fields.
    fn generate(&mut self, do_id: DoId, location: Location) {
        let hall = SCHEMA.class_by_name("DistributedHall").unwrap();
        let dclass = ClassId(hall.id.0);
        let entry = Entry { do_id, location, dclass, has_other: false, fields: &[] };
        let (message, mut payload) = (StateServerMessage::Generate(entry), Vec::new());
        message.write(self.dialect, &mut payload);
        self.send(CONTROL, message.msgtype(self.dialect).unwrap(), &payload);
    }

    fn tell(&mut self, do_id: DoId, message: &ObjectMessage<'_>) {
        let mut payload = Vec::new();
        message.write(self.dialect, &mut payload);
        self.send(Channel::object(do_id), message.msgtype(self.dialect).unwrap(), &payload);
    }

    fn happen(&mut self, event: &Event) {
        match *event {
            Event::Put { object, parent, zone } => {
                let (do_id, parent) = (id(object), PARENTS[parent]);
                let location = Location { parent, zone: Zone(zone) };
                match self.objects.get_mut(&do_id) {
                    Some((at, _)) => {
                        *at = location;
                        self.tell(do_id, &ObjectMessage::SetZone { location });
                    }
                    None => {
                        self.objects.insert(do_id, (location, None));
                        self.generate(do_id, location);
                    }
                }
            }
            Event::Delete { object } => {
                if self.objects.remove(&id(object)).is_some() {
                    let do_id = id(object);
                    self.tell(do_id, &ObjectMessage::DeleteRam { do_id });
                }
            }
            Event::Own { object, client } => {
                if let Some((_, owner)) = self.objects.get_mut(&id(object)) {
                    *owner = client;
                    let owner = client.map_or(Channel(0), channel);
                    self.tell(id(object), &ObjectMessage::SetOwner { owner });
                }
            }
            Event::Look { client, interest, parent, zones } => {
                let zones: Vec<u32> = (0..ZONES).filter(|zone| zones >> zone & 1 == 1).collect();
                self.look(client, interest, PARENTS[parent], &zones);
            }
            Event::LookAway { client, interest } => {
                self.context += 1;
                let context = self.context;
                let watcher = self.watchers.get_mut(&client).unwrap();
                if watcher.look_away(interest, context) {
                    self.say(client, &FromClient::RemoveInterest { context, interest });
                }
            }
            Event::Turns { count } => self.world.turns(count),
        }
    }

    fn look(&mut self, client: usize, interest: u16, parent: DoId, zones: &[u32]) {
        self.context += 1;
        let context = self.context;
        let at = zones.iter().map(|&zone| Location { parent, zone: Zone(zone) });
        self.watchers.get_mut(&client).unwrap().look(interest, context, at.collect());
        let bytes: Vec<[u8; 4]> = zones.iter().map(|zone| zone.to_le_bytes()).collect();
        let zones = Zones(&bytes);
        self.say(client, &FromClient::AddInterest { context, interest, parent, zones });
    }

    /// All comes to rest, and each client sees what it must.
    fn settle(&mut self) {
        self.world.settle();
        // Objects that are gone do not say where they are.
        self.world.wait(ANSWER_MS);
        for (&client, watcher) in &mut self.watchers {
            let (got, has_ended) = self.world.got(client);
            assert!(!has_ended, "client {client} is still there");
            watcher.hear(&got);
            watcher.check(client, &self.objects);
        }
    }
}

fn id(object: u32) -> DoId {
    DoId(30_001 + object)
}

fn channel(client: usize) -> Channel {
    Channel(999_999 + client as u64)
}

fn play(dialect: Dialect, setting: Setting, events: &[Event]) {
    let mut run = Run::new(dialect, setting);
    events.iter().for_each(|event| run.happen(event));
    run.settle();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn clients_see_what_is_where_they_look(
        openotp: bool,
        shards in 1usize..4,
        variant in 0usize..1000,
        events in prop::collection::vec(event(), 1..150),
    ) {
        let dialect = if openotp { Dialect::OpenOtp } else { Dialect::Astron };
        play(dialect, Setting { shards, variant }, &events);
    }
}
