//! Plays a transcript and compares.

use crate::codec::{Codec, Packet, Side};
use crate::expected::{came, compare};
use crate::script::{Check, Input, Kind, Message, Script, Send, Step};
use crate::stage::Stage;
use dc::Schema;
use runtime::Counts;
use runtime::counts::MetricKind;
use std::collections::BTreeMap;
use wire::client::{AgentMessage, FromClient};
use wire::control::ControlMessage;
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::Channel;

/// The version that clients have.
const VERSION: &[u8] = b"dev";
/// The name of the hash that clients have.
const HASH: &str = "hash";
/// The state of a client that the cluster has let in.
const ESTABLISHED: u16 = 2;

/// What is counted, by `refused REASON` and the like, or by its name.
type Tally = BTreeMap<String, u64>;

/// A transcript being played.
struct Play<'a> {
    script: &'a Script,
    codec: Codec<'a>,
    stage: Box<dyn Stage>,
    counted: Tally,
    sent: u64,
    wrong: Vec<String>,
}

/// Plays `script` and says all that went wrong up to the first step where something did, each with
/// its line. A line that makes no sense is an error, too.
pub fn play(
    script: &Script,
    schema: &Schema,
    dialect: Dialect,
    stage: Box<dyn Stage>,
) -> Result<(), Vec<String>> {
    let names = script.names.clone();
    let codec = Codec { dialect, schema, names: &names };
    let (counted, wrong) = (Tally::new(), Vec::new());
    let mut play = Play { script, codec, stage, counted, sent: 0, wrong };
    play.begin().map_err(|what| vec![format!("0: {what}")])?;
    for step in &script.steps {
        if let Err(what) = play.step(step) {
            play.wrong.push(format!("{}: {what}", step.line));
        }
        if !play.wrong.is_empty() {
            return Err(play.wrong);
        }
    }
    Ok(())
}

impl Play<'_> {
    fn begin(&mut self) -> Result<(), String> {
        for (at, conn) in self.script.conns.iter().enumerate() {
            let Kind::Cluster(channels) = &conn.kind else { continue };
            let mut bytes = Vec::new();
            for channel in channels {
                let channel = Channel(self.codec.number(channel)?);
                let add = ControlMessage::AddChannel(channel);
                add.encode(self.codec.dialect, &mut bytes).map_err(|error| error.to_string())?;
            }
            self.stage.send(at, &bytes);
        }
        self.stage.settle();
        let ids = self.script.apart.iter().map(|id| self.codec.number(id).map(|id| id as u32));
        let ids = ids.collect::<Result<Vec<u32>, String>>()?;
        if !self.stage.are_apart(&ids) {
            return Err(format!("{:?} are not apart", self.script.apart));
        }
        self.counted = tally(&self.stage.counts());
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        self.sent = 0;
        for input in &step.inputs {
            match input {
                Input::Send(send) => self.send(send)?,
                Input::Wait(ms) => self.stage.wait(*ms),
                Input::Close(conn) => self.stage.close(*conn),
                Input::Connect(conn) => self.stage.connect(*conn),
                Input::LogIn(conn) => self.log_in(*conn)?,
                Input::Stop => self.stage.stop(),
            }
        }
        self.stage.settle();
        let conns = 0..self.script.conns.len();
        let got: Vec<(Vec<u8>, bool)> = conns.map(|conn| self.stage.got(conn)).collect();
        if !step.given {
            self.compare(step, &got)?;
        }
        self.check_counts(step);
        Ok(())
    }

    /// Compares what came with what must have come, and keeps what is wrong with the choice that is
    /// nearest.
    fn compare(&mut self, step: &Step, got: &[(Vec<u8>, bool)]) -> Result<(), String> {
        let mut nearest: Option<Vec<String>> = None;
        for choice in &step.choices {
            let mut wrong = Vec::new();
            for (conn, (got, has_ended)) in got.iter().enumerate() {
                let came = came(&self.script.conns[conn].kind, got, *has_ended)?;
                let conn = (self.script, conn);
                wrong.extend(compare(step.line, conn, choice, &came, self.codec)?);
            }
            if nearest.as_ref().is_none_or(|nearest| wrong.len() < nearest.len()) {
                nearest = Some(wrong);
            }
        }
        self.wrong.extend(nearest.into_iter().flatten());
        Ok(())
    }

    fn send(&mut self, send: &Send) -> Result<(), String> {
        let side = match self.script.conns[send.conn].kind {
            Kind::Cluster(_) => Side::Cluster,
            Kind::Client(_) => Side::FromClient,
        };
        let Packet { msgtype, payload, .. } = self.codec.encode(side, &send.message)?;
        for length in lengths(&send.message, payload.len())? {
            let payload = &payload[..length];
            let mut bytes = Vec::new();
            if side == Side::FromClient {
                let start = framing::begin_frame(&mut bytes);
                bytes.extend_from_slice(&msgtype.0.to_le_bytes());
                bytes.extend_from_slice(payload);
                framing::finish_frame(&mut bytes, start).map_err(|error| error.to_string())?;
            } else {
                bytes = self.codec.frame(&send.to, &send.sender, msgtype, payload)?;
            }
            self.sent += 1;
            if send.post_remove {
                let sender = Channel(self.codec.number(&send.sender)?);
                let message = framing::body(&bytes);
                let (keep, mut out) = (ControlMessage::AddPostRemove { sender, message }, vec![]);
                keep.encode(self.codec.dialect, &mut out).map_err(|error| error.to_string())?;
                bytes = out;
            }
            self.stage.send(send.conn, &bytes);
        }
        Ok(())
    }

    /// A client connects, says who it is, and the first of the cluster lets it in.
    fn log_in(&mut self, conn: usize) -> Result<(), String> {
        let dialect = self.codec.dialect;
        let dc_hash = self.codec.number(HASH)? as u32;
        let (hello, mut bytes) = (FromClient::Hello { dc_hash, version: VERSION }, Vec::new());
        hello.encode(dialect, &mut bytes).map_err(|error| error.to_string())?;
        self.stage.connect(conn);
        self.stage.settle();
        self.stage.send(conn, &bytes);
        self.stage.settle();
        let mut conns = self.script.conns.iter();
        let is_of_cluster = |kind: &Kind| matches!(kind, Kind::Cluster(_));
        let by = conns.position(|conn| is_of_cluster(&conn.kind)).ok_or("who lets it in?")?;
        let (let_in, mut payload) = (AgentMessage::SetState { state: ESTABLISHED }, Vec::new());
        let_in.write(dialect, &mut payload);
        let of = let_in.msgtype(dialect).ok_or("there is such a message")?;
        let Script { conns, .. } = self.script;
        let frame = self.codec.frame(&[conns[conn].name.clone()], &conns[by].name, of, &payload)?;
        self.stage.send(by, &frame);
        self.stage.settle();
        Ok(())
    }

    /// Refusals of a step are all said; what else is counted is looked at where it is mentioned.
    fn check_counts(&mut self, step: &Step) {
        let before = std::mem::replace(&mut self.counted, tally(&self.stage.counts()));
        let refused = |name: &&String| name.starts_with("refused");
        let since = |(name, count): (&String, &u64)| {
            let before = if is_gauge(name) { 0 } else { before[name] };
            (name.clone(), count - before)
        };
        let mut more: Tally = self.counted.iter().map(since).collect();
        let all = more.iter().filter(|(name, _)| refused(name)).map(|(_, count)| count).sum();
        more.insert("refused all".to_owned(), all);
        let events = self.stage.events();
        if self.stage.tells_refusals() {
            self.check_refusals_are_told(step, &more, &events);
        }
        let mut unsaid: Tally = more.clone();
        unsaid.retain(|name, count| refused(&name) && *count > 0 && name != "refused all");
        for Check { line, what, count } in &step.checks {
            let (low, high) = count.unwrap_or((self.sent, self.sent));
            let is = match what.strip_prefix("event ") {
                Some(kind) => Some(events.iter().filter(|event| says(event, kind)).count() as u64),
                None => more.get(what).copied(),
            };
            unsaid.remove(what);
            if what == "refused all" {
                unsaid.clear();
            }
            if !is.is_some_and(|is| (low..=high).contains(&is)) {
                self.wrong.push(format!("{line}: {what} {low}-{high} expected, is {is:?}"));
            }
        }
        for (what, count) in unsaid {
            self.wrong.push(format!("{}: {what} {count}", step.line));
        }
    }

    fn check_refusals_are_told(&mut self, step: &Step, counted: &Tally, events: &[Vec<u8>]) {
        let refused = counted
            .iter()
            .filter_map(|(name, count)| Some((name.strip_prefix("refused ")?, *count)));
        for (reason, count) in refused {
            let word = if reason == "all" { "request-refused" } else { reason };
            let said = events.iter().filter(|event| says(event, word)).count() as u64;
            if said < count || (reason == "all" && said > count) {
                let line = step.line;
                let what = format!("{line}: refused {reason} {count}, and {said} events say so");
                self.wrong.push(what);
            }
        }
    }
}

