//! An object begins.

use crate::StateServer;
use crate::ancestry::Above;
use crate::fields::{Begun, Packed};
use crate::refusal::Refusal;
use crate::refuse;
use crate::voice::{Showing, To};
use runtime::Outbox;
use wire::ids::{Channel, DoId};
use wire::state_server::{Entry, Location, ObjectMessage, ObjectNotice};

/// The context of the LOCATE by which a parent that has just come to be finds its children.
pub const WAKE_CHILDREN: u32 = 1001;

impl StateServer {
    /// GENERATE: creates an object, unless it would come to be its own ancestor. What has no children
    /// yet is no one's.
    pub(crate) fn create(&mut self, entry: &Entry<'_>, sender: Channel, out: &mut Outbox) {
        let Entry { do_id, location, .. } = *entry;
        if !out.is_subscribed_singly(out.dialect().children_channel(do_id)) {
            return self.bear(entry, sender, out);
        }
        match self.look_above(do_id, location.parent, 0, out) {
            Above::Clear => self.bear(entry, sender, out),
            Above::Ring => refuse(Refusal::Ring(location.parent), "generate", do_id, sender, out),
            Above::Elsewhere(ancestor, generation) => {
                self.create_if_proved(entry, sender, (ancestor, generation), out);
            }
            Above::Waits(_) => unreachable!("while an instance waits it creates nothing"),
        }
    }

    /// Creates an object and lets its parent, its location and its children know.
    pub(crate) fn bear(&mut self, entry: &Entry<'_>, sender: Channel, out: &mut Outbox) {
        let begun = match self.begin(entry, out) {
            Ok(begun) => begun,
            Err(refusal) => return refuse(refusal, "generate", entry.do_id, sender, out),
        };
        if let Some(field) = begun.unknown {
            refuse(Refusal::UnknownField(field), "a part of generate", entry.do_id, sender, out);
        }
        let Entry { do_id, location, dclass, .. } = *entry;
        let (at, first) = self.objects.insert(do_id, dclass, begun.packed, location);
        self.resets.came_back(do_id);
        out.counts.objects_created += 1;
        out.attract(self.me, Channel::object(do_id));
        if first {
            self.hear_children_channel(location.parent, out);
        }
        self.announce_birth(at, do_id, location, sender, out);
    }

    fn begin(&mut self, entry: &Entry<'_>, out: &mut Outbox) -> Result<Begun, Refusal> {
        let Entry { do_id, location, dclass, has_other, fields } = *entry;
        let dialect = out.dialect();
        for id in [do_id, location.parent] {
            if dialect.is_reserved_do_id(id) || out.is_control(Channel::object(id)) {
                return Err(Refusal::ReservedId(id));
            }
        }
        if do_id == DoId(0) {
            return Err(Refusal::ReservedId(do_id));
        }
        if location.parent == do_id {
            return Err(Refusal::Ring(location.parent));
        }
        let class = self.classes.get(dclass).ok_or(Refusal::UnknownClass(dclass))?;
        let begun = Packed::read(&self.classes, class, fields, has_other)?;
        if self.objects.find(do_id).is_some_and(|at| self.settled(at, out)) {
            return Err(Refusal::Duplicate);
        }
        let objects = self.limits.objects_max;
        if self.objects.len() >= objects {
            return Err(Refusal::Full { what: "objects", max: objects });
        }
        if self.objects.field_bytes() + begun.packed.len() > self.limits.field_bytes_max {
            return Err(Refusal::NoRoom);
        }
        Ok(begun)
    }

    fn announce_birth(
        &mut self,
        at: u32,
        do_id: DoId,
        location: Location,
        sender: Channel,
        out: &mut Outbox,
    ) {
        let dialect = out.dialect();
        if location.parent != DoId(0) {
            let moved = ObjectNotice::ChangeZone { do_id, new: location, old: Location::NOWHERE };
            let announcer = self.announcer(do_id, sender, dialect);
            self.notify(&To::object(location.parent), announcer, &moved, out);
            self.ask_for_ai(do_id, location.parent, out);
        }
        self.show(at, Showing::EnterZone, &To::location(location), out);
        let children = To::one(dialect.children_channel(do_id));
        let locate = ObjectMessage::Locate { context: WAKE_CHILDREN };
        self.request(&children, Channel::object(do_id), &locate, out);
    }
}
