//! What goes out on connections: as it is, or in TLS records.

use super::TurnLoop;
use crate::records::Sealed;
use crate::send::{send, send_slices};
use crate::slots::{Op, Secure, Slots, Stage};
use runtime::{ConnId, Sockets, Write};
use rustix::fd::BorrowedFd;
use tracing::debug;

/// Plaintext that is encrypted before the socket is asked whether it takes it: four records.
const SEALED_AT_ONCE: usize = 64 << 10;

/// Writes that never block.
pub(super) struct Writes<'a> {
    pub(super) slots: &'a mut Slots,
    pub(super) full: &'a mut Vec<ConnId>,
    pub(super) sealed: &'a mut Sealed,
    pub(super) gathered: &'a mut Vec<u8>,
}

impl Sockets for Writes<'_> {
    fn write(&mut self, conn: ConnId, slices: &[&[u8]]) -> Write {
        let Some((socket, stage)) = self.slots.get(conn).parts() else { return Write::Broken };
        match stage {
            Stage::Secure(secure) => {
                let mut sealing = Sealing { socket, sealed: self.sealed, gathered: self.gathered };
                let (written, is_full) = sealing.write(secure, slices);
                if is_full {
                    self.full.push(conn);
                }
                return written;
            }
            Stage::Plain => (),
            // The shard has nothing to say to these, and nothing may go out unencrypted.
            Stage::Entering(_) | Stage::Lingering(_) | Stage::Ended => return Write::Broken,
        }
        let sent = match slices {
            [only] => send(socket, only),
            _ => send_slices(socket, slices),
        };
        let all: usize = slices.iter().map(|slice| slice.len()).sum();
        match sent {
            Ok(taken) => {
                if taken < all {
                    self.full.push(conn);
                }
                Write::Written(taken)
            }
            Err(_) => Write::Broken,
        }
    }
}

/// Writes of an encrypted connection.
struct Sealing<'a> {
    socket: BorrowedFd<'a>,
    sealed: &'a mut Sealed,
    gathered: &'a mut Vec<u8>,
}

impl Sealing<'_> {
    /// Writes `slices` as records. What is encrypted counts as written, since it cannot be taken
    /// back; what the socket does not take of it waits, and as long as it does nothing else is
    /// encrypted. So no more than one piece waits here. Also: whether the socket is full.
    fn write(&mut self, secure: &mut Secure, slices: &[&[u8]]) -> (Write, bool) {
        let Secure { records, unsent } = secure;
        if unsent.lacks_room() {
            match unsent.send(self.socket) {
                Ok(true) => (),
                Ok(false) => return (Write::Written(0), true),
                Err(_) => return (Write::Broken, false),
            }
        }
        let (mut rest, mut written) = (Rest { slices, at: 0 }, 0);
        while let Some(piece) = rest.take(self.gathered) {
            self.sealed.clear();
            if let Err(error) = records.seal(piece, self.sealed) {
                debug!(%error, "a connection that can encrypt no more");
                return (Write::Broken, false);
            }
            written += piece.len();
            match unsent.send_behind(self.socket, self.sealed.as_slice()) {
                Ok(true) => (),
                Ok(false) => return (Write::Written(written), true),
                Err(_) => return (Write::Broken, false),
            }
        }
        (Write::Written(written), false)
    }
}

/// What is left of slices that are taken in pieces.
struct Rest<'a> {
    slices: &'a [&'a [u8]],
    /// Where the first one goes on.
    at: usize,
}

impl<'a> Rest<'a> {
    /// The next piece; if it lies in several slices, in `gathered`.
    fn take<'g>(&mut self, gathered: &'g mut Vec<u8>) -> Option<&'g [u8]>
    where
        'a: 'g,
    {
        let (&first, behind) = self.slices.split_first()?;
        let first = &first[self.at..];
        if behind.is_empty() || first.len() >= SEALED_AT_ONCE {
            let piece = &first[..first.len().min(SEALED_AT_ONCE)];
            self.skip(piece.len());
            return Some(piece).filter(|piece| !piece.is_empty());
        }
        gathered.clear();
        while let Some(first) = self.slices.first()
            && gathered.len() < SEALED_AT_ONCE
        {
            let first = &first[self.at..];
            let fits = first.len().min(SEALED_AT_ONCE - gathered.len());
            gathered.extend_from_slice(&first[..fits]);
            self.skip(fits);
        }
        Some(gathered)
    }

    fn skip(&mut self, count: usize) {
        self.at += count;
        if self.slices.first().is_some_and(|first| self.at >= first.len()) {
            (self.slices, self.at) = (&self.slices[1..], 0);
        }
    }
}

impl TurnLoop {
    /// There is room in a socket again.
    pub(super) fn writable(&mut self, conn: ConnId) {
        let Some((socket, stage)) = self.slots.get(conn).parts() else { return };
        match stage {
            Stage::Plain => self.shard.writable(conn),
            Stage::Secure(secure) => match secure.unsent.send(socket) {
                Ok(true) => self.shard.writable(conn),
                Ok(false) => self.full.push(conn),
                Err(error) => debug!(%error, "broken: its receive says so as well"),
            },
            Stage::Entering(entering) => match entering.unsent.send(socket) {
                Ok(true) => (),
                Ok(false) => self.full.push(conn),
                Err(error) => debug!(%error, "broken: its receive says so as well"),
            },
            Stage::Lingering(_) => self.tell_end(conn),
            Stage::Ended => (),
        }
    }

    /// Waits for room in the sockets that were found full.
    pub(super) fn poll_full(&mut self) {
        for conn in std::mem::take(&mut self.full) {
            let slot = self.slots.peek(conn);
            if slot.polling || matches!(slot.stage, Stage::Ended) {
                continue;
            }
            let token = self.slots.arm(Op::Writable, conn);
            let slot = self.slots.get(conn);
            slot.polling = true;
            if let Some(socket) = slot.socket() {
                self.ring.poll_writable(socket, token.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_all_of_the_slices_in_order() {
        let bytes: Vec<u8> = (0..400_000u32).map(|at| (at % 251) as u8).collect();
        for cuts in [vec![], vec![1], vec![10, 20, 70_000], vec![200_000, 200_001, 390_000]] {
            let ends = cuts.iter().copied().chain([bytes.len()]);
            let begins = [0].into_iter().chain(cuts.iter().copied());
            let slices: Vec<&[u8]> = begins.zip(ends).map(|(from, to)| &bytes[from..to]).collect();
            let (mut rest, mut gathered, mut all) =
                (Rest { slices: &slices, at: 0 }, Vec::new(), Vec::new());
            while let Some(piece) = rest.take(&mut gathered) {
                assert!((1..=SEALED_AT_ONCE).contains(&piece.len()));
                all.extend_from_slice(piece);
            }
            assert!(all == bytes, "{cuts:?}");
        }
    }
}
