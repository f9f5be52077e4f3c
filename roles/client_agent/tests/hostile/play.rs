//! A run: what is said is drawn from a seed, one thing after the other, and after each it is looked at
//! what has come of it.

use crate::SCHEMA;
use crate::client::{COURT, Client, GATE};
use crate::cluster::{self, Effect, LAST_WORDS, Said, location, object, zones};
use crate::world::{CLIENTS, Party, World};
use client_agent::{Config, InterestPermission, Limits, Uberdog};
use message_director::LISTENER;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use wire::client::{AgentAnswer, FromClient, Zones};
use wire::control::ControlMessage;
use wire::datagram::Datagram;
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::{Channel, DoId, FieldId};
use wire::state_server::{Location, ObjectMessage};

const VERSION: &str = "hostile-1";
const DC_HASH: u32 = 0x1234;

/// What a client has sent in a step.
struct Update {
    do_id: DoId,
    field: FieldId,
    value: Vec<u8>,
    is_allowed: bool,
}

struct Run {
    rng: SmallRng,
    dialect: Dialect,
    config: Config,
    world: World,
    cluster: Party,
    clients: Vec<Client>,
    serial: u32,
    /// Updates that were passed on in the present step.
    passed_on: usize,
    stops: bool,
    /// One client, of whose channels the cluster speaks.
    is_about_channels: bool,
    /// How many there were before there were clients.
    subscriptions: u64,
}

/// Plays a seed.
pub fn play(seed: u64) {
    let mut run = Run::new(seed);
    for _ in 0..run.rng.random_range(20..150) {
        run.step();
    }
    run.end();
}

fn config(rng: &mut SmallRng) -> Config {
    let last = 1_000_000_000 + [0, 3, 100, 20_000][rng.random_range(0..4)];
    let permission =
        [InterestPermission::Enabled, InterestPermission::Visible, InterestPermission::Disabled];
    let dog = |id, name: &str, is_anonymous| Uberdog {
        id,
        dclass: SCHEMA.class_by_name(name).unwrap().id,
        is_anonymous,
    };
    let rare = |rng: &mut SmallRng, few: u32, many: u32| match rng.random_range(0..4) {
        0 => few,
        _ => many,
    };
    let limits = Limits {
        clients_max: rare(rng, 3, 1000) as usize,
        hello_ms: rare(rng, 2000, 0).into(),
        established_ms: rare(rng, 5000, 0).into(),
        messages_per_second: rare(rng, 5, 0),
        message_burst: 10,
        bytes_per_second: rare(rng, 100, 0),
        byte_burst: 2000,
        held_bytes_max: rare(rng, 20, 10_000) as usize,
        ..Limits::default()
    };
    Config {
        listener: CLIENTS,
        version: VERSION.to_owned(),
        dc_hash: DC_HASH,
        channels: Channel(1_000_000_000)..=Channel(last),
        schema: SCHEMA.clone(),
        uberdogs: vec![dog(COURT, "Court", false), dog(GATE, "Gate", true)],
        relocate: rng.random(),
        add_interest: permission[rng.random_range(0..3)],
        send_hash: rng.random(),
        send_version: rng.random(),
        heartbeat_ms: rare(rng, 3000, 0).into(),
        interest_ms: 500,
        limits,
        hash_seeds: [1, 2, 3, 4],
    }
}

impl Run {
    fn new(seed: u64) -> Run {
        let mut rng = SmallRng::seed_from_u64(seed);
        let dialect = Dialect::ALL[rng.random_range(0..2)];
        let config = config(&mut rng);
        let mut world = World::new(dialect, rng.random_range(1..4), &config);
        let cluster = world.connect(LISTENER, &[], &mut rng);
        let mut hello = Vec::new();
        let all = ControlMessage::AddRange(Channel(4100), Channel(u64::MAX));
        all.encode(dialect, &mut hello).unwrap();
        world.settle(&mut rng);
        world.send(cluster, &hello);
        world.settle(&mut rng);
        let subscriptions = world.subscriptions();
        let is_about_channels = rng.random_range(0..4) == 0;
        Run {
            rng,
            dialect,
            config,
            world,
            cluster,
            clients: Vec::new(),
            serial: 0,
            passed_on: 0,
            stops: false,
            is_about_channels,
            subscriptions,
        }
    }

