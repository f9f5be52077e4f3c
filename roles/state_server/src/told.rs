//! What the instances of a State Server tell each other. It travels in order with datagrams, so
//! what a shard is told of comes after all that its cause came after (I2).
//!
//! ```text
//! message: u8 kind, then its parameters, little endian, zones to the end
//! ```

use crate::ancestry::Trace;
use alloc::vec::Vec;
use wire::ids::{Channel, DoId};
use wire::reader::{DecodeError, Reader};
use wire::state_server::Zones;

/// Objects below a parent: all, or those in some zones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Below<'a> {
    /// The parent.
    pub parent: DoId,
    /// The zones; `None`: all.
    pub zones: Option<Zones<'a>>,
}

/// What is wanted of the objects below a parent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// How many there are.
    Count,
    /// In which zones there are some.
    Zones,
    /// They enter for the asker.
    Entries {
        /// Who gets them.
        asker: Channel,
        /// As the asker has said.
        context: u32,
        /// Count first, and wait for [`Told::Go`].
        wait: bool,
    },
}

/// A child's question to its parent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Question {
    /// Who asks.
    pub child: DoId,
    /// Who is asked.
    pub parent: DoId,
    /// When, on the clock of the child's instance.
    pub asked: u64,
}

/// An AI as an instance knows of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KnownAi {
    /// Its channel; 0: none.
    pub ai: Channel,
    /// How many times it had been reset, as far as the instance had heard. Who has heard of more knows
    /// that it is gone.
    pub resets: u32,
}

