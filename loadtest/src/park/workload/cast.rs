//! The clients of a workload, and the tester's own gate that lets them in. Lean, so that the server
//! is what is measured; what clients hear once they are in is the workload's business. Has no
//! sockets.

use super::super::classes::Classes;
use super::super::cluster::{Cluster, hello};
use super::super::crowd::hash_of;
use super::super::outbox::Outbox;
use super::super::plan::ParkPlan;
use crate::protocol::Malformed;
use crate::sockets::Ending;
use anyhow::Result;
use std::collections::VecDeque;
use wire::client::{FromClient, ToClient, split};
use wire::datagram::Datagram;
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::{Channel, DoId, Zone};
use wire::state_server::{ObjectMessage, ObjectNotice, Zones};

/// Logins under way at the same time.
const LOGINS: usize = 64;
/// The interest that clients have.
pub(crate) const INTEREST: u16 = 1;

/// How far a client is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    Outside,
    Greeting,
    /// Waits for the gate's answer and for its avatar, or for one of them.
    Asking {
        left: u8,
    },
    In,
}

/// What clients that are in hear.
pub(crate) trait Hearing {
    /// A client that is in has heard this.
    fn hear(&mut self, client: u32, message: &ToClient<'_>, now: u64, cast: &mut Cast);
}

/// For clients that are to hear nothing yet.
pub(crate) struct Deaf;

impl Hearing for Deaf {
    fn hear(&mut self, _: u32, _: &ToClient<'_>, _: u64, _: &mut Cast) {}
}

/// What clients get when they come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Avatars {
    /// Each an avatar, in this zone and those that follow it, so many to a zone.
    Dealt { first: u32, to_each: u32 },
    /// Nothing.
    None,
}

pub(crate) struct Cast {
    pub(crate) dialect: Dialect,
    pub(crate) classes: Classes,
    pub(crate) cluster: Cluster,
    pub(crate) out: Outbox,
    park: DoId,
    gate: DoId,
    hash: u32,
    version: String,
    avatars: Avatars,
    pub(super) standings: Vec<Standing>,
    /// Each client's avatar.
    avatar_of: Vec<DoId>,
    outside: VecDeque<u32>,
    coming: usize,
    /// Clients that are in.
    pub(crate) inside: u32,
    /// Clients let in so far, and those whom nobody has looked at yet.
    pub(crate) logins: u64,
    pub(crate) came_in: Vec<u32>,
    /// Objects that have answered where they are.
    pub(super) located: usize,
    /// Frames heard so far.
    pub(super) heard: u64,
    next_do_id: u32,
    /// NPCs that were made.
    pub(super) made: Vec<DoId>,
    /// What is wrong; the run ends with it.
    pub(crate) wrong: Option<String>,
}

impl Cast {
    pub(super) fn new(plan: &ParkPlan, clients: u32, avatars: Avatars) -> Result<Cast> {
        let names = (&plan.park_class, &plan.visitor_class, &plan.npc_class);
        let classes = Classes::new(plan.schema.clone(), names.0, names.1, names.2)?;
        let mut cluster = Cluster::new(&ParkPlan { ais: 1, ..plan.clone() }, 0);
        cluster.subscribe(0, cluster.ai_channel(0));
        cluster.subscribe(0, Channel::object(plan.gate));
        Ok(Cast {
            dialect: plan.dialect,
            classes,
            cluster,
            out: Outbox::default(),
            park: plan.park,
            gate: plan.gate,
            hash: plan.hash.unwrap_or_else(|| hash_of(plan)),
            version: plan.version.clone(),
            avatars,
            standings: vec![Standing::Outside; clients as usize],
            avatar_of: vec![DoId(0); clients as usize],
            outside: VecDeque::new(),
            coming: 0,
            inside: 0,
            logins: 0,
            came_in: Vec::new(),
            located: 0,
            heard: 0,
            next_do_id: plan.do_id_base,
            made: Vec::new(),
            wrong: None,
        })
    }

    pub(crate) fn clients(&self) -> u32 {
        self.standings.len() as u32
    }

    pub(crate) fn avatar(&self, client: u32) -> DoId {
        self.avatar_of[client as usize]
    }

    /// Lets this client come in, when fewer are on their way.
    pub(crate) fn invite(&mut self, client: u32) {
        self.outside.push_back(client);
    }

    /// A client leaves without a word.
    pub(crate) fn throw_out(&mut self, client: u32) {
        self.standings[client as usize] = Standing::Outside;
        self.inside -= 1;
        self.out.end(client, Ending::Reset);
    }

    /// Makes an NPC.
    pub(crate) fn make(&mut self, zone: Zone) -> DoId {
        let (do_id, location) = (self.take_do_id(), self.cluster.location(zone));
        self.cluster.generate(0, do_id, location, &self.classes.npc);
        self.made.push(do_id);
        do_id
    }

