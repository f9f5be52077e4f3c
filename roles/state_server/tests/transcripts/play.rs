//! Plays a transcript and compares.

use crate::codec::{Codec, Packet, subject, word_after};
use crate::script::{Check, Input, Message, Output, Script, Send, Step};
use crate::show;
use crate::words::list;
use crate::world::{Setting, World};
use park::Config;
use runtime::Counts;
use runtime::counts::MetricKind;
use std::collections::BTreeMap;
use wire::control::ControlMessage;
use wire::datagram::{Datagram, write_datagram};
use wire::framing;
use wire::ids::{Channel, MsgType};

/// A datagram that must come out.
struct Expected {
    line: usize,
    sender: u64,
    packet: Packet,
    to: Option<Vec<u64>>,
    subject: u64,
    part: usize,
    /// The name under which its context is kept, which may be any.
    meets: Option<String>,
}

/// A context that has a name stands first.
const CONTEXT_BYTES: usize = 4;

/// What is counted, by `refused REASON` or the name of a gauge.
type Tally = BTreeMap<String, u64>;

/// A transcript being played.
struct Play<'a> {
    script: &'a Script,
    codec: Codec<'a>,
    world: World,
    counted: Tally,
    sent: u64,
    wrong: Vec<String>,
}

/// Plays `script` and says all that went wrong up to the first step where something did, each with
/// its line. A line that makes no sense is an error, too.
pub fn play(script: &Script, config: &Config, setting: Setting) -> Result<(), Vec<String>> {
    let schema = config.general.classes.schema.as_deref().expect("the classes are sound");
    let names = script.names.clone();
    let codec = Codec { dialect: config.general.dialect, schema, names: &names };
    let world = World::new(config, setting, script.conns.len());
    let (counted, wrong) = (Tally::new(), Vec::new());
    let mut play = Play { script, codec, world, counted, sent: 0, wrong };
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
            let mut bytes = Vec::new();
            for channel in &conn.channels {
                let channel = Channel(self.codec.number(channel)?);
                let add = ControlMessage::AddChannel(channel);
                add.encode(self.codec.dialect, &mut bytes).map_err(|error| error.to_string())?;
            }
            self.world.send(at, &bytes);
        }
        self.world.settle();
        let ids = self.script.apart.iter().map(|id| self.codec.number(id).map(|id| id as u32));
        let ids = ids.collect::<Result<Vec<u32>, String>>()?;
        if !self.world.are_apart(&ids) {
            return Err(format!("{:?} are not apart", self.script.apart));
        }
        self.counted = tally(self.world.counts());
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        self.sent = 0;
        for input in &step.inputs {
            match input {
                Input::Send(send) => self.send(send)?,
                Input::Wait(ms) => self.world.wait(*ms),
                Input::Close(conn) => self.world.close(*conn),
            }
        }
        self.world.settle();
        let conns = 0..self.script.conns.len();
        let got: Vec<Vec<u8>> = conns.map(|conn| self.world.got(conn)).collect();
        if !step.given {
            self.compare(step, &got)?;
        }
        self.check_counts(step);
        Ok(())
    }

    /// Compares what came with what must have come, and keeps what is wrong with the choice that is
    /// nearest.
    fn compare(&mut self, step: &Step, got: &[Vec<u8>]) -> Result<(), String> {
        let mut nearest: Option<Vec<String>> = None;
        for choice in &step.choices {
            let mut wrong = Vec::new();
            for (conn, got) in got.iter().enumerate() {
                wrong.extend(self.compare_one(step.line, choice, conn, got)?);
            }
            if nearest.as_ref().is_none_or(|nearest| wrong.len() < nearest.len()) {
                nearest = Some(wrong);
            }
        }
        self.wrong.extend(nearest.into_iter().flatten());
        Ok(())
    }

    fn send(&mut self, send: &Send) -> Result<(), String> {
        let to = send.to.iter().map(|channel| self.codec.number(channel).map(Channel));
        let to = to.collect::<Result<Vec<Channel>, String>>()?;
        let sender = Channel(self.codec.number(&send.sender)?);
        let Packet { msgtype, payload } = self.codec.encode(&send.message)?;
        for length in lengths(&send.message, payload.len())? {
            let frame = frame(&to, sender, msgtype, &payload[..length])?;
            self.sent += 1;
            let mut bytes = Vec::new();
            if send.post_remove {
                let message = framing::body(&frame);
                let keep = ControlMessage::AddPostRemove { sender, message };
                keep.encode(self.codec.dialect, &mut bytes).map_err(|error| error.to_string())?;
            } else {
                bytes = frame;
            }
            self.world.send(send.conn, &bytes);
        }
        Ok(())
    }

    /// What is wrong with what came to one connection.
    fn compare_one(
        &self,
        line: usize,
        choice: &[Output],
        conn: usize,
        got: &[u8],
    ) -> Result<Vec<String>, String> {
        let outputs = choice.iter().filter(|output| output.conns.contains(&conn));
        let expected = outputs.map(|output| self.expected(output));
        let expected = expected.collect::<Result<Vec<Expected>, String>>()?;
        let (mut rest, mut wrong) = (got, Vec::new());
        let mut came: Vec<Option<usize>> = vec![None; expected.len()];
        let (name, mut at) = (&self.script.conns[conn].name, 0);
        while let Some((frame, behind)) = framing::split_frame(rest) {
            rest = behind;
            let dg = Datagram::parse(framing::body(frame)).map_err(|error| error.to_string())?;
            match (0..expected.len()).find(|&e| came[e].is_none() && expected[e].is(&dg)) {
                Some(open) => {
                    expected[open].meet(&dg, self.codec);
                    came[open] = Some(at);
                }
                None => wrong.push(format!("{line}: came to {name}: {}", self.show(&dg))),
            }
            at += 1;
        }
        for (missing, _) in expected.iter().zip(&came).filter(|(_, came)| came.is_none()) {
            let shown = self.shown(missing)?;
            wrong.push(format!("{}: did not come to {name}: {shown}", missing.line));
        }
        wrong.extend(disorder(name, &expected, &came));
        Ok(wrong)
    }

    fn show(&self, dg: &Datagram<'_>) -> String {
        show::datagram(self.codec.dialect, self.codec.schema, dg)
    }

    fn expected(&self, output: &Output) -> Result<Expected, String> {
        let (line, message) = (output.line, &output.message);
        let here = |what| format!("(line {line}) {what}");
        let number = |text: &str| self.codec.number(text).map_err(here);
        let sender = word_after(message, "from").ok_or_else(|| here("from whom?".to_owned()))?;
        let sender = number(sender)?;
        let to = word_after(message, "to").map(|to| -> Result<Vec<u64>, String> {
            let mut to = list(to)?.into_iter().map(number).collect::<Result<Vec<u64>, String>>()?;
            to.sort_unstable();
            Ok(to)
        });
        let subject = subject(message).map_or(Ok(sender), number)?;
        let packet = self.codec.encode(message).map_err(here)?;
        let meets = message.arguments.iter().find_map(|word| word.strip_prefix("context=?"));
        let meets = meets.filter(|name| self.codec.names.met(name).is_none()).map(str::to_owned);
        let (to, part) = (to.transpose()?, output.part);
        Ok(Expected { line, sender, packet, to, subject, part, meets })
    }

    fn shown(&self, expected: &Expected) -> Result<String, String> {
        let Packet { msgtype, payload } = &expected.packet;
        let to = expected.to.iter().flatten().copied().map(Channel).collect::<Vec<Channel>>();
        let frame = frame(&to, Channel(expected.sender), *msgtype, payload)?;
        let dg = Datagram::parse(framing::body(&frame)).map_err(|error| error.to_string())?;
        let shown = self.show(&dg);
        Ok(if expected.to.is_none() { shown.replacen(" to []", "", 1) } else { shown })
    }

    /// Refusals of a step are all said; gauges are looked at where they are mentioned.
    fn check_counts(&mut self, step: &Step) {
        let before = std::mem::replace(&mut self.counted, tally(self.world.counts()));
        let refused = |name: &&String| name.starts_with("refused");
        let mut more: Tally = self
            .counted
            .iter()
            .map(|(name, count)| {
                let since = if refused(&name) { before[name] } else { 0 };
                (name.clone(), count - since)
            })
            .collect();
        let all = more.iter().filter(|(name, _)| refused(name)).map(|(_, count)| count).sum();
        more.insert("refused all".to_owned(), all);
        self.check_events(step, &mut more);
        let mut unsaid: Tally = more.clone();
        unsaid.retain(|name, count| refused(&name) && *count > 0 && name != "refused all");
        for Check { line, what, count } in &step.checks {
            let (low, high) = count.unwrap_or((self.sent, self.sent));
            let is = more.get(what);
            unsaid.remove(what);
            if what == "refused all" {
                unsaid.clear();
            }
            if !is.is_some_and(|is| (low..=high).contains(is)) {
                self.wrong.push(format!("{line}: {what} {low}-{high} expected, is {is:?}"));
            }
        }
        for (what, count) in unsaid {
            self.wrong.push(format!("{}: {what} {count}", step.line));
        }
    }
}

