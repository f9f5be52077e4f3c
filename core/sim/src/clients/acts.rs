//! What clients do: they come, say who they are, look around, act, and leave.

use crate::clients::eyes::{Eyes, Interest, Owned};
use crate::clients::journal;
use crate::clients::person::{Client, Leaving, Part};
use crate::clients::plan::{DC_HASH, HALLS, LOGIN, VERSION, ZONES};
use crate::clients::run::{Run, Who, named};
use crate::clients::schema::{self, BODY, HALL, Stamp};
use crate::ledger::Violation;
use crate::plan::Sabotage;
use client_agent::InterestPermission;
use runtime::CloseReason;
use wire::client::{FromClient, ToClient, Zones};
use wire::ids::{DoId, FieldId, Zone};
use wire::state_server::Location;

/// Interests of a client have numbers below this.
const OWN_INTERESTS: u64 = 5;
/// An honest client changes no interest while so many changes are not answered, or not heard: with
/// those of the cluster there are fewer than an agent allows (see [`crate::clients::run`]).
const CHANGES_MAX: usize = 24;
/// One pause in so many is a long one.
const LONG_PAUSE_ONE_IN: u64 = 15;
const LONG_PAUSE: u64 = 30;

impl Run {
    /// Somebody does something.
    pub(super) fn act(&mut self) -> Result<(), Violation> {
        self.read_again(2);
        if self.actions_left == 0 {
            self.read_again(1);
            return Ok(());
        }
        self.actions_left -= 1;
        match self.chance.below(10) {
            0 | 1 if self.clients.len() - self.clients_before < self.plan.clients => {
                self.open_client();
            }
            0..=5 => self.client_acts()?,
            6..=8 => self.thing_acts(),
            _ => self.cluster_acts(),
        }
        if self.plan.cuts && self.chance.one_in(30) {
            self.world.cut_link(1);
        }
        let long = if self.chance.one_in(LONG_PAUSE_ONE_IN) { LONG_PAUSE } else { 1 };
        let delay = self.chance.below(self.plan.action_ns_max + 1) * long;
        self.world.alarm(delay, 0);
        Ok(())
    }

    /// One in so many of those that do not read does again.
    fn read_again(&mut self, one_in: u64) {
        for at in 0..self.clients.len() {
            if self.clients[at].is_slow && self.chance.one_in(one_in) {
                self.clients[at].is_slow = false;
                self.world.set_reads(self.clients[at].outside, true);
            }
        }
    }

    fn open_client(&mut self) {
        let villain = self.chance.one_in(self.plan.villains_one_in);
        let kinds =
            [Part::Liar, Part::Liar, Part::Vanisher, Part::Flooder, Part::Silent, Part::Deaf];
        let part = if villain { self.chance.pick(&kinds) } else { None };
        let part = part.unwrap_or(Part::Honest);
        let (daemon, shard) = (self.agent_daemon(), self.chance.index(self.plan.shards));
        let at = self.clients.len();
        let peer = journal::address(at);
        let listener = park::client_listener(0);
        let outside = self.world.open_to(listener, daemon, shard, peer).expect("the daemon lives");
        self.who.insert(outside, Who::Client(at));
        let now = self.world.now();
        self.world.trace.say(now, || format!("client {at} is {part:?}, on shard {shard}"));
        let eyes = Eyes::new(at as u32 + 1, &self.plan);
        self.clients.push(Client::new(outside, part, eyes));
        if self.chance.one_in(2) {
            self.say_hello(at);
        }
    }

    fn client_acts(&mut self) -> Result<(), Violation> {
        let there: Vec<usize> = (0..self.clients.len())
            .filter(|&at| self.clients[at].is_there() && self.clients[at].lies.is_empty())
            .collect();
        let Some(at) = self.chance.pick(&there) else { return Ok(()) };
        let part = self.clients[at].part;
        match part {
            Part::Liar if self.chance.one_in(3) => return self.lie(at),
            Part::Vanisher if self.chance.one_in(4) => return self.vanish(at),
            Part::Flooder if self.chance.one_in(3) => return self.flood(at),
            Part::Deaf if self.chance.one_in(3) => {
                self.world.set_reads(self.clients[at].outside, false);
            }
            Part::Silent if self.chance.one_in(2) => return Ok(()),
            Part::Honest
            | Part::Liar
            | Part::Vanisher
            | Part::Flooder
            | Part::Silent
            | Part::Deaf => (),
        }
        let client = &self.clients[at];
        if !client.has_said_hello {
            self.say_hello(at);
        } else if client.eyes.is_known && !client.has_asked && part != Part::Silent {
            self.ask_in(at);
        } else if client.is_settled() {
            self.settled_acts(at)?;
        }
        Ok(())
    }

