//! What a parent in another State Server, or whoever plays one, says to its children here.

use crate::deletion::Death;
use crate::refusal::Refusal;
use crate::told::{Below, KnownAi};
use crate::walk::Act;
use crate::{Mail, StateServer, addressee, refuse};
use runtime::Outbox;
use wire::ids::DoId;
use wire::state_server::{MessageError, ObjectMessage};

impl StateServer {
    /// A datagram on the children channel of `parent`.
    pub(crate) fn children_mail(&mut self, parent: DoId, mail: &Mail<'_>, out: &mut Outbox) {
        match ObjectMessage::decode(out.dialect(), mail.msgtype, mail.payload) {
            Ok(message) => self.children_message(parent, &message, mail, out),
            // Others speak there too: an object that goes tells its owner, and so on.
            Err(MessageError::Unknown(_)) => (),
            Err(error) => {
                refuse(error.into(), "message to children", parent, mail.sender, out);
            }
        }
    }

    fn children_message(
        &mut self,
        of: DoId,
        message: &ObjectMessage<'_>,
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) {
        let asker = mail.sender;
        let all = Below { parent: of, zones: None };
        if addressee(message).is_some_and(|parent| parent != of) {
            return;
        }
        match *message {
            ObjectMessage::Locate { context } => {
                self.walk_on_request(all, Act::Locate { asker, context }, mail, out);
            }
            ObjectMessage::QueryZones { context, parent, zones } => {
                let below = Below { parent, zones: Some(zones) };
                self.walk_on_request(below, Act::EnterForRelay { asker, context }, mail, out);
            }
            ObjectMessage::QueryChildren { context, .. } => {
                self.walk_on_request(all, Act::EnterForRelay { asker, context }, mail, out);
            }
            ObjectMessage::DeleteChildren { .. } => {
                self.condemn_below(all, Death::with_parent(mail.sender), out);
            }
            ObjectMessage::DeleteZones { parent, zones } => {
                let below = Below { parent, zones: Some(zones) };
                self.condemn_below(below, Death::with_parent(mail.sender), out);
            }
            ObjectMessage::NotifyManagingAi { parent, ai, .. } => {
                if !self.may_hear_ai(parent, mail.sender, out) {
                    return;
                }
                let known = KnownAi { ai, resets: u32::MAX };
                self.parent_has_new_ai((parent, known), mail.sender, 0, out);
            }
            // What is for the parent itself, or for one object.
            ObjectMessage::UpdateField { .. }
            | ObjectMessage::UpdateFieldMultiple { .. }
            | ObjectMessage::DeleteFieldRam { .. }
            | ObjectMessage::DeleteFieldsRam { .. }
            | ObjectMessage::DeleteRam { .. }
            | ObjectMessage::DeleteDisk { .. }
            | ObjectMessage::SetZone { .. }
            | ObjectMessage::ChangeZone { .. }
            | ObjectMessage::LocateResp { .. }
            | ObjectMessage::LocationAck { .. }
            | ObjectMessage::EnterZone(_)
            | ObjectMessage::QueryAll { .. }
            | ObjectMessage::QueryField { .. }
            | ObjectMessage::QueryFields { .. }
            | ObjectMessage::CountZone { .. }
            | ObjectMessage::CountZones { .. }
            | ObjectMessage::CountChildren { .. }
            | ObjectMessage::QueryActiveZones { .. }
            | ObjectMessage::SetAi { .. }
            | ObjectMessage::QueryManagingAi { .. }
            | ObjectMessage::ManagingAiResp { .. }
            | ObjectMessage::SetOwner { .. } => (),
        }
    }

    fn walk_on_request(&mut self, below: Below<'_>, act: Act, mail: &Mail<'_>, out: &mut Outbox) {
        let max = self.limits.queries_max;
        if self.jobs.walks() >= max {
            let full = Refusal::Full { what: "queries", max };
            return refuse(full, "message to children", below.parent, mail.sender, out);
        }
        self.walk(below, act, out);
    }
}
