//! A transcript as its file has it.
//!
//! ```text
//! # The rule.
//! let attic = 20009                  a name
//! conn asker: 1000, ann              a connection: what it subscribes; sends in the first's name
//! given asker: Create .. user=..     goes in; what comes out is not looked at
//! > asker: Select context=1 ..       goes in (`> asker -> other: ..`: to another channel)
//! >> asker: Update ..                goes in right behind
//! < asker: SelectResp ..             must come out, as one datagram
//! then                               what is above comes before what is below
//! or                                 what comes out may be all above, or all below
//! disk waits                         from now on nothing becomes durable by itself ..
//! commit                             .. but what has been asked for so far does now
//! disk goes on                       the opposite of `disk waits`
//! disk full | disk empty             there is no room for new segments; there is again
//! disk fails                         the next write fails
//! disk cold | disk warm              nothing is in memory that is not asked for; everything is again
//! damage ann                         the record of an object cannot be read any more
//! crash [with FILE]                  all that is not durable is lost, and the server starts again
//! = refused bad_value 1              what is counted; `1-2`: within bounds
//! = event storage-full 1             so many of these were said to the event logger
//! ```
//! A line that is indented belongs to the one before. [`crate::codec`] says how messages are written.

use crate::disk::DiskEvent;
use transcript::words::{Names, list, split_list, without_comment, words};

/// A whole file.
#[derive(Default)]
pub struct Script {
    /// The connections, in order.
    pub conns: Vec<Conn>,
    /// What names mean.
    pub names: Names,
    /// What happens.
    pub steps: Vec<Step>,
}

/// A connection.
pub struct Conn {
    /// Its name.
    pub name: String,
    /// What it subscribes.
    pub channels: Vec<String>,
}

/// Something goes in, and all that comes of it.
pub struct Step {
    /// Where it stands.
    pub line: usize,
    /// Whether what comes out does not matter.
    pub given: bool,
    /// What goes in.
    pub inputs: Vec<Input>,
    /// What must come out: all of one of these.
    pub choices: Vec<Vec<Output>>,
    /// How many `then` stand in between.
    pub parts: usize,
    /// What must be counted.
    pub checks: Vec<Check>,
}

/// What goes in.
pub enum Input {
    /// A connection sends.
    Send(Send),
    /// Something happens to the disk.
    Disk(DiskEvent),
    /// The record of an object is damaged; the server starts again.
    Damage(String),
    /// The server goes away at once and comes back, with these classes if they are others.
    Crash(Option<String>),
}

/// A message that goes in.
pub struct Send {
    /// The connection.
    pub conn: usize,
    /// In whose name.
    pub sender: String,
    /// To whom.
    pub to: Vec<String>,
    /// What.
    pub message: Message,
}

/// A message that must come out.
pub struct Output {
    /// Where it stands.
    pub line: usize,
    /// Who gets it.
    pub conns: Vec<usize>,
    /// What.
    pub message: Message,
    /// How many `then` stand before it.
    pub part: usize,
}

/// A message, in words.
#[derive(Clone)]
pub struct Message {
    /// Its name.
    pub name: String,
    /// Its parameters, as written.
    pub arguments: Vec<String>,
}

/// Something counted.
pub struct Check {
    /// Where it stands.
    pub line: usize,
    /// `refused REASON`, `refused all`, or another value.
    pub what: String,
    /// How many, at least and at most; `None`: as many as messages went in.
    pub count: Option<(u64, u64)>,
}

impl Script {
    /// Reads a file, after `prelude`, which has names only.
    pub fn read(prelude: &str, text: &str) -> Result<Script, String> {
        let mut script = Script::default();
        for (_, line) in lines(prelude) {
            script.line(0, &line)?;
        }
        if !text.starts_with("# ") {
            return Err("1: the first line says the rule".to_owned());
        }
        for (at, line) in lines(text) {
            script.line(at, &line).map_err(|what| format!("{at}: {what}"))?;
        }
        if script.steps.iter().all(|step| step.given) {
            return Err("1: nothing is tested".to_owned());
        }
        Ok(script)
    }

