//! A part of the store: the objects of one shard.
//!
//! It knows where the newest version of each object stands, reads it in place, and shows writes at
//! once: what was written is found before it is durable, and [`Part::exposed`] says what a reader's
//! answer has to wait for. It does no I/O: what it wants of the log it leaves in
//! [`Part::take_requests`], and what the log answers it hears in [`Part::hear`].

mod held;
mod image;
mod index;
mod pending;
mod places;
mod sweep;
mod table;

pub(crate) use held::Sealed;
pub(crate) use index::Slot;

use crate::catalog::Catalog;
use crate::ids::{ClassKey, FieldKey, PartId, Place, SegmentId, Ticket};
use crate::object::Object;
use crate::options::Options;
use crate::record::{Kind, Outline, Record, Sheaf, TooBig};
use crate::request::{Append, Purpose, Reply, Request};
use ahash::RandomState;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use hashbrown::HashSet;
use held::{Held, Source};
use index::Index;
use pending::Pending;
use sweep::Sweep;
use wire::ids::DoId;

/// The objects of one shard.
pub struct Part {
    part: PartId,
    parts: usize,
    place: fn(DoId, usize) -> usize,
    catalog: Arc<Catalog>,
    index: Index,
    /// No object above this one was ever here.
    highest: DoId,
    held: Held,
    pending: Pending,
    /// Records that the disk could not give.
    unreadable: HashSet<Place, RandomState>,
    wanted: Vec<Wanted>,
    /// The newest ticket given, and the newest whose fate is known.
    given: Ticket,
    durable: Ticket,
    refusals: u32,
    read_only: Option<Arc<str>>,
    sweep: Option<Sweep>,
}

/// What the part wants of the log.
enum Wanted {
    /// That it appends a record: the next of those that were pushed.
    Append {
        outline: Outline,
        purpose: Purpose,
        epoch: u32,
    },
    Other(Request),
}

/// What is known of an object.
#[derive(Debug)]
pub enum Found<'a> {
    /// There is none with this id.
    Absent,
    /// Its newest version.
    Here(Object<'a>),
    /// It is not in memory: ask for it with [`Part::fetch`] and look again when it was fetched.
    Away(Place),
    /// It cannot be read: its record is damaged.
    Damaged(Place),
}

/// What a reply of the log meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// Nothing that a caller waits for.
    Nothing,
    /// Every write up to this one has its fate; those that were not told to be refused are durable.
    Durable(Ticket),
    /// The disk is full: this write was not carried out, and the object is as it was before it. Its
    /// fate is known, so [`Part::durable`] counts it.
    Refused {
        /// Which write.
        ticket: Ticket,
        /// Of which object.
        do_id: DoId,
    },
    /// The disk failed: the store is read-only from now on. Every write above [`Part::durable`] is
    /// taken back here; after a restart it may be there or not.
    Failed(Arc<str>),
    /// What was asked for with [`Part::fetch`] is in memory, or cannot be read.
    Fetched(Place, Result<(), String>),
    /// The background check found that this object cannot be read.
    Damaged(DoId, Place),
}

/// Why a write is refused at once.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WriteError {
    /// The disk has failed.
    #[error("the store is read-only: {0}")]
    ReadOnly(Arc<str>),
    /// The object's record cannot be read, and is kept as it is until it is repaired.
    #[error("the object's record is damaged ({0})")]
    Damaged(Place),
    /// The values together are too long for a record.
    #[error("the values are too long: {bytes} bytes do not fit into a record")]
    TooBig {
        /// Of the values that were too long.
        bytes: usize,
    },
    /// There is nothing to be deleted.
    #[error("there is no such object")]
    Absent,
}

impl From<TooBig> for WriteError {
    fn from(TooBig(bytes): TooBig) -> WriteError {
        WriteError::TooBig { bytes }
    }
}

