//! A small Database behind a small Message Director, with a thread per connection and one lock
//! around all: creates, updates, reads, looks for, deletes, announces, and can be told to make one
//! mistake.

use dc::{FieldId, FieldKind, Schema};
use loadtest::Dialect;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use wire::database::{DatabaseMessage, DatabaseNotice, DoIds, Outcome, StoredObject};
use wire::datagram::{Datagram, control_message, write_datagram};
use wire::dialect::BAD_DO_ID;
use wire::framing::{body, split_frame};
use wire::ids::{self, Channel, ClassId, DoId};
use wire::state_server::ObjectNotice;

/// The Database's control channel.
pub const CONTROL: Channel = Channel(4003);

/// The kinds of requests.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Request {
    Create,
    Update,
    Compare,
    Select,
    SelectAll,
    Query,
    Delete,
}

/// The one mistake. Numbers count requests of the kind, from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mistake {
    None,
    /// It is done and not answered.
    Lose(Request, u64),
    /// It is answered twice.
    Double(Request, u64),
    /// It is not done, and answered as if it were.
    Forget(Request, u64),
    /// The last byte of what is answered is another one.
    Garble(Request, u64),
    /// The answer comes from the object.
    Disown(Request, u64),
    /// The object is not created.
    Refuse(u64),
    /// It gets the id of the one before.
    SameId(u64),
    /// The condition is not looked at.
    Careless,
    /// Nothing is found.
    Blind(u64),
    /// What does not match is found.
    Generous(u64),
    /// The class is another one.
    WrongClass(u64),
    /// An announcement is not made.
    Silent(u64),
    /// An announcement is made twice.
    Echo(u64),
    /// An announcement says something else.
    Misquote(u64),
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
    subscribers: Vec<(Channel, Channel, usize)>,
    objects: BTreeMap<u32, Object>,
    created: u32,
    requests: u64,
    announcements: u64,
    counts: BTreeMap<Request, u64>,
}

