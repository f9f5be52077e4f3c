//! Who sent what, who heard what, and every rule that hearing must keep.
//!
//! Always: to the byte, nothing invented, nothing on a channel surely not subscribed. Unless links
//! overlap: at most once, no echo, in causal order (first in, first out included). In calm rounds also: whoever surely
//! subscribed has heard it once all is quiet, and post-removes come exactly once or not at all.
//! *Surely* is derived from [`crate::causality`] and the model of the subscriber alone, from what
//! observers saw; the world's inside is not looked at.

use crate::causality::{Known, Tree};
use crate::members::Members;
use crate::model::{Op, Subscriber, Universe};
use std::collections::BTreeMap;
use wire::datagram::Datagram;
use wire::framing;

/// A rule that was broken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which one.
    pub rule: &'static str,
    /// How.
    pub what: String,
}

impl Violation {
    /// `rule` was broken by `what`.
    pub fn new(rule: &'static str, what: String) -> Violation {
        Violation { rule, what }
    }
}

/// What kind of message it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A datagram.
    Datagram,
    /// To be routed when its connection ends.
    PostRemove,
    /// Sent after bytes that end the connection: nobody may hear it.
    Void,
}

/// How the connection of a party ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// It has not.
    Open,
    /// In order: all it sent was read.
    Finished,
    /// It broke on the observer's side: a part of what it sent was read.
    Reset,
    /// The daemon closed it because of bytes that it sent last.
    Refused,
    /// The daemon closed it, or a fault broke it.
    Cut,
}

struct Message {
    kind: Kind,
    frame: Vec<u8>,
    points: u64,
    party: usize,
    daemon: usize,
    round: u32,
    /// Sent, or (a post-remove) released because its connection ended.
    out: bool,
    after: Known,
    known: Known,
}

struct Party {
    process: usize,
    daemon: usize,
    subscriber: Subscriber,
    end: End,
    sent: Members,
    heard: Members,
    /// What may not be heard any more: something after it was.
    over: Members,
    /// Things done when the observer knew a message to be routed at its daemon.
    done_when_known: BTreeMap<usize, usize>,
    /// Things done when all was quiet last.
    settled: usize,
}

/// The books of one run.
pub struct Ledger {
    tree: Tree,
    universe: Universe,
    /// Knowledge of each process.
    processes: Vec<Known>,
    parties: Vec<Party>,
    messages: Vec<Message>,
    origins: Vec<Members>,
    round: u32,
    /// Whether no link or daemon fails in this round.
    calm: bool,
    /// Whether order is kept over a link that comes again.
    ordered: bool,
}

impl Ledger {
    /// Empty books.
    pub fn new(tree: Tree, universe: Universe) -> Ledger {
        let origins = vec![Members::default(); tree.len()];
        Ledger {
            tree,
            universe,
            processes: Vec::new(),
            parties: Vec::new(),
            messages: Vec::new(),
            origins,
            round: 0,
            calm: true,
            ordered: true,
        }
    }

    /// The channels that recipients are taken from.
    pub fn universe(&self) -> &Universe {
        &self.universe
    }

    /// A new process that has connections.
    pub fn new_process(&mut self) -> usize {
        self.processes.push(vec![Members::default(); self.tree.len()]);
        self.processes.len() - 1
    }

    /// A new connection of `process` to `daemon`. One that hears everything is an upstream.
    pub fn join(&mut self, process: usize, daemon: usize, everything: bool) -> usize {
        self.parties.push(Party {
            process,
            daemon,
            subscriber: Subscriber::new(if everything { u64::MAX } else { 0 }),
            end: End::Open,
            sent: Members::default(),
            heard: Members::default(),
            over: Members::default(),
            done_when_known: BTreeMap::new(),
            settled: 0,
        });
        self.parties.len() - 1
    }

    /// What a party subscribed and stored.
    pub fn subscriber(&self, party: usize) -> &Subscriber {
        &self.parties[party].subscriber
    }

    /// How the connection of a party ended.
    pub fn end(&self, party: usize) -> End {
        self.parties[party].end
    }

    /// The number that the next message will have.
    pub fn next_message(&self) -> usize {
        self.messages.len()
    }