    fn step(&mut self) {
        self.serial += 1;
        match self.rng.random_range(0..40) {
            0..=3 if self.clients.len() < if self.is_about_channels { 1 } else { 8 } => {
                self.connect()
            }
            4 => self.hang_up(),
            5..=6 => {
                let ms = self.rng.random_range(0..1500);
                self.world.wait(ms, &mut self.rng);
                self.look(None, &[]);
            }
            7..=22 => self.cluster_speaks(),
            _ => self.client_speaks(),
        }
    }

    fn connect(&mut self) {
        let tlvs = [&[][..], &[4, 0, 1, 9]][self.rng.random_range(0..2)];
        let party = self.world.connect(CLIENTS, tlvs, &mut self.rng);
        self.clients.push(Client::new(party));
        if self.rng.random() {
            // It does not wait to be greeted.
            return self.client_speaks();
        }
        self.settle(None, &[]);
    }

    fn hang_up(&mut self) {
        if let Some(client) = self.clients.choose(&mut self.rng) {
            self.world.close(client.party);
        }
        self.settle(None, &[]);
    }

    fn cluster_speaks(&mut self) {
        let Run { dialect, clients, serial, is_about_channels, rng, .. } = self;
        let said = cluster::say(*dialect, clients, *serial, *is_about_channels, rng);
        // In `openotp` it may be an answer, and one to a question that is of no interest any more.
        let is_answer = *dialect == Dialect::OpenOtp
            && said.to.iter().any(|channel| self.config.channels.contains(channel));
        let mut enters = Vec::new();
        for client in &mut self.clients {
            client.is_deaf = !reaches(&said, client, self.dialect);
            if client.is_deaf {
                continue;
            }
            if !is_answer && enters_sight(client, &said.effect) {
                enters.push(client.party);
            }
            happen(client, &said.effect);
        }
        self.world.send(self.cluster, &said.frame);
        self.settle(None, &[]);
        if let Effect::Enters(do_id, _) = said.effect {
            for client in self.clients.iter().filter(|client| enters.contains(&client.party)) {
                assert!(client.seen.contains_key(&do_id), "{do_id} is seen by {client:?}");
            }
        }
        self.clients.iter_mut().for_each(|client| client.is_deaf = false);
    }

    fn client_speaks(&mut self) {
        let count = self.clients.len();
        if count == 0 {
            return self.settle(None, &[]);
        }
        let at = self.rng.random_range(0..count);
        let frames = if self.rng.random_range(0..4) == 0 { self.rng.random_range(2..6) } else { 1 };
        let (mut bytes, mut updates) = (Vec::new(), Vec::new());
        for _ in 0..frames {
            let start = framing::begin_frame(&mut bytes);
            let body = self.body_of(at);
            self.foresee(at, &body, &mut updates);
            bytes.extend_from_slice(&body);
            framing::finish_frame(&mut bytes, start).unwrap();
        }
        let (party, state) = (self.clients[at].party, self.clients[at].state);
        self.world.send(party, &bytes);
        self.settle(Some(at), &updates);
        let stays = self.clients.get(at).is_some_and(|client| client.party == party);
        if stays && frames == 1 && state == 0 {
            assert!(
                !is_hello(&bytes, self.dialect) || self.clients[at].state == 1,
                "HELLO is heard"
            );
        }
        if let ([update], true, 1) = (&updates[..], stays && state > 0, frames) {
            let passed_on = self.passed_on;
            let Update { do_id, field, value, is_allowed } = update;
            assert!(
                !is_allowed || passed_on == 1,
                "field {field} of {do_id} was set to {value:?} {passed_on} times: {:?}",
                self.clients[at]
            );
        }
    }

    /// The body of a frame of a client, which is mostly sound, and mostly allowed.
    fn body_of(&mut self, at: usize) -> Vec<u8> {
        let is_good = self.rng.random_range(0..20) > 0;
        let mut body = self.sound_body(at);
        for _ in 0..20 {
            if self.is_allowed(&self.clients[at], &body) == is_good {
                break;
            }
            body = self.sound_body(at);
        }
        if !is_good {
            mangle(&mut body, &mut self.rng);
        }
        body
    }

