//! The file that lines are appended to, and when another one takes its place.
//!
//! * No line that stands in a file is ever taken away. At the start lines are appended to a file that
//!   is there already; a file that takes the place of another is always a new one.
//! * What cannot be written is lost and counted, said once, and told in the file as soon as that
//!   takes lines again. The next lines are tried anew.
//! * Lines are whole: what a failed write has left of one is cut off again.
//! * A device, a pipe or a stream of the process (`/dev/stdout`) is written to as it is; nothing takes
//!   its place, and nothing is cut off: a line that has begun is ended with the next write. Who reads
//!   it slowly is waited for, and what comes meanwhile may be lost; but nobody is waited for to
//!   start, nor for long to stop.

use crate::config::Config;
use crate::counts::Counts;
use crate::line::Stamp;
use crate::names::{Names, OpenError, is_stream};
use crate::orders::Orders;
use crate::own::{write_lost, write_opened};
use crate::schedule::end_of_file;
use jiff::{SignedDuration, Timestamp, Zoned};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tracing::{debug, error, info, warn};

/// How long the old file goes on where there is no new one to be had.
const STUCK: SignedDuration = SignedDuration::from_secs(1);

/// Writes lines to one file after the other.
pub struct LogFile {
    names: Names,
    rotate_interval: Option<Duration>,
    rotate_bytes: u64,
    counts: Arc<Counts>,
    orders: Arc<Orders>,
    /// Who reads slowly is waited for.
    is_patient: bool,
    open: Open,
    /// There is to be a new file, whatever the old one is like.
    is_asked: bool,
    /// Events lost since that was last told in the file.
    lost: u64,
    /// The last write failed.
    is_failing: bool,
    /// No new file could be begun the last time; when that is tried again.
    stuck_until: Option<Timestamp>,
}

/// An open file.
struct Open {
    file: File,
    path: PathBuf,
    /// When another takes its place.
    until: Option<Timestamp>,
    /// The first line of ours stands in it.
    has_begun: bool,
    /// An event of ours stands in it.
    has_events: bool,
    /// A torn line stands at its end, and could not be cut off.
    is_torn: bool,
    /// The end of a line whose beginning stands in a stream.
    rest: Vec<u8>,
    /// That line is an event.
    is_rest_event: bool,
}

impl LogFile {
    /// Opens the file for `now`. Waits for nobody who does not read.
    pub fn open(
        config: &Config,
        counts: Arc<Counts>,
        orders: Arc<Orders>,
        now: &Zoned,
    ) -> Result<LogFile, OpenError> {
        let names = Names::new(config);
        let rotate_bytes = config.rotate_bytes.unwrap_or(u64::MAX);
        let (file, path) = names.open(now, rotate_bytes)?;
        let rotate_interval = config.rotate_interval;
        let mut log = LogFile {
            names,
            rotate_interval,
            rotate_bytes,
            counts,
            orders,
            is_patient: false,
            open: Open::new(file, path, rotate_interval, now),
            is_asked: false,
            lost: 0,
            is_failing: false,
            stuck_until: None,
        };
        log.write(now, &[], 0);
        log.is_patient = true;
        Ok(log)
    }

    /// The file that lines go to.
    pub fn path(&self) -> &Path {
        &self.open.path
    }

    /// With more bytes of lines than this a file cannot be as short as it is to be.
    pub fn batch_bytes_max(&self) -> usize {
        usize::try_from(self.rotate_bytes).unwrap_or(usize::MAX)
    }

    /// Appends the `lines` of so many `events` in one write, to a new file if it is time for one.
    pub fn write(&mut self, now: &Zoned, lines: &[u8], events: u64) {
        if self.is_over(now, lines.len() as u64) {
            self.begin_another(now);
        }
        let own = self.own_lines(now);
        if own.is_empty() {
            self.append(lines, 0, events);
        } else {
            self.append(&[&own, lines].concat(), count_lines(&own), events);
        }
    }

    /// Begins a new file at once.
    pub fn rotate(&mut self, now: &Zoned) {
        self.is_asked = true;
        self.write(now, &[], 0);
    }

    /// Tells with the next lines that so many events were lost elsewhere.
    pub fn tell_lost(&mut self, events: u64) {
        self.lost = self.lost.saturating_add(events);
    }

    /// Makes durable what was written; there is no more.
    pub fn end(self) {
        self.sync();
        self.counts.lost.add(u64::from(self.open.is_rest_event));
    }

    fn sync(&self) {
        let Open { file, path, .. } = &self.open;
        let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
        if is_file && let Err(error) = file.sync_all() {
            warn!(path = %path.display(), %error, "events may not be durable");
        }
    }

    /// Whether so many bytes of events have to go to another file. One that was deleted is begun
    /// again.
    fn is_over(&self, now: &Zoned, bytes: u64) -> bool {
        if self.stuck_until.is_some_and(|until| now.timestamp() < until) {
            return false;
        }
        let Open { file, path, until, has_events, is_torn, .. } = &self.open;
        let metadata = file.metadata().ok().filter(|metadata| metadata.is_file());
        let metadata = metadata.filter(|_| !is_stream(path));
        metadata.is_some_and(|metadata| {
            let is_old = bytes > 0 && until.is_some_and(|until| until <= now.timestamp());
            let is_full = *has_events && metadata.len().saturating_add(bytes) > self.rotate_bytes;
            self.is_asked || is_old || is_full || *is_torn || metadata.nlink() == 0
        })
    }

