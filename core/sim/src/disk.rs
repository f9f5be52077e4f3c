//! A disk that forgets, fails and fills up: what is below a store in a simulated world.
//!
//! What was written and what is durable are kept apart. [`FaultyDisk::crash`] keeps, of every sector
//! that was written and not synced, any of the states that it had; [`FaultyDisk::kill`] only ends the
//! process, so that what was written stays to be read though a later crash may lose it. Faults strike
//! at a numbered call. Every promise of [`Disk`] is kept to the letter and nothing is given beyond
//! it. It is a fault of the store, and a panic here, if a segment is changed once it was mapped.

mod file;
mod lies;

use crate::chance::Chance;
use file::{Change, Drawn, File};
pub use lies::Lie;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::{Disk, DiskError, SegmentBytes, SegmentId};

/// What a disk is like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kind {
    /// What is written as a whole or not at all.
    pub sector_bytes: u32,
    /// How much it takes, if that is limited.
    pub bytes_max: Option<u64>,
    /// One in so many records of a mapped segment is not in memory when it is asked for; 0: all are.
    pub cold_one_in: u64,
    /// Something broken on purpose.
    pub lie: Lie,
}

impl Default for Kind {
    fn default() -> Kind {
        Kind { sector_bytes: 512, bytes_max: None, cold_one_in: 0, lie: Lie::None }
    }
}

/// What strikes at a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The power goes: before the call, while it is carried out, or when it is done. Its caller and
    /// all later ones hear an error; the disk waits for [`FaultyDisk::crash`].
    Cut(Moment),
    /// The call fails. How much of it was carried out is not known.
    Failed,
    /// There is no space for it, if it is one that takes space.
    Full,
}

/// When the power goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// Nothing of the call happens.
    Before,
    /// Some of it happens, if it has parts.
    Within,
    /// All of it happens, but nobody hears so.
    After,
}

/// What a call is to do, after faults have had their say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Nothing,
    Some,
    All,
}

/// The disk.
pub struct FaultyDisk {
    state: Mutex<State>,
}

struct State {
    kind: Kind,
    chance: Chance,
    files: BTreeMap<SegmentId, File>,
    /// What stood in segments that were removed, to become others.
    spares: Vec<Vec<u8>>,
    calls: u64,
    faults: BTreeMap<u64, Fault>,
    is_off: bool,
    has_struck: bool,
    last: Vec<String>,
}

/// How many removed segments are kept, and how much of the end of one that becomes another is zero.
const SPARES_MAX: usize = 2;
const END_BYTES: usize = 48;

/// Calls that are remembered, for those who read what led to a failure.
const LAST_CALLS: usize = 12;

impl fmt::Debug for FaultyDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a disk of {} bytes", self.bytes_used())
    }
}

impl FaultyDisk {
    /// An empty disk.
    pub fn new(kind: Kind, chance: Chance) -> Arc<FaultyDisk> {
        let state = State {
            kind,
            chance,
            files: BTreeMap::new(),
            spares: Vec::new(),
            calls: 0,
            faults: BTreeMap::new(),
            is_off: false,
            has_struck: false,
            last: Vec::new(),
        };
        Arc::new(FaultyDisk { state: Mutex::new(state) })
    }

    /// Another disk that holds what is durable on this one, and draws from `chance`.
    pub fn copy(&self, chance: Chance) -> Arc<FaultyDisk> {
        let state = self.state();
        let copy = FaultyDisk::new(state.kind, chance);
        let durable = state.files.iter().filter_map(|(&id, file)| Some((id, file.restored()?)));
        copy.state().files = durable.collect();
        copy
    }

    /// How many calls there were. The next one has this number.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// `fault` strikes at the call of this number.
    pub fn strike(&self, call: u64, fault: Fault) {
        self.state().faults.insert(call, fault);
    }

    /// No fault strikes any more.
    pub fn spare(&self) {
        self.state().faults.clear();
    }

    /// Whether the power is gone.
    pub fn is_off(&self) -> bool {
        self.state().is_off
    }

    /// Whether a fault has struck, or space was short, since the process began that uses the disk.
    pub fn has_struck(&self) -> bool {
        self.state().has_struck
    }