impl Part {
    pub(crate) fn new(part: PartId, options: &Options, catalog: Arc<Catalog>) -> Part {
        let [a, b, c, d] = options.hash_seeds;
        let hasher = RandomState::with_seeds(a, b, c, d);
        Part {
            part,
            parts: options.parts,
            place: options.place,
            catalog,
            index: Index::new(hasher.clone()),
            highest: DoId(0),
            held: Held::new(hasher.clone()),
            pending: Pending::new(hasher.clone()),
            unreadable: HashSet::with_hasher(hasher),
            wanted: Vec::new(),
            given: Ticket(0),
            durable: Ticket(0),
            refusals: 0,
            read_only: None,
            sweep: None,
        }
    }

    /// A part without objects, for a committer that is not the log: it brings them with
    /// [`Part::load`], and any place that it names is good as long as no two objects share it.
    pub fn empty(part: PartId, options: &Options, catalog: Arc<Catalog>) -> Part {
        let mut part = Part::new(part, options, catalog);
        part.held.keep_singly();
        part
    }

    /// An object that is durable already, for a committer that is not the log. The fields ascend by
    /// key.
    pub fn load(
        &mut self,
        place: Place,
        do_id: DoId,
        class: ClassKey,
        fields: &[(FieldKey, &[u8])],
    ) -> Result<(), WriteError> {
        let mut sheaf = Sheaf::default();
        let outline = sheaf.object(do_id, class, fields)?;
        self.index.insert(do_id, Slot::new(place, class));
        self.highest = self.highest.max(do_id);
        self.index.join(class, do_id);
        self.held.keep(place, &Record::new(Arc::new(sheaf.bytes), outline));
        Ok(())
    }

