//! What the cluster does with clients: one actor lets them in, and gives them this and that.

use crate::clients::cluster::{PostRemove, Thing};
use crate::clients::eyes::{CLUSTER_INTERESTS, Interest};
use crate::clients::plan::LOGIN;
use crate::clients::run::Run;
use crate::clients::schema::{self, Stamp};
use crate::ledger::Violation;
use crate::objects::datagram::Dg;
use wire::client::{AgentAnswer, AgentMessage, Zones};
use wire::database::DatabaseNotice;
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::{Channel, DoId, MsgType};
use wire::state_server::ObjectMessage;

/// The number of post-removes, which no dialect uses.
const POST_REMOVE: MsgType = MsgType(29_999);
/// The sender of post-removes.
const REMOVER: u64 = 61_000 << 32;
/// Names that clients are given begin here.
const FIRST_NAME: u64 = 70_000 << 32;
/// Channels that are opened for clients.
pub const OPENED: [u64; 3] = [80_000 << 32, 80_000 << 32 | 1, 80_000 << 32 | 2];
/// The codes of ejections by the cluster.
pub const EJECTED: u16 = 777;
/// The code of those whose session object is out of their sight.
pub const LOST: u16 = 153;

impl Run {
    /// An actor hears something.
    pub(super) fn actor_hears(&mut self, actor: usize, dg: Dg) -> Result<(), Violation> {
        let dialect = self.plan.dialect;
        if dg.msgtype == POST_REMOVE {
            return self.hear_post_remove(&dg);
        }
        if dg.to == [u64::from(LOGIN)] {
            let message = ObjectMessage::decode(dialect, dg.msgtype, &dg.payload);
            if let Ok(ObjectMessage::UpdateField { field, value, .. }) = message
                && field == schema::field(schema::LOGIN, "login")
                && let Some(stamp) = Stamp::all(value).next()
            {
                self.let_in(stamp.writer as usize - 1, dg.sender);
            }
            return Ok(());
        }
        if let Ok(answer) = AgentAnswer::decode(dialect, dg.msgtype, &dg.payload) {
            return self.answered(&answer, &dg);
        }
        if let Ok(notice) = DatabaseNotice::decode(dialect, dg.msgtype, &dg.payload)
            && self.hear_database(&notice)?
        {
            return Ok(());
        }
        self.actors[actor].heard.push(dg);
        Ok(())
    }

    fn hear_post_remove(&mut self, dg: &Dg) -> Result<(), Violation> {
        let number = dg.payload.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
        let known = number.and_then(|number| self.cluster.post_removes.get_mut(&number));
        let Some(known) = known.filter(|known| known.heard == 0 && dg.sender == REMOVER) else {
            let what = format!("{number:?} of {:x}", dg.sender);
            return Err(Violation::new("a post-remove is said once", what));
        };
        known.heard += 1;
        Ok(())
    }

    fn answered(&mut self, answer: &AgentAnswer<'_>, dg: &Dg) -> Result<(), Violation> {
        match *answer {
            AgentAnswer::DoneInterestResp { client, .. } => {
                if let Some(&at) = self.watch.names.get(&client.0) {
                    *self.cluster.interests_done.entry(at).or_default() += 1;
                }
            }
            AgentAnswer::GetNetworkAddressResp { context, .. }
            | AgentAnswer::GetTlvsResp { context, .. } => {
                let about = self.cluster.questions.remove(&context);
                let name = self.watch.names.get(&dg.sender).copied();
                if about.is_none() || self.plan.is_exact() && about != name {
                    let what = format!("{context} was asked about {about:?}, {name:?} answers");
                    return Err(Violation::new("one answer", what));
                }
            }
        }
        Ok(())
    }

    /// A client asked to be let in.
    fn let_in(&mut self, at: usize, channel: u64) {
        self.watch.names.insert(channel, at);
        self.clients[at].channel = Some(channel);
        self.clients[at].sender = channel;
        if !self.cluster.welcomed.insert(at) {
            return;
        }
        self.tell(at, &AgentMessage::SetState { state: 2 });
        if self.chance.one_in(3) {
            let name = FIRST_NAME | at as u64;
            self.watch.names.insert(name, at);
            self.tell(at, &AgentMessage::SetClientId { channel: Channel(name) });
            self.clients[at].sender = name;
        }
        self.make_body(at);
        for _ in 0..self.chance.below(3) {
            self.grant(at);
        }
        let value = self.actor_stamp(0).bytes();
        let field = schema::field(schema::LOGIN, "welcome");
        self.tell_uberdog(&[channel], field.0, value);
    }

    /// Says something in the name of the uberdog that lets clients in.
    pub(super) fn tell_uberdog(&mut self, to: &[u64], field: u16, value: [u8; 4]) {
        let (do_id, field) = (DoId(LOGIN), wire::ids::FieldId(field));
        let update = ObjectMessage::UpdateField { do_id, field, value: &value };
        self.send(0, &Dg::object(self.plan.dialect, to, LOGIN.into(), &update));
    }

    /// Says something of a client, to a channel of its own.
    fn tell(&mut self, at: usize, message: &AgentMessage<'_>) {
        let dialect = self.plan.dialect;
        let Some(msgtype) = message.msgtype(dialect) else { return };
        let client = &self.clients[at];
        let channel = client.channel.unwrap_or(0);
        // What is said to a name is heard only once the name is known everywhere.
        // A post-remove for somebody who has gone is said at once, if it comes by the channel.
        let is_last = matches!(message, AgentMessage::AddPostRemove { .. });
        let by_name = client.has_name && !is_last && self.chance.one_in(4);
        let to = if by_name { client.sender } else { channel };
        let mut payload = Vec::new();
        message.write(dialect, &mut payload);
        let now = self.world.now();
        self.world.trace.say(now, || format!("the cluster says of client {at}: {message:?}"));
        let dg = Dg { to: vec![to], sender: self.actors[0].channel, msgtype, payload };
        self.send(0, &dg);
    }