    /// A client says something.
    pub(super) fn say(&mut self, at: usize, message: &FromClient<'_>) {
        let now = self.world.now();
        self.world.trace.say(now, || format!("client {at} says {message:?}"));
        let mut frame = Vec::new();
        message.encode(self.plan.dialect, &mut frame).expect("what clients say here is short");
        self.world.write(self.clients[at].outside, &frame);
    }

    pub(super) fn say_hello(&mut self, at: usize) {
        self.clients[at].has_said_hello = true;
        self.say(at, &FromClient::Hello { dc_hash: DC_HASH, version: VERSION.as_bytes() });
    }

    pub(super) fn ask_in(&mut self, at: usize) {
        self.clients[at].has_asked = true;
        let (field, value) = (schema::field(schema::LOGIN, "login"), self.stamp(at).bytes());
        self.watch.said(at, LOGIN, field, &value);
        self.say(at, &FromClient::UpdateField { do_id: DoId(LOGIN), field, value: &value });
    }

    /// The next stamp of a client.
    pub(super) fn stamp(&mut self, at: usize) -> Stamp {
        self.clients[at].number += 1;
        Stamp { writer: at as u32 + 1, number: self.clients[at].number }
    }

    pub(super) fn settled_acts(&mut self, at: usize) -> Result<(), Violation> {
        let may_look = self.plan.add_interest != InterestPermission::Disabled
            && self.clients[at].eyes.pending.len() < CHANGES_MAX;
        match self.chance.below(14) {
            0..=3 if may_look => self.look(at),
            4 | 5 if may_look => self.look_away(at),
            0..=8 => return self.update(at),
            9 => self.relocate(at),
            10 => return self.speak(at),
            11 => self.say(at, &FromClient::Heartbeat),
            12 if self.chance.one_in(4) => self.leave_as(at, Leaving::InOrder),
            12 if self.chance.one_in(4) => self.leave_as(at, Leaving::Broken),
            _ => {
                self.clients[at].is_slow = true;
                self.world.set_reads(self.clients[at].outside, false);
            }
        }
        Ok(())
    }

    /// Some zones of a parent, or none.
    pub(super) fn some_zones(&mut self) -> Vec<u32> {
        let count = self.chance.index(4);
        (0..count).map(|_| self.chance.pick(&ZONES).unwrap_or(0)).collect()
    }

    pub(super) fn some_hall(&mut self) -> u32 {
        self.chance.pick(&HALLS).unwrap_or(HALLS[0])
    }

    /// A client opens an interest, or alters one.
    fn look(&mut self, at: usize) {
        let id = self.chance.below(OWN_INTERESTS) as u16;
        let (mut parent, zones) = (self.some_hall(), self.some_zones());
        let bodies: Vec<u32> = self.clients[at].eyes.objects.keys().copied().collect();
        if self.plan.add_interest == InterestPermission::Enabled && self.chance.one_in(6) {
            parent = self.chance.pick(&bodies).unwrap_or(parent);
        }
        let context = self.next_context(at);
        let interest: Interest = (parent, zones.iter().copied().collect());
        self.clients[at].eyes.asked((id, context), Some(interest));
        let bytes: Vec<[u8; 4]> = zones.iter().map(|zone| zone.to_le_bytes()).collect();
        let (parent, zones) = (DoId(parent), Zones(&bytes));
        self.say(at, &FromClient::AddInterest { context, interest: id, parent, zones });
    }

    fn look_away(&mut self, at: usize) {
        let own = self.clients[at].eyes.interests.keys().copied();
        let own: Vec<u16> = own.filter(|id| u64::from(*id) < OWN_INTERESTS).collect();
        let Some(id) = self.chance.pick(&own) else { return };
        let context = self.next_context(at);
        self.clients[at].eyes.asked((id, context), None);
        self.say(at, &FromClient::RemoveInterest { context, interest: id });
    }

    pub(super) fn next_context(&mut self, at: usize) -> u32 {
        self.clients[at].context += 1;
        self.clients[at].context
    }

