//! Once all is quiet: what clients see is what there is, what was to be said was said once, and in
//! the end nothing is left.

use crate::clients::eyes::{Owned, Values};
use crate::clients::grants::{EJECTED, LOST, OPENED};
use crate::clients::person::{Client, Leaving, Part};
use crate::clients::plan::HALLS;
use crate::clients::run::{Run, named};
use crate::clients::schema::{self, BODY};
use crate::ledger::Violation;
use crate::objects::schema::Words;
use dc::Class;
use std::collections::BTreeMap;
use wire::dialect::Dialect;
use wire::ids::DoId;
use wire::state_server::{Entry, Location, ObjectMessage, ObjectNotice};

/// What an object answers.
pub struct Found {
    location: Location,
    /// Its values.
    pub values: Values,
}

/// What all objects answer.
pub type Objects = BTreeMap<u32, Found>;

impl Run {
    /// What holds once all is quiet.
    pub(super) fn check(&mut self) -> Result<(), Violation> {
        for client in &self.clients {
            self.world.set_reads(client.outside, true);
        }
        self.settle()?;
        for (at, client) in self.clients.iter().enumerate().skip(self.clients_before) {
            self.check_end(client).map_err(|broken| named(at, broken))?;
        }
        for client in &mut self.clients {
            client.has_name = client.is_settled();
            if client.has_name {
                // What it was to own was loaded, if it had to be: from now on it stays in its sight.
                client.excuses.remove(&LOST);
            }
        }
        self.check_counts()?;
        let found = self.find_all()?;
        self.check_lasting(&found)?;
        if !self.plan.is_exact() {
            return Ok(());
        }
        for at in 0..self.clients.len() {
            if self.clients[at].is_settled() {
                self.check_view(at, &found).map_err(|broken| named(at, broken))?;
            }
        }
        self.check_gone(&found)?;
        self.check_active(&found)?;
        self.probe(&found)?;
        match self.plan.storage {
            Some(_) => self.put_to_sleep(),
            None => Ok(()),
        }
    }

