//! Who owns an object: a client, which sees what others do not.

use crate::StateServer;
use crate::voice::{Showing, To};
use runtime::Outbox;
use wire::ids::Channel;
use wire::state_server::ObjectNotice;

impl StateServer {
    /// SET_OWNER: the old owner hears that it has gone, the new one sees it enter. 0: none.
    pub(crate) fn set_owner(&mut self, at: u32, new: Channel, sender: Channel, out: &mut Outbox) {
        let object = self.objects.get_mut(at);
        let (do_id, old) = (object.do_id, object.owner);
        if old == new {
            return;
        }
        object.owner = new;
        let changed = ObjectNotice::ChangeOwner { do_id, new, old };
        let announcer = self.announcer(do_id, sender, out.dialect());
        self.notify(&To::one(old), announcer, &changed, out);
        self.show(at, Showing::EnterOwner, &To::one(new), out);
    }
}
