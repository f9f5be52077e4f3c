//! A small park around a LoginManager: a Database, a Client Agent with its clients, a State Server
//! and hashing threads, each as simple as can be.
#![allow(clippy::wildcard_enum_match_arm, reason = "what the park does not know fails the test")]

use crate::{Config, Counts, Hashing, Input, Job, Limits, LoginManager, Outcome, Outgoing, Task};
use dc::{Options, Schema, Source};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use wire::client::{AgentMessage, ToClient, split};
use wire::database::{DatabaseMessage, DatabaseNotice, DoIds, Outcome as Compared, ret_code};
use wire::datagram::{Datagram, write_datagram};
use wire::dialect::{BAD_DO_ID, Dialect};
use wire::framing;
use wire::ids::{Channel, DoId, FieldId, MsgType, Zone};
use wire::reader::Reader;
use wire::state_server::{Location, ObjectMessage, ObjectNotice, StateServerMessage};

const OPENOTP: Dialect = Dialect::OpenOtp;
pub const UBERDOG: DoId = DoId(4665);
pub const PARK: DoId = DoId(5000);
const DATABASE: Channel = Channel(4003);
const STATE_SERVER: Channel = Channel(4002);

pub fn schema() -> Arc<Schema> {
    let text = include_str!("../../../../etc/park.dc").into();
    let source = Source { name: "park.dc".into(), text };
    Arc::new(Schema::load(&[source], Options::default()).unwrap())
}

pub fn config() -> Config {
    Config {
        message_director: ([127, 0, 0, 1], 1).into(),
        uberdog: UBERDOG,
        database: DATABASE,
        state_server: STATE_SERVER,
        park: PARK,
        zone: Zone(1),
        register: true,
        hashing: Hashing::default(),
        limits: Limits::default(),
        schema: schema(),
    }
}

/// A client as its Client Agent sees it.
#[derive(Debug, Default)]
pub struct Client {
    /// What `loginResult` said.
    pub results: Vec<(u8, String, DoId)>,
    /// Why it was ejected.
    pub ejected: Option<(u16, String)>,
    pub state: u16,
    pub declared: Vec<DoId>,
    pub session_objects: Vec<DoId>,
    pub post_removes: Vec<Vec<u8>>,
    pub is_gone: bool,
}

/// A visitor that is in the park.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Present {
    pub owner: Channel,
    pub location: Location,
}

type Stored = (u16, BTreeMap<u16, Vec<u8>>);

pub struct World {
    manager: LoginManager,
    schema: Arc<Schema>,
    pub now_ms: u64,
    pub clients: BTreeMap<u64, Client>,
    pub stored: BTreeMap<DoId, Stored>,
    pub present: BTreeMap<DoId, Present>,
    pub park_stands: bool,
    pub state_server_is_there: bool,
    /// Visitors do not arrive.
    pub visitors_are_silent: bool,
    pub parks_created: u32,
    /// While true, requests to the Database wait.
    pub database_waits: bool,
    requests: VecDeque<Vec<u8>>,
    /// Creates are answered with 0.
    pub database_is_full: bool,
    /// While true, passwords wait.
    pub hashing_waits: bool,
    pub jobs: VecDeque<Job>,
    /// Clients that are told to go stay.
    pub clients_are_stubborn: bool,
    /// While true, nothing comes.
    pub mail_waits: bool,
    mail: VecDeque<Vec<u8>>,
    last_id: u32,
}

impl World {
    pub fn new(change: impl FnOnce(&mut Config)) -> World {
        let mut world = World::without_link(change);
        world.step(Input::Linked);
        assert!(world.park_stands);
        world
    }

    pub fn without_link(change: impl FnOnce(&mut Config)) -> World {
        let mut config = config();
        change(&mut config);
        World {
            schema: config.schema.clone(),
            manager: LoginManager::new(config).unwrap(),
            now_ms: 0,
            clients: BTreeMap::new(),
            stored: BTreeMap::new(),
            present: BTreeMap::new(),
            park_stands: false,
            state_server_is_there: true,
            visitors_are_silent: false,
            parks_created: 0,
            database_waits: false,
            requests: VecDeque::new(),
            database_is_full: false,
            hashing_waits: false,
            jobs: VecDeque::new(),
            clients_are_stubborn: false,
            mail_waits: false,
            mail: VecDeque::new(),
            last_id: 100,
        }
    }

    pub fn counts(&self) -> Counts {
        self.manager.counts()
    }

    /// Time passes, in steps of a tick.
    pub fn pass(&mut self, ms: u64) {
        for _ in 0..ms.div_ceil(50) {
            self.now_ms += 50;
            self.step(Input::Tick);
        }
    }

