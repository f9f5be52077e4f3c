//! A small State Server behind a small Message Director, with a thread per connection and one lock
//! around all: creates, updates, moves, deletes, locates, answers zone queries, and can be told to
//! make one mistake.

use dc::{FieldId, Schema};
use loadtest::Dialect;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use wire::datagram::{Datagram, control_message, write_datagram};
use wire::framing::{body, split_frame};
use wire::ids::{Channel, ClassId, DoId, Zone};
use wire::state_server::{Entry, Location, ObjectMessage, ObjectNotice, StateServerMessage, Zones};

/// The State Server's control channel.
pub const CONTROL: Channel = Channel(4002);

/// What the server says to listeners.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Word {
    Enter,
    Update,
    Change,
    Delete,
}

/// The one mistake. Numbers count deliveries of the word to listeners, or requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mistake {
    None,
    Lose(Word, u64),
    Double(Word, u64),
    /// This one comes after the next one of the same object to the same listener.
    Swap(Word, u64),
    /// An ENTERZONE that says another zone.
    WrongZone(u64),
    /// A CHANGE_ZONE that says another new zone.
    WrongTarget(u64),
    /// This update is heard in all zones.
    Astray(u64),
    /// This update is told and not kept.
    Forget(u64),
    /// This update changes a byte of the value.
    Garble(u64),
    /// The sender of this update is the object.
    Disown(u64),
    /// This object is not created.
    Refuse(u64),
    /// This object is told to be deleted and is not.
    Keep(u64),
    /// A zone query answers twice for its first object.
    Repeat,
    /// After so many requests nothing is answered any more.
    Sleep(u64),
    /// At this request the connection is closed.
    Close(u64),
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
    subscribers: BTreeMap<u64, Vec<usize>>,
    objects: BTreeMap<u32, Object>,
    requests: u64,
    updates: u64,
    deletes: u64,
    words: BTreeMap<Word, u64>,
    held: Option<(usize, DoId, Vec<u8>)>,
}

struct Object {
    location: Location,
    dclass: ClassId,
    values: BTreeMap<u16, Vec<u8>>,
}