    fn take_do_id(&mut self) -> DoId {
        self.next_do_id += 1;
        DoId(self.next_do_id - 1)
    }

    /// A client opens a zone.
    pub(crate) fn open(&mut self, client: u32, context: u32, zone: Zone) {
        let zones = [zone.0.to_le_bytes()];
        let (interest, parent, zones) = (INTEREST, self.park, Zones(&zones));
        let message = FromClient::AddInterest { context, interest, parent, zones };
        self.out.say(client, self.dialect, &message);
    }

    /// A client closes the zone that it has open.
    pub(crate) fn close(&mut self, client: u32, context: u32) {
        let message = FromClient::RemoveInterest { context, interest: INTEREST };
        self.out.say(client, self.dialect, &message);
    }

    pub(super) fn admit(&mut self) {
        while self.coming < LOGINS
            && let Some(client) = self.outside.pop_front()
        {
            self.coming += 1;
            self.standings[client as usize] = Standing::Greeting;
            self.out.connect(client);
            self.out.say(client, self.dialect, &hello(self.hash, &self.version));
        }
    }

    /// All whole frames in `bytes`, which a client received; returns how many bytes these took.
    pub(super) fn client_received(
        &mut self,
        client: u32,
        bytes: &[u8],
        now: u64,
        hearing: &mut dyn Hearing,
    ) -> Result<usize, Malformed> {
        let mut at = 0;
        while let Some((frame, _)) = framing::split_frame(&bytes[at..]) {
            at += frame.len();
            self.heard += 1;
            let (msgtype, payload) = split(framing::body(frame)).ok_or(Malformed)?;
            let message = ToClient::decode(self.dialect, msgtype, payload);
            let message = message.map_err(|_| Malformed)?;
            if self.standings[client as usize] == Standing::In {
                hearing.hear(client, &message, now, self);
            } else {
                self.comes_in(client, &message);
            }
            if let ToClient::Eject { code, reason } = message {
                let reason = String::from_utf8_lossy(reason);
                self.wrong = Some(format!("client {client} was ejected with {code}: {reason}"));
            }
        }
        Ok(at)
    }

    fn comes_in(&mut self, client: u32, message: &ToClient<'_>) {
        let standing = self.standings[client as usize];
        if matches!(message, ToClient::HelloResp) && standing == Standing::Greeting {
            let login = self.classes.login(&format!("client-{client}"), "please");
            let (field, value) = login.expect("such a name and password are values of login");
            let message = FromClient::UpdateField { do_id: self.gate, field, value: &value };
            self.out.say(client, self.dialect, &message);
            let left = match self.avatars {
                Avatars::Dealt { .. } => 2,
                Avatars::None => 1,
            };
            self.standings[client as usize] = Standing::Asking { left };
            return;
        }
        let is_welcome =
            matches!(message, ToClient::UpdateField { do_id, .. } if *do_id == self.gate);
        let Standing::Asking { left } = &mut self.standings[client as usize] else { return };
        *left -= u8::from(is_welcome || matches!(message, ToClient::EnterOwner(_)));
        if *left == 0 {
            self.standings[client as usize] = Standing::In;
            (self.coming, self.inside) = (self.coming - 1, self.inside + 1);
            self.logins += 1;
            self.came_in.push(client);
        }
    }

    /// All whole frames in `bytes`, which the AI received; returns how many bytes these took.
    pub(super) fn ai_received(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let mut at = 0;
        while let Some((frame, _)) = framing::split_frame(&bytes[at..]) {
            at += frame.len();
            self.heard += 1;
            let dg = Datagram::parse(framing::body(frame)).map_err(|_| Malformed)?;
            if dg.recipients().any(|to| to == Channel::object(self.gate)) {
                self.client_knocks(&dg);
            } else {
                let notice = ObjectNotice::decode(self.dialect, dg.msgtype(), dg.payload());
                let is_answer = matches!(notice, Ok(ObjectNotice::LocateResp { .. }));
                self.located += usize::from(is_answer);
            }
        }
        Ok(at)
    }

    fn client_knocks(&mut self, dg: &Datagram<'_>) {
        let message = ObjectMessage::decode(self.dialect, dg.msgtype(), dg.payload());
        let Ok(ObjectMessage::UpdateField { field, value, .. }) = message else { return };
        let name = self.classes.name_in(field, value).unwrap_or_default();
        let client = name.strip_prefix("client-").and_then(|number| number.parse::<u32>().ok());
        let Some(client) = client.filter(|client| *client < self.clients()) else { return };
        match self.avatars {
            Avatars::Dealt { first, to_each } => {
                let (avatar, zone) = (self.take_do_id(), Zone(first + client / to_each));
                self.avatar_of[client as usize] = avatar;
                self.cluster.admit(dg.sender(), avatar, zone, &self.classes);
            }
            Avatars::None => self.cluster.admit_alone(dg.sender(), &self.classes),
        }
    }
}