    /// A client asks to log in; what it is answered at once, if anything.
    pub fn login(&mut self, client: u64, name: &str, password: &str) -> Option<u8> {
        self.ask(client, name, password);
        let before = self.clients.entry(client).or_default().results.len();
        self.run();
        self.clients[&client].results.get(before).map(|(code, _, _)| *code)
    }

    /// A client asks to log in; nobody hears it yet.
    pub fn ask(&mut self, client: u64, name: &str, password: &str) {
        let value = [text(name), text(password)].concat();
        let field = self.field("LoginManager", "login");
        self.mail.push_back(update(client, UBERDOG, field, &value));
    }

    /// A client goes away.
    pub fn leave(&mut self, client: u64) {
        let gone = self.clients.entry(client).or_default();
        gone.is_gone = true;
        let (objects, posts) =
            (gone.session_objects.clone(), std::mem::take(&mut gone.post_removes));
        self.present.retain(|visitor, _| !objects.contains(visitor));
        self.mail.extend(posts);
        self.run();
    }

    pub fn step(&mut self, input: Input<'_>) {
        let mut out = Outgoing::default();
        self.manager.step(self.now_ms, input, &mut out);
        self.sent(out);
        self.run();
    }

    /// Everything that waits to be heard or computed happens.
    pub fn run(&mut self) {
        loop {
            let mut out = Outgoing::default();
            if let Some(body) = self.next_mail() {
                self.manager.step(self.now_ms, Input::Datagram(&body), &mut out);
            } else if let Some(request) = self.next_request() {
                self.database(&request);
            } else if let Some(Job { id, password, task }) = self.next_job() {
                let password = String::from_utf8(password.bytes().to_vec()).unwrap();
                let outcome = match task {
                    Task::Hash => Outcome::Hashed(format!("#{password}")),
                    Task::Verify(Some(kept)) if kept == format!("#{password}") => Outcome::Right,
                    Task::Verify(Some(kept)) if !kept.starts_with('#') => Outcome::Failed,
                    Task::Verify(_) => Outcome::Wrong,
                };
                self.manager.step(self.now_ms, Input::Computed(id, outcome), &mut out);
            } else {
                return;
            }
            self.sent(out);
        }
    }

    fn next_mail(&mut self) -> Option<Vec<u8>> {
        if self.mail_waits { None } else { self.mail.pop_front() }
    }

    fn next_request(&mut self) -> Option<Vec<u8>> {
        if self.database_waits { None } else { self.requests.pop_front() }
    }

    fn next_job(&mut self) -> Option<Job> {
        if self.hashing_waits { None } else { self.jobs.pop_front() }
    }

    fn sent(&mut self, out: Outgoing) {
        self.jobs.extend(out.jobs);
        let mut frames = &out.frames[..];
        while let Some((frame, rest)) = framing::split_frame(frames) {
            frames = rest;
            let body = framing::body(frame);
            let Some(to) = Datagram::parse(body).ok().and_then(|dg| dg.recipients().next()) else {
                continue;
            };
            match to {
                to if to == OPENOTP.control_channel() => (),
                DATABASE => self.requests.push_back(body.to_vec()),
                STATE_SERVER => self.state_server(body),
                Channel(to) if self.clients.contains_key(&to) => self.agent(to, body),
                Channel(to) => self.object(DoId(to as u32), body),
            }
        }
    }

    fn state_server(&mut self, body: &[u8]) {
        if !self.state_server_is_there {
            return;
        }
        let dg = Datagram::parse(body).unwrap();
        let message = StateServerMessage::decode(OPENOTP, dg.msgtype(), dg.payload()).unwrap();
        let StateServerMessage::Generate(entry) = message else { panic!("{message:?}") };
        let class = self.schema.class_by_name("DistributedPark").unwrap();
        assert_eq!((entry.do_id, entry.dclass.0), (PARK, class.id.0));
        assert!(self.schema.required(class, entry.fields).all(|field| field.is_ok()));
        (self.park_stands, self.parks_created) = (true, self.parks_created + 1);
    }

    fn object(&mut self, do_id: DoId, body: &[u8]) {
        let dg = Datagram::parse(body).unwrap();
        match ObjectMessage::decode(OPENOTP, dg.msgtype(), dg.payload()).unwrap() {
            ObjectMessage::Locate { context } if do_id == PARK => {
                if self.park_stands {
                    let location = Location::NOWHERE;
                    let notice = ObjectNotice::LocateResp { context, do_id, location };
                    let msgtype = notice.msgtype(OPENOTP).unwrap();
                    self.mail.push_back(datagram(do_id.0.into(), msgtype, |out| {
                        notice.write(OPENOTP, out);
                    }));
                }
            }
            ObjectMessage::Locate { context } => {
                if let Some(Present { location, .. }) = self.present.get(&do_id)
                    && !self.visitors_are_silent
                {
                    let notice = ObjectNotice::LocateResp { context, do_id, location: *location };
                    let msgtype = notice.msgtype(OPENOTP).unwrap();
                    self.mail.push_back(datagram(do_id.0.into(), msgtype, |out| {
                        notice.write(OPENOTP, out);
                    }));
                }
            }
            ObjectMessage::SetAi { ai, .. } => assert_eq!((do_id, ai), (PARK, Channel(4665))),
            ObjectMessage::SetOwner { owner } => {
                self.present.entry(do_id).or_default().owner = owner;
            }
            ObjectMessage::SetZone { location } => {
                self.present.entry(do_id).or_default().location = location;
            }
            ObjectMessage::DeleteRam { do_id } => self.present.retain(|it, _| *it != do_id),
            message => panic!("{message:?}"),
        }
    }