impl Server {
    /// Starts one that lives as long as the process.
    pub fn start(dialect: Dialect, schema: Arc<Schema>, mistake: Mistake) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let server = Arc::new(Server { dialect, schema, mistake, state: Mutex::default() });
        std::thread::spawn(move || {
            for stream in listener.incoming().map(Result::unwrap) {
                let server = server.clone();
                let id = {
                    let mut state = server.state.lock().unwrap();
                    state.conns.push(stream.try_clone().unwrap());
                    state.conns.len() - 1
                };
                std::thread::spawn(move || server.serve(id, stream));
            }
        });
        addr
    }

    fn serve(&self, id: usize, mut stream: TcpStream) {
        let (mut bytes, mut block) = (Vec::new(), vec![0; 65536]);
        while let Ok(count @ 1..) = stream.read(&mut block) {
            bytes.extend_from_slice(&block[..count]);
            let mut rest = &bytes[..];
            let mut state = self.state.lock().unwrap();
            while let Some((frame, after)) = split_frame(rest) {
                self.route(&mut state, id, frame);
                rest = after;
            }
            bytes = rest.to_vec();
        }
    }

    fn route(&self, state: &mut State, from: usize, frame: &[u8]) {
        if let Some(message) = control_message(body(frame), self.dialect.control_channel()) {
            let channel = u64::from_le_bytes(message[2..10].try_into().unwrap());
            return state.subscribers.entry(channel).or_default().push(from);
        }
        let dg = Datagram::parse(body(frame)).unwrap();
        for channel in dg.recipients() {
            state.carry(&[channel], frame, None, self.mistake);
            let is_object = u32::try_from(channel.0).is_ok();
            if !is_object || !self.is_awake(state, from) {
                continue;
            }
            if channel == CONTROL {
                self.generate(state, &dg);
            } else if state.objects.contains_key(&(channel.0 as u32)) {
                self.object(state, DoId(channel.0 as u32), &dg);
            }
        }
    }

    fn is_awake(&self, state: &mut State, from: usize) -> bool {
        let number = state.requests;
        state.requests += 1;
        if self.mistake == Mistake::Close(number) {
            state.conns[from].shutdown(Shutdown::Both).unwrap();
        }
        !matches!(self.mistake, Mistake::Sleep(at) if number >= at)
    }

    fn generate(&self, state: &mut State, dg: &Datagram<'_>) {
        let message = StateServerMessage::decode(self.dialect, dg.msgtype(), dg.payload());
        let Ok(StateServerMessage::Generate(entry)) = message else { panic!("{message:?}") };
        let Entry { do_id, location, dclass, has_other, fields } = entry;
        if state.objects.contains_key(&do_id.0) || self.mistake == Mistake::Refuse(do_id.0.into()) {
            return;
        }
        let class = self.schema.class_by_number(dclass.0).unwrap();
        let mut values = BTreeMap::new();
        let mut rest = fields;
        for field in &class.required {
            values.insert(field.0, self.value(*field, &mut rest));
        }
        if has_other {
            rest = &rest[2..];
        }
        while let Some((number, after)) = rest.split_first_chunk() {
            rest = after;
            let number = u16::from_le_bytes(*number);
            values.insert(number, self.value(FieldId(number), &mut rest));
        }
        state.objects.insert(do_id.0, Object { location, dclass, values });
        self.enter(state, do_id);
    }

    /// A value of the field that `bytes` begin with.
    fn value(&self, field: FieldId, bytes: &mut &[u8]) -> Vec<u8> {
        let whole = *bytes;
        self.schema.check_prefix(field, bytes).unwrap();
        whole[..whole.len() - bytes.len()].to_vec()
    }

    fn enter(&self, state: &mut State, do_id: DoId) {
        let location = state.objects[&do_id.0].location;
        let Some(channel) = location.channel() else { return };
        let number = state.words.get(&Word::Enter).copied().unwrap_or_default();
        let mut shown = location;
        if matches!(self.mistake, Mistake::WrongZone(at) if at == number) {
            shown.zone.0 += 1;
        }
        let (fields, has_other) = self.fields(&state.objects[&do_id.0]);
        let dclass = state.objects[&do_id.0].dclass;
        let entry = Entry { do_id, location: shown, dclass, has_other, fields: &fields };
        self.say(state, &[channel], Channel::object(do_id), &ObjectNotice::EnterZone(entry));
    }

    fn fields(&self, object: &Object) -> (Vec<u8>, bool) {
        let class = self.schema.class_by_number(object.dclass.0).unwrap();
        let [broadcast, clrecv] = ["broadcast", "clrecv"].map(|k| self.schema.keyword(k).unwrap());
        let is_visible = |number: u16| {
            let keywords = self.schema.field(FieldId(number)).keywords;
            self.dialect == Dialect::OpenOtp
                || keywords.contain(broadcast)
                || keywords.contain(clrecv)
        };
        let is_required = |number: u16| class.required.contains(&FieldId(number));
        let required = class.required.iter().map(|field| field.0).filter(|f| is_visible(*f));
        let mut fields: Vec<u8> =
            required.flat_map(|field| object.values[&field].clone()).collect();
        let has_other = object.values.keys().any(|field| !is_required(*field));
        if has_other {
            let others = object.values.iter().filter(|(f, _)| !is_required(**f) && is_visible(**f));
            fields.extend((others.clone().count() as u16).to_le_bytes());
            for (field, value) in others {
                fields.extend(field.to_le_bytes());
                fields.extend(value);
            }
        }
        (fields, has_other)
    }

    fn object(&self, state: &mut State, do_id: DoId, dg: &Datagram<'_>) {
        let asker = dg.sender();
        let announcer = match self.dialect {
            Dialect::OpenOtp => Channel::object(do_id),
            Dialect::Astron => asker,
        };
        let location = state.objects[&do_id.0].location;
        match ObjectMessage::decode(self.dialect, dg.msgtype(), dg.payload()).unwrap() {
            ObjectMessage::UpdateField { do_id, field, value } => {
                self.update(state, do_id, field, value, asker);
            }
            ObjectMessage::SetZone { location: new } => {
                let mut shown = new;
                let number = state.words.get(&Word::Change).copied().unwrap_or_default();
                shown.zone.0 += u32::from(self.mistake == Mistake::WrongTarget(number));
                let change = ObjectNotice::ChangeZone { do_id, new: shown, old: location };
                let old = location.channel();
                self.say(state, old.as_slice(), announcer, &change);
                state.objects.get_mut(&do_id.0).unwrap().location = new;
                self.enter(state, do_id);
            }
            ObjectMessage::DeleteRam { do_id } => {
                let gone = ObjectNotice::DeleteRam { do_id };
                self.say(state, location.channel().as_slice(), announcer, &gone);
                state.deletes += 1;
                if self.mistake != Mistake::Keep(state.deletes) {
                    state.objects.remove(&do_id.0);
                }
            }
            ObjectMessage::Locate { context } => {
                let answer = ObjectNotice::LocateResp { context, do_id, location };
                self.say(state, &[asker], Channel::object(do_id), &answer);
            }
            ObjectMessage::QueryZones { context, parent, zones } => {
                let zones: BTreeSet<Zone> = zones.iter().collect();
                self.query(state, context, parent, &zones, asker);
            }
            other => panic!("{other:?}"),
        }
    }

    fn update(
        &self,
        state: &mut State,
        do_id: DoId,
        field: wire::ids::FieldId,
        value: &[u8],
        asker: Channel,
    ) {
        self.schema.check(FieldId(field.0), value).unwrap();
        let number = state.updates;
        state.updates += 1;
        let object = state.objects.get_mut(&do_id.0).unwrap();
        if self.mistake != Mistake::Forget(number) {
            object.values.insert(field.0, value.to_vec());
        }
        let mut to: Vec<Channel> = object.location.channel().into_iter().collect();
        if self.mistake == Mistake::Astray(number) {
            to =
                (1..=4).map(|zone| Channel::location(object.location.parent, Zone(zone))).collect();
        }
        let mut value = value.to_vec();
        if self.mistake == Mistake::Garble(number) {
            *value.last_mut().unwrap() = b'!';
        }
        let is_disowned = self.mistake == Mistake::Disown(number);
        let sender = if is_disowned { Channel::object(do_id) } else { asker };
        self.say(state, &to, sender, &ObjectNotice::UpdateField { do_id, field, value: &value });
    }

    fn query(
        &self,
        state: &mut State,
        context: u32,
        parent: DoId,
        zones: &BTreeSet<Zone>,
        asker: Channel,
    ) {
        let is_asked = |object: &Object| {
            object.location.parent == parent && zones.contains(&object.location.zone)
        };
        let mut found: Vec<u32> = state
            .objects
            .iter()
            .filter(|(_, object)| is_asked(object))
            .map(|(do_id, _)| *do_id)
            .collect();
        let count = found.len() as u32;
        if self.mistake == Mistake::Repeat {
            found.insert(1, found[0]);
        }
        if self.dialect == Dialect::Astron {
            let notice = ObjectNotice::CountZonesResp { context, count };
            self.say(state, &[asker], Channel::object(parent), &notice);
        }
        for do_id in found {
            let object = &state.objects[&do_id];
            let (fields, has_other) = self.fields(object);
            let (location, dclass) = (object.location, object.dclass);
            let entry = Entry { do_id: DoId(do_id), location, dclass, has_other, fields: &fields };
            let notice = match self.dialect {
                Dialect::OpenOtp => ObjectNotice::EnterZone(entry),
                Dialect::Astron => ObjectNotice::EnterInterest { context, entry },
            };
            self.say(state, &[asker], Channel(do_id.into()), &notice);
        }
        if self.dialect == Dialect::OpenOtp {
            let bytes: Vec<u8> = zones.iter().flat_map(|zone| zone.0.to_le_bytes()).collect();
            let notice = ObjectNotice::QueryZoneDone { parent, zones: Zones::of(&bytes) };
            self.say(state, &[asker], Channel::object(parent), &notice);
        }
    }

    fn say(&self, state: &mut State, to: &[Channel], sender: Channel, notice: &ObjectNotice<'_>) {
        let mut frame = Vec::new();
        let msgtype = notice.msgtype(self.dialect).unwrap();
        let payload = |out: &mut Vec<u8>| notice.write(self.dialect, out);
        write_datagram(&mut frame, to, sender, msgtype, payload).unwrap();
        let is_to_location = to.iter().all(|channel| channel.0 >> 32 != 0 && channel.0 as u32 <= 4);
        let word = match notice {
            ObjectNotice::EnterZone(entry) => Some((Word::Enter, entry.do_id)),
            ObjectNotice::UpdateField { do_id, .. } => Some((Word::Update, *do_id)),
            ObjectNotice::ChangeZone { do_id, .. } => Some((Word::Change, *do_id)),
            ObjectNotice::DeleteRam { do_id } => Some((Word::Delete, *do_id)),
            _ => None,
        };
        state.carry(to, &frame, word.filter(|_| is_to_location), self.mistake);
    }
}