struct Object {
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
            let channel =
                |at: usize| Channel(u64::from_le_bytes(message[at..at + 8].try_into().unwrap()));
            let last = if message.len() == 18 { channel(10) } else { channel(2) };
            return state.subscribers.push((channel(2), last, from));
        }
        let dg = Datagram::parse(body(frame)).unwrap();
        for channel in dg.recipients() {
            if channel != CONTROL {
                state.carry(channel, frame);
            } else if self.is_awake(state, from) {
                self.database(state, &dg);
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

    fn database(&self, state: &mut State, dg: &Datagram<'_>) {
        let asker = dg.sender();
        match DatabaseMessage::decode(self.dialect, dg.msgtype(), dg.payload()).unwrap() {
            DatabaseMessage::Create { context, dclass, fields, .. } => {
                let number = state.count(Request::Create);
                let do_id = self.create(state, number, dclass, fields);
                let answer = DatabaseNotice::CreateResp { context, do_id };
                self.answer(state, (Request::Create, number), asker, &answer);
            }
            DatabaseMessage::Update { do_id, fields, .. } => {
                let (field, value) = fields.split_first_chunk().unwrap();
                self.update(state, do_id, u16::from_le_bytes(*field), value, asker);
            }
            DatabaseMessage::UpdateField { do_id, field, value } => {
                self.update(state, do_id, field.0, value, asker);
            }
            DatabaseMessage::UpdateIfEquals { context, do_id, conditions, .. } => {
                let (field, values) = conditions.split_first_chunk().unwrap();
                let field = u16::from_le_bytes(*field);
                let (number, outcome) = self.compare(state, do_id, field, values, asker);
                let outcome = match &outcome {
                    None => Outcome::Done,
                    Some(value) => Outcome::Differs((0, &value[..])),
                };
                let answer = DatabaseNotice::UpdateIfEqualsResp { context, outcome };
                self.answer(state, (Request::Compare, number), asker, &answer);
            }
            DatabaseMessage::UpdateFieldIfEquals { context, do_id, field, old_and_new } => {
                let (number, outcome) = self.compare(state, do_id, field.0, old_and_new, asker);
                let outcome = match &outcome {
                    None => Outcome::Done,
                    Some(value) => Outcome::Differs((field, &value[..])),
                };
                let answer = DatabaseNotice::UpdateFieldIfEqualsResp { context, outcome };
                self.answer(state, (Request::Compare, number), asker, &answer);
            }
            DatabaseMessage::Select { context, do_id, fields } => {
                let value = state.value(do_id, fields.iter().next().unwrap().0);
                let fields = value.as_deref().map(|value| (0, value));
                let number = state.count(Request::Select);
                let answer = DatabaseNotice::SelectResp { context, fields };
                self.answer(state, (Request::Select, number), asker, &answer);
            }
            DatabaseMessage::SelectField { context, do_id, field } => {
                let value = state.value(do_id, field.0);
                let value = value.as_deref().map(|value| (field, value));
                let number = state.count(Request::Select);
                let answer = DatabaseNotice::SelectFieldResp { context, value };
                self.answer(state, (Request::Select, number), asker, &answer);
            }
            DatabaseMessage::SelectAll { context, do_id } => {
                self.select_all(state, context, do_id, asker);
            }
            DatabaseMessage::SelectQuery { context, comparisons, .. } => {
                self.query(state, context, comparisons, asker);
            }
            DatabaseMessage::Delete { do_id, .. } => {
                let number = state.count(Request::Delete);
                if self.mistake != Mistake::Forget(Request::Delete, number) {
                    state.objects.remove(&do_id.0);
                }
                self.announce(state, do_id, None, asker);
            }
            other => panic!("{other:?}"),
        }
    }

    fn create(&self, state: &mut State, number: u64, dclass: ClassId, fields: &[u8]) -> DoId {
        if self.mistake == Mistake::Refuse(number) {
            return BAD_DO_ID;
        }
        let mut values = BTreeMap::new();
        let mut rest = fields;
        while let Some((field, after)) = rest.split_first_chunk() {
            rest = after;
            let field = u16::from_le_bytes(*field);
            let whole = rest;
            self.schema.check_prefix(FieldId(field), &mut rest).unwrap();
            values.insert(field, whole[..whole.len() - rest.len()].to_vec());
        }
        let class = self.schema.class_by_number(dclass.0).unwrap();
        let db = self.schema.keyword("db").unwrap();
        for field in class.fields.iter().map(|id| self.schema.field(*id)) {
            let is_atomic = !matches!(field.kind, FieldKind::Molecular(_));
            let is_set = self.dialect == Dialect::Astron && field.has_default && is_atomic;
            if is_set && field.keywords.contain(db) {
                values.entry(field.number).or_insert_with(|| field.default.to_vec());
            }
        }
        let is_same = self.mistake == Mistake::SameId(number);
        state.created += u32::from(!is_same);
        let do_id = 100_000_000 + state.created;
        if self.mistake != Mistake::Forget(Request::Create, number) && !is_same {
            state.objects.insert(do_id, Object { dclass, values });
        }
        DoId(do_id)
    }

    fn update(&self, state: &mut State, do_id: DoId, field: u16, value: &[u8], asker: Channel) {
        self.schema.check(FieldId(field), value).unwrap();
        let number = state.count(Request::Update);
        if self.mistake != Mistake::Forget(Request::Update, number) {
            state.objects.get_mut(&do_id.0).unwrap().values.insert(field, value.to_vec());
        }
        self.announce(state, do_id, Some((field, value)), asker);
    }

    /// None: it was done; otherwise the present value.
    fn compare(
        &self,
        state: &mut State,
        do_id: DoId,
        field: u16,
        values: &[u8],
        asker: Channel,
    ) -> (u64, Option<Vec<u8>>) {
        let number = state.count(Request::Compare);
        let mut new = values;
        self.schema.check_prefix(FieldId(field), &mut new).unwrap();
        let old = &values[..values.len() - new.len()];
        let present = state.objects.get_mut(&do_id.0).unwrap().values.get_mut(&field).unwrap();
        if present != old && self.mistake != Mistake::Careless {
            return (number, Some(present.clone()));
        }
        if self.mistake != Mistake::Forget(Request::Compare, number) {
            *present = new.to_vec();
        }
        self.announce(state, do_id, Some((field, new)), asker);
        (number, None)
    }

    fn select_all(&self, state: &mut State, context: u32, do_id: DoId, asker: Channel) {
        let number = state.count(Request::SelectAll);
        let fields = state.objects.get(&do_id.0).map(|object| self.fields(object));
        let object = fields.as_ref().map(|fields| StoredObject {
            dclass: ClassId(
                state.objects[&do_id.0].dclass.0
                    + u16::from(self.mistake == Mistake::WrongClass(number)),
            ),
            fields,
        });
        let answer = DatabaseNotice::SelectAllResp { context, object };
        self.answer(state, (Request::SelectAll, number), asker, &answer);
    }

    fn fields(&self, object: &Object) -> Vec<u8> {
        let class = self.schema.class_by_number(object.dclass.0).unwrap();
        let (mut out, mut others) = (Vec::new(), object.values.clone());
        if self.dialect == Dialect::OpenOtp {
            for field in class.required.iter().map(|id| self.schema.field(*id)) {
                let stored = others.remove(&field.number);
                out.extend(stored.unwrap_or(field.default.to_vec()));
            }
        }
        out.extend((others.len() as u16).to_le_bytes());
        for (field, value) in others {
            out.extend(field.to_le_bytes());
            out.extend(value);
        }
        out
    }

    fn query(&self, state: &mut State, context: u32, comparisons: &[u8], asker: Channel) {
        let number = state.count(Request::Query);
        let field = u16::from_le_bytes([comparisons[1], comparisons[2]]);
        let matches = |object: &Object| object.values[&field] == comparisons[3..];
        let found = state.objects.iter().filter(|(_, object)| matches(object));
        let mut found: Vec<[u8; 4]> = found.map(|(do_id, _)| do_id.to_le_bytes()).collect();
        if self.mistake == Mistake::Blind(number) {
            found.clear();
        }
        if self.mistake == Mistake::Generous(number) {
            found.push(state.objects.keys().next().unwrap().to_le_bytes());
        }
        let answer = DatabaseNotice::SelectQueryResp { context, do_ids: DoIds(&found) };
        self.answer(state, (Request::Query, number), asker, &answer);
    }

    fn answer(
        &self,
        state: &mut State,
        (request, number): (Request, u64),
        to: Channel,
        notice: &DatabaseNotice<'_>,
    ) {
        let mut payload = Vec::new();
        notice.write(self.dialect, &mut payload);
        if self.mistake == Mistake::Garble(request, number) {
            *payload.last_mut().unwrap() ^= 1;
        }
        let is_disowned = self.mistake == Mistake::Disown(request, number);
        let sender = if is_disowned { Channel(100_000_001) } else { CONTROL };
        let mut frame = Vec::new();
        let msgtype = notice.msgtype(self.dialect).unwrap();
        write_datagram(&mut frame, &[to], sender, msgtype, |out| out.extend(&payload)).unwrap();
        if self.mistake != Mistake::Lose(request, number) {
            state.carry(to, &frame);
        }
        if self.mistake == Mistake::Double(request, number) {
            state.carry(to, &frame);
        }
    }

    /// Says that an object has a new value, or is gone.
    fn announce(
        &self,
        state: &mut State,
        do_id: DoId,
        update: Option<(u16, &[u8])>,
        asker: Channel,
    ) {
        let number = state.announcements;
        state.announcements += 1;
        let mut frame = Vec::new();
        let mut payload = Vec::new();
        let field = ids::FieldId(update.map_or(0, |(field, _)| field));
        let (to, sender, msgtype) = match self.dialect {
            Dialect::OpenOtp => {
                let notice = match update {
                    Some((_, value)) => ObjectNotice::UpdateField { do_id, field, value },
                    None => ObjectNotice::DeleteRam { do_id },
                };
                notice.write(self.dialect, &mut payload);
                (Channel::object(do_id), CONTROL, notice.msgtype(self.dialect))
            }
            Dialect::Astron => {
                let notice = match update {
                    Some((_, value)) => DatabaseNotice::UpdateField { do_id, field, value },
                    None => DatabaseNotice::Delete { do_id },
                };
                notice.write(self.dialect, &mut payload);
                let to = Channel(2 << 32 | u64::from(do_id.0));
                (to, asker, notice.msgtype(self.dialect))
            }
        };
        if self.mistake == Mistake::Misquote(number) {
            *payload.last_mut().unwrap() ^= 1;
        }
        let payload = |out: &mut Vec<u8>| out.extend(&payload);
        write_datagram(&mut frame, &[to], sender, msgtype.unwrap(), payload).unwrap();
        if self.mistake != Mistake::Silent(number) {
            state.carry(to, &frame);
        }
        if self.mistake == Mistake::Echo(number) {
            state.carry(to, &frame);
        }
    }
}

impl State {
    /// The number of a request among those of its kind.
    fn count(&mut self, request: Request) -> u64 {
        let count = self.counts.entry(request).or_default();
        *count += 1;
        *count - 1
    }

    fn value(&self, do_id: DoId, field: u16) -> Option<Vec<u8>> {
        self.objects.get(&do_id.0).map(|object| object.values[&field].clone())
    }

    /// A connection that is gone misses what it misses.
    fn carry(&mut self, to: Channel, frame: &[u8]) {
        let heard =
            self.subscribers.iter().filter(|(first, last, _)| (first..=last).contains(&&to));
        let conns: BTreeSet<usize> = heard.map(|(_, _, conn)| *conn).collect();
        for conn in conns {
            self.conns[conn].write_all(frame).unwrap_or_default();
        }
    }
}