    fn make_body(&mut self, at: usize) {
        let id = self.some_avatar().unwrap_or_else(|| self.next_id());
        // Whoever had it before has it no more.
        let before = self.clients.iter_mut().filter(|client| client.body == Some(id));
        before.for_each(|client| client.body = None);
        let location = self.some_location();
        self.bring(0, id, location);
        let owner = self.clients[at].channel.unwrap_or(0);
        let is_session = self.chance.one_in(2);
        if is_session && self.lasting.has(id) {
            // While it is loaded it is not yet the client's own, and may leave its sight.
            self.clients[at].excuses.insert(LOST);
        }
        if is_session && self.chance.one_in(2) {
            self.add_session_object(at, id);
            self.set_owner(0, id, Some((at, owner)));
        } else {
            self.set_owner(0, id, Some((at, owner)));
            if is_session {
                self.add_session_object(at, id);
            }
        }
        self.clients[at].body = Some(id);
    }

    fn add_session_object(&mut self, at: usize, id: u32) {
        self.tell(at, &AgentMessage::AddSessionObject { do_id: DoId(id) });
        self.clients[at].eyes.session_objects.insert(id);
        self.watch.session_objects.insert(id);
        self.cluster.things.entry(id).and_modify(|thing: &mut Thing| thing.session = Some(at));
    }

    /// A client that was let in is given something, or something is taken from it.
    fn grant(&mut self, at: usize) {
        match self.chance.below(9) {
            0 | 1 => self.add_post_remove(at),
            2 => {
                let channel = self.chance.pick(&OPENED).unwrap_or(OPENED[0]);
                self.clients[at].opened.insert(channel);
                self.tell(at, &AgentMessage::OpenChannel { channel: Channel(channel) });
            }
            3 => {
                let channel = self.chance.pick(&OPENED).unwrap_or(OPENED[0]);
                self.clients[at].opened.remove(&channel);
                self.tell(at, &AgentMessage::CloseChannel { channel: Channel(channel) });
            }
            4 | 5 => self.open_interest(at),
            6 => self.close_interest(at),
            7 => {
                let (do_id, dclass) = (DoId(self.next_id()), schema::class(schema::BODY));
                self.tell(at, &AgentMessage::DeclareObject { do_id, dclass });
                if self.chance.one_in(2) {
                    self.tell(at, &AgentMessage::UndeclareObject { do_id });
                }
            }
            _ => self.ask_about(at),
        }
    }

    fn add_post_remove(&mut self, at: usize) {
        let number = self.cluster.number();
        let actor = self.chance.index(self.actors.len());
        let (to, payload) = (vec![self.actors[actor].channel], number.to_le_bytes().to_vec());
        let frame = Dg { to, sender: REMOVER, msgtype: POST_REMOVE, payload }.frame();
        self.cluster.post_removes.insert(number, PostRemove { client: at, heard: 0 });
        self.tell(at, &AgentMessage::AddPostRemove { message: framing::body(&frame) });
    }

    fn open_interest(&mut self, at: usize) {
        let id = CLUSTER_INTERESTS + self.chance.below(3) as u16;
        let (parent, zones) = (self.some_hall(), self.some_zones());
        let interest: Interest = (parent, zones.iter().copied().collect());
        self.clients[at].eyes.asked_for(id, Some(interest));
        let bytes: Vec<[u8; 4]> = zones.iter().map(|zone| zone.to_le_bytes()).collect();
        let (parent, zones) = (DoId(parent), Zones(&bytes));
        self.tell(at, &AgentMessage::AddInterest { interest: id, parent, zones });
    }

    fn close_interest(&mut self, at: usize) {
        let ids = self.clients[at].eyes.interests.keys().copied();
        let ids: Vec<u16> = ids.filter(|id| *id >= CLUSTER_INTERESTS).collect();
        let Some(id) = self.chance.pick(&ids) else { return };
        self.clients[at].eyes.asked_for(id, None);
        self.tell(at, &AgentMessage::RemoveInterest { interest: id });
    }

    fn ask_about(&mut self, at: usize) {
        if self.plan.dialect == Dialect::OpenOtp {
            return;
        }
        let context = self.cluster.number();
        self.cluster.questions.insert(context, at);
        match self.chance.one_in(2) {
            true => self.tell(at, &AgentMessage::GetNetworkAddress { context }),
            false => self.tell(at, &AgentMessage::GetTlvs { context }),
        }
    }

    /// Something is done about somebody who was let in.
    pub(super) fn cluster_acts(&mut self) {
        let welcomed: Vec<usize> = self.cluster.welcomed.iter().copied().collect();
        let Some(at) = self.chance.pick(&welcomed) else { return };
        if !self.chance.one_in(20) {
            return self.grant(at);
        }
        let client = &mut self.clients[at];
        match self.chance.below(3) {
            0 => {
                client.must_end = true;
                client.excuses.insert(EJECTED);
                self.tell(at, &AgentMessage::Eject { code: EJECTED, reason: b"out" });
            }
            1 => {
                client.must_end = true;
                client.may_be_dropped = true;
                self.tell(at, &AgentMessage::Drop);
            }
            _ => self.take_body(at),
        }
    }

    /// A client's body is deleted, or taken from it.
    fn take_body(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let Some(id) = client.body else { return };
        client.must_end |= client.eyes.session_objects.contains(&id);
        client.excuses.extend([118, 119, LOST]);
        match self.chance.one_in(2) {
            true => self.delete(0, id),
            false => self.set_owner(0, id, None),
        }
    }
}