impl State {
    fn carry(
        &mut self,
        to: &[Channel],
        frame: &[u8],
        word: Option<(Word, DoId)>,
        mistake: Mistake,
    ) {
        let heard = |channel: &Channel| self.subscribers.get(&channel.0);
        let conns: BTreeSet<usize> = to.iter().filter_map(heard).flatten().copied().collect();
        for conn in conns {
            match word {
                Some((word, do_id)) => self.deliver(conn, frame, word, do_id, mistake),
                None => self.write(conn, frame),
            }
        }
    }

    fn deliver(&mut self, conn: usize, frame: &[u8], word: Word, do_id: DoId, mistake: Mistake) {
        let count = self.words.entry(word).or_default();
        let number = *count;
        *count += 1;
        if mistake == Mistake::Lose(word, number) {
            return;
        }
        if mistake == Mistake::Swap(word, number) {
            self.held = Some((conn, do_id, frame.to_vec()));
            return;
        }
        if mistake == Mistake::Double(word, number) {
            self.write(conn, frame);
        }
        self.write(conn, frame);
        if let Some((_, _, held)) = self.held.take_if(|held| (held.0, held.1) == (conn, do_id)) {
            self.write(conn, &held);
        }
    }

    /// A connection that is gone misses what it misses.
    fn write(&mut self, conn: usize, frame: &[u8]) {
        self.conns[conn].write_all(frame).unwrap_or_default();
    }
}
