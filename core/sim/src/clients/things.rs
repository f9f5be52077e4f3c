//! What the actors of the cluster do with objects.

use crate::clients::cluster::Thing;
use crate::clients::plan::HALLS;
use crate::clients::run::Run;
use crate::clients::schema::{self, BODY, HALL, Stamp};
use crate::objects::datagram::Dg;
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId, FieldId, Zone};
use wire::state_server::{Entry, Location, ObjectMessage, StateServerMessage};

/// Actors write under this number and those behind it.
const FIRST_ACTOR_WRITER: u32 = 2000;

impl Run {
    pub(super) fn next_id(&mut self) -> u32 {
        self.cluster.next_id += 1;
        self.cluster.next_id
    }

    /// The next stamp of an actor.
    pub(super) fn actor_stamp(&mut self, actor: usize) -> Stamp {
        self.actors[actor].number += 1;
        let writer = FIRST_ACTOR_WRITER + actor as u32;
        Stamp { writer, number: self.actors[actor].number }
    }

    /// The parents that are there from the beginning to the end; one is in a zone of another.
    pub(super) fn make_halls(&mut self) {
        let name = self.actor_stamp(0).bytes();
        for (nth, id) in HALLS.into_iter().enumerate() {
            let parent = if nth == 2 { DoId(HALLS[0]) } else { DoId(0) };
            let location = Location { parent, zone: Zone(u32::from(nth == 2)) };
            let entry = Entry {
                do_id: DoId(id),
                location,
                dclass: schema::class(HALL),
                has_other: false,
                fields: &name,
            };
            self.generate(0, entry);
        }
    }

    fn generate(&mut self, actor: usize, entry: Entry<'_>) {
        let message = StateServerMessage::Generate(entry);
        let (dialect, sender) = (self.plan.dialect, self.actors[actor].channel);
        self.send(actor, &Dg::control(dialect, self.control(), sender, &message));
    }

    /// An actor makes an object, or lets a stored one become active.
    pub(super) fn bring(&mut self, actor: usize, id: u32, location: Location) {
        match self.lasting.has(id) {
            true => self.activate(actor, id, location),
            false => self.create(actor, id, location),
        }
    }

    fn create(&mut self, actor: usize, id: u32, location: Location) {
        let stamp = self.actor_stamp(actor).bytes();
        let has_other = self.chance.one_in(2);
        // setA, setHint, setSecret, setOwn, setX and setY.
        let mut fields = stamp.repeat(6);
        if has_other {
            fields.extend(1u16.to_le_bytes());
            fields.extend(schema::field(BODY, "setB").0.to_le_bytes());
            fields.extend(stamp);
        }
        let dclass = schema::class(BODY);
        let entry = Entry { do_id: DoId(id), location, dclass, has_other, fields: &fields };
        let thing = Thing { actor, is_made: true, owner: None, session: None };
        self.cluster.things.insert(id, thing);
        self.generate(actor, entry);
    }

    /// An actor tells an object something.
    pub(super) fn request(&mut self, actor: usize, id: u32, message: &ObjectMessage<'_>) {
        let (dialect, sender) = (self.plan.dialect, self.actors[actor].channel);
        self.send(actor, &Dg::object(dialect, &[id.into()], sender, message));
    }

    /// An object gets another owner, or none.
    pub(super) fn set_owner(&mut self, actor: usize, id: u32, owner: Option<(usize, u64)>) {
        let channel = owner.map_or(0, |(_, channel)| channel);
        if let Some((at, _)) = owner {
            self.clients[at].eyes.given.insert(id);
        }
        if let Some(thing) = self.cluster.things.get_mut(&id) {
            thing.owner = owner.map(|(at, _)| at);
        }
        self.request(actor, id, &ObjectMessage::SetOwner { owner: Channel(channel) });
    }

    /// An object goes.
    pub(super) fn delete(&mut self, actor: usize, id: u32) {
        if let Some(thing) = self.cluster.things.get_mut(&id) {
            thing.is_made = false;
            thing.owner = None;
        }
        self.request(actor, id, &ObjectMessage::DeleteRam { do_id: DoId(id) });
    }