/// A message from one instance to another, or to itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told<'a> {
    /// Do your part of a query, which is numbered by the shard that says so.
    Begin { query: u64, wanted: Wanted, below: Below<'a> },
    /// So many objects here are concerned.
    Counted { query: u64, count: u32 },
    /// These zones have objects here.
    Occupied { query: u64, zones: Zones<'a> },
    /// Let the counted ones enter.
    Go { query: u64 },
    /// All of this shard have entered.
    Done { query: u64 },
    /// A parent has another AI; this is how many parents before it had it from theirs.
    NewAi { parent: DoId, known: KnownAi, sender: Channel, generation: u8 },
    /// A child asks which AI its parent has.
    AskAi { question: Question },
    /// It has this one.
    AiIs { question: Question, known: KnownAi },
    /// Delete objects below a parent.
    Delete { sender: Channel, below: Below<'a> },
    /// Is the origin of the look above `at`, or itself `at`?
    Trace { trace: Trace, at: DoId },
    /// It is, or it is not.
    Traced { origin: DoId, stamp: u64, ring: bool },
    /// To oneself: do the next thing that has waited.
    GoOn,
}

/// Most messages are no longer.
const USUAL_BYTES: usize = 32;

const BEGIN: u8 = 0;
const COUNTED: u8 = 1;
const OCCUPIED: u8 = 2;
const GO: u8 = 3;
const DONE: u8 = 4;
const NEW_AI: u8 = 5;
const DELETE: u8 = 6;
const TRACE: u8 = 7;
const TRACED: u8 = 8;
const GO_ON: u8 = 9;
const ASK_AI: u8 = 10;
const AI_IS: u8 = 11;

impl<'a> Told<'a> {
    /// Whether a message is heard at once by an instance that waits.
    pub fn never_waits(message: &[u8]) -> bool {
        matches!(message.first(), Some(&(TRACE | TRACED | GO_ON)))
    }

    /// Its bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(USUAL_BYTES);
        match *self {
            Told::Begin { query, wanted, below } => {
                out.push(BEGIN);
                out.extend_from_slice(&query.to_le_bytes());
                wanted.write(&mut out);
                below.write(&mut out);
            }
            Told::Counted { query, count } => {
                out.push(COUNTED);
                out.extend_from_slice(&query.to_le_bytes());
                out.extend_from_slice(&count.to_le_bytes());
            }
            Told::Occupied { query, zones } => {
                out.push(OCCUPIED);
                out.extend_from_slice(&query.to_le_bytes());
                out.extend_from_slice(zones.0.as_flattened());
            }
            Told::Go { query } => {
                out.push(GO);
                out.extend_from_slice(&query.to_le_bytes());
            }
            Told::Done { query } => {
                out.push(DONE);
                out.extend_from_slice(&query.to_le_bytes());
            }
            Told::AskAi { question } => {
                out.push(ASK_AI);
                question.write(&mut out);
            }
            Told::AiIs { question, known } => {
                out.push(AI_IS);
                question.write(&mut out);
                known.write(&mut out);
            }
            Told::NewAi { parent, known, sender, generation } => {
                out.push(NEW_AI);
                out.extend_from_slice(&parent.0.to_le_bytes());
                known.write(&mut out);
                out.extend_from_slice(&sender.0.to_le_bytes());
                out.push(generation);
            }
            Told::Delete { sender, below } => {
                out.push(DELETE);
                out.extend_from_slice(&sender.0.to_le_bytes());
                below.write(&mut out);
            }
            Told::Trace { trace, at } => {
                out.push(TRACE);
                out.extend_from_slice(&trace.origin.0.to_le_bytes());
                out.extend_from_slice(&trace.stamp.to_le_bytes());
                out.push(trace.generation);
                out.push(u8::from(trace.yields));
                out.extend_from_slice(&at.0.to_le_bytes());
            }
            Told::Traced { origin, stamp, ring } => {
                out.push(TRACED);
                out.extend_from_slice(&origin.0.to_le_bytes());
                out.extend_from_slice(&stamp.to_le_bytes());
                out.push(u8::from(ring));
            }
            Told::GoOn => out.push(GO_ON),
        }
        out
    }

    /// Reads what [`Told::write`] wrote.
    pub fn read(message: &'a [u8]) -> Result<Told<'a>, DecodeError> {
        let mut reader = Reader::new(message);
        let kind = reader.u8()?;
        let told = match kind {
            BEGIN => {
                let query = reader.u64()?;
                let wanted = Wanted::read(&mut reader)?;
                Told::Begin { query, wanted, below: Below::read(&mut reader)? }
            }
            COUNTED => Told::Counted { query: reader.u64()?, count: reader.u32()? },
            OCCUPIED => Told::Occupied { query: reader.u64()?, zones: Zones::of(reader.rest()) },
            GO => Told::Go { query: reader.u64()? },
            DONE => Told::Done { query: reader.u64()? },
            ASK_AI => Told::AskAi { question: Question::read(&mut reader)? },
            AI_IS => Told::AiIs {
                question: Question::read(&mut reader)?,
                known: KnownAi::read(&mut reader)?,
            },
            NEW_AI => Told::NewAi {
                parent: DoId(reader.u32()?),
                known: KnownAi::read(&mut reader)?,
                sender: reader.channel()?,
                generation: reader.u8()?,
            },
            DELETE => Told::Delete { sender: reader.channel()?, below: Below::read(&mut reader)? },
            TRACE => {
                let trace = Trace {
                    origin: DoId(reader.u32()?),
                    stamp: reader.u64()?,
                    generation: reader.u8()?,
                    yields: reader.u8()? != 0,
                };
                Told::Trace { trace, at: DoId(reader.u32()?) }
            }
            TRACED => Told::Traced {
                origin: DoId(reader.u32()?),
                stamp: reader.u64()?,
                ring: reader.u8()? != 0,
            },
            GO_ON => Told::GoOn,
            _ => return Err(DecodeError::Truncated),
        };
        reader.end()?;
        Ok(told)
    }
}

impl Question {
    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.child.0.to_le_bytes());
        out.extend_from_slice(&self.parent.0.to_le_bytes());
        out.extend_from_slice(&self.asked.to_le_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Question, DecodeError> {
        let (child, parent) = (DoId(reader.u32()?), DoId(reader.u32()?));
        Ok(Question { child, parent, asked: reader.u64()? })
    }
}

impl KnownAi {
    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.ai.0.to_le_bytes());
        out.extend_from_slice(&self.resets.to_le_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Result<KnownAi, DecodeError> {
        Ok(KnownAi { ai: reader.channel()?, resets: reader.u32()? })
    }
}

impl Wanted {
    fn write(self, out: &mut Vec<u8>) {
        match self {
            Wanted::Count => out.push(0),
            Wanted::Zones => out.push(1),
            Wanted::Entries { asker, context, wait } => {
                out.push(2 + u8::from(wait));
                out.extend_from_slice(&asker.0.to_le_bytes());
                out.extend_from_slice(&context.to_le_bytes());
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Wanted, DecodeError> {
        Ok(match reader.u8()? {
            0 => Wanted::Count,
            1 => Wanted::Zones,
            entries => Wanted::Entries {
                asker: reader.channel()?,
                context: reader.u32()?,
                wait: entries == 3,
            },
        })
    }
}

impl<'a> Below<'a> {
    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.parent.0.to_le_bytes());
        out.push(u8::from(self.zones.is_some()));
        out.extend_from_slice(self.zones.map_or(&[], |zones| zones.0.as_flattened()));
    }

    fn read(reader: &mut Reader<'a>) -> Result<Below<'a>, DecodeError> {
        let (parent, some) = (DoId(reader.u32()?), reader.u8()? != 0);
        let rest = reader.rest();
        Ok(Below { parent, zones: some.then(|| Zones::of(rest)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let zones = [[1, 0, 0, 0], [0xff; 4]];
        let parent = DoId(7);
        let below = [
            Below { parent, zones: None },
            Below { parent, zones: Some(Zones(&[])) },
            Below { parent, zones: Some(Zones(&zones)) },
        ];
        let entries =
            |wait| Wanted::Entries { asker: Channel(u64::MAX), context: 0xabcd_ef01, wait };
        let known = KnownAi { ai: Channel(8), resets: 7 };
        let question = Question { child: DoId(4), parent, asked: 1 << 40 };
        let mut all = alloc::vec![
            Told::Counted { query: 5, count: 6 },
            Told::Occupied { query: 5, zones: Zones(&zones) },
            Told::Go { query: 9 },
            Told::Done { query: 9 },
            Told::GoOn,
            Told::NewAi { parent, known, sender: Channel(9), generation: 63 },
            Told::AskAi { question },
            Told::AiIs { question, known },
            Told::Trace {
                trace: Trace { origin: DoId(1), stamp: 9, generation: 3, yields: true },
                at: DoId(2),
            },
            Told::Traced { origin: DoId(1), stamp: 0, ring: true },
        ];
        for below in below {
            all.push(Told::Delete { sender: Channel(1), below });
            for wanted in [Wanted::Count, Wanted::Zones, entries(true), entries(false)] {
                all.push(Told::Begin { query: u64::MAX, wanted, below });
            }
        }
        for told in all {
            assert_eq!(Told::read(&told.write()), Ok(told));
        }
    }
}
