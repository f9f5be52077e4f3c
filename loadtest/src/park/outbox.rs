//! What clients are to say, and which of them to connect or to end, before it is done: so that who
//! decides it needs no sockets.

use crate::sockets::Ending;
use wire::client::FromClient;
use wire::dialect::Dialect;

#[derive(Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    /// Whose bytes follow, and where they end.
    pieces: Vec<(u32, usize)>,
    /// Clients to connect, before anything is sent.
    pub(crate) opened: Vec<u32>,
    /// Clients to end, after all has been sent.
    pub(crate) ended: Vec<(u32, Ending)>,
}

impl Outbox {
    #[inline]
    pub(crate) fn say(&mut self, client: u32, dialect: Dialect, message: &FromClient<'_>) {
        message.encode(dialect, &mut self.bytes).expect("the plan bounds its length");
        match self.pieces.last_mut() {
            Some((last, end)) if *last == client => *end = self.bytes.len(),
            Some(_) | None => self.pieces.push((client, self.bytes.len())),
        }
    }

    /// What each client says, taken out.
    pub(crate) fn take_said(&mut self, mut each: impl FnMut(u32, &[u8])) {
        let mut start = 0;
        for (client, end) in self.pieces.drain(..) {
            each(client, &self.bytes[start..end]);
            start = end;
        }
        self.bytes.clear();
    }
}