impl Play<'_> {
    /// Each refusal is said to the event logger, with its reason. Other events are looked at where
    /// they are mentioned, as `event KIND`.
    fn check_events(&mut self, step: &Step, more: &mut Tally) {
        let events = self.world.take_events();
        let said = |word: &str| {
            let has =
                |packet: &&Vec<u8>| packet.windows(word.len()).any(|at| at == word.as_bytes());
            events.iter().filter(has).count() as u64
        };
        for Check { what, .. } in &step.checks {
            if let Some(kind) = what.strip_prefix("event ") {
                more.insert(what.clone(), said(kind));
            }
        }
        let refused =
            more.iter().filter_map(|(name, count)| Some((name.strip_prefix("refused ")?, *count)));
        for (reason, count) in refused {
            let said = said(if reason == "all" { "request-refused" } else { reason });
            if said < count || (reason == "all" && said > count) {
                let line = step.line;
                self.wrong
                    .push(format!("{line}: refused {reason} {count}, and {said} events say so"));
            }
        }
    }
}

impl Expected {
    fn is(&self, dg: &Datagram<'_>) -> bool {
        let to = self.to.as_ref().is_none_or(|to| {
            let mut came: Vec<u64> = dg.recipients().map(|channel| channel.0).collect();
            came.sort_unstable();
            came == *to
        });
        let Packet { msgtype, payload } = &self.packet;
        let free = if self.meets.is_some() { CONTEXT_BYTES } else { 0 };
        to && dg.sender().0 == self.sender
            && dg.msgtype() == *msgtype
            && dg.payload().get(free..) == payload.get(free..)
    }