    /// If there is no other file to be had, the old one goes on.
    fn begin_another(&mut self, now: &Zoned) {
        match self.names.create(now) {
            Ok((file, path)) => {
                self.is_asked = false;
                self.sync();
                self.open = Open::new(file, path, self.rotate_interval, now);
                self.stuck_until = None;
                self.counts.rotations.add(1);
                info!(path = %self.open.path.display(), "events go to a new file");
            }
            Err(why) => {
                match self.stuck_until {
                    Some(_) => debug!("no new file for events: {why}"),
                    None => error!("no new file for events: {why}; they go on in the old one"),
                }
                self.stuck_until = now.timestamp().checked_add(STUCK).ok();
            }
        }
    }

    fn own_lines(&self, now: &Zoned) -> Vec<u8> {
        let mut lines = Vec::new();
        if !self.open.has_begun {
            write_opened(&self.open.path, &Stamp::new(now), &mut lines);
        }
        if self.lost > 0 {
            write_lost(&self.open.path, self.lost, &Stamp::new(now), &mut lines);
        }
        lines
    }

    /// Appends lines, the first `own` of which are not those of `events`.
    fn append(&mut self, lines: &[u8], own: u64, events: u64) {
        let (bytes, failure) = match self.end_line() {
            Some(error) => (0, Some(error)),
            None => self.open.append(lines, self.is_patient.then_some(&self.orders)),
        };
        // At the start: what finds no room then goes with the next lines.
        let failure = failure.filter(|error| error.kind() != io::ErrorKind::WouldBlock);
        let appended = count_lines(&lines[..bytes]);
        let taken = appended.saturating_sub(own);
        // The last of these lines may have begun only.
        let rest = if bytes > 0 { self.open.rest.len() } else { 0 };
        let is_event_begun = rest > 0 && taken > 0;
        self.open.is_rest_event |= is_event_begun;
        self.open.has_begun |= appended > 0;
        self.open.has_events |= taken > 0;
        self.counts.bytes.add((bytes - rest) as u64);
        self.counts.written.add(taken - u64::from(is_event_begun));
        self.counts.lost.add(events - taken);
        match &failure {
            Some(error) if !self.is_failing => {
                error!(path = %self.open.path.display(), %error, "events are lost");
            }
            None if self.is_failing => info!(lost = self.lost, "events are written again"),
            Some(_) | None => (),
        }
        self.is_failing = failure.is_some();
        if appended >= own {
            self.lost = 0; // which was told
        }
        self.lost += events - taken;
    }

    /// Ends the line that has begun; why that cannot be done.
    fn end_line(&mut self) -> Option<io::Error> {
        let rest = std::mem::take(&mut self.open.rest);
        let (bytes, failure) = self.open.push(&rest, self.is_patient.then_some(&self.orders));
        self.counts.bytes.add(bytes as u64);
        self.open.rest = rest[bytes..].to_vec();
        if failure.is_none() && std::mem::take(&mut self.open.is_rest_event) {
            self.counts.written.add(1);
        }
        failure
    }
}

impl Open {
    fn new(file: File, path: PathBuf, interval: Option<Duration>, now: &Zoned) -> Open {
        let until = interval.and_then(|interval| end_of_file(now, interval));
        Open {
            file,
            path,
            until,
            has_begun: false,
            has_events: false,
            is_torn: false,
            rest: Vec::new(),
            is_rest_event: false,
        }
    }

    /// Appends lines that are to be whole: how many bytes of them, and why not all. The last of these
    /// lines may have begun only, in a stream.
    fn append(&mut self, lines: &[u8], orders: Option<&Arc<Orders>>) -> (usize, Option<io::Error>) {
        let (written, failure) = self.push(lines, orders);
        let torn = lines[..written].iter().rev().take_while(|&&byte| byte != b'\n').count();
        if torn == 0 {
            return (written, failure);
        }
        if self.is_stream() {
            let rest = lines[written..].iter().position(|&byte| byte == b'\n');
            let end = rest.map_or(lines.len(), |rest| written + rest + 1);
            self.rest = lines[written..end].to_vec();
            return (end, failure);
        }
        if let Err(error) = self.cut_off(torn as u64) {
            warn!(path = %self.path.display(), %error, "a torn line stands in the file");
            self.is_torn = true;
        }
        (written - torn, failure)
    }

    /// Appends bytes: how many of them, and why not all. Waits for room where there are `orders`.
    fn push(&mut self, bytes: &[u8], orders: Option<&Arc<Orders>>) -> (usize, Option<io::Error>) {
        let mut written = 0;
        while written < bytes.len() {
            let waited = match self.file.write(&bytes[written..]) {
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                Ok(more) => {
                    written += more;
                    Ok(())
                }
                Err(error) => match (error.kind(), orders) {
                    (io::ErrorKind::Interrupted, _) => Ok(()),
                    (io::ErrorKind::WouldBlock, Some(orders)) => orders.wait_for_room(&self.file),
                    (_, _) => Err(error),
                },
            };
            if let Err(error) = waited {
                return (written, Some(error));
            }
        }
        (written, None)
    }

    /// Takes the last bytes away, which are the beginning of a line of ours.
    fn cut_off(&self, bytes: u64) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        self.file.set_len(length.saturating_sub(bytes))
    }

    /// Whether it is written to as it is, since it is somebody else's or no file.
    fn is_stream(&self) -> bool {
        is_stream(&self.path) || !self.file.metadata().is_ok_and(|metadata| metadata.is_file())
    }
}

fn count_lines(lines: &[u8]) -> u64 {
    lines.iter().filter(|&&byte| byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests;
