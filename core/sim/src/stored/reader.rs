//! A second reader of the log, written from the layout alone: what a store made of its segments is
//! compared with it.
//!
//! It shares no code with the store and does as little as it can: it goes through the records from
//! the first to the last, and the last one of an object counts.

use super::body::Body;
use crate::disk::FaultyDisk;
use std::collections::BTreeMap;

const HEADER: usize = 16;
const ROOT: usize = 24;
const TRAILER: usize = 48;

/// A record as it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Where in its segment.
    pub offset: usize,
    /// How many bytes, header and padding included.
    pub bytes: usize,
    /// 1: an object, 2: a tombstone, 3: a mark.
    pub kind: u32,
    /// Whether it ends its commit.
    pub is_last: bool,
    /// Its commit.
    pub commit: u64,
    /// Whose it is; of a mark: the id that comes next.
    pub do_id: u32,
    /// The key of its class.
    pub class: u16,
    /// Values by the key of the field.
    pub fields: BTreeMap<u16, Vec<u8>>,
}

/// A segment.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its number.
    pub number: u32,
    /// The id that came next when it was made.
    pub next_do_id: u32,
    /// Names of classes by key.
    pub classes: Vec<String>,
    /// Names and types of fields by key.
    pub fields: Vec<(String, String)>,
    /// How many bytes its head takes.
    pub head: usize,
    /// Its records, up to the first that is none.
    pub records: Vec<Record>,
    /// Whether a footer stands right behind them, and it lists just them.
    pub is_sealed: bool,
}

/// Reads a segment; why it is none.
pub fn segment(bytes: &[u8]) -> Result<Segment, String> {
    let head_end = 32 + word(bytes, 28).ok_or("a head is cut off")? as usize;
    let covered = bytes.get(..head_end).ok_or("a catalog is cut off")?;
    if !bytes.starts_with(b"FWSEGMNT") || word(bytes, 8) != Some(1) {
        return Err("a head does not begin like one".into());
    }
    if word(bytes, head_end) != Some(crc32c::crc32c(covered)) {
        return Err("the checksum of a head is wrong".into());
    }
    let (classes, fields) = catalog(&covered[32..]).ok_or("a catalog is none")?;
    let number = word(bytes, 12).ok_or("a head is cut off")?;
    let head = (head_end + 4).next_multiple_of(8);
    let seed = crc32c::crc32c(&[&bytes[16..24], &bytes[12..16]].concat());
    let mut records = Vec::new();
    let mut offset = head;
    while let Some(record) = record(bytes, offset, seed)? {
        offset += record.bytes;
        records.push(record);
    }
    let is_sealed = is_sealed(bytes, offset, &records);
    let next_do_id = word(bytes, 24).ok_or("a head is cut off")?;
    Ok(Segment { number, next_do_id, classes, fields, head, records, is_sealed })
}

/// What lies on a disk, for those who look for what went wrong.
pub fn brief(disk: &FaultyDisk) -> String {
    let one = |id| match segment(&disk.image(id)) {
        Err(why) => format!("{id}: {why}"),
        Ok(segment) => {
            let first = segment.records.first().map_or(0, |record| record.commit);
            let last = segment.records.last().map_or(0, |record| record.commit);
            let sealed = if segment.is_sealed { "sealed" } else { "loose" };
            format!("{id}: commits {first} to {last}, {sealed}")
        }
    };
    disk.segments().into_iter().map(one).collect::<Vec<_>>().join("; ")
}

impl Segment {
    /// An object record as a body of the run, by the names of this segment's catalog.
    pub fn body(&self, record: &Record) -> Result<Body, String> {
        let class = self.classes.get(usize::from(record.class)).ok_or("a class without a name")?;
        let class = super::body::CLASSES.iter().position(|name| name == class);
        let mut fields = BTreeMap::new();
        for (&key, value) in &record.fields {
            let (name, of) = self.fields.get(usize::from(key)).ok_or("a field without a name")?;
            let names = super::body::FIELDS;
            let at = names.iter().position(|field| *field == (name.as_str(), of.as_str()));
            fields.insert(at.ok_or("an unknown field")?, value.clone());
        }
        Ok(Body { class: class.ok_or("an unknown class")?, fields })
    }
}