    fn agent(&mut self, to: u64, body: &[u8]) {
        let dg = Datagram::parse(body).unwrap();
        let message = AgentMessage::decode(OPENOTP, dg.msgtype(), dg.payload()).unwrap();
        let client = self.clients.get_mut(&to).unwrap();
        if client.is_gone {
            if let AgentMessage::AddPostRemove { message } = message {
                self.mail.push_back(message.to_vec());
            }
            return;
        }
        match message {
            AgentMessage::AddPostRemove { message } => client.post_removes.push(message.to_vec()),
            AgentMessage::DeclareObject { do_id, .. } => client.declared.push(do_id),
            AgentMessage::AddSessionObject { do_id } => client.session_objects.push(do_id),
            AgentMessage::SetState { state } => client.state = state,
            AgentMessage::SendDatagram { datagram } => client.results.push(result(datagram)),
            AgentMessage::Eject { code, reason } => {
                client.ejected = Some((code, String::from_utf8(reason.to_vec()).unwrap()));
                if !self.clients_are_stubborn {
                    // What is sent in this turn is heard before.
                    self.leave_later(to);
                }
            }
            message => panic!("{message:?}"),
        }
    }

    fn leave_later(&mut self, client: u64) {
        let gone = self.clients.get_mut(&client).unwrap();
        gone.is_gone = true;
        self.mail.extend(std::mem::take(&mut gone.post_removes));
        let objects = gone.session_objects.clone();
        self.present.retain(|visitor, _| !objects.contains(visitor));
    }

    fn database(&mut self, body: &[u8]) {
        let dg = Datagram::parse(body).unwrap();
        match DatabaseMessage::decode(OPENOTP, dg.msgtype(), dg.payload()).unwrap() {
            DatabaseMessage::SelectQuery { context, dclass, count: 1, comparisons } => {
                let (field, value) = (&comparisons[1..3], &comparisons[3..]);
                let field = u16::from_le_bytes(field.try_into().unwrap());
                let found = self.stored.iter().filter(|(_, (class, fields))| {
                    u32::from(*class) == dclass && fields.get(&field).is_some_and(|it| it == value)
                });
                let do_ids: Vec<[u8; 4]> = found.map(|(id, _)| id.0.to_le_bytes()).collect();
                self.answer(&DatabaseNotice::SelectQueryResp { context, do_ids: DoIds(&do_ids) });
            }
            DatabaseMessage::Select { context, do_id, fields } => {
                let class = self.schema.class_by_name("Account").unwrap();
                let stored = self.stored.get(&do_id).map(|(_, stored)| {
                    let value = |field: FieldId| {
                        let id = class.field_by_number(field.0).unwrap();
                        let default = || self.schema.field(id).default.to_vec();
                        stored.get(&field.0).cloned().unwrap_or_else(default)
                    };
                    fields.iter().flat_map(value).collect::<Vec<u8>>()
                });
                let fields = stored.as_ref().map(|values| (0, &values[..]));
                self.answer(&DatabaseNotice::SelectResp { context, fields });
            }
            DatabaseMessage::Create { context, dclass, count, fields } => {
                let do_id = self.create(dclass.0, count, fields);
                self.answer(&DatabaseNotice::CreateResp { context, do_id });
            }
            DatabaseMessage::UpdateIfEquals { context, do_id, count: 1, conditions } => {
                self.update_if_equals(context, do_id, conditions);
            }
            DatabaseMessage::Delete { do_id, .. } => drop(self.stored.remove(&do_id)),
            message => panic!("{message:?}"),
        }
    }