    /// The frame of a message.
    pub fn frame(&self, message: usize) -> &[u8] {
        &self.messages[message].frame
    }

    /// A party did something that is not sending.
    pub fn did(&mut self, party: usize, op: Op) {
        self.parties[party].subscriber.push(op, &self.universe);
    }

    /// A party sends a message, or stores one to be sent when its connection ends.
    pub fn new_frame(&mut self, party: usize, kind: Kind, to: &[u64], frame: Vec<u8>) -> usize {
        let id = self.messages.len();
        let daemon = self.parties[party].daemon;
        self.messages.push(Message {
            kind,
            frame,
            points: self.universe.points(to),
            party,
            daemon,
            round: self.round,
            out: false,
            after: Vec::new(),
            known: Vec::new(),
        });
        if kind == Kind::Datagram {
            let known = self.processes[self.parties[party].process].clone();
            self.release(id, known);
            self.parties[party].sent.add(id);
            self.did(party, Op::Sent(id));
        }
        id
    }

    fn release(&mut self, id: usize, known: Known) {
        let Message { party, daemon, .. } = self.messages[id];
        let sent = &self.parties[party].sent;
        let after = self.tree.after(daemon, &known, sent, &self.origins);
        self.origins[daemon].add(id);
        let message = &mut self.messages[id];
        (message.after, message.known, message.out, message.round) =
            (after, known, true, self.round);
    }

    /// The connection of a party ended.
    pub fn ended(&mut self, party: usize, end: End) {
        if self.parties[party].end != End::Open {
            return;
        }
        self.parties[party].end = end;
        let nothing = vec![Members::default(); self.tree.len()];
        let known = match end {
            End::Finished | End::Reset => self.processes[self.parties[party].process].clone(),
            End::Open | End::Refused | End::Cut => nothing,
        };
        let ops = self.parties[party].subscriber.ops().to_vec();
        for op in ops {
            if let Op::PostRemove(_, message) = op {
                self.release(message, known.clone());
            }
        }
    }

    /// A party heard a frame. Returns the number of the message.
    pub fn heard(&mut self, party: usize, frame: &[u8]) -> Result<usize, Violation> {
        let id = self.find(party, frame)?;
        self.check_once(party, id)?;
        self.check_wanted(party, id)?;
        self.check_order(party, id)?;
        self.learn(party, id);
        Ok(id)
    }

    fn find(&self, party: usize, frame: &[u8]) -> Result<usize, Violation> {
        let dg = Datagram::parse(framing::body(frame));
        let id = dg.ok().map(|dg| dg.sender().0.wrapping_sub(FIRST_SENDER) as usize);
        let Some((id, message)) = id.and_then(|id| Some((id, self.messages.get(id)?))) else {
            return Err(Violation::new(
                "invented",
                format!("party {party} heard {} bytes", frame.len()),
            ));
        };
        if message.frame != frame {
            return Err(Violation::new(
                "to the byte",
                format!("party {party} heard message {id} changed"),
            ));
        }
        Ok(id)
    }

    fn check_once(&self, party: usize, id: usize) -> Result<(), Violation> {
        let (message, hearer) = (&self.messages[id], &self.parties[party]);
        let what = || {
            format!(
                "party {party} heard message {id} ({:?}) of party {}",
                message.kind, message.party
            )
        };
        if message.kind == Kind::Void {
            return Err(Violation::new("nothing after malformed bytes", what()));
        }
        // Where links overlap, what is under way on the old one comes back on the new one.
        if message.party == party && self.ordered {
            return Err(Violation::new("no echo", what()));
        }
        if hearer.heard.has(id) && self.ordered {
            return Err(Violation::new("at most once", what()));
        }
        if message.kind == Kind::PostRemove && self.calm && !message.out {
            return Err(Violation::new("post-removes are for the dead", what()));
        }
        if message.kind == Kind::PostRemove && self.calm && !self.may_be_sent(id) {
            return Err(Violation::new("a cleared post-remove is not sent", what()));
        }
        Ok(())
    }

