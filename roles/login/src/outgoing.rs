//! What a LoginManager has to say and to have computed, collected while it deals with an input.

use crate::password::Job;
use wire::client::{AgentMessage, ToClient};
use wire::control::ControlMessage;
use wire::database::DatabaseMessage;
use wire::datagram::write_datagram;
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::{Channel, DoId, FieldId, MsgType};
use wire::state_server::{ObjectMessage, StateServerMessage};

/// The only dialect that has a LoginManager.
pub(crate) const DIALECT: Dialect = Dialect::OpenOtp;

/// Frames for the Message Director, one after the other, and passwords for the threads.
#[derive(Debug, Default)]
pub struct Outgoing {
    /// Frames to write.
    pub frames: Vec<u8>,
    /// Passwords to hash or to verify.
    pub jobs: Vec<Job>,
}

/// Why a message that this role makes always fits: names, passwords and hashes are at most a few
/// hundred bytes.
const SHORT: &str = "a message of this role is short";

impl Outgoing {
    pub(crate) fn control(&mut self, message: &ControlMessage<'_>) {
        message.encode(DIALECT, &mut self.frames).expect(SHORT);
    }

    /// To a client, that is to the Client Agent that stands for it.
    pub(crate) fn agent(&mut self, from: DoId, client: Channel, message: &AgentMessage<'_>) {
        let msgtype = message.msgtype(DIALECT).expect("a message of this dialect");
        self.send(from, client, msgtype, |out| message.write(DIALECT, out));
    }

    /// An update of a field of `do_id`, which the client hears as if it came from that object.
    pub(crate) fn update_at(&mut self, client: Channel, do_id: DoId, field: FieldId, value: &[u8]) {
        let mut frame = Vec::new();
        let update = ToClient::UpdateField { do_id, field, value };
        update.encode(DIALECT, &mut frame).expect(SHORT);
        let datagram = framing::body(&frame);
        self.agent(do_id, client, &AgentMessage::SendDatagram { datagram });
    }

    pub(crate) fn object(&mut self, from: DoId, to: DoId, message: &ObjectMessage<'_>) {
        let msgtype = message.msgtype(DIALECT).expect("a message of this dialect");
        self.send(from, Channel::object(to), msgtype, |out| message.write(DIALECT, out));
    }

    pub(crate) fn state_server(
        &mut self,
        from: DoId,
        control: Channel,
        message: &StateServerMessage<'_>,
    ) {
        let msgtype = message.msgtype(DIALECT).expect("a message of this dialect");
        self.send(from, control, msgtype, |out| message.write(DIALECT, out));
    }

    pub(crate) fn database(&mut self, from: DoId, control: Channel, message: &DatabaseMessage<'_>) {
        let msgtype = message.msgtype(DIALECT).expect("a message of this dialect");
        self.send(from, control, msgtype, |out| message.write(DIALECT, out));
    }

    fn send(
        &mut self,
        from: DoId,
        to: Channel,
        msgtype: MsgType,
        payload: impl FnOnce(&mut Vec<u8>),
    ) {
        let sender = Channel::object(from);
        write_datagram(&mut self.frames, &[to], sender, msgtype, payload).expect(SHORT);
    }
}