    /// The seed: who asks a stored object that is not active makes it active.
    fn put_to_sleep(&mut self) -> Result<(), Violation> {
        self.free_avatars();
        let things = self.cluster.things.iter();
        let idle = things.filter(|(id, thing)| !thing.is_made && self.lasting.is_stored(**id));
        for id in idle.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.request(0, id, &ObjectMessage::DeleteRam { do_id: DoId(id) });
        }
        self.settle()
    }

    /// How a client ended is as it may be.
    fn check_end(&self, client: &Client) -> Result<(), Violation> {
        let rule = |rule, what: String| Err(Violation::new(rule, what));
        let is_lost = client.has_ended && client.leaving == Leaving::Not;
        let was_let_in = client.eyes.is_welcome;
        if let Some((code, reason)) = &client.eyes.ejected {
            let is_late = *code == 1 && (!was_let_in || !self.plan.is_exact());
            // What its session ends with goes out of its sight, since that it owns it was lost.
            let has_lost =
                *code == 153 && self.plan.cuts && !client.eyes.session_objects.is_empty();
            let is_excused = client.excuses.contains(code) || is_late || has_lost;
            let expected = client.lies.contains(code) || is_excused;
            if !expected {
                let what = format!("{:?} was ejected: {code} {reason}", client.part);
                return rule("the honest are not ejected", what);
            }
            if !client.has_ended && client.part != Part::Deaf {
                return rule("who is ejected is closed", format!("{code} {reason}"));
            }
        } else if client.excuses.contains(&EJECTED) {
            // What waits behind a full socket when it is ejected is not said.
        } else if is_lost && !client.may_be_dropped && client.part != Part::Deaf {
            return rule("the honest are not ejected", "its connection ended".into());
        }
        let is_there = client.is_there();
        // It has heard what was for the one before, and may have been let in for that one.
        let may_be_let_in =
            self.plan.reuses_channels() && !client.has_asked && !client.eyes.told.is_empty();
        if is_there && client.has_lied() && !may_be_let_in {
            return rule("liars are ejected", format!("one of {:?} was due", client.lies));
        }
        if is_there && client.must_end && self.plan.is_exact() {
            return rule("who is to go goes", "it is still there".into());
        }
        if is_there && !was_let_in && client.part != Part::Deaf && self.plan.is_exact() {
            return rule("the silent go", "it is still there".into());
        }
        Ok(())
    }

    fn check_counts(&mut self) -> Result<(), Violation> {
        let there = self.clients.iter().filter(|client| !client.has_ended);
        let established = there.clone().filter(|client| client.eyes.is_welcome).count() as u64;
        let there = there.count() as u64;
        // Where messages are lost, or come to whoever has the channel now, it is not known who was.
        let is_sure = self.plan.is_exact() || there == 0;
        let let_in = self.total(|counts| counts.clients_established);
        let pairs = [
            ("clients", self.total(|counts| counts.clients), there),
            ("established", let_in, if is_sure { established } else { let_in }),
        ];
        match pairs.iter().find(|(_, counted, wanted)| counted != wanted) {
            Some((what, counted, wanted)) => {
                let what = format!("{counted} {what} are counted, {wanted} are there");
                Err(Violation::new("clients are counted", what))
            }
            None => Ok(()),
        }
    }

    /// Asks every object for all that it has.
    fn find_all(&mut self) -> Result<Objects, Violation> {
        let ids: Vec<u32> = self.cluster.things.keys().copied().chain(HALLS).collect();
        self.actors[0].heard.clear();
        for id in ids {
            let context = self.cluster.number();
            let do_id = (self.plan.dialect == Dialect::Astron).then_some(DoId(id));
            self.request(0, id, &ObjectMessage::QueryAll { context, do_id });
        }
        self.settle()?;
        let mut found = Objects::new();
        for dg in std::mem::take(&mut self.actors[0].heard) {
            let notice = ObjectNotice::decode(self.plan.dialect, dg.msgtype, &dg.payload);
            if let Ok(ObjectNotice::QueryAllResp { entry, .. }) = notice {
                let values = read(&entry);
                let Some(values) = values else {
                    let what = format!("the fields of {entry:?}");
                    return Err(Violation::new("what is said can be read", what));
                };
                found.insert(entry.do_id.0, Found { location: entry.location, values });
            }
        }
        Ok(found)
    }

    /// What a client sees is what there is.
    fn check_view(&self, at: usize, found: &Objects) -> Result<(), Violation> {
        let (client, eyes) = (&self.clients[at], &self.clients[at].eyes);
        let wrong = |what| Err(Violation::new("what a client sees is what there is", what));
        if let Some((id, context)) = eyes.pending.first() {
            let what = format!("interest {id}, context {context}");
            return Err(Violation::new("DONE comes once", what));
        }
        let changes = (eyes.cluster_changes, eyes.cluster_done);
        if changes.0 != changes.1 {
            return Err(Violation::new("DONE comes once", format!("of the cluster: {changes:?}")));
        }
        let told = self.cluster.interests_done.get(&at).copied().unwrap_or(0);
        if self.plan.dialect == Dialect::Astron && told != changes.0 {
            let what = format!("{told} of {changes:?} to the cluster");
            return Err(Violation::new("DONE comes once", what));
        }
        if let Some(id) = eyes.objects.keys().find(|id| !found.contains_key(id)) {
            return wrong(format!("it knows of {id}, which is no more"));
        }
        for (id, found) in found {
            let is_owned = self.cluster.things.get(id).is_some_and(|one| one.owner == Some(at));
            self.check_sight(client, *id, found, is_owned)?;
            self.check_object(client, *id, found)?;
            let owned = eyes.objects.get(id).map_or(Owned::No, |seen| seen.owned);
            let agrees = match (is_owned, owned) {
                (true, Owned::Yes) | (false, Owned::No) => true,
                // While it sees it, it is not told that it is not its own any more.
                (false, Owned::Yes) => self.plan.dialect == Dialect::OpenOtp,
                (true, Owned::No) => false,
            };
            if !agrees {
                return wrong(format!("it owns {id}: {is_owned}, and thinks so: {owned:?}"));
            }
        }
        let halls = HALLS.into_iter().map(|hall| self.watch.missing(at, hall)).sum::<u32>();
        if halls > 0 {
            let what = format!("{halls} messages to uberdogs did not");
            return Err(Violation::new("what a client says arrives once", what));
        }
        Ok(())
    }

    /// A client sees an object if it looks there. In `openotp` it is not told that what it owns leaves;
    /// nor of its own objects that end with its session, of which it does not hear that they enter,
    /// either; and of what it moves itself it does not hear.
    fn check_sight(
        &self,
        client: &Client,
        id: u32,
        found: &Found,
        is_owned: bool,
    ) -> Result<(), Violation> {
        if !HALLS.contains(&found.location.parent.0) && found.location.parent != DoId(0) {
            return Ok(());
        }
        let looks = client.eyes.looks_at(found.location);
        let sees = client.eyes.objects.get(&id).is_some_and(|seen| seen.is_seen);
        let is_moved = client.moved.contains(&id);
        let stays = is_owned && client.eyes.session_objects.contains(&id);
        let must = looks && !is_moved && !stays;
        let openotp = self.plan.dialect == Dialect::OpenOtp;
        let may = looks || is_moved || stays || is_owned && openotp;
        match (must, may, sees) {
            (true, _, false) | (_, false, true) => {
                let what = format!(
                    "{id} at {:?}: it looks there {looks}, and sees it {sees}",
                    found.location
                );
                Err(Violation::new("what a client sees is what there is", what))
            }
            (false, _, false) | (_, true, true) => Ok(()),
        }
    }

    fn check_object(&self, client: &Client, id: u32, found: &Found) -> Result<(), Violation> {
        let wrong = |what| Err(Violation::new("what a client sees is what there is", what));
        // Those that end with its session it goes on seeing where it does not look, and they do not
        // enter again, so the client may be wrong of them.
        let stays = client.eyes.session_objects.contains(&id);
        let looks = client.eyes.looks_at(found.location);
        let is_sure = looks && !stays && !client.moved.contains(&id);
        let seen = client.eyes.objects.get(&id).filter(|seen| seen.is_seen && is_sure);
        let Some(seen) = seen else { return Ok(()) };
        if seen.location != found.location && HALLS.contains(&found.location.parent.0) {
            return wrong(format!("{id} is at {:?}, seen at {:?}", found.location, seen.location));
        }
        let (schema, eyes) = (schema::load(), &client.eyes);
        let words = Words::new(&schema);
        let public = |values: &Values| -> Values {
            let is_public = |number: u16| {
                let class = schema.class_by_number(seen.class);
                let field = class.and_then(|class| class.field_by_number(number));
                field.is_some_and(|field| words.is_broadcast(schema.field(field)))
                    && !eyes.own.contains(&(id, number))
            };
            values.clone().into_iter().filter(|(number, _)| is_public(*number)).collect()
        };
        let (sees, has) = (public(&seen.values), public(&found.values));
        match sees == has {
            true => Ok(()),
            false => wrong(format!("{id} has {has:?}, it sees {sees:?}")),
        }
    }

    /// What was to end with those who have gone has.
    fn check_gone(&self, found: &Objects) -> Result<(), Violation> {
        for (at, client) in self.clients.iter().enumerate() {
            let was_let_in = client.has_ended && client.eyes.is_welcome;
            // In the seed a move that was under way wakes what is stored.
            let openotp = self.plan.dialect == Dialect::OpenOtp;
            let may_be_woken =
                |id: &u32| openotp && self.lasting.has(*id) && client.moved.contains(id);
            let left = client.eyes.session_objects.iter();
            let left = left.filter(|id| !may_be_woken(id)).find(|id| self.is_active(**id, found));
            if let Some(id) = left.filter(|_| was_let_in) {
                let what = format!("{id} of client {at} is there");
                return Err(Violation::new("objects of a session end with it", what));
            }
        }
        for (number, said) in &self.cluster.post_removes {
            let due = u32::from(self.clients[said.client].has_ended);
            if said.heard != due {
                let what = format!("{number} of client {} was said {}", said.client, said.heard);
                return Err(Violation::new("a post-remove is said once", what));
            }
        }
        Ok(())
    }

    /// Whether an object that has answered is active. One that is stored answers also if it is not, and
    /// in the seed it becomes active then; but it is nowhere, and others are not.
    fn is_active(&self, id: u32, found: &Objects) -> bool {
        let is_asleep = |found: &Found| found.location == Location::NOWHERE;
        found.get(&id).is_some_and(|found| !self.lasting.has(id) || !is_asleep(found))
    }

    /// What is stored answers, and what became active is active, unless it ends with a session.
    fn check_active(&self, found: &Objects) -> Result<(), Violation> {
        for (id, thing) in &self.cluster.things {
            let must_be = thing.is_made && thing.session.is_none();
            let is_missed = !found.contains_key(id) || must_be && !self.is_active(*id, found);
            if self.lasting.is_stored(*id) && is_missed {
                let what = format!("{id}, of {thing:?}");
                return Err(Violation::new(
                    "what is stored is there, and active if it is to be",
                    what,
                ));
            }
        }
        Ok(())
    }

    /// Whoever sees an object hears of it once, whoever has a channel hears it once.
    fn probe(&mut self, found: &Objects) -> Result<(), Violation> {
        let mut probes = Vec::new();
        let field = schema::field(BODY, "setLate");
        for id in found.keys().copied().filter(|id| !HALLS.contains(id)) {
            let actor = self.cluster.things[&id].actor;
            let stamp = self.actor_stamp(actor);
            let (do_id, value) = (DoId(id), stamp.bytes());
            self.request(actor, id, &ObjectMessage::UpdateField { do_id, field, value: &value });
            probes.push((id, stamp));
        }
        let mut calls = Vec::new();
        let welcome = schema::field(schema::LOGIN, "welcome").0;
        let own = self.clients.iter().filter(|client| client.is_settled());
        let own = own.filter_map(|client| Some(vec![client.channel?, client.sender]));
        let groups: Vec<Vec<u64>> = own.chain(OPENED.map(|one| vec![one])).collect();
        for to in groups.into_iter().chain([OPENED.to_vec()]) {
            let stamp = self.actor_stamp(0);
            self.tell_uberdog(&to, welcome, stamp.bytes());
            calls.push((to, stamp));
        }
        self.settle()?;
        for (at, client) in self.clients.iter().enumerate().filter(|(_, one)| one.is_settled()) {
            for (id, stamp) in &probes {
                let seen = client.eyes.objects.get(id);
                let is_owned = self.cluster.things[id].owner == Some(at);
                if client.moved.contains(id) && !is_owned {
                    continue; // it may be out of sight, and its client cannot know
                }
                let must = seen.is_some_and(|seen| seen.is_seen) || is_owned;
                let has = client.eyes.has_heard(*id, field.0, *stamp);
                if must != has {
                    let what = format!("client {at}, {id}: heard {has}, seen or owned {must}");
                    return Err(Violation::new("updates reach who sees the object", what));
                }
            }
            for (to, stamp) in &calls {
                let hears = |to: &u64| {
                    client.opened.contains(to)
                        || client.channel == Some(*to)
                        || client.sender == *to
                };
                let must = usize::from(to.iter().any(hears));
                let times = client.eyes.told.iter().filter(|told| *told == stamp).count();
                if times != must {
                    let what = format!("client {at} heard {to:x?} {times} times, not {must}");
                    return Err(Violation::new("a channel is heard once", what));
                }
            }
        }
        Ok(())
    }

    /// All clients leave, then the rest; nothing may remain.
    pub(super) fn leave(&mut self) -> Result<(), Violation> {
        for at in 0..self.clients.len() {
            if self.clients[at].is_there() {
                let how = if self.chance.one_in(2) { Leaving::InOrder } else { Leaving::Broken };
                self.leave_as(at, how);
            }
        }
        self.settle()?;
        for client in &mut self.clients {
            client.has_ended = true;
        }
        self.check_counts()?;
        if self.plan.storage.is_some() && self.plan.is_exact() {
            let today = self.clients.iter().enumerate().skip(self.clients_before);
            for (at, client) in today {
                self.journal.check(at, client.eyes.is_known)?;
            }
        }
        if self.plan.is_exact() {
            let found = self.find_all()?;
            self.check_gone(&found)?;
        }
        let ids: Vec<u32> = self.cluster.things.keys().copied().chain(HALLS).collect();
        for id in ids {
            self.request(0, id, &ObjectMessage::DeleteRam { do_id: DoId(id) });
        }
        self.settle()?;
        self.close_cluster()
    }
}

/// All values that an object answers with.
fn read(entry: &Entry<'_>) -> Option<Values> {
    let schema = schema::load();
    read_values(schema.class_by_number(entry.dclass.0)?, entry.fields, true)
}

/// Values of a class: if they are there the required ones, then a count and so many others.
pub(super) fn read_values(class: &Class, fields: &[u8], with_required: bool) -> Option<Values> {
    let schema = schema::load();
    let (mut values, mut rest) = (Values::new(), fields);
    let take = |id: dc::FieldId, rest: &mut &[u8]| {
        let whole = *rest;
        schema.check_prefix(id, rest).ok()?;
        Some(whole[..whole.len() - rest.len()].to_vec())
    };
    for &id in class.required.iter().filter(|_| with_required) {
        values.insert(schema.field(id).number, take(id, &mut rest)?);
    }
    let (count, behind) = rest.split_first_chunk::<2>()?;
    rest = behind;
    for _ in 0..u16::from_le_bytes(*count) {
        let (number, behind) = rest.split_first_chunk::<2>()?;
        rest = behind;
        let number = u16::from_le_bytes(*number);
        values.insert(number, take(class.field_by_number(number)?, &mut rest)?);
    }
    rest.is_empty().then_some(values)
}
