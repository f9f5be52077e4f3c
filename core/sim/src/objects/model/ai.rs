//! AIs, their own or inherited, and owners.

use super::{Done, Model, channel};
use wire::dialect::Dialect;
use wire::ids::DoId;
use wire::state_server::{ObjectMessage, ObjectNotice};

/// An AI is inherited over so many generations.
const GENERATIONS_MAX: u32 = 64;

impl Model {
    pub(super) fn set_ai(&mut self, id: u32, orig: u64, ai: u64) -> Done {
        let object = self.object_mut(id);
        object.explicit = ai != 0;
        if ai != 0 {
            self.change_ai(id, ai, orig, 0);
        } else if object.parent == 0 {
            self.change_ai(id, 0, orig, 0);
        } else {
            self.ask_parent(id);
            self.hear_parent(id);
        }
        Done::Yes
    }

    /// QUERY_MANAGING_AI to the parent.
    pub(super) fn ask_parent(&mut self, id: u32) {
        let parent = self.object(id).parent;
        let ask = ObjectMessage::QueryManagingAi { context: id };
        self.message(id, &[parent.into()], id.into(), &ask);
    }

    /// The parent answers, if it is an object of ours.
    pub(super) fn hear_parent(&mut self, id: u32) {
        let parent = self.object(id).parent;
        if self.objects.contains_key(&parent) {
            self.tell_ai(parent, id.into(), id);
            let ai = self.object(parent).ai;
            self.parent_has_ai(id, parent, ai, parent.into());
        }
    }

    pub(super) fn tell_ai(&mut self, id: u32, asker: u64, context: u32) -> Done {
        let ai = channel(self.object(id).ai);
        match self.dialect {
            Dialect::OpenOtp => {
                let notify =
                    ObjectMessage::NotifyManagingAi { parent: DoId(id), ai, old: channel(0) };
                self.message(id, &[asker], id.into(), &notify);
            }
            Dialect::Astron => {
                let answer = ObjectNotice::ManagingAiResp { context, do_id: DoId(id), ai };
                self.notice(id, &[asker], id.into(), &answer);
            }
        }
        Done::Yes
    }

    pub(super) fn parent_has_ai(&mut self, id: u32, parent: u32, ai: u64, orig: u64) -> Done {
        let object = self.object(id);
        if object.parent == parent && !object.explicit {
            self.change_ai(id, ai, orig, 0);
        }
        Done::Yes
    }

    pub(super) fn change_ai(&mut self, id: u32, new: u64, orig: u64, generation: u32) {
        let old = std::mem::replace(&mut self.object_mut(id).ai, new);
        if old == new {
            return;
        }
        let children = self.children_channel(id);
        let (do_id, new_ai, old_ai) = (DoId(id), channel(new), channel(old));
        let leaving = ObjectNotice::LeavingAiInterest { do_id, new: new_ai, old: old_ai };
        match self.dialect {
            Dialect::OpenOtp => {
                self.notice(id, &[old], id.into(), &leaving);
                self.enter_ai(id, new);
                let notify =
                    ObjectMessage::NotifyManagingAi { parent: do_id, ai: new_ai, old: old_ai };
                self.message(id, &[children], id.into(), &notify);
            }
            Dialect::Astron => {
                self.notice(id, &[old, children], orig, &leaving);
                self.enter_ai(id, new);
            }
        }
        if generation >= GENERATIONS_MAX {
            return;
        }
        for child in self.children(id) {
            if !self.object(child).explicit {
                self.change_ai(child, new, orig, generation + 1);
            }
        }
    }

    pub(super) fn set_owner(&mut self, id: u32, orig: u64, new: u64) -> Done {
        let old = std::mem::replace(&mut self.object_mut(id).owner, new);
        if old != new {
            let changed =
                ObjectNotice::ChangeOwner { do_id: DoId(id), new: channel(new), old: channel(old) };
            self.notice(id, &[old], self.announcer(id, orig), &changed);
            self.enter_owner(id, new);
        }
        Done::Yes
    }
}