    fn line(&mut self, at: usize, line: &str) -> Result<(), String> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb {
            "let" => {
                let (name, meaning) = rest.split_once('=').ok_or("expected let NAME = MEANING")?;
                self.names.define(name.trim(), meaning.trim())
            }
            "conn" => self.conn(rest),
            "given" | ">" | ">>" | "disk" | "commit" | "damage" | "crash" => {
                self.input(at, verb, rest)
            }
            "<" => self.output(at, rest),
            "then" => self.last_step().map(|step| step.parts += 1),
            "or" => self.last_step().map(|step| step.choices.push(Vec::new())),
            "=" => self.check(at, rest),
            _ => Err(format!("`{verb}` begins no line")),
        }
    }

    fn conn(&mut self, rest: &str) -> Result<(), String> {
        let (name, channels) = rest.split_once(':').ok_or("expected conn NAME: CHANNEL, ..")?;
        let channels: Vec<String> = split_list(channels).into_iter().map(str::to_owned).collect();
        let first = channels.first().ok_or("a connection subscribes something")?;
        self.names.define(name, first)?;
        self.conns.push(Conn { name: name.to_owned(), channels });
        Ok(())
    }

    fn conn_of(&self, name: &str) -> Result<usize, String> {
        let at = self.conns.iter().position(|conn| conn.name == name.trim());
        at.ok_or_else(|| format!("there is no connection `{}`", name.trim()))
    }

    fn input(&mut self, at: usize, verb: &str, rest: &str) -> Result<(), String> {
        let input = match (verb, rest) {
            ("disk", "waits") => Input::Disk(DiskEvent::Waits),
            ("commit", "") => Input::Disk(DiskEvent::Commit),
            ("disk", "goes on") => Input::Disk(DiskEvent::GoesOn),
            ("disk", "full") => Input::Disk(DiskEvent::Full),
            ("disk", "empty") => Input::Disk(DiskEvent::Empty),
            ("disk", "fails") => Input::Disk(DiskEvent::Fails),
            ("disk", "cold") => Input::Disk(DiskEvent::Cold),
            ("disk", "warm") => Input::Disk(DiskEvent::Warm),
            ("damage", object) => Input::Damage(object.to_owned()),
            ("crash", "") => Input::Crash(None),
            ("crash", rest) => {
                let file = rest.strip_prefix("with ").ok_or("expected crash with FILE")?;
                Input::Crash(Some(file.to_owned()))
            }
            ("disk" | "commit", _) => return Err(format!("`{verb} {rest}` is nothing")),
            _ => Input::Send(self.send(rest)?),
        };
        if verb == ">>" {
            self.last_step()?.inputs.push(input);
            return Ok(());
        }
        let given = verb == "given";
        let (inputs, choices, checks) = (vec![input], vec![Vec::new()], Vec::new());
        self.steps.push(Step { line: at, given, inputs, choices, parts: 0, checks });
        Ok(())
    }

    /// `CONN [as CHANNEL] [-> CHANNEL | [CHANNEL, ..]]: MESSAGE`
    fn send(&self, rest: &str) -> Result<Send, String> {
        let (head, message) = rest.split_once(": ").ok_or("expected CONN: MESSAGE")?;
        let (who, to) = head.split_once("->").unwrap_or((head, "control"));
        let to = match to.trim() {
            many if many.starts_with('[') => list(many)?,
            one => vec![one],
        };
        let (conn, sender) = who.split_once(" as ").unwrap_or((who, who));
        Ok(Send {
            conn: self.conn_of(conn)?,
            sender: sender.trim().to_owned(),
            to: to.into_iter().map(str::to_owned).collect(),
            message: Message::read(message)?,
        })
    }

    /// `CONN, ..: MESSAGE`
    fn output(&mut self, at: usize, rest: &str) -> Result<(), String> {
        if rest == "nothing" {
            return self.last_step().map(drop);
        }
        let (conns, message) = rest.split_once(": ").ok_or("expected CONN: MESSAGE")?;
        let conns = conns.split(',').map(|name| self.conn_of(name));
        let conns = conns.collect::<Result<Vec<usize>, String>>()?;
        let message = Message::read(message)?;
        let step = self.last_step()?;
        let (line, part) = (at, step.parts);
        let choice = step.choices.last_mut().ok_or("nothing comes out of this")?;
        choice.push(Output { line, conns, message, part });
        Ok(())
    }

    fn check(&mut self, at: usize, rest: &str) -> Result<(), String> {
        let (what, count) = match rest.rsplit_once(' ') {
            Some((what, count)) if bounds(count).is_some() => (what, bounds(count)),
            _ if rest == "refused all" => (rest, None),
            _ => return Err("expected = WHAT NUMBER".to_owned()),
        };
        let what = what.to_owned();
        self.last_step()?.checks.push(Check { line: at, what, count });
        Ok(())
    }

    fn last_step(&mut self) -> Result<&mut Step, String> {
        self.steps.last_mut().ok_or_else(|| "nothing has gone in before".to_owned())
    }
}

/// `N`, or `N-M`.
fn bounds(text: &str) -> Option<(u64, u64)> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    low.parse().ok().zip(high.parse().ok())
}

impl Message {
    fn read(text: &str) -> Result<Message, String> {
        let mut words = words(text).into_iter().map(str::to_owned);
        let name = words.next().ok_or("a message has a name")?;
        Ok(Message { name, arguments: words.collect() })
    }

    /// The value of `NAME=VALUE`.
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = |word: &'_ String| word.strip_prefix(name)?.strip_prefix('=').map(str::len);
        let word = self.arguments.iter().find(|word| value(word).is_some())?;
        Some(&word[name.len() + 1..])
    }

    /// Whether a word stands there.
    pub fn has(&self, word: &str) -> bool {
        self.arguments.iter().any(|other| other == word)
    }

    /// The word behind `before`.
    pub fn word_after(&self, before: &str) -> Option<&str> {
        let at = self.arguments.iter().position(|word| word == before)?;
        self.arguments.get(at + 1).map(String::as_str)
    }

    /// The elements of `NAME=[..]`; none if it is not there.
    pub fn list(&self, name: &str) -> Result<Vec<&str>, String> {
        self.get(name).map_or(Ok(Vec::new()), list)
    }
}

/// The lines that say something, those that are indented joined to the one before; from 1.
fn lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let is_more = line.starts_with(' ');
        let line = without_comment(line).trim();
        match (line.is_empty(), is_more, lines.last_mut()) {
            (true, ..) => (),
            (false, true, Some((_, whole))) => *whole = format!("{whole} {line}"),
            (false, ..) => lines.push((at + 1, line.to_owned())),
        }
    }
    lines
}