    /// How much the disk takes from now on.
    pub fn set_bytes_max(&self, bytes_max: Option<u64>) {
        self.state().kind.bytes_max = bytes_max;
    }

    /// How much is on it.
    pub fn bytes_used(&self) -> u64 {
        self.state().used()
    }

    /// The power was gone and is there again: of what was not durable, any part is left. Faults
    /// that have not struck do not strike any more.
    pub fn crash(&self) {
        let state = &mut *self.state();
        let (drawn, sector) = (Drawn::new(&mut state.chance), state.kind.sector_bytes);
        for file in state.files.values_mut() {
            file.crash(drawn, sector, &mut state.chance);
        }
        state.ended();
    }

    /// The process that used the disk was killed; the disk has noticed nothing.
    pub fn kill(&self) {
        self.state().ended();
    }

    /// Turns over one bit of what lies on the disk; `false` if there is none.
    pub fn flip(&self, segment: SegmentId, offset: u32, bit: u8) -> bool {
        let state = &mut *self.state();
        let file = state.files.get_mut(&segment);
        file.is_some_and(|file| file.flip(offset as usize, 1 << (bit & 7)))
    }

    /// Cuts a segment off behind `bytes`, for good.
    pub fn cut_off(&self, segment: SegmentId, bytes: u32) {
        if let Some(file) = self.state().files.get_mut(&segment) {
            file.change(Change::Length(bytes));
            file.sync();
        }
    }

    /// What can be read of a segment now; empty if there is no such segment.
    pub fn image(&self, segment: SegmentId) -> Vec<u8> {
        let state = self.state();
        state.files.get(&segment).and_then(File::written).map(<[u8]>::to_vec).unwrap_or_default()
    }

    /// The segments that can be seen now, ascending.
    pub fn segments(&self) -> Vec<SegmentId> {
        self.state().seen().collect()
    }

    /// The last calls, for a reader.
    pub fn last_calls(&self) -> Vec<String> {
        self.state().last.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn ended(&mut self) {
        self.files.retain(|_, file| !file.is_gone());
        self.files.values_mut().for_each(File::unmap);
        self.spares.clear();
        self.faults.clear();
        self.is_off = false;
        self.has_struck = false;
    }

    fn seen(&self) -> impl Iterator<Item = SegmentId> + '_ {
        self.files.iter().filter(|(_, file)| file.written().is_some()).map(|(&id, _)| id)
    }

    /// A segment was made or removed, durably: so is every removal before, though it had failed, as
    /// they are of one directory.
    fn directory_synced(&mut self) {
        if self.kind.lie != Lie::RemoveIsForgotten {
            self.files.retain(|_, file| file.written().is_some());
        }
    }

    /// What stands in a new segment: nothing, or what stood in one that was removed.
    fn space(&mut self, bytes: usize) -> Vec<u8> {
        let mut space = self.spares.pop().unwrap_or_default();
        space.resize(bytes, 0);
        space[bytes.saturating_sub(END_BYTES)..].fill(0);
        space
    }

    fn used(&self) -> u64 {
        self.files.values().filter_map(File::written).map(|bytes| bytes.len() as u64).sum()
    }

    /// Counts a call; how much of it is to be done, and the error that its caller hears.
    fn called(
        &mut self,
        takes: u64,
        what: impl FnOnce() -> String,
    ) -> (Extent, Result<(), DiskError>) {
        let (call, what) = (self.calls, what());
        self.calls += 1;
        let surplus = (self.last.len() + 1).saturating_sub(LAST_CALLS);
        self.last.drain(..surplus);
        self.last.push(format!("call {call}: {what}"));
        let failed = |why: &str| DiskError::Failed { what: what.clone(), why: why.into() };
        if self.is_off {
            return (Extent::Nothing, Err(failed("the power is gone")));
        }
        let fault = self.faults.get(&call).copied();
        if let Some(fault) = fault {
            self.last.push(format!("call {call}: {fault:?}"));
        }
        let is_full = self.kind.bytes_max.is_some_and(|max| takes > 0 && self.used() + takes > max);
        self.has_struck |= fault.is_some() || is_full;
        match fault {
            Some(Fault::Cut(moment)) => {
                self.is_off = true;
                let extent = match moment {
                    Moment::Before => Extent::Nothing,
                    Moment::Within => Extent::Some,
                    Moment::After => Extent::All,
                };
                (extent, Err(failed("the power goes")))
            }
            Some(Fault::Failed) => {
                let all = [Extent::Nothing, Extent::Some, Extent::All];
                (
                    self.chance.pick(&all).unwrap_or(Extent::Nothing),
                    Err(failed("input/output error")),
                )
            }
            Some(Fault::Full) if takes > 0 => (Extent::Nothing, Err(DiskError::Full { what })),
            Some(Fault::Full) | None if is_full => (Extent::Nothing, Err(DiskError::Full { what })),
            Some(Fault::Full) | None => (Extent::All, Ok(())),
        }
    }