/// Whether a packet to the Event Logger has this word, and not as a part of a longer one.
fn says(packet: &[u8], word: &str) -> bool {
    let is_part =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || *byte == b'-');
    packet
        .windows(word.len())
        .enumerate()
        .any(|(at, some)| some == word.as_bytes() && !is_part(packet.get(at + word.len())))
}

/// How much of a message is sent: `cut=2` leaves out the last two bytes, `cut=all` sends every
/// beginning of it, one after the other.
fn lengths(message: &Message, whole: usize) -> Result<Vec<usize>, String> {
    let cut = message.arguments.iter().find_map(|word| word.strip_prefix("cut="));
    match cut {
        None => Ok(vec![whole]),
        Some("all") => Ok((0..whole).collect()),
        Some(cut) => {
            let cut = cut.parse().map_err(|_| "cut=BYTES or cut=all")?;
            Ok(vec![whole.checked_sub(cut).ok_or("it is not so long")?])
        }
    }
}

/// The metrics whose labels are enough to name them, and the word before those.
const LABELLED: [(&str, &str); 4] = [
    ("object_requests_refused", "refused"),
    ("client_grants_refused", "not granted"),
    ("client_messages_dropped", "dropped"),
    ("clients_ejected", "ejected"),
];

/// All shards together.
fn tally(counts: &[&Counts]) -> Tally {
    let mut tally = Tally::new();
    for counts in counts {
        for (metric, value) in Counts::METRICS.iter().zip(counts.values()) {
            let word = LABELLED.iter().find(|(name, _)| *name == metric.name).map(|(_, word)| word);
            let name = match (word, metric.label) {
                (Some(word), Some((_, label))) => format!("{word} {label}"),
                (_, None) => metric.name.to_owned(),
                (None, Some(_)) => continue,
            };
            *tally.entry(name).or_default() += value;
        }
    }
    tally
}

fn is_gauge(name: &str) -> bool {
    Counts::METRICS.iter().any(|metric| metric.name == name && metric.kind == MetricKind::Gauge)
}
