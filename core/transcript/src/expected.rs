//! What must come to a connection, and whether it is what came.

use crate::codec::{Codec, Packet, Side, subject, word_after};
use crate::script::{Kind, Output, Script};
use crate::show;
use crate::words::list;
use wire::client;
use wire::datagram::Datagram;
use wire::framing;
use wire::ids::MsgType;

const CONTEXT_BYTES: usize = 4;

/// What came to a connection.
pub enum Came<'a> {
    /// To somebody of the cluster.
    Datagram(Datagram<'a>),
    /// To a client.
    Message(MsgType, &'a [u8]),
    /// The daemon has ended it.
    End,
}

/// What must come.
pub struct Expected {
    line: usize,
    what: What,
    subject: u64,
    part: usize,
}

enum What {
    Message {
        side: Side,
        sender: u64,
        to: Option<Vec<u64>>,
        packet: Packet,
        /// The name under which its context is kept, which may be any.
        meets: Option<String>,
    },
    End,
}

/// What came to a connection, in order.
pub fn came<'a>(kind: &Kind, got: &'a [u8], has_ended: bool) -> Result<Vec<Came<'a>>, String> {
    let (mut rest, mut all) = (got, Vec::new());
    while let Some((frame, behind)) = framing::split_frame(rest) {
        rest = behind;
        let body = framing::body(frame);
        all.push(match kind {
            Kind::Cluster(_) => {
                Came::Datagram(Datagram::parse(body).map_err(|error| error.to_string())?)
            }
            Kind::Client(_) => {
                let (msgtype, payload) = client::split(body).ok_or("a message without a number")?;
                Came::Message(msgtype, payload)
            }
        });
    }
    all.extend(has_ended.then_some(Came::End));
    if rest.is_empty() { Ok(all) } else { Err("what came ends in the middle".to_owned()) }
}

impl Came<'_> {
    /// In words.
    pub fn show(&self, codec: Codec<'_>) -> String {
        match self {
            Came::Datagram(dg) => show::datagram(codec.dialect, codec.schema, dg),
            Came::Message(of, payload) => show::message(codec.dialect, codec.schema, *of, payload),
            Came::End => "closed".to_owned(),
        }
    }

    fn payload(&self) -> &[u8] {
        match self {
            Came::Datagram(dg) => dg.payload(),
            Came::Message(_, payload) => payload,
            Came::End => &[],
        }
    }
}

impl Expected {
    /// What a line of a script means.
    pub fn read(output: &Output, kind: &Kind, codec: Codec<'_>) -> Result<Expected, String> {
        let (line, message, part) = (output.line, &output.message, output.part);
        let here = |what| format!("(line {line}) {what}");
        let number = |text: &str| codec.number(text).map_err(here);
        if message.name == "closed" {
            return Ok(Expected { line, what: What::End, subject: 0, part });
        }
        let (side, sender) = match kind {
            Kind::Cluster(_) => {
                let sender = word_after(message, "from");
                let sender = sender.ok_or_else(|| here("from whom?".to_owned()))?;
                (Side::Cluster, number(sender)?)
            }
            Kind::Client(_) => (Side::ToClient, 0),
        };
        let to = word_after(message, "to").map(|to| -> Result<Vec<u64>, String> {
            let mut to = list(to)?.into_iter().map(number).collect::<Result<Vec<u64>, String>>()?;
            to.sort_unstable();
            Ok(to)
        });
        let subject = subject(message).map_or(Ok(sender), number)?;
        let packet = codec.encode(side, message).map_err(here)?;
        let meets = message.arguments.iter().find_map(|word| word.strip_prefix("context=?"));
        let meets = meets.filter(|name| codec.names.met(name).is_none()).map(str::to_owned);
        let what = What::Message { side, sender, to: to.transpose()?, packet, meets };
        Ok(Expected { line, what, subject, part })
    }