    /// Whether it is a post-remove that daemons above may have sent because a link broke: then,
    /// or twice.
    fn is_untimely(&self, id: usize) -> bool {
        self.messages[id].kind == Kind::PostRemove && !self.calm
    }

    fn check_wanted(&self, party: usize, id: usize) -> Result<(), Violation> {
        let (message, hearer) = (&self.messages[id], &self.parties[party]);
        let low = self.surely_done(party, id, hearer.daemon);
        if hearer.subscriber.ever(message.points, low, hearer.subscriber.len()) {
            return Ok(());
        }
        let what = format!(
            "party {party} heard message {id} of party {}, subscribed by it neither after {low} things done nor later",
            message.party
        );
        Err(Violation::new("no ghosts", what))
    }

    /// How many things of `party` the daemon `at` surely knew of when it routed message `id`.
    fn surely_done(&self, party: usize, id: usize, at: usize) -> usize {
        let (message, hearer) = (&self.messages[id], &self.parties[party]);
        if self.is_untimely(id) {
            return hearer.settled;
        }
        let Some(after) = message.after.get(at) else { return hearer.settled };
        let sent = |op: &Op| matches!(op, Op::Sent(sent) if after.has(*sent));
        let last = hearer.subscriber.ops().iter().rposition(sent);
        hearer.settled.max(last.map_or(0, |last| last + 1))
    }

    fn check_order(&mut self, party: usize, id: usize) -> Result<(), Violation> {
        if !self.ordered || self.is_untimely(id) {
            return Ok(());
        }
        let message = &self.messages[id];
        let hearer = &mut self.parties[party];
        if !hearer.over.has(id) {
            hearer.over.add_all(&message.after[hearer.daemon]);
            return Ok(());
        }
        let (hearer, daemon) = (&self.parties[party], self.parties[party].daemon);
        let later = hearer.heard.iter().find(|&later| {
            self.messages[later].after.get(daemon).is_some_and(|after| after.has(id))
        });
        let later = later.unwrap_or(id);
        let same = self.messages[later].party == message.party;
        let rule = if same { "first in, first out" } else { "causality" };
        let what = format!(
            "party {party} heard message {later} of party {} before message {id} of party {}, which was there first",
            self.messages[later].party, message.party
        );
        Err(Violation::new(rule, what))
    }

    /// The process of `party` heard message `id`: it knows what was routed where.
    fn learn(&mut self, party: usize, id: usize) {
        if self.is_untimely(id) {
            return;
        }
        let Party { process, daemon, .. } = self.parties[party];
        self.parties[party].heard.add(id);
        let message = &self.messages[id];
        for at in 0..self.tree.len() {
            let mut more = message.known[at].clone();
            if self.tree.is_on_way(message.daemon, daemon, at) {
                more.add_all(&message.after[at]);
                more.add(id);
            }
            more.take_all(&self.processes[process][at]);
            for party in
                self.parties.iter_mut().filter(|one| one.process == process && one.daemon == at)
            {
                let done = party.subscriber.len();
                party.done_when_known.extend(more.iter().map(|id| (id, done)));
            }
            self.processes[process][at].add_all(&more);
        }
    }

    /// All is quiet: whoever had to hear something has heard it. `calm` and `ordered` are for the
    /// round that begins.
    pub fn settle(&mut self, calm: bool, ordered: bool) -> Result<(), Violation> {
        if self.calm {
            for id in 0..self.messages.len() {
                if self.messages[id].round == self.round && self.must_be_sent(id) {
                    self.check_heard(id)?;
                }
            }
        }
        (self.round, self.calm, self.ordered) = (self.round + 1, calm, ordered);
        for party in &mut self.parties {
            party.settled = party.subscriber.len();
        }
        let mut all = Members::default();
        (0..self.messages.len()).filter(|&id| self.messages[id].out).for_each(|id| {
            all.add(id);
        });
        self.processes.iter_mut().flatten().for_each(|known| known.add_all(&all));
        Ok(())
    }

