//! What the tester says inside the cluster, over the Message Director: as an AI, and as the UberDOG
//! at the gate that lets visitors in. Writes frames; knows neither visitors nor what they do.

use super::classes::{Classes, Kind, LoginResult};
use super::plan::ParkPlan;
use wire::client::{AgentMessage, FromClient, ToClient};
use wire::control::ControlMessage;
use wire::datagram::write_datagram;
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId, MsgType, Zone};
use wire::state_server::{Entry, Location, ObjectMessage, StateServerMessage};

/// AI connections of one part of a run, at most.
const AIS_MAX: u32 = 64;
/// A client of this state may do everything.
const ESTABLISHED: u16 = 2;

pub(crate) struct Cluster {
    dialect: Dialect,
    control: Channel,
    pub(crate) park: DoId,
    pub(crate) gate: DoId,
    part: u32,
    /// Frames of each AI connection, not yet sent. The first one's is the gate's as well.
    pub(crate) frames: Vec<Vec<u8>>,
}

impl Cluster {
    pub(crate) fn new(plan: &ParkPlan, part: u32) -> Cluster {
        Cluster {
            dialect: plan.dialect,
            control: plan.control,
            park: plan.park,
            gate: plan.gate,
            part,
            frames: (0..plan.ais).map(|_| Vec::new()).collect(),
        }
    }

    /// An AI's channel: a location where no object is, hence nobody else's.
    pub(crate) fn ai_channel(&self, ai: u32) -> Channel {
        Channel::location(self.park, Zone(u32::MAX - (self.part * AIS_MAX + ai)))
    }

    pub(crate) fn location(&self, zone: Zone) -> Location {
        Location { parent: self.park, zone }
    }

    pub(crate) fn subscribe(&mut self, ai: u32, channel: Channel) {
        let message = ControlMessage::AddChannel(channel);
        let frames = &mut self.frames[ai as usize];
        message.encode(self.dialect, frames).expect("both dialects have it");
    }

    fn send(
        &mut self,
        ai: u32,
        to: Channel,
        sender: Channel,
        msgtype: MsgType,
        payload: impl FnOnce(&mut Vec<u8>),
    ) {
        let frames = &mut self.frames[ai as usize];
        write_datagram(frames, &[to], sender, msgtype, payload)
            .expect("the plan bounds its length");
    }

    /// Says something to an object.
    #[inline]
    pub(crate) fn tell(&mut self, ai: u32, do_id: DoId, message: &ObjectMessage<'_>) {
        let (dialect, sender) = (self.dialect, self.ai_channel(ai));
        let msgtype = message.msgtype(dialect).expect("this dialect has it");
        let to = Channel::object(do_id);
        self.send(ai, to, sender, msgtype, |out| message.write(dialect, out));
    }

    /// Asks an object where it is: the answer comes after all that was sent before.
    pub(crate) fn locate(&mut self, ai: u32, do_id: DoId) {
        self.tell(ai, do_id, &ObjectMessage::Locate { context: do_id.0 });
    }

    /// Creates an object on the State Server.
    pub(crate) fn generate(&mut self, ai: u32, do_id: DoId, location: Location, kind: &Kind) {
        let (dialect, sender, control) = (self.dialect, self.ai_channel(ai), self.control);
        let fields = &kind.created[..];
        let entry = Entry { do_id, location, dclass: kind.class, has_other: false, fields };
        let message = StateServerMessage::Generate(entry);
        let msgtype = message.msgtype(dialect).expect("both dialects have it");
        self.send(ai, control, sender, msgtype, |out| message.write(dialect, out));
    }

    /// Lets a client in: its avatar is made, is its own, and goes when it goes.
    pub(crate) fn admit(&mut self, client: Channel, avatar: DoId, zone: Zone, classes: &Classes) {
        let location = self.location(zone);
        self.generate(0, avatar, location, &classes.visitor);
        let (park, dclass) = (self.park, classes.park.class);
        self.tell_client(client, &AgentMessage::DeclareObject { do_id: park, dclass });
        self.tell_client(client, &AgentMessage::AddSessionObject { do_id: avatar });
        self.tell_client(client, &AgentMessage::SetState { state: ESTABLISHED });
        self.tell(0, avatar, &ObjectMessage::SetOwner { owner: client });
        self.answer(client, LoginResult { code: 0, visitor: avatar.0 }, classes);
    }

    /// Lets a client in without an avatar.
    pub(crate) fn admit_alone(&mut self, client: Channel, classes: &Classes) {
        let (park, dclass) = (self.park, classes.park.class);
        self.tell_client(client, &AgentMessage::DeclareObject { do_id: park, dclass });
        self.tell_client(client, &AgentMessage::SetState { state: ESTABLISHED });
        self.answer(client, LoginResult { code: 0, visitor: 0 }, classes);
    }

    /// The gate's answer to who wanted to come in.
    fn answer(&mut self, client: Channel, result: LoginResult, classes: &Classes) {
        let value = classes.result(result);
        let (do_id, field) = (self.gate, classes.login_result);
        let answer = ToClient::UpdateField { do_id, field, value: &value };
        let number = answer.msgtype(self.dialect).expect("both dialects have it");
        let mut datagram = number.0.to_le_bytes().to_vec();
        answer.write(self.dialect, &mut datagram);
        self.tell_client(client, &AgentMessage::SendDatagram { datagram: &datagram });
    }

    fn tell_client(&mut self, client: Channel, message: &AgentMessage<'_>) {
        let (dialect, sender) = (self.dialect, Channel::object(self.gate));
        let msgtype = message.msgtype(dialect).expect("both dialects have it");
        self.send(0, client, sender, msgtype, |out| message.write(dialect, out));
    }
}

/// What a client says first.
pub(crate) fn hello(hash: u32, version: &str) -> FromClient<'_> {
    FromClient::Hello { dc_hash: hash, version: version.as_bytes() }
}