    /// This is what was expected: its context has a name from now on.
    fn meet(&self, dg: &Datagram<'_>, codec: Codec<'_>) {
        if let (Some(name), Some(context)) = (&self.meets, dg.payload().first_chunk()) {
            codec.names.meet(name, u32::from_le_bytes(*context).into());
        }
    }
}

/// Which came too early: those of one object come in order, and so do parts.
fn disorder(name: &str, expected: &[Expected], came: &[Option<usize>]) -> Vec<String> {
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

fn frame(to: &[Channel], sender: Channel, of: MsgType, payload: &[u8]) -> Result<Vec<u8>, String> {
    let mut frame = Vec::new();
    let written = write_datagram(&mut frame, to, sender, of, |out| out.extend_from_slice(payload));
    written.map_err(|error| error.to_string())?;
    Ok(frame)
}

/// All shards together.
fn tally<'a>(counts: impl Iterator<Item = &'a Counts>) -> Tally {
    let mut tally = Tally::new();
    for counts in counts {
        for (metric, value) in Counts::METRICS.iter().zip(counts.values()) {
            let name = match (metric.name, metric.label, metric.kind) {
                ("object_requests_refused", Some((_, reason)), _) => format!("refused {reason}"),
                (name, None, MetricKind::Gauge) => name.to_owned(),
                _ => continue,
            };
            *tally.entry(name).or_default() += value;
        }
    }
    tally
}
