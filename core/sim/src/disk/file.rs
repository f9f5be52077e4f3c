//! A file of a [`FaultyDisk`](super::FaultyDisk): what can be read, what is durable, and what was
//! changed in between.

use crate::chance::Chance;
use std::collections::BTreeMap;

/// A change that is not durable yet.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// From this offset on, these bytes.
    Bytes(u32, Vec<u8>),
    /// The file is so long.
    Length(u32),
}

/// How a crash treats what is not durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Drawn {
    /// All of it is there.
    All,
    /// Nothing of it is there.
    Nothing,
    /// Each sector has any of the states that it had.
    Each,
    /// All sectors are there but for about one in so many.
    Most(u64),
    /// No sectors are there but for about one in so many.
    Few(u64),
}

impl Drawn {
    pub(super) fn new(chance: &mut Chance) -> Drawn {
        match chance.below(8) {
            0 => Drawn::All,
            1 => Drawn::Nothing,
            2..=4 => Drawn::Each,
            5 | 6 => Drawn::Most(chance.between(2, 12)),
            _ => Drawn::Few(chance.between(2, 12)),
        }
    }

    /// How many of `count` changes of a sector it has seen.
    fn seen(self, count: usize, chance: &mut Chance) -> usize {
        match self {
            Drawn::All => count,
            Drawn::Nothing => 0,
            Drawn::Each => chance.index(count + 1),
            Drawn::Most(times) if chance.one_in(times) => chance.index(count + 1),
            Drawn::Most(_) => count,
            Drawn::Few(times) if chance.one_in(times) => chance.index(count + 1),
            Drawn::Few(_) => 0,
        }
    }
}

/// A file. Either of what can be read and what is durable may lack it.
#[derive(Clone, Debug)]
pub(super) struct File {
    written: Option<Vec<u8>>,
    durable: Option<Vec<u8>>,
    changes: Vec<Change>,
    is_mapped: bool,
}

impl File {
    pub(super) fn created(bytes: Vec<u8>, is_seen: bool, is_durable: bool) -> File {
        File {
            written: is_seen.then(|| bytes.clone()),
            durable: is_durable.then_some(bytes),
            changes: Vec::new(),
            is_mapped: false,
        }
    }

    /// A file of what is durable of this one.
    pub(super) fn restored(&self) -> Option<File> {
        let bytes = self.durable.clone()?;
        Some(File::created(bytes, true, true))
    }

    pub(super) fn written(&self) -> Option<&[u8]> {
        self.written.as_deref()
    }

    pub(super) fn is_gone(&self) -> bool {
        self.written.is_none() && self.durable.is_none()
    }

    pub(super) fn is_mapped(&self) -> bool {
        self.is_mapped
    }

    pub(super) fn map(&mut self) {
        self.is_mapped = true;
    }

    pub(super) fn unmap(&mut self) {
        self.is_mapped = false;
    }

    pub(super) fn remove(&mut self, is_unseen: bool, is_durable: bool) {
        if is_unseen {
            self.written = None;
        }
        if is_durable {
            self.durable = None;
            self.changes.clear();
        }
    }

    pub(super) fn change(&mut self, change: Change) {
        if let Some(written) = &mut self.written {
            change.apply(written);
        }
        self.changes.push(change);
    }

    pub(super) fn sync(&mut self) {
        let durable = self.durable.get_or_insert_default();
        self.changes.drain(..).for_each(|change| change.apply(durable));
    }

    pub(super) fn sync_but_last(&mut self) {
        let last = self.changes.pop();
        self.sync();
        self.changes.extend(last);
    }

    /// What a failed sync leaves: any part is durable, the rest never will be, though it may still
    /// be there to be read and the next sync succeeds.
    pub(super) fn fail_sync(&mut self, sector_bytes: u32, chance: &mut Chance) {
        let image = self.image(Drawn::new(chance), sector_bytes, chance);
        if chance.one_in(2) {
            self.written.clone_from(&image);
        }
        self.durable = image;
        self.changes.clear();
    }

    pub(super) fn crash(&mut self, drawn: Drawn, sector_bytes: u32, chance: &mut Chance) {
        self.durable = self.image(drawn, sector_bytes, chance);
        self.written.clone_from(&self.durable);
        self.changes.clear();
    }

    pub(super) fn flip(&mut self, offset: usize, mask: u8) -> bool {
        let images = [&mut self.written, &mut self.durable];
        let mut hit = false;
        for byte in images.into_iter().flatten().filter_map(|image| image.get_mut(offset)) {
            *byte ^= mask;
            hit = true;
        }
        hit
    }

    fn image(&self, drawn: Drawn, sector_bytes: u32, chance: &mut Chance) -> Option<Vec<u8>> {
        let mut image = self.durable.clone()?;
        if self.changes.is_empty() {
            return Some(image);
        }
        let mut lengths = vec![image.len()];
        lengths.extend(self.changes.iter().scan(image.len(), |len, change| {
            *len = change.length(*len);
            Some(*len)
        }));
        let longest = lengths.iter().copied().max().unwrap_or(0);
        image.resize(longest, 0);
        let mut sectors: BTreeMap<usize, Vec<&Change>> = BTreeMap::new();
        for change in &self.changes {
            for sector in change.sectors(sector_bytes as usize, longest) {
                sectors.entry(sector).or_default().push(change);
            }
        }
        for (sector, changes) in sectors {
            let seen = drawn.seen(changes.len(), chance);
            let begin = sector * sector_bytes as usize;
            let end = longest.min(begin + sector_bytes as usize);
            let slot = &mut image[begin..end];
            changes[..seen].iter().for_each(|change| change.apply_to_sector(slot, begin));
        }
        image.truncate(lengths[drawn.seen(lengths.len() - 1, chance)]);
        Some(image)
    }
}

impl Change {
    fn length(&self, before: usize) -> usize {
        match self {
            Change::Bytes(offset, bytes) => before.max(*offset as usize + bytes.len()),
            Change::Length(len) => *len as usize,
        }
    }

    fn apply(&self, image: &mut Vec<u8>) {
        image.resize(self.length(image.len()), 0);
        match self {
            Change::Bytes(offset, bytes) => {
                let begin = *offset as usize;
                image[begin..begin + bytes.len()].copy_from_slice(bytes);
            }
            Change::Length(_) => (),
        }
    }

    fn sectors(&self, sector_bytes: usize, longest: usize) -> std::ops::Range<usize> {
        let (begin, end) = match self {
            Change::Bytes(offset, bytes) => (*offset as usize, *offset as usize + bytes.len()),
            Change::Length(len) => (*len as usize, longest),
        };
        if begin >= end { 0..0 } else { begin / sector_bytes..end.div_ceil(sector_bytes) }
    }

    /// Applies to a sector what concerns it; it begins at `base`.
    fn apply_to_sector(&self, sector: &mut [u8], base: usize) {
        match self {
            Change::Bytes(offset, bytes) => {
                let offset = *offset as usize;
                let (begin, end) =
                    (offset.max(base), (offset + bytes.len()).min(base + sector.len()));
                if begin < end {
                    sector[begin - base..end - base]
                        .copy_from_slice(&bytes[begin - offset..end - offset]);
                }
            }
            Change::Length(len) => {
                let begin = (*len as usize).clamp(base, base + sector.len());
                sector[begin - base..].fill(0);
            }
        }
    }
}