    fn create(&mut self, dclass: u16, count: u16, mut rest: &[u8]) -> DoId {
        if self.database_is_full {
            return BAD_DO_ID;
        }
        let class = self.schema.class_by_number(dclass).unwrap();
        let mut fields = BTreeMap::new();
        for _ in 0..count {
            let (number, behind) = rest.split_first_chunk::<2>().unwrap();
            let number = u16::from_le_bytes(*number);
            let (whole, id) = (behind, class.field_by_number(number).unwrap());
            rest = behind;
            self.schema.check_prefix(id, &mut rest).unwrap();
            fields.insert(number, whole[..whole.len() - rest.len()].to_vec());
        }
        let db = self.schema.keyword("db").unwrap();
        let required = class.required.iter().map(|&id| self.schema.field(id));
        let mut stored = required.filter(|field| field.keywords.contain(db));
        assert!(stored.all(|field| fields.contains_key(&field.number)), "{fields:?}");
        self.last_id += 1;
        self.stored.insert(DoId(self.last_id), (dclass, fields));
        DoId(self.last_id)
    }

    fn update_if_equals(&mut self, context: u32, do_id: DoId, conditions: &[u8]) {
        let mut reader = Reader::new(conditions);
        let (field, old, new) = (reader.u16(), reader.u32(), reader.u32());
        let (field, old, new) = (field.unwrap(), old.unwrap(), new.unwrap());
        let Some((_, fields)) = self.stored.get_mut(&do_id) else {
            let outcome = Compared::Failed { ret_code: ret_code::NO_OBJECT };
            return self.answer(&DatabaseNotice::UpdateIfEqualsResp { context, outcome });
        };
        let current = fields.get(&field).cloned().unwrap_or_else(|| vec![0; 4]);
        if current == old.to_le_bytes() {
            fields.insert(field, new.to_le_bytes().to_vec());
            let outcome = Compared::Done;
            self.answer(&DatabaseNotice::UpdateIfEqualsResp { context, outcome });
        } else {
            let outcome = Compared::Differs((0, &current[..]));
            self.answer(&DatabaseNotice::UpdateIfEqualsResp { context, outcome });
        }
    }

    fn answer(&mut self, notice: &DatabaseNotice<'_>) {
        let msgtype = notice.msgtype(OPENOTP).unwrap();
        let body = datagram(DATABASE.0, msgtype, |out| notice.write(OPENOTP, out));
        self.mail.push_back(body);
    }

    pub fn field(&self, class: &str, field: &str) -> FieldId {
        let class = self.schema.class_by_name(class).unwrap();
        FieldId(self.schema.field(class.field_by_name(field).unwrap()).number)
    }

    /// The ids of what is stored of a class.
    pub fn all(&self, class: &str) -> Vec<DoId> {
        let class = self.schema.class_by_name(class).unwrap().id.0;
        let of_class = self.stored.iter().filter(|(_, (other, _))| *other == class);
        of_class.map(|(id, _)| *id).collect()
    }

    /// Stores an account without a visitor.
    pub fn store_account(&mut self, name: &str, hash: Option<&str>) -> DoId {
        let class = self.schema.class_by_name("Account").unwrap().id.0;
        let name = (self.field("Account", "setUsername").0, text(name));
        let hash = hash.map(|hash| (self.field("Account", "setPassword").0, text(hash)));
        self.last_id += 1;
        let fields = [name].into_iter().chain(hash).collect();
        self.stored.insert(DoId(self.last_id), (class, fields));
        DoId(self.last_id)
    }

    /// The value of a stored field.
    pub fn value(&self, do_id: DoId, class: &str, field: &str) -> Option<&[u8]> {
        self.stored.get(&do_id)?.1.get(&self.field(class, field).0).map(|value| &value[..])
    }

    /// A datagram comes as it is.
    pub fn hear(&mut self, body: &[u8]) {
        self.step(Input::Datagram(body));
    }
}

/// The body of an update of an object in the name of somebody.
pub fn update(sender: u64, do_id: DoId, field: FieldId, value: &[u8]) -> Vec<u8> {
    let message = ObjectMessage::UpdateField { do_id, field, value };
    let msgtype = message.msgtype(OPENOTP).unwrap();
    datagram(sender, msgtype, |out| message.write(OPENOTP, out))
}

fn datagram(sender: u64, msgtype: MsgType, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut frame = Vec::new();
    let to = [Channel::object(UBERDOG)];
    write_datagram(&mut frame, &to, Channel(sender), msgtype, write).unwrap();
    framing::body(&frame).to_vec()
}

pub fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat()
}

/// What a client is told.
fn result(datagram: &[u8]) -> (u8, String, DoId) {
    let (msgtype, payload) = split(datagram).unwrap();
    let message = ToClient::decode(OPENOTP, msgtype, payload).unwrap();
    let ToClient::UpdateField { do_id: UBERDOG, value, .. } = message else {
        panic!("{message:?}")
    };
    let mut reader = Reader::new(value);
    let (code, why) = (reader.u8().unwrap(), reader.blob().unwrap());
    let visitor = reader.do_id().unwrap();
    reader.end().unwrap();
    (code, String::from_utf8(why.to_vec()).unwrap(), visitor)
}