    fn is_allowed(&self, client: &Client, body: &[u8]) -> bool {
        let (msgtype, payload) = wire::client::split(body).unwrap();
        match FromClient::decode(self.dialect, msgtype, payload).unwrap() {
            FromClient::Hello { dc_hash, version } => {
                client.state == 0 && dc_hash == DC_HASH && version == VERSION.as_bytes()
            }
            FromClient::Disconnect => false,
            FromClient::Heartbeat => client.state > 0,
            FromClient::UpdateField { do_id, field, value } => {
                client.state > 0 && client.may_update(do_id, field, value)
            }
            FromClient::Location { do_id, .. } => {
                client.state == 2 && self.config.relocate && client.owned.contains_key(&do_id)
            }
            FromClient::AddInterest { parent, .. } => {
                client.may_open(self.config.add_interest, parent)
            }
            FromClient::RemoveInterest { interest, .. } => {
                client.state == 2 && client.interests.contains_key(&interest)
            }
        }
    }

    fn sound_body(&mut self, at: usize) -> Vec<u8> {
        let Run { rng, dialect, clients, .. } = self;
        let client = &clients[at];
        let known = client.seen.keys().chain(client.owned.keys()).chain(client.declared.keys());
        let known: Vec<DoId> = known.copied().collect();
        let do_id = known.choose(rng).copied().filter(|_| rng.random()).unwrap_or(object(rng));
        let (field, value) = field_value(client, do_id, rng);
        let zones = zones(*dialect, rng);
        let (interest, context) = (rng.random_range(0..4), rng.random_range(0..9));
        let dc_hash = if rng.random_range(0..30) == 0 { 7 } else { DC_HASH };
        let version = if rng.random_range(0..30) == 0 { "other" } else { VERSION }.as_bytes();
        let message = match rng.random_range(0..24) {
            0..=1 => FromClient::Hello { dc_hash, version },
            2 => FromClient::Disconnect,
            3 => FromClient::Heartbeat,
            4..=5 => FromClient::Location { do_id, location: location(rng) },
            6..=9 => {
                FromClient::AddInterest { context, interest, parent: do_id, zones: Zones(&zones) }
            }
            10 => FromClient::RemoveInterest { context, interest },
            _ => FromClient::UpdateField { do_id, field, value: &value },
        };
        let mut body = message.msgtype(*dialect).unwrap().0.to_le_bytes().to_vec();
        message.write(*dialect, &mut body);
        body
    }

    /// What a frame is going to do, if it is allowed.
    fn foresee(&mut self, at: usize, body: &[u8], updates: &mut Vec<Update>) {
        let client = &mut self.clients[at];
        let Some((msgtype, payload)) = wire::client::split(body) else { return };
        match FromClient::decode(self.dialect, msgtype, payload) {
            Ok(FromClient::UpdateField { do_id, field, value }) => {
                let is_allowed = client.may_update(do_id, field, value);
                updates.push(Update { do_id, field, value: value.to_vec(), is_allowed });
            }
            Ok(FromClient::AddInterest { interest, parent, zones, .. })
                if client.may_open(self.config.add_interest, parent) =>
            {
                let zones = zones.iter().map(|zone| zone.0).collect();
                client.parents.insert(parent);
                client.interests.insert(interest, (parent, zones));
            }
            Ok(FromClient::RemoveInterest { interest, .. }) if client.state == 2 => {
                client.interests.remove(&interest);
            }
            _ => (),
        }
    }

    fn settle(&mut self, actor: Option<usize>, updates: &[Update]) {
        self.world.settle(&mut self.rng);
        self.look(actor, updates);
    }

    /// Looks at what has come of a step.
    fn look(&mut self, actor: Option<usize>, updates: &[Update]) {
        self.learn_channels();
        for client in &mut self.clients {
            client.got(self.dialect, &self.world.got(client.party));
        }
        let mut last_words = Vec::new();
        self.passed_on = 0;
        let heard = self.world.got(self.cluster);
        let mut rest = &heard[..];
        while let Some((frame, after)) = framing::split_frame(rest) {
            rest = after;
            let dg = Datagram::parse(framing::body(frame)).unwrap();
            match dg.msgtype() {
                LAST_WORDS => last_words.push(u32::from_le_bytes(dg.payload().try_into().unwrap())),
                _ => self.judge(&dg, actor, updates),
            }
        }
        self.bury(last_words);
        self.clients.iter_mut().for_each(|client| client.lost.clear());
    }

