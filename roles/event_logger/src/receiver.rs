//! The thread: packets in, lines out.
//!
//! What lies in the socket is read in one go and written in one write, so that a flood costs few
//! writes and a single event is in the file at once.

use crate::counts::Counts;
use crate::file::LogFile;
use crate::line::{Malformed, Stamp, write_line};
use crate::orders::Orders;
use crate::socket::{Packet, Socket};
use jiff::Zoned;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tracing::{debug, error, info, warn};

/// Lines of more bytes than this are written before more packets are read.
const BATCH_BYTES: usize = 1 << 20;
/// More packets than this are written before more are read.
const BATCH_PACKETS: u64 = 4096;
/// How long it pauses when the socket fails.
const PAUSE: Duration = Duration::from_millis(100);

/// Receives packets and writes them down.
pub struct Receiver {
    orders: Arc<Orders>,
    socket: Socket,
    log: LogFile,
    counts: Arc<Counts>,
    lines: Vec<u8>,
    failures: u64,
}

impl Receiver {
    /// Receives from `socket` and writes to `log`.
    pub fn new(orders: Arc<Orders>, socket: Socket, log: LogFile, counts: Arc<Counts>) -> Receiver {
        Receiver { orders, socket, log, counts, lines: Vec::new(), failures: 0 }
    }

    /// Does so until it is to stop; then writes what has arrived and makes it durable.
    pub fn run(mut self) {
        while !self.orders.are_to_stop() {
            let waited = self.orders.wait(&self.socket);
            self.note_failure(waited);
            if self.orders.take_rotate() {
                self.log.rotate(&Zoned::now());
            }
            self.batch();
        }
        while self.batch() && !self.orders.is_time_up() {}
        self.log.end();
        let (written, lost) = (self.counts.written.get(), self.counts.lost.get());
        info!(written, lost, "events are no longer received");
    }

    /// Writes down what has arrived, or a part of it; says whether anything had.
    fn batch(&mut self) -> bool {
        let now = Zoned::now();
        let stamp = Stamp::new(&now);
        let bytes_max = self.log.batch_bytes_max().min(BATCH_BYTES);
        let (mut packets, mut events) = (0, 0);
        self.lines.clear();
        while packets < BATCH_PACKETS && self.lines.len() < bytes_max {
            match self.receive(&stamp) {
                Ok(Some(written)) => events += u64::from(written),
                Ok(None) => break,
                Err(error) => {
                    self.note_failure(Err(error));
                    break;
                }
            }
            packets += 1;
        }
        if events > 0 {
            self.log.write(&now, &self.lines, events);
        }
        packets > 0
    }

    /// Takes one packet; says whether it has become a line.
    fn receive(&mut self, stamp: &Stamp) -> io::Result<Option<bool>> {
        let Some(packet) = self.socket.receive()? else { return Ok(None) };
        self.counts.received.add(1);
        let line = write_line(packet.bytes, stamp, &mut self.lines);
        if let Err(why) = line {
            let count = self.counts.malformed.add(1);
            note_malformed(why, &packet, count);
        }
        if packet.overflowed > 0 {
            let overflowed = packet.overflowed.into();
            note_overflow(overflowed, self.counts.overflowed.add(overflowed));
            self.log.tell_lost(overflowed);
        }
        Ok(Some(line.is_ok()))
    }

    /// The socket is not to keep a core busy with failing.
    fn note_failure(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            self.failures += 1;
            if self.failures.is_power_of_two() {
                error!(%error, count = self.failures, "events cannot be received");
            }
            thread::sleep(PAUSE);
        }
    }
}

/// The first one, the second, the fourth and so on as a warning, as a flood of them must not flood
/// the log.
fn note_malformed(why: Malformed, packet: &Packet<'_>, count: u64) {
    let (from, bytes) = (&packet.from, packet.bytes.len());
    if count.is_power_of_two() {
        warn!("dropped a packet of {bytes} bytes from {from}: {why} (number {count})");
    } else {
        debug!("dropped a packet of {bytes} bytes from {from}: {why}");
    }
}

fn note_overflow(more: u64, all: u64) {
    // Whether a power of two lies between what there was and what there is.
    if Some(all.ilog2()) != (all - more).checked_ilog2() {
        warn!("{all} events have found no room in the socket");
    }
}
