//! How a stored object becomes active: the database is asked for all of it, what is sent to it
//! meanwhile waits, and is done in order once it is there. From then on nothing tells it from other
//! objects.
//!
//! * In the seed whatever needs an object loads it, nowhere. If there is none the queries that
//!   waited are answered as failed ones.
//! * In `astron` it is activated by a message, which says where it is and may give it other values
//!   than the stored ones. If that fails, what waited is dealt with as for one that is not active.

use crate::classes::{ClassPlan, Classes};
use crate::fields::{FIELDS_BYTES_MAX, checked, read_other};
use crate::questions::What;
use crate::refusal::Refusal;
use crate::voice::To;
use crate::{Mail, StateServer, is_request, refuse};
use alloc::borrow::Cow;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use runtime::Outbox;
use wire::database::{DatabaseMessage, StoredObject};
use wire::dialect::Dialect;
use wire::ids::{Channel, ClassId, DoId, FieldId, MsgType};
use wire::reader::Reader;
use wire::state_server::{Entry, Location, ObjectMessage, ObjectNotice};

/// How an object is to become active.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Where.
    pub location: Location,
    /// Which class it is to have, and an OTHER block of values instead of the stored ones.
    pub instead: Option<(ClassId, Vec<u8>)>,
}

impl Wanted {
    fn len(&self) -> usize {
        self.instead.as_ref().map_or(0, |(_, other)| other.len())
    }
}

/// A message that waits for an object.
pub struct Waiting {
    sender: Channel,
    msgtype: MsgType,
    /// Its payload.
    pub payload: Vec<u8>,
    own: bool,
    local: bool,
}

impl Waiting {
    fn of(mail: &Mail<'_>) -> Waiting {
        let Mail { sender, msgtype, payload, own, local, to: _ } = *mail;
        Waiting { sender, msgtype, payload: payload.into(), own, local }
    }

    /// The message.
    pub fn mail(&self) -> Mail<'_> {
        let Waiting { sender, msgtype, own, local, .. } = *self;
        Mail { sender, msgtype, payload: &self.payload, own, local, to: &[] }
    }

    fn len(&self) -> usize {
        self.payload.len() + size_of::<Waiting>()
    }
}

struct Load {
    /// The question whose answer it waits for.
    context: u32,
    wanted: Wanted,
    /// Who wants it.
    asker: Channel,
    waiting: VecDeque<Waiting>,
}

impl Load {
    /// Bytes that it keeps.
    fn len(&self) -> usize {
        self.wanted.len() + self.waiting.iter().map(Waiting::len).sum::<usize>()
    }
}

/// The objects that are being loaded.
#[derive(Default)]
pub struct Loads {
    by_id: BTreeMap<DoId, Load>,
    /// Of all that waits, and of values instead of the stored ones.
    bytes: usize,
}

impl Loads {
    /// Whether this object is being loaded.
    pub fn has(&self, do_id: DoId) -> bool {
        self.by_id.contains_key(&do_id)
    }

    /// Whether this object waits for the answer to this question.
    pub fn waits_for(&self, do_id: DoId, context: u32) -> bool {
        self.by_id.get(&do_id).is_some_and(|load| load.context == context)
    }

    fn remove(&mut self, do_id: DoId) -> Option<Load> {
        let load = self.by_id.remove(&do_id)?;
        self.bytes -= load.len();
        Some(load)
    }
}

impl StateServer {
    /// Begins to load an object. Whether it is on its way.
    pub(crate) fn load(
        &mut self,
        do_id: DoId,
        wanted: Wanted,
        asker: Channel,
        out: &mut Outbox,
    ) -> bool {
        if !self.has_room(wanted.len(), do_id, asker, out) {
            return false;
        }
        let context = match self.dbss.fresh.get(&do_id) {
            Some(&context) => context,
            None => {
                let message = |context| DatabaseMessage::SelectAll { context, do_id };
                match self.ask_database(do_id, What::All(None), message, asker, out) {
                    Some(context) => context,
                    None => return false,
                }
            }
        };
        let load = Load { context, wanted, asker, waiting: VecDeque::new() };
        self.dbss.loads.bytes += load.len();
        self.dbss.loads.by_id.insert(do_id, load);
        out.counts.objects_loading += 1;
        true
    }

    /// Keeps a message until its object has been loaded.
    pub(crate) fn wait_for_load(&mut self, do_id: DoId, mail: &Mail<'_>, out: &mut Outbox) {
        let letter = Waiting::of(mail);
        if !self.has_room(letter.len(), do_id, mail.sender, out) {
            return;
        }
        let loads = &mut self.dbss.loads;
        if let Some(load) = loads.by_id.get_mut(&do_id) {
            loads.bytes += letter.len();
            load.waiting.push_back(letter);
        }
    }

    fn has_room(&self, bytes: usize, do_id: DoId, sender: Channel, out: &mut Outbox) -> bool {
        let max = self.limits.waiting_bytes_max;
        let has_room = self.dbss.loads.bytes + bytes <= max;
        if !has_room {
            let full = Refusal::Full { what: "bytes that wait for objects", max };
            refuse(full, "message to an object that is loaded", do_id, sender, out);
        }
        has_room
    }

