//! An object ends: alone, with its AI, with its parent, or with its zone.

use crate::StateServer;
use crate::jobs::Touch;
use crate::objects::Condemned;
use crate::told::{Below, Told};
use crate::voice::To;
use runtime::{Outbox, ShardId};
use wire::dialect::Dialect;
use wire::event::{Event, Value};
use wire::ids::Channel;
use wire::state_server::{Location, ObjectMessage, ObjectNotice};

/// How an object dies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Death {
    /// Who asked for it.
    sender: Channel,
    /// Its parent is not told: it has said so itself, or is gone.
    with_parent: bool,
    /// Its AI was reset.
    with_ai: bool,
}

impl Death {
    /// Somebody asked for it.
    pub fn asked_by(sender: Channel) -> Death {
        Death { sender, with_parent: false, with_ai: false }
    }

    /// Its parent wants it so, as `sender` has asked the parent.
    pub fn with_parent(sender: Channel) -> Death {
        Death { sender, with_parent: true, with_ai: false }
    }

    /// `sender` has reset its AI.
    pub fn with_ai(sender: Channel) -> Death {
        Death { sender, with_parent: false, with_ai: true }
    }
}

impl StateServer {
    /// Deletes an object and lets all know who see it. In `astron` its children go with it; in the
    /// seed they stay where they are.
    pub(crate) fn delete(&mut self, at: u32, death: Death, out: &mut Outbox) {
        // What condemned it has settled what came before, and for those after it does not exist.
        if self.objects.condemned(at).is_none() {
            self.settle_walks(at, u64::MAX, Touch::Leaves, out);
        }
        let do_id = self.objects.get(at).do_id;
        match out.dialect() {
            Dialect::OpenOtp => {
                if let (true, (ai, true)) = (death.with_ai, self.objects.ai(at)) {
                    self.resets.went(do_id, ai);
                }
                self.announce_death(at, out);
            }
            Dialect::Astron => self.announce_death_of_family(at, death, out),
        }
        self.jobs.leaving(at, &self.objects);
        let left = self.objects.remove(at);
        left.into_iter().for_each(|parent| self.leave_children_channel(parent, out));
        out.counts.objects_deleted += 1;
        out.release(self.me, Channel::object(do_id));
        // In the seed children stay; a stored parent may come back before it could ask for them.
        if out.dialect() == Dialect::Astron || !self.dbss.is_there() {
            self.foreign.forget_parent(do_id);
        }
        self.forget_unproved(do_id);
        self.wait_for_no_child_of(do_id, out);
    }

    fn announce_death(&self, at: u32, out: &mut Outbox) {
        let (object, location) = (self.objects.get(at), self.objects.location(at));
        let ((ai, _), do_id) = (self.objects.ai(at), object.do_id);
        let sender = Channel::object(do_id);
        let to = To::location(location).and(object.owner);
        self.notify(&to, sender, &ObjectNotice::DeleteRam { do_id }, out);
        // A parent elsewhere would wait for what it has to say.
        let gone = ObjectNotice::ChangeZone { do_id, new: Location::NOWHERE, old: location };
        self.notify(&To::object(location.parent), sender, &gone, out);
        let leaving = ObjectNotice::LeavingAiInterest { do_id, new: Channel(0), old: ai };
        self.notify(&To::one(ai), sender, &leaving, out);
    }

    fn announce_death_of_family(&self, at: u32, death: Death, out: &mut Outbox) {
        let (object, location) = (self.objects.get(at), self.objects.location(at));
        let ((ai, _), do_id) = (self.objects.ai(at), object.do_id);
        let Death { sender, with_parent, .. } = death;
        let to = To::location(location).and(ai).and(object.owner);
        self.notify(&to, sender, &ObjectNotice::DeleteRam { do_id }, out);
        let parent = Channel::object(location.parent);
        if !with_parent && sender != parent {
            let gone = ObjectNotice::ChangeZone { do_id, new: Location::NOWHERE, old: location };
            self.notify(&To::one(parent), sender, &gone, out);
        }
        self.delete_all_below(Below { parent: do_id, zones: None }, sender, out);
    }

    /// SHARD_RESET: the objects of an AI go with it. In `astron` those of which it was said
    /// explicitly, with all below them.
    pub(crate) fn reset(&mut self, ai: Channel, sender: Channel, out: &mut Outbox) {
        say_reset(ai, sender, out);
        self.resets.note(ai, self.objects.tick());
        self.finish_adoptions(ai, out);
        let inherited = match out.dialect() {
            Dialect::OpenOtp => self.objects.flock(ai, false),
            Dialect::Astron => None,
        };
        let explicit = self.objects.flock(ai, true);
        for flock in [explicit, inherited].into_iter().flatten() {
            self.doom(Condemned::Flock(flock), Death::with_ai(sender), out);
        }
    }

    /// DELETE_ZONE(S) and DELETE_CHILDREN: tells the children everywhere that they are to go.
    pub(crate) fn delete_all_below(&self, below: Below<'_>, sender: Channel, out: &mut Outbox) {
        let parent = below.parent;
        let message = match below.zones {
            Some(zones) => ObjectMessage::DeleteZones { parent, zones },
            None => ObjectMessage::DeleteChildren { parent },
        };
        let children = To::one(out.dialect().children_channel(parent));
        self.request(&children, sender, &message, out);
        self.tell_all(&Told::Delete { sender, below }, out);
    }

    /// The children of this shard that are below `below` are to go.
    pub(crate) fn condemn_below(&mut self, below: Below<'_>, death: Death, out: &mut Outbox) {
        let Some(zones) = below.zones else {
            if let Some(family) = self.objects.family_of(below.parent) {
                self.doom(Condemned::Family(family), death, out);
            }
            return;
        };
        for zone in zones.iter() {
            let location = Location { parent: below.parent, zone };
            if let Some(place) = self.objects.place_at(location) {
                self.doom(Condemned::Place(place), death, out);
            }
        }
    }
}

/// All instances hear of a reset; one of them says so.
fn say_reset(ai: Channel, sender: Channel, out: &mut Outbox) {
    if out.me() == ShardId(0) {
        let values = [("ai_channel", Value::Id(ai.0)), ("channel", Value::Id(sender.0))];
        out.event(&Event { sender: "StateServer", kind: "ai-reset", values: &values });
    }
}
