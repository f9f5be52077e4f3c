//! A small park in one place: a Client Agent and a Message Director with State Server behind it, a
//! thread per connection and one lock around all. It can be told to make one mistake.

use dc::{FieldId, Schema};
use loadtest::Dialect;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use wire::client::{AgentMessage, FromClient, ToClient, split};
use wire::datagram::{Datagram, control_message, write_datagram};
use wire::framing::{body, split_frame};
use wire::ids::{Channel, ClassId, DoId};
use wire::state_server::{Entry, Location, ObjectMessage, ObjectNotice, StateServerMessage};

const CONTROL: Channel = Channel(4002);
/// The gate, which is the tester's.
const GATE: u32 = 4665;
/// The first client's channel.
const CLIENTS: u64 = 1_000_000_000;

/// What the server says to clients.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Word {
    Enter,
    /// Of place and direction.
    Update,
    /// What is not kept: whoever has just been shown who said it may have missed it.
    Said,
    Leave,
    Move,
}

/// The one mistake. Numbers count what is said of the word to clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mistake {
    None,
    Lose(Word, u64),
    Double(Word, u64),
    /// This one comes after the next one of the same object to the same client.
    Swap(u64),
    /// An update is heard by its sender too.
    Echo(u64),
    /// An update is heard by all clients.
    Astray(u64),
    /// This one says another zone.
    WrongZone(u64),
    /// This object is shown with what a client must not see.
    Secret(u64),
    /// An update has another value.
    Garble(u64),
    /// The end of this answer comes before its objects.
    Early(u64),
    /// From this answer on, objects of zones that were given up stay.
    Stay(u64),
    /// A client that has gone leaves its avatar behind, from so many that went on.
    Ghost(u64),
    /// This client is ejected when it next says something.
    Eject(u64),
    /// From this request on nothing is answered.
    Sleep(u64),
}

pub struct Server {
    dialect: Dialect,
    schema: Arc<Schema>,
    mistake: Mistake,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    conns: Vec<TcpStream>,
    subscribers: BTreeMap<u64, BTreeSet<usize>>,
    clients: BTreeMap<usize, Client>,
    objects: BTreeMap<u32, Object>,
    words: BTreeMap<Word, u64>,
    answers: u64,
    gone: u64,
    /// The mistake has been made.
    is_mistaken: bool,
    requests: u64,
    held: Option<(usize, u32, Vec<u8>)>,
}

#[derive(Default)]
struct Client {
    open: BTreeMap<u16, BTreeSet<(u32, u32)>>,
    seen: BTreeSet<u32>,
    session: Vec<u32>,
}

#[derive(Clone)]
struct Object {
    location: Location,
    dclass: ClassId,
    owner: Option<usize>,
    values: BTreeMap<u16, Vec<u8>>,
}

impl Client {
    fn sees(&self, location: Location) -> bool {
        self.open.values().any(|zones| zones.contains(&(location.parent.0, location.zone.0)))
    }
}