    /// Which channels clients got, as the events say it.
    fn learn_channels(&mut self) {
        for packet in std::mem::take(&mut self.world.events) {
            let text = String::from_utf8_lossy(&packet);
            if !text.contains("client-connected") {
                continue;
            }
            let number = |after: &str| {
                let (_, rest) = text.split_once(after).unwrap();
                let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
                rest[..end].parse::<u64>().unwrap()
            };
            let (channel, party) = (Channel(number("Client:")), number("127.0.0.7:") as usize);
            assert!(self.config.channels.contains(&channel));
            let taken = self
                .clients
                .iter()
                .any(|client| client.channel == channel && self.world.stands(client.party));
            assert!(!taken, "{channel} belongs to somebody");
            for client in self.clients.iter_mut().filter(|client| client.party == party) {
                (client.channel, client.sender) = (channel, channel);
            }
        }
    }

    /// Checks that a client may have caused a datagram.
    fn judge(&mut self, dg: &Datagram<'_>, actor: Option<usize>, updates: &[Update]) {
        let (to, sender) = (dg.recipients().collect::<Vec<_>>(), dg.sender());
        let actor = actor.map(|at| &self.clients[at]).filter(|actor| actor.sender == sender);
        let object = DoId(to[0].0 as u32);
        let Ok(message) = ObjectMessage::decode(self.dialect, dg.msgtype(), dg.payload()) else {
            let answer = AgentAnswer::decode(self.dialect, dg.msgtype(), dg.payload());
            return assert!(answer.is_ok() && self.dialect == Dialect::Astron, "{dg:?}");
        };
        assert_eq!(to, [Channel::object(object)], "{message:?}");
        let is_allowed = match message {
            ObjectMessage::UpdateField { do_id, field, value } => {
                self.passed_on += 1;
                let mut said = updates.iter().filter(|update| {
                    (update.do_id, update.field, &update.value[..]) == (do_id, field, value)
                });
                do_id == object && actor.is_some() && said.any(|update| update.is_allowed)
            }
            ObjectMessage::SetZone { .. } => {
                self.config.relocate && actor.is_some_and(|actor| actor.owned.contains_key(&object))
            }
            ObjectMessage::QueryZones { parent, .. } => self.clients.iter().any(|client| {
                client.channel == sender && parent == object && client.parents.contains(&parent)
            }),
            // The agent asks where one is that it has shown and that did not answer with its zone; it
            // may have left sight by now.
            ObjectMessage::Locate { .. } => self
                .clients
                .iter()
                .any(|client| client.channel == sender && !client.parents.is_empty()),
            ObjectMessage::DeleteRam { do_id } => self.clients.iter().any(|client| {
                let is_its_end = self.stops || !self.world.stands(client.party);
                do_id == object
                    && is_its_end
                    && client.sender == sender
                    && client.session.contains(&do_id)
            }),
            _ => false,
        };
        assert!(is_allowed, "{message:?} in the name of {sender}");
    }

    /// Clients that have gone have said what they were to say then, and others have not.
    fn bury(&mut self, mut last_words: Vec<u32>) {
        let Run { clients, world, stops, .. } = self;
        let gone = clients.iter_mut().filter(|client| *stops || !world.stands(client.party));
        let mut wanted: Vec<u32> =
            gone.flat_map(|client| std::mem::take(&mut client.post_removes)).collect();
        wanted.sort_unstable();
        last_words.sort_unstable();
        assert_eq!(last_words, wanted, "what was to be said when somebody is gone");
        self.clients.retain(|client| self.world.stands(client.party));
    }

    /// All leave, be it that the daemon stops.
    fn end(mut self) {
        if self.rng.random() {
            self.stops = true;
            self.world.stop();
            self.settle(None, &[]);
            self.stops = false;
            self.clients.iter_mut().for_each(|client| client.session.clear());
        }
        self.clients.iter().for_each(|client| self.world.close(client.party));
        self.settle(None, &[]);
        assert!(self.clients.is_empty() && self.world.is_empty(), "something is left of a client");
        assert_eq!(self.world.subscriptions(), self.subscriptions, "what is heard for nobody");
        for counts in self.world.counts() {
            assert_eq!((counts.clients, counts.clients_established), (0, 0));
        }
    }
}

/// Whether a frame is a good HELLO.
fn is_hello(frame: &[u8], dialect: Dialect) -> bool {
    let (msgtype, payload) = wire::client::split(framing::body(frame)).unwrap_or_default();
    let hello = FromClient::Hello { dc_hash: DC_HASH, version: VERSION.as_bytes() };
    FromClient::decode(dialect, msgtype, payload) == Ok(hello)
}

