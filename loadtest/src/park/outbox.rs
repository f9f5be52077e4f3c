//! What clients are to do, in order, before it is done: so that who decides it needs no sockets.

use crate::sockets::Ending;
use wire::client::FromClient;
use wire::dialect::Dialect;

/// What a client does.
pub(crate) enum Step<'a> {
    Connect,
    Say(&'a [u8]),
    End(Ending),
}

#[derive(Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    steps: Vec<(u32, Noted)>,
}

#[derive(Clone, Copy)]
enum Noted {
    Connect,
    /// What is said goes on to here.
    Say(usize),
    End(Ending),
}

impl Outbox {
    pub(crate) fn connect(&mut self, client: u32) {
        self.steps.push((client, Noted::Connect));
    }

    #[inline]
    pub(crate) fn say(&mut self, client: u32, dialect: Dialect, message: &FromClient<'_>) {
        message.encode(dialect, &mut self.bytes).expect("the plan bounds its length");
        match self.steps.last_mut() {
            Some((last, Noted::Say(end))) if *last == client => *end = self.bytes.len(),
            Some(_) | None => self.steps.push((client, Noted::Say(self.bytes.len()))),
        }
    }

    pub(crate) fn end(&mut self, client: u32, ending: Ending) {
        self.steps.push((client, Noted::End(ending)));
    }

    /// What each client does, taken out.
    pub(crate) fn take<E>(
        &mut self,
        mut each: impl FnMut(u32, Step<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut start = 0;
        for (client, step) in self.steps.drain(..) {
            match step {
                Noted::Connect => each(client, Step::Connect)?,
                Noted::Say(end) => {
                    each(client, Step::Say(&self.bytes[start..end]))?;
                    start = end;
                }
                Noted::End(ending) => each(client, Step::End(ending))?,
            }
        }
        self.bytes.clear();
        Ok(())
    }
}