impl Server {
    /// Starts one that lives as long as the process; returns where its Client Agent and its Message
    /// Director listen.
    pub fn start(
        dialect: Dialect,
        schema: Arc<Schema>,
        mistake: Mistake,
    ) -> (SocketAddr, SocketAddr) {
        let server = Arc::new(Server { dialect, schema, mistake, state: Mutex::default() });
        let listen = |is_agent: bool| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let addr = listener.local_addr().unwrap();
            let server = server.clone();
            std::thread::spawn(move || {
                for stream in listener.incoming().map(Result::unwrap) {
                    let server = server.clone();
                    let mut state = server.state.lock().unwrap();
                    let id = state.conns.len();
                    state.conns.push(stream.try_clone().unwrap());
                    if is_agent {
                        state.clients.insert(id, Client::default());
                    }
                    drop(state);
                    std::thread::spawn(move || server.serve(id, stream));
                }
            });
            addr
        };
        (listen(true), listen(false))
    }

    fn serve(&self, id: usize, mut stream: TcpStream) {
        let (mut bytes, mut block) = (Vec::new(), vec![0; 65536]);
        while let Ok(count @ 1..) = stream.read(&mut block) {
            bytes.extend_from_slice(&block[..count]);
            let mut rest = &bytes[..];
            let mut state = self.state.lock().unwrap();
            while let Some((frame, after)) = split_frame(rest) {
                rest = after;
                state.requests += 1;
                if matches!(self.mistake, Mistake::Sleep(at) if state.requests > at) {
                    continue;
                }
                if state.clients.contains_key(&id) {
                    self.client_says(&mut state, id, frame);
                } else {
                    self.cluster_says(&mut state, id, frame);
                }
            }
            bytes = rest.to_vec();
        }
        let mut state = self.state.lock().unwrap();
        self.gone(&mut state, id);
    }

    fn gone(&self, state: &mut State, id: usize) {
        let Some(client) = state.clients.remove(&id) else { return };
        state.gone += 1;
        if matches!(self.mistake, Mistake::Ghost(at) if state.gone > at) {
            return;
        }
        client.session.into_iter().for_each(|do_id| self.delete(state, do_id));
    }

    fn client_says(&self, state: &mut State, id: usize, frame: &[u8]) {
        let (msgtype, payload) = split(body(frame)).unwrap();
        let channel = Channel(CLIENTS + id as u64);
        if self.mistake == Mistake::Eject(id as u64) {
            let eject = ToClient::Eject { code: 100, reason: b"go" };
            self.write(state, id, &eject);
            return state.conns[id].shutdown(Shutdown::Both).unwrap_or_default();
        }
        match FromClient::decode(self.dialect, msgtype, payload).unwrap() {
            FromClient::Hello { .. } => self.write(state, id, &ToClient::HelloResp),
            FromClient::Disconnect => {
                self.gone(state, id);
                state.conns[id].shutdown(Shutdown::Both).unwrap_or_default();
            }
            FromClient::UpdateField { do_id: DoId(GATE), field, value } => {
                let do_id = DoId(GATE);
                let message = ObjectNotice::UpdateField { do_id, field, value };
                self.notify(state, Channel(GATE.into()), channel, &message);
            }
            FromClient::UpdateField { do_id, field, value } => {
                self.schema.check(FieldId(field.0), value).unwrap();
                self.update(state, do_id.0, field.0, value, Some(id));
            }
            FromClient::Location { do_id, location } => {
                self.relocate(state, do_id.0, location, Some(id));
            }
            FromClient::AddInterest { context, interest, parent, zones } => {
                let zones = zones.iter().map(|zone| (parent.0, zone.0)).collect();
                self.open(state, id, interest, zones);
                if !matches!(self.mistake, Mistake::Early(at) if at == state.answers - 1) {
                    self.write(state, id, &ToClient::DoneInterestResp { context, interest });
                }
            }
            FromClient::RemoveInterest { context, interest } => {
                self.open(state, id, interest, BTreeSet::new());
                self.write(state, id, &ToClient::DoneInterestResp { context, interest });
            }
            FromClient::Heartbeat => (),
        }
    }

    fn open(&self, state: &mut State, id: usize, interest: u16, zones: BTreeSet<(u32, u32)>) {
        let number = state.answers;
        state.answers += 1;
        if self.mistake == Mistake::Early(number) {
            let context = 2;
            self.write(state, id, &ToClient::DoneInterestResp { context, interest });
        }
        let client = state.clients.get_mut(&id).unwrap();
        client.open.insert(interest, zones);
        let (seen, objects) = (client.seen.clone(), state.objects.clone());
        for do_id in seen {
            let is_open = state.clients[&id].sees(objects[&do_id].location);
            if !is_open && !matches!(self.mistake, Mistake::Stay(at) if number >= at) {
                self.leave(state, id, do_id);
            }
        }
        for (do_id, object) in objects {
            if state.clients[&id].sees(object.location) {
                self.show(state, id, do_id);
            }
        }
    }

    fn cluster_says(&self, state: &mut State, id: usize, frame: &[u8]) {
        if let Some(message) = control_message(body(frame), self.dialect.control_channel()) {
            let channel = u64::from_le_bytes(message[2..10].try_into().unwrap());
            state.subscribers.entry(channel).or_default().insert(id);
            return;
        }
        let dg = Datagram::parse(body(frame)).unwrap();
        let to = dg.recipients().next().unwrap();
        let client = to.0.checked_sub(CLIENTS).map(|id| id as usize);
        if to == CONTROL {
            self.generate(state, &dg);
        } else if let Some(client) = client.filter(|id| state.clients.contains_key(id)) {
            self.agent_hears(state, client, &dg);
        } else if state.objects.contains_key(&(to.0 as u32)) {
            self.object_hears(state, to.0 as u32, &dg);
        }
    }

    fn agent_hears(&self, state: &mut State, id: usize, dg: &Datagram<'_>) {
        match AgentMessage::decode(self.dialect, dg.msgtype(), dg.payload()).unwrap() {
            AgentMessage::AddSessionObject { do_id } => {
                state.clients.get_mut(&id).unwrap().session.push(do_id.0);
            }
            AgentMessage::SendDatagram { datagram } => {
                let frame = [&(datagram.len() as u16).to_le_bytes(), datagram].concat();
                state.send(id, &frame);
            }
            AgentMessage::DeclareObject { .. } | AgentMessage::SetState { state: 2 } => (),
            other => panic!("{other:?}"),
        }
    }

    fn generate(&self, state: &mut State, dg: &Datagram<'_>) {
        let message = StateServerMessage::decode(self.dialect, dg.msgtype(), dg.payload());
        let Ok(StateServerMessage::Generate(entry)) = message else { panic!("{message:?}") };
        let Entry { do_id, location, dclass, fields, .. } = entry;
        if state.objects.contains_key(&do_id.0) {
            return;
        }
        let class = self.schema.class_by_number(dclass.0).unwrap();
        let values = self.schema.required(class, fields).map(|value| {
            let (field, value) = value.unwrap();
            (field.0, value.to_vec())
        });
        let object = Object { location, dclass, owner: None, values: values.collect() };
        state.objects.insert(do_id.0, object);
        self.show_all(state, do_id.0);
    }

    fn object_hears(&self, state: &mut State, do_id: u32, dg: &Datagram<'_>) {
        match ObjectMessage::decode(self.dialect, dg.msgtype(), dg.payload()).unwrap() {
            ObjectMessage::UpdateField { field, value, .. } => {
                self.update(state, do_id, field.0, value, None);
            }
            ObjectMessage::SetZone { location } => self.relocate(state, do_id, location, None),
            ObjectMessage::DeleteRam { .. } => self.delete(state, do_id),
            ObjectMessage::SetOwner { owner } => {
                let id = (owner.0 - CLIENTS) as usize;
                state.objects.get_mut(&do_id).unwrap().owner = Some(id);
                let object = state.objects[&do_id].clone();
                let mut fields = self.fields(&object, true);
                fields.extend([0, 0]);
                let entry = entry(do_id, &object, true, &fields);
                self.write(state, id, &ToClient::EnterOwner(entry));
            }
            ObjectMessage::Locate { context } => {
                let location = state.objects[&do_id].location;
                let answer = ObjectNotice::LocateResp { context, do_id: DoId(do_id), location };
                self.notify(state, dg.sender(), Channel(do_id.into()), &answer);
            }
            other => panic!("{other:?}"),
        }
    }

    fn update(&self, state: &mut State, id: u32, field: u16, value: &[u8], from: Option<usize>) {
        let Some(object) = state.objects.get_mut(&id) else { return };
        let location = object.location;
        for part in self.schema.split(FieldId(field), value) {
            let (part, value) = part.unwrap();
            if let Some(kept) = object.values.get_mut(&part.0) {
                *kept = value.to_vec();
            }
        }
        // A visitor's place and direction: the first one from that number on.
        let number = state.words.get(&Word::Update).copied().unwrap_or_default();
        let word = if value.len() == 6 { Word::Update } else { Word::Said };
        let is_it = from.is_some() && word == Word::Update && !state.is_mistaken;
        let is_time = |at: u64| is_it && number >= at;
        let is_astray = matches!(self.mistake, Mistake::Astray(at) if is_time(at));
        let is_echo = matches!(self.mistake, Mistake::Echo(at) if is_time(at));
        let is_garbled = matches!(self.mistake, Mistake::Garble(at) if is_time(at));
        state.is_mistaken |= is_astray || is_echo || is_garbled;
        let mut value = value.to_vec();
        value[2] ^= if is_garbled { 64 } else { 0 };
        let (do_id, field) = (DoId(id), wire::ids::FieldId(field));
        let message = ToClient::UpdateField { do_id, field, value: &value };
        for client in state.clients.keys().copied().collect::<Vec<_>>() {
            let hears = state.clients[&client].seen.contains(&id) && from != Some(client);
            if hears || is_astray && from != Some(client) || is_echo && from == Some(client) {
                self.say(state, client, word, id, &message);
            }
        }
        let notice = ObjectNotice::UpdateField { do_id, field, value: &value };
        if let Some(channel) = location.channel() {
            self.notify(state, channel, Channel(id.into()), &notice);
        }
    }

    fn relocate(&self, state: &mut State, do_id: u32, location: Location, from: Option<usize>) {
        let Some(object) = state.objects.get_mut(&do_id) else { return };
        object.location = location;
        let owner = object.owner;
        for id in state.clients.keys().copied().collect::<Vec<_>>() {
            let (sees, is_owner) = (state.clients[&id].sees(location), owner == Some(id));
            if is_owner && from.is_none() {
                self.write(state, id, &ToClient::Location { do_id: DoId(do_id), location });
            }
            if is_owner || !state.clients[&id].seen.contains(&do_id) {
                continue;
            }
            if sees {
                let message = ToClient::Location { do_id: DoId(do_id), location };
                self.say(state, id, Word::Move, do_id, &message);
            } else {
                self.leave(state, id, do_id);
            }
        }
        self.show_all(state, do_id);
    }

    fn delete(&self, state: &mut State, do_id: u32) {
        if state.objects.contains_key(&do_id) {
            for id in state.clients.keys().copied().collect::<Vec<_>>() {
                if state.clients[&id].seen.contains(&do_id) {
                    self.leave(state, id, do_id);
                }
            }
            state.objects.remove(&do_id);
        }
    }

    fn show_all(&self, state: &mut State, do_id: u32) {
        let location = state.objects[&do_id].location;
        for id in state.clients.keys().copied().collect::<Vec<_>>() {
            if state.clients[&id].sees(location) {
                self.show(state, id, do_id);
            }
        }
    }

    fn show(&self, state: &mut State, id: usize, do_id: u32) {
        let mut object = state.objects[&do_id].clone();
        if object.owner == Some(id) || !state.clients.get_mut(&id).unwrap().seen.insert(do_id) {
            return;
        }
        let number = state.words.get(&Word::Enter).copied().unwrap_or_default();
        object.location.zone.0 += u32::from(self.mistake == Mistake::WrongZone(number));
        let is_secret = self.mistake == Mistake::Secret(number);
        let fields = self.fields(&object, is_secret);
        let entry = entry(do_id, &object, false, &fields);
        self.say(state, id, Word::Enter, do_id, &ToClient::Enter(entry));
    }

    fn leave(&self, state: &mut State, id: usize, do_id: u32) {
        state.clients.get_mut(&id).unwrap().seen.remove(&do_id);
        self.say(state, id, Word::Leave, do_id, &ToClient::Leaving { do_id: DoId(do_id) });
    }

    /// The required fields that a client, or the owner, is to see.
    fn fields(&self, object: &Object, is_owner: bool) -> Vec<u8> {
        let class = self.schema.class_by_number(object.dclass.0).unwrap();
        let names: &[&str] = if is_owner { &["broadcast", "ownrecv"] } else { &["broadcast"] };
        let is_seen = |field: &&FieldId| {
            let keywords = self.schema.field(**field).keywords;
            names.iter().any(|name| keywords.contain(self.schema.keyword(name).unwrap()))
        };
        class.required.iter().filter(is_seen).flat_map(|f| object.values[&f.0].clone()).collect()
    }

    fn notify(&self, state: &mut State, to: Channel, from: Channel, notice: &ObjectNotice<'_>) {
        let mut frame = Vec::new();
        let msgtype = notice.msgtype(self.dialect).unwrap();
        let payload = |out: &mut Vec<u8>| notice.write(self.dialect, out);
        write_datagram(&mut frame, &[to], from, msgtype, payload).unwrap();
        for id in state.subscribers.get(&to.0).cloned().unwrap_or_default() {
            state.send(id, &frame);
        }
    }

    fn write(&self, state: &mut State, id: usize, message: &ToClient<'_>) {
        let mut frame = Vec::new();
        message.encode(self.dialect, &mut frame).unwrap();
        state.send(id, &frame);
    }

    fn say(&self, state: &mut State, id: usize, word: Word, do_id: u32, message: &ToClient<'_>) {
        let count = state.words.entry(word).or_default();
        let number = *count;
        *count += 1;
        let mut frame = Vec::new();
        message.encode(self.dialect, &mut frame).unwrap();
        match self.mistake {
            Mistake::Lose(which, at) if (which, at) == (word, number) => return,
            Mistake::Double(which, at) if (which, at) == (word, number) => state.send(id, &frame),
            Mistake::Swap(at) if (Word::Update, at) == (word, number) => {
                state.held = Some((id, do_id, frame));
                return;
            }
            _ => (),
        }
        state.send(id, &frame);
        if let Some((_, _, held)) = state.held.take_if(|held| (held.0, held.1) == (id, do_id)) {
            state.send(id, &held);
        }
    }
}

impl State {
    /// A connection that is gone misses what it misses.
    fn send(&mut self, id: usize, frame: &[u8]) {
        self.conns[id].write_all(frame).unwrap_or_default();
    }
}

fn entry<'a>(do_id: u32, object: &Object, has_other: bool, fields: &'a [u8]) -> Entry<'a> {
    let Object { location, dclass, .. } = *object;
    Entry { do_id: DoId(do_id), location, dclass, has_other, fields }
}
