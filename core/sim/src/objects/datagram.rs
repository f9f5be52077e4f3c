//! A datagram, owned.

use wire::datagram::{self, Datagram};
use wire::dialect::Dialect;
use wire::framing::{self, BodyTooLong};
use wire::ids::{Channel, MsgType};
use wire::state_server::{ObjectMessage, ObjectNotice, StateServerMessage};

/// A datagram as it is sent, or was heard.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Dg {
    /// Its recipients.
    pub to: Vec<u64>,
    /// Its sender.
    pub sender: u64,
    /// Its number.
    pub msgtype: MsgType,
    /// What follows.
    pub payload: Vec<u8>,
}

impl Dg {
    /// A message to an object, or to all children of a parent.
    pub fn object(dialect: Dialect, to: &[u64], sender: u64, message: &ObjectMessage<'_>) -> Dg {
        let msgtype = message.msgtype(dialect).expect("the dialect has it");
        let mut payload = Vec::new();
        message.write(dialect, &mut payload);
        Dg { to: to.to_vec(), sender, msgtype, payload }
    }

    /// A message to a State Server.
    pub fn control(dialect: Dialect, to: u64, sender: u64, message: &StateServerMessage<'_>) -> Dg {
        let msgtype = message.msgtype(dialect).expect("the dialect has it");
        let mut payload = Vec::new();
        message.write(dialect, &mut payload);
        Dg { to: vec![to], sender, msgtype, payload }
    }

    /// Its frame.
    pub fn frame(&self) -> Vec<u8> {
        self.write().expect("what is sent in the object world is short enough")
    }

    /// Whether it is short enough to be sent.
    pub fn fits(&self) -> bool {
        self.write().is_ok()
    }

    fn write(&self) -> Result<Vec<u8>, BodyTooLong> {
        let to: Vec<Channel> = self.to.iter().copied().map(Channel).collect();
        let mut frame = Vec::new();
        let payload = |out: &mut Vec<u8>| out.extend_from_slice(&self.payload);
        let sender = Channel(self.sender);
        datagram::write_datagram(&mut frame, &to, sender, self.msgtype, payload)?;
        Ok(frame)
    }

    /// The datagram of a frame; `None` if it is none.
    pub fn parse(frame: &[u8]) -> Option<Dg> {
        let dg = Datagram::parse(framing::body(frame)).ok()?;
        Some(Dg {
            to: dg.recipients().map(|channel| channel.0).collect(),
            sender: dg.sender().0,
            msgtype: dg.msgtype(),
            payload: dg.payload().to_vec(),
        })
    }

    /// For a reader.
    pub fn describe(&self, dialect: Dialect) -> String {
        let Dg { to, sender, msgtype, payload } = self;
        let message = ObjectMessage::decode(dialect, *msgtype, payload);
        let notice = ObjectNotice::decode(dialect, *msgtype, payload);
        let request = StateServerMessage::decode(dialect, *msgtype, payload);
        let what = match (notice, message, request) {
            (Ok(notice), ..) => format!("{notice:?}"),
            (_, Ok(message), _) => format!("{message:?}"),
            (_, _, Ok(request)) => format!("{request:?}"),
            (Err(_), Err(_), Err(_)) => format!("{msgtype} {payload:?}"),
        };
        let to: Vec<String> = to.iter().map(|&to| describe_channel(to)).collect();
        format!("<{what} to {} of {}>", to.join(", "), describe_channel(*sender))
    }

    /// The same with its recipients sorted: their order says nothing.
    pub fn sorted(mut self) -> Dg {
        self.to.sort_unstable();
        self
    }
}

fn describe_channel(channel: u64) -> String {
    match channel >> 32 {
        0 => format!("{channel}"),
        high => format!("{high}:{}", channel as u32),
    }
}