/// A field of an object, and a value that may be one of it.
fn field_value(client: &Client, do_id: DoId, rng: &mut SmallRng) -> (FieldId, Vec<u8>) {
    let fields = SCHEMA.fields();
    let of_class = client.class_of(do_id).filter(|_| rng.random_range(0..8) > 0);
    let class = of_class.and_then(|(dclass, _)| SCHEMA.class_by_number(dclass.0));
    let number = match class.and_then(|class| class.fields.choose(rng)) {
        Some(&id) => SCHEMA.field(id).number,
        None => rng.random_range(0..fields.len() as u16 + 2),
    };
    let value = match fields.get(usize::from(number)) {
        Some(field) if rng.random_range(0..8) > 0 => {
            SCHEMA.atoms(field.id).flat_map(|atom| atom.default.to_vec()).collect()
        }
        _ => (0..rng.random_range(0..8)).map(|_| rng.random()).collect(),
    };
    (FieldId(number), value)
}

/// Makes a frame that is sound into one that is not, sometimes.
fn mangle(body: &mut Vec<u8>, rng: &mut SmallRng) {
    match rng.random_range(0..12) {
        0 => *body = (0..rng.random_range(0..40)).map(|_| rng.random()).collect(),
        1 => drop(body.pop()),
        2 => body.push(rng.random()),
        3 => body.truncate(rng.random_range(0..=body.len())),
        4 => {
            let at = rng.random_range(0..body.len());
            body[at] ^= 1 << rng.random_range(0..8);
        }
        5 if rng.random_range(0..10) == 0 => body.resize(65_535, 0),
        _ => (),
    }
}

/// Whether a client hears what the cluster says. What is said to a location is for it if it is about
/// what is there, and not if it is about a client that has that channel as a name.
fn reaches(said: &Said, client: &Client, dialect: Dialect) -> bool {
    let is_of_objects =
        matches!(said.effect, Effect::Nothing | Effect::Enters(..) | Effect::Deleted(_));
    said.sender != client.sender
        && said.to.iter().any(|&channel| {
            client.hears(channel)
                || (dialect == Dialect::Astron && channel == Channel(10))
                || is_of_objects
                    && Location::of_channel(channel).is_some_and(|place| client.looks_at(place))
        })
}

/// Whether a client is going to see an object, if it has not seen it yet.
fn enters_sight(client: &Client, effect: &Effect) -> bool {
    let Effect::Enters(do_id, location) = *effect else { return false };
    let stays_as_it_is = client.owned.contains_key(&do_id) && client.session.contains(&do_id);
    client.looks_at(location) && !stays_as_it_is
}

/// A client hears something of itself.
fn happen(client: &mut Client, effect: &Effect) {
    match *effect {
        Effect::State(state) if state < 3 => client.state = state,
        Effect::Raw => client.raw = 1,
        Effect::Nothing | Effect::Told | Effect::Enters(..) | Effect::State(_) => (),
        Effect::Sender(Channel(0)) | Effect::Opened(Channel(0)) => (),
        Effect::Sender(channel) => client.sender = channel,
        Effect::Declared(do_id, dclass) => drop(client.declared.insert(do_id, dclass)),
        Effect::Undeclared(do_id) => drop(client.declared.remove(&do_id)),
        Effect::Session(do_id) => drop(client.session.insert(do_id)),
        Effect::NoSession(do_id) => drop(client.session.remove(&do_id)),
        Effect::Sendable(do_id, ref fields) if fields.is_empty() => {
            client.sendable.remove(&do_id);
        }
        Effect::Sendable(do_id, ref fields) => {
            client.sendable.insert(do_id, fields.iter().copied().collect());
        }
        Effect::Opened(channel) => drop(client.opened.insert(channel)),
        Effect::Closed(channel) => drop(client.opened.remove(&channel)),
        Effect::PostRemove(serial) => client.post_removes.push(serial),
        Effect::NoPostRemoves => client.post_removes.clear(),
        Effect::Interest(interest, parent, ref zones) => {
            client.parents.insert(parent);
            client.interests.insert(interest, (parent, zones.clone()));
        }
        Effect::NoInterest(interest) => drop(client.interests.remove(&interest)),
        Effect::OwnedBy(_, new) if client.hears(new) => (),
        Effect::OwnedBy(do_id, _) | Effect::Deleted(do_id) => {
            if client.owned.remove(&do_id).is_some() {
                client.lost.insert(do_id);
            }
        }
    }
}