    /// An actor does something with an object.
    pub(super) fn thing_acts(&mut self) {
        let actor = self.chance.index(self.actors.len());
        if self.plan.storage.is_some() && self.chance.one_in(5) {
            return self.lasting_acts(actor);
        }
        let all = self.cluster.things.iter();
        let mine = all.filter(|(_, thing)| thing.actor == actor && thing.is_made);
        let mine: Vec<u32> = mine.map(|(&id, _)| id).collect();
        let Some(id) = self.chance.pick(&mine).filter(|_| !self.chance.one_in(5)) else {
            return self.create_one(actor);
        };
        let is_body = self.clients.iter().any(|client| client.body == Some(id));
        // In the seed a move wakes what is stored, also when it has ended with a session.
        let openotp = self.plan.dialect == Dialect::OpenOtp;
        let is_last = self.cluster.things[&id].session.is_some();
        let stays = openotp && is_last && self.lasting.has(id);
        match self.chance.below(12) {
            0..=2 if !stays => {
                // What is below another object goes with it in `astron`.
                let stays_up = is_body || self.lasting.has(id);
                let location = if stays_up { self.some_location() } else { self.any_location(id) };
                self.request(actor, id, &ObjectMessage::SetZone { location });
            }
            3 | 4 if !is_body => self.lend(actor, id),
            5 if !is_body => self.delete(actor, id),
            6 => self.update_several(actor, id),
            _ => self.update_one(actor, id),
        }
    }

    fn create_one(&mut self, actor: usize) {
        let all = self.cluster.things.iter();
        let gone = all
            .filter(|(_, thing)| thing.actor == actor && !thing.is_made && thing.session.is_none());
        let gone = gone.map(|(&id, _)| id);
        let is_lost = |id: &u32| self.lasting.has(*id) && !self.lasting.is_stored(*id);
        let gone: Vec<u32> = gone.filter(|id| !is_lost(id)).collect();
        let again = self.chance.pick(&gone).filter(|_| self.chance.one_in(2));
        let id = again.unwrap_or_else(|| self.next_id());
        let is_body = self.clients.iter().any(|client| client.body == Some(id));
        let id = if is_body { self.next_id() } else { id };
        let lasts = self.lasting.has(id);
        let location = if lasts { self.some_location() } else { self.any_location(id) };
        self.bring(actor, id, location);
    }

    /// Mostly below a hall, sometimes nowhere, or below another object.
    fn any_location(&mut self, id: u32) -> Location {
        match self.chance.below(10) {
            0 => Location::NOWHERE,
            1 => {
                let parents = self.cluster.things.keys().copied();
                let parents: Vec<u32> = parents.filter(|parent| *parent < id).collect();
                let location = self.some_location();
                let parent = self.chance.pick(&parents).map_or(location.parent, DoId);
                Location { parent, ..location }
            }
            _ => self.some_location(),
        }
    }

    /// An object is given to a client, or taken back.
    fn lend(&mut self, actor: usize, id: u32) {
        let clients = 0..self.clients.len();
        let clients: Vec<usize> = clients.filter(|at| self.clients[*at].is_settled()).collect();
        let owner = self.chance.pick(&clients).filter(|_| !self.chance.one_in(3));
        let owner = owner.and_then(|at| {
            let client = &self.clients[at];
            let by_name = client.has_name && self.chance.one_in(3);
            Some((at, if by_name { client.sender } else { client.channel? }))
        });
        self.set_owner(actor, id, owner);
    }

    pub(super) fn update_one(&mut self, actor: usize, id: u32) {
        const NAMES: [&str; 12] = [
            "setA",
            "setB",
            "setHint",
            "setSecret",
            "setOwn",
            "setX",
            "setY",
            "setXY",
            "setLate",
            "shout",
            "mutter",
            "lent",
        ];
        let name = self.chance.pick(&NAMES).unwrap_or("setA");
        let stamp = self.actor_stamp(actor).bytes();
        let value = if name == "setXY" { stamp.repeat(2) } else { stamp.to_vec() };
        let (do_id, field) = (DoId(id), schema::field(BODY, name));
        self.wrote(id, field, &value);
        self.request(actor, id, &ObjectMessage::UpdateField { do_id, field, value: &value });
    }

    pub(super) fn update_several(&mut self, actor: usize, id: u32) {
        const NAMES: [&str; 7] = ["setA", "setB", "setHint", "setOwn", "setX", "setLate", "lent"];
        let stamp = self.actor_stamp(actor).bytes();
        let (mut fields, mut count) = (Vec::new(), 0);
        for name in NAMES {
            if self.chance.one_in(2) {
                let FieldId(number) = schema::field(BODY, name);
                self.wrote(id, FieldId(number), &stamp);
                fields.extend(number.to_le_bytes());
                fields.extend(stamp);
                count += 1;
            }
        }
        let do_id = DoId(id);
        let update = ObjectMessage::UpdateFieldMultiple { do_id, count, fields: &fields };
        self.request(actor, id, &update);
    }
}
