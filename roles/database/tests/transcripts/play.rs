//! Plays a transcript and compares.

use crate::codec::{Codec, Packet, lengths, numbers};
use crate::disk::TestDisk;
use crate::script::{Check, Input, Output, Script, Send, Step};
use crate::world::{self, Setting, World};
use crate::{Ground, show};
use database::Config;
use runtime::Counts;
use runtime::counts::MetricKind;
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::control::ControlMessage;
use wire::datagram::{Datagram, write_datagram};
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::{Channel, DoId, MsgType};

/// A datagram that must come out.
struct Expected {
    line: usize,
    sender: u64,
    packet: Packet,
    to: Option<Vec<u64>>,
    subject: Option<String>,
    part: usize,
}

/// What is counted, by `refused REASON` or the name of a metric.
type Tally = BTreeMap<String, u64>;

/// A transcript being played.
struct Play<'a> {
    script: &'a Script,
    ground: &'a Ground,
    config: Config,
    dialect: Dialect,
    world: Option<World>,
    counted: Tally,
    sent: u64,
    wrong: Vec<String>,
}

/// Plays `script` and says all that went wrong up to the first step where something did, each with
/// its line. A line that makes no sense is an error, too.
pub fn play(
    script: &Script,
    ground: &Ground,
    dialect: Dialect,
    setting: Setting,
) -> Result<(), Vec<String>> {
    let config = ground.config(setting.variant);
    let disk = Arc::new(TestDisk::new());
    let world = World::new(&config, dialect, setting, script.conns.len(), disk);
    let world = Some(world.map_err(|what| vec![what])?);
    let (counted, wrong) = (Tally::new(), Vec::new());
    let mut play = Play { script, ground, config, dialect, world, counted, sent: 0, wrong };
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
    fn codec(&self) -> Codec<'_> {
        let Play { config, dialect, script, .. } = self;
        Codec { dialect: *dialect, schema: &config.schema, names: &script.names }
    }

    fn world(&mut self) -> &mut World {
        self.world.as_mut().expect("a daemon runs")
    }

    fn begin(&mut self) -> Result<(), String> {
        for at in 0..self.script.conns.len() {
            let mut bytes = Vec::new();
            for channel in &self.script.conns[at].channels {
                let channel = Channel(self.codec().number(channel)?);
                let add = ControlMessage::AddChannel(channel);
                add.encode(self.dialect, &mut bytes).map_err(|error| error.to_string())?;
            }
            self.world().send(at, &bytes);
        }
        self.world().settle();
        self.counted = tally(self.world().counts());
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        self.sent = 0;
        for input in &step.inputs {
            match input {
                Input::Send(send) => self.send(send)?,
                Input::Damage(object) => self.damage(object)?,
                Input::Disk(event) => self.world().disk(*event),
                Input::Crash(file) => match (self.crash(file.as_deref()), refused_start(step)) {
                    (Ok(()), None) => (),
                    (Err(what), Some(wanted)) if what.contains(&wanted) => return Ok(()),
                    (Err(what), _) => return Err(format!("it does not start: {what}")),
                    (Ok(()), Some(_)) => return Err("it starts".to_owned()),
                },
            }
        }
        self.world().settle();
        let conns = 0..self.script.conns.len();
        let got: Vec<Vec<u8>> = conns.map(|conn| self.world().got(conn)).collect();
        if !step.given {
            self.compare(step, &got)?;
        }
        self.check_counts(step);
        Ok(())
    }

    fn crash(&mut self, file: Option<&str>) -> Result<(), String> {
        if let Some(file) = file {
            self.config.schema = self.ground.schema(file)?;
        }
        let conns = self.script.conns.len();
        let world = self.world.take().expect("a daemon runs");
        let disk = world.test_disk();
        let (dialect, shards) = (self.dialect, world.shards());
        match world.crash(&self.config, conns) {
            Ok(world) => self.world = Some(world),
            Err(what) => {
                // It comes back with what it had.
                self.config.schema = self.ground.schema("classes.dc")?;
                let setting = Setting { shards, variant: 0 };
                self.world = Some(World::new(&self.config, dialect, setting, conns, disk)?);
                self.begin()?;
                return Err(what);
            }
        }
        self.begin()
    }

    /// Damages the record of an object, which is read from the disk from now on.
    fn damage(&mut self, object: &str) -> Result<(), String> {
        let do_id = DoId(self.codec().number(object)? as u32);
        let world = self.world();
        let (disk, shards) = (world.test_disk(), world.shards());
        let (_, parts, _) = world::open(disk.clone(), &self.config, shards)?;
        let place = parts.iter().find_map(|part| part.place_of(do_id));
        disk.damage(place.ok_or("there is no such object")?);
        self.crash(None)
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
        let to = send.to.iter().map(|channel| self.codec().number(channel).map(Channel));
        let to = to.collect::<Result<Vec<Channel>, String>>()?;
        let sender = Channel(self.codec().number(&send.sender)?);
        let Packet { msgtype, payload } = self.codec().request(&send.message)?;
        for length in lengths(&send.message, payload.len())? {
            let frame = frame(&to, sender, msgtype, &payload[..length])?;
            self.sent += 1;
            self.world().send(send.conn, &frame);
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
                Some(open) => came[open] = Some(at),
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
        show::datagram(self.dialect, dg)
    }

    fn expected(&self, output: &Output) -> Result<Expected, String> {
        let (line, message) = (output.line, &output.message);
        let here = |what| format!("(line {line}) {what}");
        let sender = message.word_after("from").unwrap_or("control");
        let sender = self.codec().number(sender).map_err(here)?;
        let to = message.word_after("to").map(|to| -> Result<Vec<u64>, String> {
            let mut to = numbers(&self.codec(), to).map_err(here)?;
            to.sort_unstable();
            Ok(to)
        });
        let subject = message.get("do_id").map(str::to_owned);
        let packet = self.codec().notice(message).map_err(here)?;
        Ok(Expected { line, sender, packet, to: to.transpose()?, subject, part: output.part })
    }

    fn shown(&self, expected: &Expected) -> Result<String, String> {
        let Packet { msgtype, payload } = &expected.packet;
        let to = expected.to.iter().flatten().copied().map(Channel).collect::<Vec<Channel>>();
        let frame = frame(&to, Channel(expected.sender), *msgtype, payload)?;
        let dg = Datagram::parse(framing::body(&frame)).map_err(|error| error.to_string())?;
        let shown = self.show(&dg);
        Ok(if expected.to.is_none() { shown.replacen(" to []", "", 1) } else { shown })
    }

    /// Refusals of a step are all said; others are looked at where they are mentioned.
    fn check_counts(&mut self, step: &Step) {
        let now = tally(self.world().counts());
        let before = std::mem::replace(&mut self.counted, now);
        let is_gauge = |name: &str| name == "objects_stored";
        let mut more: Tally = self
            .counted
            .iter()
            .map(|(name, count)| {
                let since = if is_gauge(name) { 0 } else { before[name] };
                (name.clone(), count - since)
            })
            .collect();
        let refused = |name: &String| name.starts_with("refused");
        let all = more.iter().filter(|(name, _)| refused(name)).map(|(_, count)| count).sum();
        more.insert("refused all".to_owned(), all);
        self.check_events(step, &mut more);
        let mut unsaid: Tally = more.clone();
        unsaid.retain(|name, count| refused(name) && *count > 0 && name != "refused all");
        for Check { line, what, count } in &step.checks {
            let (low, high) = count.unwrap_or((self.sent, self.sent));
            let is = more.get(what);
            unsaid.remove(what);
            if what == "refused all" {
                unsaid.clear();
            }
            if what.starts_with("start") {
                continue;
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

/// `= start "..." 0`: the server does not start, and says this.
fn refused_start(step: &Step) -> Option<String> {
    let what = step.checks.iter().find_map(|check| check.what.strip_prefix("start "));
    what.map(|what| what.trim_matches('"').to_owned())
}

impl Play<'_> {
    /// Each refusal is said to the event logger, with its reason. Other events are looked at where
    /// they are mentioned, as `event KIND`.
    fn check_events(&mut self, step: &Step, more: &mut Tally) {
        let events = self.world().take_events();
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
        to && dg.sender().0 == self.sender
            && dg.msgtype() == *msgtype
            && dg.payload() == payload.as_slice()
    }
}

/// Which came too early: what is said of one object comes in order, and so do parts.
fn disorder(name: &str, expected: &[Expected], came: &[Option<usize>]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (second, b) in expected.iter().enumerate() {
        for (first, a) in expected[..second].iter().enumerate() {
            let same = a.subject.is_some() && a.subject == b.subject;
            let in_order = same || a.part < b.part;
            if in_order && came[first].zip(came[second]).is_some_and(|(a, b)| a > b) {
                wrong.push(format!("{}: came to {name} before line {}", b.line, a.line));
            }
        }
    }
    wrong
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
                ("database_requests_refused", Some((_, reason)), _) => format!("refused {reason}"),
                ("database_requests", Some((_, kind)), _) => format!("requests {kind}"),
                (name, None, MetricKind::Gauge | MetricKind::Counter) => name.to_owned(),
                _ => continue,
            };
            *tally.entry(name).or_default() += value;
        }
    }
    tally
}
