//! Where an object is, and how it moves.

use crate::StateServer;
use crate::ancestry::Above;
use crate::jobs::Touch;
use crate::refusal::Refusal;
use crate::refuse;
use crate::voice::{Showing, To};
use runtime::Outbox;
use tracing::error;
use wire::ids::{Channel, DoId};
use wire::state_server::{Location, ObjectNotice};

impl StateServer {
    /// SET_ZONE: an object goes somewhere else, unless it would come to be its own ancestor.
    pub(crate) fn set_zone(&mut self, at: u32, to: Location, sender: Channel, out: &mut Outbox) {
        let (do_id, here) = (self.objects.get(at).do_id, self.objects.location(at));
        if to == here {
            return;
        }
        let parent = Channel::object(to.parent);
        if out.dialect().is_reserved_do_id(to.parent) || out.is_control(parent) {
            return refuse(Refusal::ReservedId(to.parent), "set zone", do_id, sender, out);
        }
        if to.parent == here.parent || to.parent == DoId(0) {
            return self.relocate(at, to, sender, out);
        }
        match self.look_above(do_id, to.parent, 0, out) {
            Above::Clear => self.relocate(at, to, sender, out),
            Above::Ring => refuse(Refusal::Ring(to.parent), "set zone", do_id, sender, out),
            Above::Elsewhere(ancestor, generation) => {
                self.move_unproved(at, to, sender, (ancestor, generation), out);
            }
            Above::Waits(_) => unreachable!("while an instance waits it moves nothing"),
        }
    }

    /// Moves an object and tells all who see it.
    pub(crate) fn relocate(&mut self, at: u32, new: Location, sender: Channel, out: &mut Outbox) {
        let (old, dialect) = (self.objects.location(at), out.dialect());
        let (ai, explicit) = self.objects.ai(at);
        self.settle_walks(at, u64::MAX, Touch::Leaves, out);
        self.jobs.leaving(at, &self.objects);
        let (first, left) = self.objects.relocate(at, new);
        // The new parent is listened to before it is asked anything, and the old one no longer.
        if first {
            self.hear_children_channel(new.parent, out);
        }
        left.into_iter().for_each(|parent| self.leave_children_channel(parent, out));
        out.counts.object_moves += 1;
        if new.parent != old.parent && !self.unproved.is_empty() {
            self.forget_unproved(self.objects.get(at).do_id);
        }
        let object = self.objects.get_mut(at);
        object.acknowledged = false;
        let (do_id, owner) = (object.do_id, object.owner);
        let to = To::location(old).and(ai).and(owner);
        let to = to.and(Channel::object(old.parent)).and(Channel::object(new.parent));
        let moved = ObjectNotice::ChangeZone { do_id, new, old };
        self.notify(&to, self.announcer(do_id, sender, dialect), &moved, out);
        self.show(at, Showing::EnterZone, &To::location(new), out);
        if new.parent != old.parent && !explicit {
            match new.parent {
                DoId(0) => self.change_ai(at, Channel(0), false, sender, 0, out),
                parent => self.ask_for_ai(do_id, parent, out),
            }
        }
    }

    /// LOCATE: says where an object is.
    pub(crate) fn locate(&self, at: u32, context: u32, asker: Channel, out: &mut Outbox) {
        let (do_id, location) = (self.objects.get(at).do_id, self.objects.location(at));
        let answer = ObjectNotice::LocateResp { context, do_id, location };
        out.counts.object_queries += 1;
        self.send(&To::one(asker), Channel::object(do_id), &answer, out);
    }

    /// The parent has taken note of where an object is.
    pub(crate) fn acknowledged(&mut self, at: u32, location: Location) {
        if self.objects.location(at) == location {
            self.objects.get_mut(at).acknowledged = true;
        }
    }

    /// Objects of this shard have a new parent: what it says to its children is heard. (Parents of
    /// this State Server tell their instances besides, and are not heard here.)
    pub(crate) fn hear_children_channel(&self, parent: DoId, out: &mut Outbox) {
        if parent == DoId(0) {
            return;
        }
        let channel = out.dialect().children_channel(parent);
        if let Err(limit) = out.subscribe(self.me.into(), channel) {
            error!(%parent, %limit, "children do not hear their parent");
        }
    }

    pub(crate) fn leave_children_channel(&self, parent: DoId, out: &mut Outbox) {
        if parent == DoId(0) {
            return;
        }
        let channel = out.dialect().children_channel(parent);
        if let Err(limit) = out.unsubscribe(self.me.into(), channel) {
            error!(%parent, %limit, "cannot stop hearing a parent");
        }
    }
}