    /// Which names the keys stand for.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The newest version of an object; one that is not durable yet counts.
    #[inline]
    pub fn find(&self, do_id: DoId) -> Found<'_> {
        if let Some(version) = self.pending.newest(do_id) {
            return self.pending.read(version).map_or(Found::Absent, Found::Here);
        }
        match self.index.get(do_id) {
            Some(slot) => self.find_at(do_id, slot.place(), false),
            None => Found::Absent,
        }
    }

    /// The same, but a record that is not in memory is waited for: for tools, and for a server that
    /// has not started yet. Never [`Found::Away`].
    pub fn find_waiting(&self, do_id: DoId) -> Found<'_> {
        match self.find(do_id) {
            Found::Away(place) => self.find_at(do_id, place, true),
            found @ (Found::Absent | Found::Here(_) | Found::Damaged(_)) => found,
        }
    }

    /// Which write a reader of this object sees that is not durable yet.
    pub fn exposed(&self, do_id: DoId) -> Option<Ticket> {
        self.pending.newest_ticket(do_id)
    }

    /// Creates an object, or replaces it as a whole. The fields ascend by key.
    pub fn write(
        &mut self,
        do_id: DoId,
        class: ClassKey,
        fields: &[(FieldKey, &[u8])],
    ) -> Result<Ticket, WriteError> {
        let was = self.check_writable(do_id)?;
        let outline = self.pending.open().object(do_id, class, fields)?;
        if was != Some(class) {
            self.index.join(class, do_id);
        }
        Ok(self.ask(outline, Purpose::Write))
    }

    /// Deletes an object.
    pub fn delete(&mut self, do_id: DoId) -> Result<Ticket, WriteError> {
        let class = self.check_writable(do_id)?.ok_or(WriteError::Absent)?;
        let outline = self.pending.open().tombstone(do_id, class);
        Ok(self.ask(outline, Purpose::Delete))
    }

    /// What the part wants of the log, in order. To be taken after every step and every reply.
    pub fn take_requests(&mut self) -> impl Iterator<Item = Request> {
        let records = self.pending.give();
        self.wanted.drain(..).map(move |wanted| match wanted {
            Wanted::Append { outline, purpose, epoch } => {
                let record = Record::new(records.clone(), outline);
                Request::Append(Append { record, purpose, epoch })
            }
            Wanted::Other(request) => request,
        })
    }

    /// Whether [`Part::take_requests`] would give something.
    pub fn has_requests(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// Takes a reply of the log in.
    pub fn hear(&mut self, reply: Reply) -> Heard {
        self.held.shed();
        match reply {
            Reply::Durable(places) => {
                self.index.touch(self.pending.oldest(places.len()));
                places.into_iter().for_each(|place| self.settle(place));
                Heard::Durable(self.durable)
            }
            Reply::Refused => self.refused(),
            Reply::Sealed(segment, bytes) => {
                if let Some(sealed) = Sealed::new(bytes) {
                    self.held.seal(segment, sealed);
                }
                Heard::Nothing
            }
            Reply::Sweep(segment) => {
                self.sweep = Some(Sweep::new(segment));
                Heard::Nothing
            }
            Reply::Removed(segment) => {
                if let Some(sealed) = self.held.remove(segment) {
                    self.want(Request::LetGo(sealed.bytes));
                }
                Heard::Nothing
            }
            Reply::Fetched(place, result) => {
                if result.is_err() {
                    self.unreadable.insert(place);
                }
                if let Some(sweep) = &mut self.sweep {
                    sweep.fetched(place, result.is_ok());
                }
                Heard::Fetched(place, result)
            }
            Reply::Damaged(do_id, place) => {
                self.unreadable.insert(place);
                Heard::Damaged(do_id, place)
            }
            Reply::ReadOnly(why) => self.failed(why),
        }
    }

    /// Every write up to this one has its fate.
    pub fn durable(&self) -> Ticket {
        self.durable
    }

    /// Why the store takes no more writes, if so.
    pub fn read_only(&self) -> Option<&Arc<str>> {
        self.read_only.as_ref()
    }

    /// The objects of a class, ascending. Ids of objects that are gone, or are of another class
    /// now, may be among them: [`Part::find`] tells.
    pub fn objects_of(&self, class: ClassKey) -> &[DoId] {
        self.index.members(class)
    }

    /// All durable objects, in no order that means anything.
    pub fn ids(&self) -> impl Iterator<Item = DoId> {
        self.index.ids()
    }

    /// Asks for a record that was [`Found::Away`].
    pub fn fetch(&mut self, place: Place) {
        self.want(Request::Fetch(place));
    }

    /// How many durable objects there are.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is no durable object.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Which part it is.
    pub fn id(&self) -> PartId {
        self.part
    }

    /// Where the durable version of an object stands.
    pub fn place_of(&self, do_id: DoId) -> Option<Place> {
        self.index.get(do_id).map(Slot::place)
    }

    #[inline]
    fn find_at(&self, do_id: DoId, place: Place, waits: bool) -> Found<'_> {
        if self.is_unreadable(place) {
            return Found::Damaged(place);
        }
        match self.held.source(place) {
            Some(Source::Kept(body)) => {
                Object::read(body).map_or(Found::Damaged(place), Found::Here)
            }
            Some(Source::Sealed(sealed)) if !waits && !sealed.is_resident(place) => {
                Found::Away(place)
            }
            Some(Source::Sealed(sealed)) => match sealed.object(place) {
                Some((_, object)) if object.do_id() == do_id => Found::Here(object),
                Some(_) | None => Found::Damaged(place),
            },
            None => Found::Damaged(place),
        }
    }

    #[inline]
    fn is_unreadable(&self, place: Place) -> bool {
        !self.unreadable.is_empty() && self.unreadable.contains(&place)
    }

    /// The class that the object has, if there is one, if it may be written.
    fn check_writable(&self, do_id: DoId) -> Result<Option<ClassKey>, WriteError> {
        if let Some(why) = &self.read_only {
            return Err(WriteError::ReadOnly(why.clone()));
        }
        assert!(self.is_mine(do_id), "an object is written by the part that it belongs to");
        if do_id > self.highest {
            return Ok(None);
        }
        if let Some(version) = self.pending.newest(do_id) {
            let outline = version.outline;
            return Ok((outline.kind == Kind::Object).then_some(outline.class));
        }
        let Some(slot) = self.index.get(do_id) else { return Ok(None) };
        match self.find_at(do_id, slot.place(), false) {
            Found::Damaged(place) => Err(WriteError::Damaged(place)),
            Found::Absent | Found::Here(_) | Found::Away(_) => Ok(Some(slot.class)),
        }
    }

    fn is_mine(&self, do_id: DoId) -> bool {
        self.parts == 1 || (self.place)(do_id, self.parts) == usize::from(self.part.0)
    }

    fn ask(&mut self, outline: Outline, purpose: Purpose) -> Ticket {
        self.given.0 += 1;
        self.append(Some(self.given), outline, purpose);
        self.given
    }

    fn append(&mut self, ticket: Option<Ticket>, outline: Outline, purpose: Purpose) {
        self.highest = self.highest.max(outline.do_id);
        self.wanted.push(Wanted::Append { outline, purpose, epoch: self.refusals });
        self.pending.push(ticket, outline);
    }

    fn want(&mut self, request: Request) {
        self.wanted.push(Wanted::Other(request));
    }

    /// The oldest version that was asked for is durable.
    fn settle(&mut self, place: Place) {
        let (ticket, record) = self.pending.pop();
        match ticket {
            Some(ticket) => self.durable = ticket,
            None => self.moved(false),
        }
        let (do_id, class) = (record.do_id(), record.class());
        let (was, is_of) = match record.kind() {
            Kind::Object => {
                self.held.keep(place, &record);
                (self.index.insert(do_id, Slot::new(place, class)), Some(class))
            }
            Kind::Tombstone | Kind::Mark => (self.index.remove(do_id), None),
        };
        let Some(was) = was else { return };
        if was.place() != place {
            self.held.release(was.place());
            self.want(Request::Dead(was.place()));
        }
        if is_of != Some(was.class) {
            let pending = &self.pending;
            self.index.leave(was.class, |id| pending.has(id));
        }
    }

    fn refused(&mut self) -> Heard {
        self.refusals += 1;
        let (ticket, record) = self.pending.pop();
        let Some(ticket) = ticket else {
            self.moved(true);
            return Heard::Nothing;
        };
        self.durable = ticket;
        let do_id = record.do_id();
        if self.index.get(do_id).is_none() {
            let pending = &self.pending;
            self.index.leave(record.class(), |id| pending.has(id));
        }
        Heard::Refused { ticket, do_id }
    }

    fn failed(&mut self, why: Arc<str>) -> Heard {
        self.pending.clear();
        self.wanted.clear();
        self.sweep = None;
        self.read_only = Some(why.clone());
        Heard::Failed(why)
    }

    fn moved(&mut self, refused: bool) {
        if let Some(sweep) = &mut self.sweep {
            sweep.moved(refused);
        }
    }

    /// A segment that was there at open.
    pub(crate) fn hold(&mut self, segment: SegmentId, sealed: Sealed) {
        self.held.seal(segment, sealed);
    }

    pub(crate) fn reserve(&mut self, objects: usize) {
        self.index.reserve(objects);
    }

    /// All records have been met.
    pub(crate) fn all_replayed(&mut self) {
        self.index.sort_members();
    }

    /// Brings near where this object stands: it is replayed soon.
    pub(crate) fn touch(&self, do_id: DoId) {
        self.index.touch(core::iter::once(do_id));
    }

    /// A record met at open: the object stands here from now on, or is gone. Returns where it stood.
    pub(crate) fn replay(&mut self, do_id: DoId, slot: Option<Slot>) -> Option<Place> {
        let before = match slot {
            Some(slot) => {
                let before = self.index.insert(do_id, slot);
                self.highest = self.highest.max(do_id);
                if before.map(|before| before.class) != Some(slot.class) {
                    self.index.join_unsorted(slot.class, do_id);
                }
                before
            }
            None => self.index.remove(do_id),
        };
        let before = before?;
        if slot.map(|slot| slot.class) != Some(before.class) {
            self.index.leave(before.class, |_| false);
        }
        Some(before.place())
    }
}