    /// The database has sent all of an object, or has none, or does not answer.
    pub(crate) fn loaded(
        &mut self,
        do_id: DoId,
        object: Option<StoredObject<'_>>,
        out: &mut Outbox,
    ) {
        let Some(load) = self.dbss.loads.remove(do_id) else { return };
        let Load { wanted, asker, waiting, .. } = load;
        out.counts.objects_loading -= 1;
        let fields = object.map(|object| {
            (object.dclass, entry_fields(&self.classes, &object, wanted.instead, out.dialect()))
        });
        match fields {
            Some((dclass, Ok(fields))) => {
                let (location, fields) = (wanted.location, &fields[..]);
                let entry = Entry { do_id, location, dclass, has_other: true, fields };
                self.create(&entry, self.dbss.database, out);
            }
            Some((_, Err(refusal))) => refuse(refusal, "activation", do_id, asker, out),
            None if out.dialect() == Dialect::Astron => {
                refuse(Refusal::NoObject, "activation", do_id, asker, out);
            }
            // Each message that waits is refused below.
            None => (),
        }
        // A move of parents may be looked at first.
        let is_there = self.objects.find(do_id).is_some() || self.stall.is_some();
        out.counts.objects_loaded += u64::from(is_there);
        match out.dialect() {
            Dialect::OpenOtp if !is_there => self.disappoint(do_id, waiting, out),
            Dialect::OpenOtp | Dialect::Astron => self.go_on_with(do_id, waiting, out),
        }
    }

    /// Does what has waited for an object.
    fn go_on_with(&mut self, do_id: DoId, mut waiting: VecDeque<Waiting>, out: &mut Outbox) {
        while !self.must_wait(out)
            && let Some(letter) = waiting.pop_front()
        {
            self.object_mail(do_id, &letter.mail(), out);
        }
        if !waiting.is_empty() {
            self.put_off(do_id, waiting, out);
        }
    }

    /// The seed: the queries that have waited for an object that there is not have failed.
    fn disappoint(&mut self, do_id: DoId, waiting: VecDeque<Waiting>, out: &mut Outbox) {
        self.foreign.forget_parent(do_id);
        for letter in waiting {
            let mail = letter.mail();
            let message = ObjectMessage::decode(out.dialect(), mail.msgtype, mail.payload);
            let message = message.expect("what waits has been read once");
            if let ObjectMessage::DeleteDisk { .. } = message {
                self.delete_disk(None, do_id, &mail, out);
            }
            if let ObjectMessage::QueryField { context, field, .. } = message {
                let failed = ObjectNotice::QueryFieldResp { context, do_id, field, value: None };
                self.send(&To::one(mail.sender), Channel::object(do_id), &failed, out);
            }
            if let ObjectMessage::QueryFields { context, .. } = message {
                let failed = ObjectNotice::QueryFieldsResp { context, do_id, fields: None };
                self.send(&To::one(mail.sender), Channel::object(do_id), &failed, out);
            }
            if is_request(&message) {
                refuse(Refusal::NoObject, message.name(), do_id, mail.sender, out);
            }
        }
    }

    /// Whether an OTHER block is one of a class.
    pub(crate) fn check_other(&self, dclass: ClassId, other: &[u8]) -> Result<(), Refusal> {
        let class = self.classes.get(dclass).ok_or(Refusal::UnknownClass(dclass))?;
        if other.len() > FIELDS_BYTES_MAX {
            return Err(Refusal::TooBig(other.len()));
        }
        // What follows an unknown field is not looked at, as in a GENERATE.
        read_other(&self.classes, class, other).map(|_| ())
    }
}

/// The fields of a stored object as it brings them along: `required OTHER`.
pub fn entry_fields<'a>(
    classes: &Classes,
    object: &StoredObject<'a>,
    instead: Option<(ClassId, Vec<u8>)>,
    dialect: Dialect,
) -> Result<Cow<'a, [u8]>, Refusal> {
    let StoredObject { dclass, fields } = *object;
    if dialect == Dialect::OpenOtp {
        return Ok(Cow::Borrowed(fields));
    }
    let class = classes.get(dclass).ok_or(Refusal::UnknownClass(dclass))?;
    let other = match instead {
        Some((wanted, _)) if wanted != dclass => return Err(Refusal::OtherClass(dclass)),
        Some((_, other)) => other,
        None => [0; 2].to_vec(),
    };
    let mut stored = stored_values(classes, class, fields)?;
    let mut whole = Vec::with_capacity(fields.len() + other.len());
    for plan in &class.required {
        let default = || &*classes.schema.field(plan.id).default;
        whole.extend_from_slice(stored.remove(&plan.number).unwrap_or_else(default));
    }
    let (count, values) = other.split_first_chunk::<2>().ok_or(Refusal::Truncated)?;
    let count = usize::from(u16::from_le_bytes(*count)) + stored.len();
    let count = u16::try_from(count).map_err(|_| Refusal::TooBig(fields.len() + other.len()))?;
    whole.extend_from_slice(&count.to_le_bytes());
    for (number, value) in stored {
        whole.extend_from_slice(&number.0.to_le_bytes());
        whole.extend_from_slice(value);
    }
    // Of a field that is there twice the last value counts.
    whole.extend_from_slice(values);
    Ok(Cow::Owned(whole))
}

/// What the database has of an object: a count, then so many fields.
fn stored_values<'a>(
    classes: &Classes,
    class: &ClassPlan,
    fields: &'a [u8],
) -> Result<BTreeMap<FieldId, &'a [u8]>, Refusal> {
    let mut reader = Reader::new(fields);
    let count = reader.u16().map_err(|_| Refusal::Truncated)?;
    let (mut values, mut rest) = (BTreeMap::new(), reader.rest());
    for _ in 0..count {
        let (number, behind) = rest.split_first_chunk::<2>().ok_or(Refusal::Truncated)?;
        let number = FieldId(u16::from_le_bytes(*number));
        let plan = class.field(number).ok_or(Refusal::UnknownField(number))?;
        rest = behind;
        values.insert(number, checked(&classes.schema, plan, &mut rest)?);
    }
    if rest.is_empty() { Ok(values) } else { Err(Refusal::Excess(rest.len())) }
}