    /// The segment as it can be seen, or that there is none.
    fn file(&mut self, segment: SegmentId) -> Result<&mut File, DiskError> {
        let file = self.files.get_mut(&segment).filter(|file| file.written().is_some());
        file.ok_or_else(|| DiskError::Failed {
            what: format!("segment {segment}"),
            why: "no such file".into(),
        })
    }
}

impl Disk for FaultyDisk {
    fn list(&self) -> Result<Vec<SegmentId>, DiskError> {
        let state = &mut *self.state();
        let (_, heard) = state.called(0, || "list".into());
        heard.map(|()| state.seen().collect())
    }

    fn create(&self, segment: SegmentId, head: &[u8], bytes: u32) -> Result<(), DiskError> {
        let state = &mut *self.state();
        let what = || format!("create {segment}, {bytes} bytes, head of {}", head.len());
        let (extent, heard) = state.called(bytes.into(), what);
        let mut whole = state.space((bytes as usize).max(head.len()));
        whole[..head.len()].copy_from_slice(head);
        state.kind.lie.tamper_head(&mut whole[..head.len()]);
        let is_there = state.files.get(&segment).is_some_and(|file| file.written().is_some());
        let (is_seen, is_durable) = match extent {
            Extent::Nothing => (false, false),
            // One that is replaced is the old one or the new one.
            Extent::Some if is_there => {
                let both = state.chance.one_in(2);
                (both, both)
            }
            Extent::Some => (state.chance.one_in(2), state.chance.one_in(2)),
            Extent::All => (true, state.kind.lie != Lie::CreateIsForgotten),
        };
        let file = File::created(whole, is_seen, is_durable);
        if !file.is_gone() {
            state.files.insert(segment, file);
        }
        if heard.is_ok() {
            state.directory_synced();
        }
        heard
    }

    fn len(&self, segment: SegmentId) -> Result<u32, DiskError> {
        let state = &mut *self.state();
        state.called(0, || format!("len of {segment}")).1?;
        Ok(state.file(segment)?.written().map_or(0, |bytes| bytes.len() as u32))
    }

    fn read(&self, segment: SegmentId, offset: u32, into: &mut [u8]) -> Result<usize, DiskError> {
        let state = &mut *self.state();
        state.called(0, || format!("read {segment} at {offset}, {} bytes", into.len())).1?;
        let bytes = state.file(segment)?.written().unwrap_or_default();
        let from = bytes.get(offset as usize..).unwrap_or_default();
        let count = from.len().min(into.len());
        into[..count].copy_from_slice(&from[..count]);
        Ok(count)
    }

    fn write(&self, segment: SegmentId, offset: u32, bytes: &[u8]) -> Result<(), DiskError> {
        let state = &mut *self.state();
        let len =
            state.files.get(&segment).and_then(File::written).map_or(0, |file| file.len() as u64);
        let takes = (u64::from(offset) + bytes.len() as u64).saturating_sub(len);
        let what = || format!("write {segment} at {offset}, {} bytes", bytes.len());
        let (extent, heard) = state.called(takes, what);
        let (begin, end) = match extent {
            Extent::Nothing => return heard,
            Extent::Some => some_of(bytes.len(), &mut state.chance),
            Extent::All => (0, bytes.len()),
        };
        let lie = state.kind.lie;
        let file = match state.file(segment) {
            Ok(file) => file,
            Err(error) => return heard.and(Err(error)),
        };
        assert!(!file.is_mapped(), "segment {segment} is written to although it was mapped");
        let mut part = bytes[begin..end].to_vec();
        lie.tamper(file.written().unwrap_or_default(), &mut part);
        file.change(Change::Bytes(offset + begin as u32, part));
        heard
    }