/// Classes, and fields with their types.
type Names = (Vec<String>, Vec<(String, String)>);

fn catalog(bytes: &[u8]) -> Option<Names> {
    let mut at = 8;
    let mut text = || {
        let len = word(bytes, at)? as usize;
        let text = bytes.get(at + 4..at + 4 + len)?;
        at += 4 + len;
        String::from_utf8(text.to_vec()).ok()
    };
    let classes = (0..word(bytes, 0)?).map(|_| text()).collect::<Option<_>>()?;
    let fields = (0..word(bytes, 4)?).map(|_| Some((text()?, text()?))).collect::<Option<_>>()?;
    Some((classes, fields))
}

/// The record at `offset`; `None`: there is none. An error: its checksum holds, but it is nonsense.
fn record(bytes: &[u8], offset: usize, seed: u32) -> Result<Option<Record>, String> {
    let Some(first) = word(bytes, offset) else { return Ok(None) };
    let (len, kind) = ((first & 0x1fff_ffff) as usize, first >> 30);
    let Some(all) = bytes.get(offset..offset + len).filter(|_| len > HEADER && len % 8 == 0) else {
        return Ok(None);
    };
    let crc = crc32c::crc32c_append(crc32c::crc32c_append(seed, &all[..4]), &all[8..]);
    if word(all, 4) != Some(crc) {
        return Ok(None);
    }
    let body = &all[HEADER..];
    let mut record = Record {
        offset,
        bytes: len,
        kind,
        is_last: first >> 29 & 1 == 1,
        commit: u64::from(word(all, 8).unwrap_or(0)) | u64::from(word(all, 12).unwrap_or(0)) << 32,
        do_id: 0,
        class: 0,
        fields: BTreeMap::new(),
    };
    let nonsense = || format!("a record at {offset} makes no sense");
    match kind {
        1 => object(body, &mut record).ok_or_else(nonsense)?,
        2 => {
            record.do_id = word(body, 0).ok_or_else(nonsense)?;
            record.class = half(body, 4).ok_or_else(nonsense)?;
        }
        3 => record.do_id = word(body, 0).ok_or_else(nonsense)?,
        _ => return Err(nonsense()),
    }
    Ok(Some(record))
}

fn object(body: &[u8], record: &mut Record) -> Option<()> {
    let root = body.len().checked_sub(ROOT)?;
    let behind = |at: usize| {
        let relative = word(body, at)?.cast_signed();
        Some((at.checked_add_signed(relative as isize)?, word(body, at + 4)? as usize))
    };
    let ((fields, count), (mut values, bytes)) = (behind(root)?, behind(root + 8)?);
    let end = values + bytes;
    record.do_id = word(body, root + 16)?;
    record.class = half(body, root + 20)?;
    for at in (0..count).map(|nth| fields + 4 * nth) {
        let (key, len) = (half(body, at)?, usize::from(half(body, at + 2)?));
        record.fields.insert(key, body.get(values..values + len)?.to_vec());
        values += len;
    }
    (values == end && record.fields.len() == count).then_some(())
}

fn is_sealed(bytes: &[u8], start: usize, records: &[Record]) -> bool {
    let footer = &bytes[start..];
    let listed = records.iter().enumerate().all(|(nth, record)| {
        let length = (record.bytes / 8) as u16 | (record.kind as u16) << 14;
        let do_id = if record.kind == 3 { None } else { Some(record.do_id) };
        do_id.is_none_or(|do_id| word(footer, nth * 8) == Some(do_id))
            && half(footer, nth * 8 + 6) == Some(length)
    });
    let trailer = records.len() * 8;
    listed
        && footer.len() == trailer + TRAILER
        && footer[trailer..].starts_with(b"FWFOOTER")
        && word(footer, trailer + 8) == Some(records.len() as u32)
        && word(footer, trailer + TRAILER - 4)
            == Some(crc32c::crc32c(&footer[..trailer + TRAILER - 4]))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
