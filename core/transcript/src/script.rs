//! A transcript as its file has it.
//!
//! ```text
//! # The rule.
//! let attic = 20009                       a name
//! config relocate=true                    the daemon is to be so
//! conn ai: 1000, location(hall, lobby)    a connection: what it subscribes; sends in the first's name
//! client anna                             a client, that will connect; its name is its channel, too
//! given ai -> chair: SetAi ai=ai          goes in; what comes out is not looked at
//! > ai -> chair: SetZone at=(hall, 8)     goes in (without ->: to the control channel)
//! > anna: Heartbeat                       a client says something
//! >> ai -> chair: Locate context=1        goes in right behind, in one read if the sender is the same
//! connect anna                            a client connects; `given connect`, `>> connect` as above
//! given login anna                        it connects, and is established
//! < ai, watcher: LocateResp from chair .. must come out, as one datagram; ` to [..]`: to exactly these
//! < anna: Eject code=107                  a client hears it; without a reason, whatever that is
//! < anna: closed                          the daemon ends the connection
//! then                                    what is above comes before what is below
//! or                                      what comes out may be all above, or all below
//! wait 1000                               so many milliseconds pass
//! close anna                              a connection ends; `stop`: the daemon is to
//! = refused bad_value 1                   what is counted; `1-2`: within bounds
//! = event client-ejected 1                so many of these were said to the Event Logger
//! ```
//! A context that is chosen inside has a name where it is first seen, `context=?first`, and is that
//! from then on. Messages and their parameters have the names of the dialect tables; a parameter that
//! a dialect does not have is left out. A line that is indented belongs to the one before.

use crate::words::{Names, list, split_list, without_comment, words};

/// A whole file.
#[derive(Default)]
pub struct Script {
    /// The connections, in order.
    pub conns: Vec<Conn>,
    /// How the daemon is to be, `NAME=VALUE` each.
    pub config: Vec<String>,
    /// What names mean.
    pub names: Names,
    /// Objects that must live on different shards, where there are enough.
    pub apart: Vec<String>,
    /// What happens.
    pub steps: Vec<Step>,
}

/// A connection.
pub struct Conn {
    /// Its name.
    pub name: String,
    /// Who it is.
    pub kind: Kind,
}

/// Who a connection is.
pub enum Kind {
    /// Somebody of the cluster, who is there from the beginning and subscribes these channels.
    Cluster(Vec<String>),
    /// A client, which connects later; and what is said of how it does, `NAME=VALUE` each.
    Client(Vec<String>),
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
    /// Time passes, in milliseconds.
    Wait(u64),
    /// A connection ends.
    Close(usize),
    /// A client connects.
    Connect(usize),
    /// A client connects and is established.
    LogIn(usize),
    /// The daemon is told to stop.
    Stop,
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
    /// It is kept, and sent when the connection ends.
    pub post_remove: bool,
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
    /// Its name in the dialect tables.
    pub name: String,
    /// Its parameters, as written.
    pub arguments: Vec<String>,
}

/// Something counted.
pub struct Check {
    /// Where it stands.
    pub line: usize,
    /// `refused REASON`, `refused all`, or a gauge.
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
            "config" => {
                self.config.extend(words(rest).into_iter().map(str::to_owned));
                Ok(())
            }
            "conn" => self.conn(rest),
            "client" => self.client(rest),
            "apart" => {
                self.apart = words(rest).into_iter().map(str::to_owned).collect();
                Ok(())
            }
            "given" | ">" | ">>" | "wait" | "close" | "post_remove" | "connect" | "stop" => {
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
        self.conns.push(Conn { name: name.to_owned(), kind: Kind::Cluster(channels) });
        Ok(())
    }

    /// Clients get channels in the order in which they connect: that in which they stand here.
    fn client(&mut self, rest: &str) -> Result<(), String> {
        let mut words = words(rest).into_iter().map(str::to_owned);
        let name = words.next().ok_or("a client has a name")?;
        let before = self.conns.iter().filter(|conn| matches!(conn.kind, Kind::Client(_)));
        self.names.define(&name, &format!("client{}", before.count() + 1))?;
        self.conns.push(Conn { name, kind: Kind::Client(words.collect()) });
        Ok(())
    }

    fn conn_of(&self, name: &str) -> Result<usize, String> {
        let at = self.conns.iter().position(|conn| conn.name == name.trim());
        at.ok_or_else(|| format!("there is no connection `{}`", name.trim()))
    }

    fn input(&mut self, at: usize, verb: &str, rest: &str) -> Result<(), String> {
        let (what, of) = match (verb, rest.split_once(' ')) {
            ("given" | ">>", Some((what @ ("connect" | "login"), of))) => (what, of),
            _ => (verb, rest),
        };
        let input = match what {
            "wait" => Input::Wait(of.parse().map_err(|_| "expected milliseconds")?),
            "close" => Input::Close(self.conn_of(of)?),
            "connect" => Input::Connect(self.conn_of(of)?),
            "login" => Input::LogIn(self.conn_of(of)?),
            "stop" => Input::Stop,
            _ => Input::Send(self.send(of, verb == "post_remove")?),
        };
        if verb == ">>" {
            self.last_step()?.inputs.push(input);
            return Ok(());
        }
        let given = matches!(verb, "given" | "post_remove");
        let (inputs, choices, checks) = (vec![input], vec![Vec::new()], Vec::new());
        self.steps.push(Step { line: at, given, inputs, choices, parts: 0, checks });
        Ok(())
    }

    /// `CONN [as CHANNEL] [-> CHANNEL | [CHANNEL, ..]]: MESSAGE`
    fn send(&self, rest: &str, post_remove: bool) -> Result<Send, String> {
        let (head, message) = rest.split_once(": ").ok_or("expected CONN -> CHANNEL: MESSAGE")?;
        let (conn, sender, to) = Send::head(head)?;
        let (conn, message) = (self.conn_of(conn)?, Message::read(message)?);
        Ok(Send { conn, sender, to, message, post_remove })
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

impl Send {
    /// `WHO [as CHANNEL] [-> CHANNEL | [CHANNEL, ..]]`: who, in whose name, to whom.
    pub(crate) fn head(head: &str) -> Result<(&str, String, Vec<String>), String> {
        let (who, to) = head.split_once("->").unwrap_or((head, "control"));
        let to = match to.trim() {
            many if many.starts_with('[') => list(many)?,
            one => vec![one],
        };
        let (who, sender) = who.split_once(" as ").unwrap_or((who, who));
        let to = to.into_iter().map(str::to_owned).collect();
        Ok((who.trim(), sender.trim().to_owned(), to))
    }
}

/// `N`, or `N-M`.
fn bounds(text: &str) -> Option<(u64, u64)> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    low.parse().ok().zip(high.parse().ok())
}

impl Message {
    pub(crate) fn read(text: &str) -> Result<Message, String> {
        let mut words = words(text).into_iter().map(str::to_owned);
        let name = words.next().ok_or("a message has a name")?;
        Ok(Message { name, arguments: words.collect() })
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