    fn sync(&self, segment: SegmentId) -> Result<(), DiskError> {
        let state = &mut *self.state();
        let (extent, heard) = state.called(0, || format!("sync {segment}"));
        let (lie, is_off, sector) = (state.kind.lie, state.is_off, state.kind.sector_bytes);
        let mut chance = state.chance.fork();
        let file = match state.file(segment) {
            Ok(file) => file,
            Err(error) => return heard.and(Err(error)),
        };
        match (&heard, lie) {
            (Ok(()), Lie::SyncDoesNothing) => (),
            (Ok(()), Lie::SyncIsLate) => file.sync_but_last(),
            (Ok(()), _) => file.sync(),
            // A crash draws what is left of it.
            (Err(_), _) if is_off && extent != Extent::All => (),
            (Err(_), _) if is_off => file.sync(),
            (Err(_), _) => file.fail_sync(sector, &mut chance),
        }
        heard
    }

    fn truncate(&self, segment: SegmentId, bytes: u32) -> Result<(), DiskError> {
        let state = &mut *self.state();
        let (extent, heard) = state.called(0, || format!("truncate {segment} to {bytes}"));
        let happens = match extent {
            Extent::Nothing => false,
            Extent::Some => state.chance.one_in(2),
            Extent::All => true,
        };
        let file = match state.file(segment) {
            Ok(file) => file,
            Err(error) => return heard.and(Err(error)),
        };
        assert!(!file.is_mapped(), "segment {segment} is truncated although it was mapped");
        if happens {
            file.change(Change::Length(bytes));
        }
        heard
    }

    fn remove(&self, segment: SegmentId) -> Result<(), DiskError> {
        let state = &mut *self.state();
        let (extent, heard) = state.called(0, || format!("remove {segment}"));
        let (is_unseen, is_durable) = match extent {
            Extent::Nothing => (false, false),
            Extent::Some => (state.chance.one_in(2), state.chance.one_in(2)),
            Extent::All => (true, state.kind.lie != Lie::RemoveIsForgotten),
        };
        let file = match state.file(segment) {
            Ok(file) => file,
            Err(error) => return heard.and(Err(error)),
        };
        let stood = file.written().map(<[u8]>::to_vec);
        file.remove(is_unseen, is_durable);
        if file.is_gone() {
            state.files.remove(&segment);
        }
        if heard.is_ok() && state.spares.len() < SPARES_MAX {
            state.spares.extend(stood);
        }
        if heard.is_ok() {
            state.directory_synced();
        }
        heard
    }

    fn tidy(&self) -> Result<(), DiskError> {
        self.state().spares.clear();
        Ok(())
    }

    fn map(&self, segment: SegmentId) -> Result<Arc<dyn SegmentBytes>, DiskError> {
        let state = &mut *self.state();
        state.called(0, || format!("map {segment}")).1?;
        let (cold_one_in, seed) = (state.kind.cold_one_in, state.chance.number());
        let file = state.file(segment)?;
        file.map();
        let bytes = file.written().map(<[u8]>::to_vec).unwrap_or_default();
        Ok(Arc::new(Mapped { bytes, cold_one_in, asked: AtomicU64::new(seed) }))
    }
}

/// Some bytes in a row of `len`.
fn some_of(len: usize, chance: &mut Chance) -> (usize, usize) {
    let begin = if chance.one_in(2) { 0 } else { chance.index(len + 1) };
    (begin, begin + chance.index(len - begin + 1))
}

struct Mapped {
    bytes: Vec<u8>,
    cold_one_in: u64,
    asked: AtomicU64,
}

impl SegmentBytes for Mapped {
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn is_resident(&self, range: Range<usize>) -> bool {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        !Chance::new(asked ^ range.start as u64).one_in(self.cold_one_in)
    }
}