    fn check_heard(&self, id: usize) -> Result<(), Violation> {
        let message = &self.messages[id];
        for (at, hearer) in self.parties.iter().enumerate() {
            if at == message.party || hearer.end != End::Open || hearer.heard.has(id) {
                continue;
            }
            let top = self.tree.meeting(message.daemon, hearer.daemon);
            let low = self.surely_done(at, id, top);
            let high = hearer.done_when_known.get(&id).copied().unwrap_or(hearer.subscriber.len());
            if low <= high && hearer.subscriber.always(message.points, low, high) {
                let what = format!(
                    "party {at} subscribed it and did not hear message {id} ({:?}) of party {}",
                    message.kind, message.party
                );
                return Err(Violation::new("nothing is lost", what));
            }
        }
        Ok(())
    }

    /// Whether a message surely entered the tree.
    fn must_be_sent(&self, id: usize) -> bool {
        let message = &self.messages[id];
        let sender = &self.parties[message.party];
        match message.kind {
            Kind::Void => false,
            Kind::Datagram => matches!(sender.end, End::Open | End::Finished | End::Refused),
            Kind::PostRemove => {
                let low = self.surely_stored(message.party);
                let stored = |done| sender.subscriber.stored(done).iter().any(|(_, at)| *at == id);
                message.out && (low..=sender.subscriber.len()).all(stored)
            }
        }
    }

    fn may_be_sent(&self, id: usize) -> bool {
        let party = self.messages[id].party;
        let subscriber = &self.parties[party].subscriber;
        let stored = |done| subscriber.stored(done).iter().any(|(_, at)| *at == id);
        (self.surely_stored(party)..=subscriber.len()).any(stored)
    }

    /// How many things of a party that ended its daemon has surely seen.
    fn surely_stored(&self, party: usize) -> usize {
        let one = &self.parties[party];
        match one.end {
            End::Open | End::Finished | End::Refused => one.subscriber.len(),
            End::Reset | End::Cut => {
                // What is known to have come before something need not have come at all.
                let heard = |sent| self.parties.iter().any(|other| other.heard.has(sent));
                let seen = |op: &Op| matches!(op, Op::Sent(sent) if heard(*sent));
                let last = one.subscriber.ops().iter().rposition(seen);
                one.settled.max(last.map_or(0, |last| last + 1))
            }
        }
    }

    /// How many post-removes the connections below `top` have stored, all being quiet.
    pub fn stored_below(&self, top: usize) -> Vec<(u64, usize)> {
        let open = self.parties.iter().filter(|one| one.end == End::Open);
        let below = open.filter(|one| self.tree.is_below(one.daemon, top));
        below.flat_map(|one| one.subscriber.stored(one.subscriber.len())).collect()
    }

    /// What the connections below `top` subscribe together, all being quiet.
    pub fn wanted_below(&self, top: usize) -> u64 {
        let open = self.parties.iter().filter(|one| one.end == End::Open);
        let below = open.filter(|one| self.tree.is_below(one.daemon, top));
        below
            .filter(|one| one.subscriber.now() != u64::MAX)
            .fold(0, |all, one| all | one.subscriber.now())
    }

    /// Messages of this round: who sent them, where they entered, their points, their length.
    pub fn of_round(&self) -> impl Iterator<Item = (usize, usize, u64, usize)> + '_ {
        let round =
            self.messages.iter().filter(|message| message.out && message.round == self.round);
        round.map(|message| (message.party, message.daemon, message.points, message.frame.len()))
    }

    /// Whether `daemon` is `top` or below it.
    pub fn is_below(&self, daemon: usize, top: usize) -> bool {
        self.tree.is_below(daemon, top)
    }

    /// The recipients of a message.
    pub fn points(&self, message: usize) -> u64 {
        self.messages[message].points
    }

    /// The kind of a message.
    pub fn kind(&self, message: usize) -> Kind {
        self.messages[message].kind
    }

    /// Who sent a message.
    pub fn sender(&self, message: usize) -> usize {
        self.messages[message].party
    }

    /// The recipients of the message that the same party sent before this one.
    pub fn before(&self, message: usize) -> Option<usize> {
        let sent = &self.parties[self.messages[message].party].sent;
        sent.iter().take_while(|&at| at < message).last()
    }
}

/// A message says who it is by its sender channel: this one is the first.
pub const FIRST_SENDER: u64 = 0x5eed_0000_0000_0000;