    /// A client sets a field of something that it sees, or of its own body.
    fn update(&mut self, at: usize) -> Result<(), Violation> {
        let client = &self.clients[at];
        let seen = client.eyes.objects.iter();
        let seen: Vec<u32> = seen.filter(|(_, seen)| seen.is_seen).map(|(&id, _)| id).collect();
        let own = client.body.filter(|body| {
            client.eyes.objects.get(body).is_some_and(|seen| seen.owned == Owned::Yes)
        });
        let mut fields: Vec<(u32, &str, &str)> = Vec::new();
        if let Some(id) = self.chance.pick(&seen) {
            let all: &[&str] = if HALLS.contains(&id) { &["say", "small"] } else { BODY_FIELDS };
            let class = if HALLS.contains(&id) { HALL } else { BODY };
            fields.extend(all.iter().map(|name| (id, class, *name)));
        }
        let names = ["setX", "setY", "setXY", "mutter"];
        fields.extend(own.iter().flat_map(|&id| names.map(|name| (id, BODY, name))));
        let Some((id, class, name)) = self.chance.pick(&fields) else { return Ok(()) };
        let stamp = self.stamp(at).bytes();
        let value = match name {
            "small" => vec![self.chance.below(10) as u8],
            "setXY" => [stamp, stamp].concat(),
            _ => stamp.to_vec(),
        };
        self.set(at, id, (class, name), &value)
    }

    /// A client says something to an uberdog.
    fn speak(&mut self, at: usize) -> Result<(), Violation> {
        let (hall, stamp) = (self.some_hall(), self.stamp(at).bytes());
        self.set(at, hall, (HALL, "say"), &stamp)
    }

    /// A client sets a field as it may.
    fn set(
        &mut self,
        at: usize,
        id: u32,
        (class, name): (&str, &str),
        value: &[u8],
    ) -> Result<(), Violation> {
        let (do_id, field) = (DoId(id), schema::field(class, name));
        let parts: &[&str] = if name == "setXY" { &["setX", "setY"] } else { &[] };
        let own = parts.iter().map(|part| schema::field(class, part)).chain([field]);
        let own: Vec<(u32, u16)> = own.map(|FieldId(number)| (id, number)).collect();
        self.clients[at].eyes.own.extend(own);
        self.watch.said(at, id, field, value);
        self.attempted(id, field, value);
        self.say(at, &FromClient::UpdateField { do_id, field, value });
        if self.plan.sabotage == Sabotage::Echo && value.len() >= 4 && self.chance.one_in(10) {
            let mut frame = Vec::new();
            let echo = ToClient::UpdateField { do_id, field, value };
            echo.encode(self.plan.dialect, &mut frame).expect("it is short");
            return self.clients[at].eyes.hear(&frame).map_err(|broken| named(at, broken));
        }
        Ok(())
    }

    /// A client moves its body.
    fn relocate(&mut self, at: usize) {
        let client = &self.clients[at];
        let is_own =
            |id: &u32| client.eyes.objects.get(id).is_some_and(|seen| seen.owned == Owned::Yes);
        let Some(id) = client.body.filter(is_own).filter(|_| self.plan.relocate) else { return };
        let location = self.some_location();
        self.clients[at].moved.insert(id);
        self.watch.moved(at, id, location);
        self.say(at, &FromClient::Location { do_id: DoId(id), location });
    }

    pub(super) fn some_location(&mut self) -> Location {
        let zone = self.chance.pick(&ZONES).unwrap_or(0);
        Location { parent: DoId(self.some_hall()), zone: Zone(zone) }
    }

    /// A client leaves.
    pub(super) fn leave_as(&mut self, at: usize, how: Leaving) {
        let outside = self.clients[at].outside;
        self.world.set_reads(outside, true);
        self.clients[at].leaving = how;
        match how {
            Leaving::Broken => {
                self.world.reset(outside);
                self.clients[at].has_ended = true;
            }
            Leaving::InOrder => {
                let known = self.clients[at].eyes.is_known && !self.clients[at].is_mid_frame;
                if known && self.chance.one_in(2) {
                    self.say(at, &FromClient::Disconnect);
                } else {
                    self.world.finish(outside);
                }
            }
            Leaving::Not => (),
        }
    }

    /// Whether a daemon may close a client's connection for this reason.
    pub(super) fn may_be_closed(&self, at: usize, reason: CloseReason) -> bool {
        let client = &self.clients[at];
        match reason {
            CloseReason::Ejected => true, // what it was told will be looked at
            CloseReason::Dropped => client.may_be_dropped,
            CloseReason::Disconnected => client.leaving == Leaving::InOrder,
            CloseReason::Stalled | CloseReason::Backlog => client.part == Part::Deaf,
            CloseReason::ClosedByPeer | CloseReason::Reset => client.leaving != Leaving::Not,
            CloseReason::NotAllowed
            | CloseReason::TooManyParticipants
            | CloseReason::Malformed
            | CloseReason::FrameTooLong
            | CloseReason::TooManySubscriptions
            | CloseReason::TooManyPostRemoves => false,
        }
    }
}

const BODY_FIELDS: &[&str] = &["setA", "shout", "small"];
