//! What clients do to objects: they set fields, and move what is theirs.

use crate::ClientAgent;
use crate::ejection::Offence;
use crate::view::How;
use runtime::{ConnId, Outbox, RoleId};
use wire::framing::BODY_BYTES_MAX;
use wire::ids::{Channel, DoId, FieldId};
use wire::state_server::{Location, ObjectMessage};

/// What a datagram that sets a field has besides the value: how many recipients, the object, the
/// sender, the message, the object again and the field.
const UPDATE_BYTES: usize = 1 + 8 + 8 + 2 + 4 + 2;

impl ClientAgent {
    /// A client sets a field.
    #[inline]
    pub(crate) fn update_field(
        &mut self,
        conn: ConnId,
        do_id: DoId,
        field: FieldId,
        value: &[u8],
        out: &mut Outbox,
    ) -> Result<(), Offence<'static>> {
        let Some(session) = self.sessions.get(conn) else { return Ok(()) };
        let key = self.terms.key(do_id);
        let Some(to) = self.rules.addressee(session, do_id, key)? else { return Ok(()) };
        if !self.rules.check_update(session, (do_id, to), field, value)? {
            return Ok(());
        }
        if value.len() > BODY_BYTES_MAX - UPDATE_BYTES {
            return Err(Offence::TooLarge);
        }
        out.counts.client_updates += 1;
        let message = ObjectMessage::UpdateField { do_id, field, value };
        request(self.me, do_id, session.sender, &message, out);
        Ok(())
    }

    /// A client moves an object.
    pub(crate) fn relocate(
        &mut self,
        conn: ConnId,
        do_id: DoId,
        location: Location,
        out: &mut Outbox,
    ) -> Result<(), Offence<'static>> {
        let Some(session) = self.sessions.get(conn) else { return Ok(()) };
        if !self.rules.config.relocate {
            return Err(Offence::ForbiddenRelocate(do_id));
        }
        let key = self.terms.key(do_id);
        match session.view.known(key).map(|known| known.how) {
            Some(How::Owned) => (),
            Some(How::Seen) if session.view.lost_unsaid(key) => return Ok(()),
            Some(How::Seen | How::Declared) => return Err(Offence::ForbiddenRelocate(do_id)),
            None if self.rules.uberdog(do_id).is_some() => {
                return Err(Offence::ForbiddenRelocate(do_id));
            }
            None if session.view.was_known(do_id) => return Ok(()),
            None => return Err(Offence::MissingObject(do_id)),
        }
        out.counts.client_moves += 1;
        request(self.me, do_id, session.sender, &ObjectMessage::SetZone { location }, out);
        Ok(())
    }
}

/// Tells an object something in the name of a client.
#[inline]
pub fn request(
    me: RoleId,
    do_id: DoId,
    sender: Channel,
    message: &ObjectMessage<'_>,
    out: &mut Outbox,
) {
    let dialect = out.dialect();
    let msgtype = message.msgtype(dialect).expect("both dialects have what clients may ask for");
    let write = |out: &mut alloc::vec::Vec<u8>| message.write(dialect, out);
    out.send(me, &[Channel::object(do_id)], sender, msgtype, write)
        .expect("what a client may say fits in a datagram");
}
