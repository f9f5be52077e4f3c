//! Where objects are: SET_ZONE, LOCATE.

use super::{Done, Model};
use crate::objects::datagram::Dg;
use wire::ids::DoId;
use wire::state_server::{Location, ObjectNotice};

impl Model {
    pub(super) fn set_zone(&mut self, id: u32, dg: &Dg, new: Location) -> Done {
        let object = self.object(id).clone();
        let (old, parent) = (object.location(), new.parent.0);
        if new == old {
            return Done::Yes;
        }
        let is_ring = parent != old.parent.0 && self.is_above(id, parent);
        if self.is_reserved(parent) || is_ring {
            return Done::Refused;
        }
        let object_mut = self.object_mut(id);
        (object_mut.parent, object_mut.zone, object_mut.acked) = (parent, new.zone.0, false);
        let to = [
            object.location_channel(),
            object.ai,
            object.owner,
            object.parent.into(),
            parent.into(),
        ];
        let changed = ObjectNotice::ChangeZone { do_id: DoId(id), new, old };
        self.notice(id, &to, self.announcer(id, dg.sender), &changed);
        self.enter_zone(id, &[self.object(id).location_channel()]);
        if object.parent != parent && !object.explicit {
            self.ask_parent(id);
            self.hear_parent(id);
            if parent == 0 {
                self.change_ai(id, 0, dg.sender, 0);
            }
        }
        Done::Yes
    }

    /// Whether `id` is `below`, or a parent of it, or of its parent, and so on.
    pub fn is_above(&self, id: u32, below: u32) -> bool {
        let mut at = below;
        for _ in 0..=self.objects.len() {
            if at == id {
                return true;
            }
            match self.objects.get(&at) {
                Some(object) => at = object.parent,
                None => return false,
            }
        }
        false
    }

    pub(super) fn locate(&mut self, id: u32, asker: u64, context: u32) -> Done {
        let location = self.object(id).location();
        let answer = ObjectNotice::LocateResp { context, do_id: DoId(id), location };
        self.notice(id, &[asker], id.into(), &answer);
        Done::Yes
    }
}
