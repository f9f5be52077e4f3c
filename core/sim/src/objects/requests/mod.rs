//! What observers ask for: everything that the rules know of, right and wrong.

mod elsewhere;
mod entries;
mod queries;
mod updates;

use crate::chance::Chance;
use crate::objects::datagram::Dg;
use crate::objects::model::Model;
use crate::objects::pools::Pools;
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId, MsgType, Zone};
use wire::state_server::{Location, ObjectMessage, StateServerMessage};

/// Which objects a request is drawn for.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The objects that it may be for.
    pub ids: Vec<u32>,
    /// The parents that it may put something below.
    pub parents: Vec<u32>,
    /// Whether it may be wrong.
    pub mistakes: bool,
    /// Whether a new object may be above its parent, since its children were there before it.
    pub rings: bool,
}

/// Draws requests.
pub struct Draw<'a> {
    /// What there is.
    pub model: &'a Model,
    /// Ids and channels.
    pub pools: &'a Pools,
    /// What it may be for.
    pub scope: &'a Scope,
    /// The choices.
    pub chance: &'a mut Chance,
    /// What the asker calls itself.
    pub sender: u64,
    /// A context that nobody has used.
    pub context: u32,
}

impl Draw<'_> {
    /// A request.
    pub fn request(&mut self) -> Dg {
        let living = self.living().len();
        if living == 0 || (living < self.scope.ids.len() / 2 && self.chance.one_in(3)) {
            return self.create();
        }
        let mut dg = match self.chance.below(40) {
            0..3 => self.create(),
            3..10 => self.update(),
            10..13 => self.updates(),
            13 => self.unset(),
            14..19 => self.set_zone(),
            19..22 => self.set_ai(),
            22..24 => self.set_owner(),
            24 => self.delete(),
            25 => self.delete_many(),
            26 => self.locate(),
            27 => self.query_all(),
            28..31 => self.query_fields(),
            31..34 => self.query_zones(),
            34 => self.query_ai(),
            35 => self.tell_several(),
            36..39 => self.of_elsewhere(),
            _ => self.garbage(),
        };
        if self.scope.mistakes && self.chance.one_in(16) {
            self.spoil_length(&mut dg);
        }
        dg
    }

    /// Cuts a payload, or lets it go on.
    fn spoil_length(&mut self, dg: &mut Dg) {
        if self.chance.one_in(2) && !dg.payload.is_empty() {
            let len = self.chance.index(dg.payload.len());
            dg.payload.truncate(len);
        } else {
            dg.payload.extend([0; 3]);
        }
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.model.dialect
    }

    fn is_astron(&self) -> bool {
        self.dialect() == Dialect::Astron
    }

    fn mistake(&mut self, one_in: u64) -> bool {
        self.scope.mistakes && self.chance.one_in(one_in)
    }

    /// The objects that live, of those that requests may be for.
    fn living(&self) -> Vec<u32> {
        let ids = self.scope.ids.iter().copied();
        ids.filter(|id| self.model.objects.contains_key(id)).collect()
    }

    /// An object that lives, or now and then one that does not.
    fn target(&mut self) -> u32 {
        let any = self.mistake(12);
        let ids = if any { self.scope.ids.clone() } else { self.living() };
        self.chance.pick(&ids).unwrap_or(self.scope.ids[0])
    }

    /// The id that a payload says: its object's, but for mistakes.
    fn named(&mut self, id: u32) -> DoId {
        let wrong = self.mistake(20);
        DoId(if wrong { self.chance.pick(&self.pools.ids).unwrap_or(id) } else { id })
    }

    fn zone(&mut self) -> Zone {
        Zone(self.chance.pick(&self.pools.zones).unwrap_or(0))
    }

    fn location(&mut self) -> Location {
        let parent = if self.chance.one_in(10) {
            0
        } else if self.mistake(20) {
            self.chance.pick(&self.pools.reserved).unwrap_or(0)
        } else {
            self.chance.pick(&self.scope.parents).unwrap_or(0)
        };
        Location { parent: DoId(parent), zone: self.zone() }
    }

    fn ask_object(&self, id: u32, message: &ObjectMessage<'_>) -> Dg {
        Dg::object(self.dialect(), &[id.into()], self.sender, message)
    }

    fn set_zone(&mut self) -> Dg {
        let id = self.target();
        let mut location = self.location();
        let below = self.mistake(6).then(|| self.chance.pick(&self.living()).unwrap_or(id));
        // A ring of one, two, three or more, if there are children.
        if let Some(below) = below.filter(|&below| self.model.is_above(id, below)) {
            location.parent = DoId(below);
        }
        // No State Server knows what is above an object of another one.
        let (parent, is_alone) = (location.parent.0, self.pools.controls.len() == 1);
        if !is_alone && parent != 0 && self.model.is_above(id, parent) {
            location.parent = DoId(0);
        }
        self.ask_object(id, &ObjectMessage::SetZone { location })
    }

    fn ai(&mut self) -> Channel {
        let none = self.chance.one_in(4);
        Channel(if none { 0 } else { self.chance.pick(&self.pools.ais).unwrap_or(0) })
    }

    fn set_ai(&mut self) -> Dg {
        let id = self.target();
        let do_id = self.named(id);
        let (do_id, ai) = ((!self.is_astron()).then_some(do_id), self.ai());
        self.ask_object(id, &ObjectMessage::SetAi { do_id, ai })
    }

    fn set_owner(&mut self) -> Dg {
        let id = self.target();
        let none = self.chance.one_in(4);
        let owner =
            Channel(if none { 0 } else { self.chance.pick(&self.pools.owners).unwrap_or(0) });
        self.ask_object(id, &ObjectMessage::SetOwner { owner })
    }

    fn delete(&mut self) -> Dg {
        let id = self.target();
        let do_id = self.named(id);
        self.ask_object(id, &ObjectMessage::DeleteRam { do_id })
    }

    /// Those of an AI, those below a parent, or those in some zones.
    fn delete_many(&mut self) -> Dg {
        if self.chance.one_in(3) || !self.is_astron() {
            let ai = if self.mistake(10) { Channel(0) } else { Channel(self.some_ai()) };
            let id = self.target();
            let to = self.control(id, 2);
            let reset = StateServerMessage::ShardReset { ai };
            return Dg::control(self.dialect(), to, self.sender, &reset);
        }
        let id = self.target();
        let parent = self.named(id);
        let zones = self.some_zones();
        let zones = wire::state_server::Zones(&zones);
        match self.chance.one_in(2) {
            true => self.ask_object(id, &ObjectMessage::DeleteChildren { parent }),
            false => self.ask_object(id, &ObjectMessage::DeleteZones { parent, zones }),
        }
    }

    /// The channel of the State Server that has `id`, or of all, once in `all_one_in`.
    fn control(&mut self, id: u32, all_one_in: u64) -> u64 {
        let is_only = self.is_astron() && self.pools.controls.len() == 1;
        let all = is_only && self.chance.one_in(all_one_in);
        if all { 12 } else { self.pools.control(id) }
    }

    fn some_ai(&mut self) -> u64 {
        self.chance.pick(&self.pools.ais).unwrap_or(0)
    }

    fn some_zones(&mut self) -> Vec<[u8; 4]> {
        let count = self.chance.between(0, 4);
        (0..count).map(|_| self.zone().0.to_le_bytes()).collect()
    }

    /// The same to several objects in one datagram, some of them twice.
    fn tell_several(&mut self) -> Dg {
        let count = self.chance.between(2, 5);
        let mut to: Vec<u64> = (0..count).map(|_| self.target().into()).collect();
        to.sort_unstable();
        let context = self.context;
        let message = match self.chance.below(3) {
            0 => ObjectMessage::Locate { context },
            1 => ObjectMessage::QueryManagingAi { context },
            _ => ObjectMessage::SetOwner { owner: Channel(self.pools.owners[1]) },
        };
        Dg::object(self.dialect(), &to, self.sender, &message)
    }

    /// What nobody understands.
    fn garbage(&mut self) -> Dg {
        let id = self.target();
        let is_control = self.chance.one_in(4);
        let to = vec![if is_control { self.pools.control(id) } else { id.into() }];
        let payload = (0..self.chance.index(20)).map(|byte| byte as u8).collect();
        let msgtype = MsgType(self.chance.between(3_000, 3_100) as u16);
        Dg { to, sender: self.sender, msgtype, payload }
    }
}