    /// Whether this is what came.
    pub fn is(&self, came: &Came<'_>) -> bool {
        match (&self.what, came) {
            (What::End, Came::End) => true,
            (What::Message { sender, to, .. }, Came::Datagram(dg)) => {
                let is_to = to.as_ref().is_none_or(|to| {
                    let mut came: Vec<u64> = dg.recipients().map(|channel| channel.0).collect();
                    came.sort_unstable();
                    came == *to
                });
                is_to && dg.sender().0 == *sender && self.reads(dg.msgtype(), dg.payload())
            }
            (What::Message { .. }, Came::Message(msgtype, payload)) => {
                self.reads(*msgtype, payload)
            }
            (What::End, Came::Datagram(_) | Came::Message(..)) => false,
            (What::Message { .. }, Came::End) => false,
        }
    }

    fn reads(&self, msgtype: MsgType, payload: &[u8]) -> bool {
        let What::Message { packet, meets, .. } = &self.what else { return false };
        let mut wanted = packet.payload.clone();
        let context = packet.context_at.map(|at| at..at + CONTEXT_BYTES);
        if let Some(context) = context.filter(|_| meets.is_some())
            && let Some(free) = payload.get(context.clone())
        {
            wanted[context].copy_from_slice(free);
        }
        msgtype == packet.msgtype
            && if packet.is_open { payload.starts_with(&wanted) } else { payload == wanted }
    }

    /// This is what was expected: its context has a name from now on.
    pub fn meet(&self, came: &Came<'_>, codec: Codec<'_>) {
        if let What::Message { packet: Packet { context_at: Some(at), .. }, meets, .. } = &self.what
            && let Some(name) = meets
            && let Some((context, _)) = came.payload()[*at..].split_first_chunk()
        {
            codec.names.meet(name, u32::from_le_bytes(*context).into());
        }
    }

    /// What is wrong if it did not come.
    pub fn missing(&self, to: &str, codec: Codec<'_>) -> String {
        let shown = match &self.what {
            What::End => "closed".to_owned(),
            What::Message { side, sender, to, packet, .. } => {
                let head = (*sender, to.as_deref());
                show::expected(codec.dialect, codec.schema, *side, head, packet)
            }
        };
        format!("{}: did not come to {to}: {shown}", self.line)
    }
}

/// Which came too early: those of one object come in order, and so do parts, and the end is last.
pub fn disorder(name: &str, expected: &[Expected], came: &[Option<usize>]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (second, b) in expected.iter().enumerate() {
        for (first, a) in expected[..second].iter().enumerate() {
            let in_order = a.subject == b.subject || a.part < b.part;
            if in_order && came[first].zip(came[second]).is_some_and(|(a, b)| a > b) {
                wrong.push(format!("{}: came to {name} before line {}", b.line, a.line));
            }
        }
    }
    wrong
}

/// What is wrong with what came to one connection.
pub fn compare(
    line: usize,
    (script, conn): (&Script, usize),
    choice: &[Output],
    came: &[Came<'_>],
    codec: Codec<'_>,
) -> Result<Vec<String>, String> {
    let (name, kind) = (&script.conns[conn].name, &script.conns[conn].kind);
    let outputs = choice.iter().filter(|output| output.conns.contains(&conn));
    let expected = outputs.map(|output| Expected::read(output, kind, codec));
    let expected = expected.collect::<Result<Vec<Expected>, String>>()?;
    let (mut places, mut wrong) = (vec![None; expected.len()], Vec::new());
    for (at, came) in came.iter().enumerate() {
        match (0..expected.len()).find(|&e| places[e].is_none() && expected[e].is(came)) {
            Some(open) => {
                expected[open].meet(came, codec);
                places[open] = Some(at);
            }
            None => wrong.push(format!("{line}: came to {name}: {}", came.show(codec))),
        }
    }
    let missing = expected.iter().zip(&places).filter(|(_, place)| place.is_none());
    wrong.extend(missing.map(|(missing, _)| missing.missing(name, codec)));
    wrong.extend(disorder(name, &expected, &places));
    Ok(wrong)
}
