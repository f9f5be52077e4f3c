//! The link to the Message Director above this daemon: one shard holds it.
//!
//! Datagrams go up unsolicited. While the link is away, or behind with what must come first, they
//! wait in a queue that has a limit; what does not fit is dropped and counted. When the link
//! comes (back), everybody's subscriptions are announced in pages, then the queue follows, in
//! pages too, each when the one before has been taken: a long list never fills the backlog.

use crate::channels::Cursor;
use crate::ids::{ConnId, ShardId};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

const CHUNK_BYTES: usize = 256 << 10;

/// Where the upstream link is.
pub enum Uplink {
    /// This daemon is the root.
    Absent,
    /// Another shard holds it.
    Elsewhere(ShardId),
    /// This shard holds it.
    Here(Upstream),
}

/// The link as the shard sees it that holds it.
#[derive(Default)]
pub struct Upstream {
    conn: Option<ConnId>,
    announcing: Option<Cursor>,
    queue: VecDeque<Vec<u8>>,
    queued: usize,
    /// Something did not fit since nothing waited the last time.
    is_full: bool,
}

impl Upstream {
    /// The connection, while there is one.
    pub fn conn(&self) -> Option<ConnId> {
        self.conn
    }

    /// The connection, if a datagram may go up at once.
    #[inline]
    pub fn open(&self) -> Option<ConnId> {
        self.conn.filter(|_| self.announcing.is_none() && self.queue.is_empty())
    }

    /// The link came up: announce everything.
    pub fn up(&mut self, conn: ConnId) {
        (self.conn, self.announcing) = (Some(conn), Some(Cursor::default()));
    }

    /// The link is gone.
    pub fn down(&mut self) {
        (self.conn, self.announcing) = (None, None);
    }

    /// Where the announcement stands, while there is one.
    pub fn announcing(&self) -> Option<Cursor> {
        self.announcing
    }

    /// A page was announced.
    pub fn announced(&mut self, next: Option<Cursor>) {
        self.announcing = next;
    }

    /// Queues a frame; `false` if it does not fit.
    pub fn queue(&mut self, frame: &[u8], bytes_max: usize) -> bool {
        if self.queued + frame.len() > bytes_max {
            return false;
        }
        self.queued += frame.len();
        match self.queue.back_mut() {
            Some(last) if last.len() + frame.len() <= CHUNK_BYTES => last.extend_from_slice(frame),
            _ => self.queue.push_back(frame.to_vec()),
        }
        true
    }

    /// The next page of the queue, once everything is announced.
    pub fn take(&mut self) -> Option<Vec<u8>> {
        if self.conn.is_none() || self.announcing.is_some() {
            return None;
        }
        let page = self.queue.pop_front()?;
        self.queued -= page.len();
        self.is_full &= self.queued > 0;
        Some(page)
    }

    /// Something did not fit; whether it is the first since nothing waited.
    pub fn overflows(&mut self) -> bool {
        !core::mem::replace(&mut self.is_full, true)
    }

    /// Bytes that wait.
    pub fn queued(&self) -> usize {
        self.queued
    }

    /// Whether it is up and behind with something.
    pub fn is_behind(&self) -> bool {
        self.conn.is_some() && (self.announcing.is_some() || !self.queue.is_empty())
    }
}
