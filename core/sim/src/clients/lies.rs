//! Clients that are no honest ones: they lie, vanish, and say too much. A lie costs them their
//! session, and nobody hears of it.

use crate::clients::person::{Client, Leaving};
use crate::clients::plan::{BODIES, DC_HASH, HALLS, LOGIN, VERSION};
use crate::clients::run::Run;
use crate::clients::schema::{self, BODY, HALL};
use crate::ledger::Violation;
use client_agent::InterestPermission;
use wire::client::{FromClient, Zones};
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::{DoId, FieldId, Zone};
use wire::state_server::Location;

/// All that a client is ejected for because of what it says.
const ANY_LIE: [u16; 11] = [1, 106, 107, 108, 109, 113, 115, 117, 118, 119, 127];
/// An object that never is.
const NOBODY: u32 = 77;
/// A zone of which nothing is.
const NOWHERE: Location = Location { parent: DoId(5001), zone: Zone(77) };

/// Something that a client may not say, and with which codes it is ejected.
struct Lie {
    body: Vec<u8>,
    codes: Vec<u16>,
}

impl Run {
    pub(super) fn lie(&mut self, at: usize) -> Result<(), Violation> {
        let Lie { body, codes } = match self.how_far(at) {
            Stage::New => self.lie_of_stranger(at),
            Stage::Anonymous => self.lie_of_guest(at),
            Stage::Settled => self.lie_of_client(at),
            Stage::Between => return Ok(()),
        };
        let now = self.world.now();
        self.world.trace.say(now, || format!("client {at} lies, {codes:?} is due: {body:02x?}"));
        let client = &mut self.clients[at];
        client.lies.extend(codes);
        let mut frame = Vec::new();
        let start = framing::begin_frame(&mut frame);
        frame.extend(body);
        framing::finish_frame(&mut frame, start).expect("lies are short");
        self.world.write(self.clients[at].outside, &frame);
        // What follows is not heard any more.
        if self.chance.one_in(2) {
            self.forbidden_update(at, LOGIN, (schema::LOGIN, "login"));
        }
        Ok(())
    }

    fn how_far(&self, at: usize) -> Stage {
        let client = &self.clients[at];
        match (client.has_said_hello, client.eyes.is_known, client.has_asked) {
            (false, ..) => Stage::New,
            (true, true, false) => Stage::Anonymous,
            (true, true, true) if client.is_settled() => Stage::Settled,
            (true, ..) => Stage::Between,
        }
    }

    fn encoded(&self, message: &FromClient<'_>) -> Vec<u8> {
        let mut frame = Vec::new();
        message.encode(self.plan.dialect, &mut frame).expect("lies are short");
        framing::body(&frame).to_vec()
    }

    fn hello(&self, dc_hash: u32, version: &str) -> Vec<u8> {
        self.encoded(&FromClient::Hello { dc_hash, version: version.as_bytes() })
    }

    fn lie_of_stranger(&mut self, at: usize) -> Lie {
        let (good, codes) = (self.hello(DC_HASH, VERSION), |codes: &[u16]| codes.to_vec());
        match self.chance.below(8) {
            0 => Lie { body: self.hello(DC_HASH ^ 1, VERSION), codes: codes(&[125]) },
            1 => Lie { body: self.hello(DC_HASH, "other"), codes: codes(&[124]) },
            2 => Lie { body: Vec::new(), codes: codes(&[107]) },
            3 => Lie { body: vec![good[0]], codes: codes(&[107]) },
            4 => Lie { body: [&good[..], b"x"].concat(), codes: codes(&[106]) },
            5 => Lie { body: good[..good.len() - 1].to_vec(), codes: codes(&[109]) },
            6 => {
                let message = self.chance.pick(&[FromClient::Heartbeat, FromClient::Disconnect]);
                let body = self.encoded(&message.unwrap_or(FromClient::Heartbeat));
                Lie { body, codes: codes(&[107]) }
            }
            _ => self.noise(at),
        }
    }

    /// Bytes that are most likely nothing.
    fn noise(&mut self, at: usize) -> Lie {
        let count = 2 + self.chance.index(40);
        let mut body: Vec<u8> = (0..count).map(|_| self.chance.number() as u8).collect();
        // The numbers of all messages are below 256, and mostly one of those is meant.
        body[1] = if self.chance.one_in(4) { body[1] } else { 0 };
        // Nothing may come of it: an object that is none, and no way to say goodbye.
        let is_harmless = [3, 5, 37, 52].contains(&body[0]) && body.len() == 2;
        if is_harmless || body.len() < 10 || !self.clients[at].eyes.is_known {
            body.extend([0xff; 10]);
        }
        body[2..6].copy_from_slice(&NOBODY.to_le_bytes());
        let is_interest = [97, 99, 200, 201, 203].contains(&body[0]) && body[1] == 0;
        if is_interest {
            body[0] = 250;
        }
        Lie { body, codes: ANY_LIE.to_vec() }
    }

    fn update_of(&mut self, at: usize, id: u32, (class, name): (&str, &str)) -> Vec<u8> {
        let value = self.stamp(at).bytes();
        let field = schema::field(class, name);
        self.encoded(&FromClient::UpdateField { do_id: DoId(id), field, value: &value })
    }

    fn forbidden_update(&mut self, at: usize, id: u32, of: (&str, &str)) {
        let body = self.update_of(at, id, of);
        let mut frame = (body.len() as u16).to_le_bytes().to_vec();
        frame.extend(body);
        self.world.write(self.clients[at].outside, &frame);
    }

    fn lie_of_guest(&mut self, at: usize) -> Lie {
        let zones = Zones(&[[1, 0, 0, 0]]);
        let parent = DoId(HALLS[0]);
        let (body, codes): (_, &[u16]) = match self.chance.below(9) {
            0 => (self.hello(DC_HASH, VERSION), &[108]),
            1 => {
                let look = FromClient::AddInterest { context: 1, interest: 1, parent, zones };
                (self.encoded(&look), &[108])
            }
            2 => (self.update_of(at, HALLS[0], (HALL, "say")), &[113]),
            3 => (self.update_of(at, NOBODY, (BODY, "shout")), &[113]),
            4 => (self.update_of(at, LOGIN, (schema::LOGIN, "secretly")), &[118]),
            5 => {
                let location = FromClient::Location { do_id: parent, location: NOWHERE };
                (self.encoded(&location), &[108])
            }
            6 => ([&self.encoded(&FromClient::Disconnect)[..], b"x"].concat(), &[106]),
            7 => (self.bad_value(LOGIN, schema::LOGIN, &[10]), &[127]),
            _ => return self.noise(at),
        };
        Lie { body, codes: codes.to_vec() }
    }

    fn bad_value(&self, id: u32, class: &str, value: &[u8]) -> Vec<u8> {
        let field = schema::field(class, "small");
        self.encoded(&FromClient::UpdateField { do_id: DoId(id), field, value })
    }

    fn lie_of_client(&mut self, at: usize) -> Lie {
        let hall = self.some_hall();
        let seen = self.seen_and_not_owned(at);
        let someone = self.chance.pick(&seen);
        let (body, codes): (_, Vec<u16>) = match self.chance.below(14) {
            0 => (self.update_of(at, hall, (HALL, "hush")), vec![118]),
            1 => (self.bad_value(hall, HALL, &[255]), vec![127]),
            2 => (self.bad_value(hall, HALL, &[1, 1]), vec![106]),
            3 => (self.bad_value(hall, HALL, &[]), vec![109]),
            4 => (self.update_of(at, NOBODY, (BODY, "shout")), vec![117]),
            5 => {
                let foreign = *BODIES.end() - self.chance.below(5) as u32;
                (self.update_of(at, foreign, (BODY, "setX")), vec![117])
            }
            // It may have left meanwhile; then it is not heard, and no offence.
            6 if someone.is_some() => {
                let id = someone.unwrap_or(hall);
                return self.lie_about(at, id);
            }
            7 => {
                let (do_id, location) = (DoId(NOBODY), NOWHERE);
                let code = if self.plan.relocate { 117 } else { 119 };
                (self.encoded(&FromClient::Location { do_id, location }), vec![code])
            }
            8 => {
                let (do_id, location) = (DoId(hall), NOWHERE);
                (self.encoded(&FromClient::Location { do_id, location }), vec![119])
            }
            9 => {
                let (parent, zones) = (DoId(NOBODY), Zones(&[[1, 0, 0, 0]]));
                if self.plan.add_interest == InterestPermission::Enabled {
                    return self.noise(at);
                }
                let look = FromClient::AddInterest { context: 0, interest: 9, parent, zones };
                (self.encoded(&look), vec![115])
            }
            10 => {
                let look_away = FromClient::RemoveInterest { context: 0, interest: 99 };
                (self.encoded(&look_away), vec![1])
            }
            11 => (self.hello(DC_HASH, VERSION), vec![108]),
            12 => {
                let number: u16 = if self.plan.dialect == Dialect::Astron { 121 } else { 34 };
                let hall = hall.to_le_bytes();
                ([&number.to_le_bytes()[..], &hall, &[0; 8]].concat(), vec![108])
            }
            _ => return self.noise(at),
        };
        Lie { body, codes }
    }

    /// Objects that a client sees and that never were its own.
    fn seen_and_not_owned(&self, at: usize) -> Vec<u32> {
        let eyes = &self.clients[at].eyes;
        let seen = eyes
            .objects
            .iter()
            .filter(|(id, seen)| seen.is_seen && !eyes.given.contains(id) && !HALLS.contains(id));
        seen.map(|(&id, _)| id).collect()
    }

    /// A client sets what it may not of an object that it sees, unless that has just left: then it
    /// is not ejected, and lies again, of something that never was.
    fn lie_about(&mut self, at: usize, id: u32) -> Lie {
        let names = ["setX", "mutter", "setSecret", "setHint", "lent", "setXY"];
        let name = self.chance.pick(&names).unwrap_or("setX");
        let value = self.stamp(at).bytes();
        let value = if name == "setXY" { value.repeat(2) } else { value.to_vec() };
        let field = if self.chance.one_in(6) { FieldId(999) } else { schema::field(BODY, name) };
        let update = FromClient::UpdateField { do_id: DoId(id), field, value: &value };
        let body = self.encoded(&update);
        let mut frame = (body.len() as u16).to_le_bytes().to_vec();
        frame.extend(body);
        self.world.write(self.clients[at].outside, &frame);
        let body = self.update_of(at, NOBODY, (BODY, "shout"));
        Lie { body, codes: vec![117, 118] }
    }

    /// A client goes away, perhaps in the middle of a frame.
    pub(super) fn vanish(&mut self, at: usize) -> Result<(), Violation> {
        if self.chance.one_in(2) {
            self.clients[at].is_mid_frame = true;
            let bytes = [40, 0, 1, 0, 7, 7];
            let count = 1 + self.chance.index(bytes.len() - 1);
            self.world.write(self.clients[at].outside, &bytes[..count]);
        }
        let how = if self.chance.one_in(2) { Leaving::InOrder } else { Leaving::Broken };
        self.leave_as(at, how);
        Ok(())
    }

    /// A client says more than it may.
    pub(super) fn flood(&mut self, at: usize) -> Result<(), Violation> {
        let far = self.how_far(at);
        let now = self.world.now();
        self.world.trace.say(now, || format!("client {at} floods"));
        let kind = self.chance.below(4);
        match (far, kind) {
            // Held, or 107, or at once over a limit.
            (Stage::New, _) => self.flood_with_bytes(at, &[1, 107, 109]),
            (Stage::Anonymous, 0) => self.flood_with_heartbeats(at),
            (Stage::Settled, 0 | 1) => self.flood_with_heartbeats(at),
            (Stage::Settled, 2) if self.plan.add_interest != InterestPermission::Disabled => {
                self.flood_with_interests(at);
            }
            (Stage::Settled, 3) if self.plan.add_interest != InterestPermission::Disabled => {
                self.flood_with_zones(at);
            }
            (Stage::Between | Stage::Anonymous | Stage::Settled, _) => (),
        }
        Ok(())
    }

    fn flood_with_bytes(&mut self, at: usize, codes: &[u16]) {
        let version = "x".repeat(30_000);
        let body = self.hello(DC_HASH, &version);
        let mut frame = (body.len() as u16).to_le_bytes().to_vec();
        frame.extend(body);
        for _ in 0..3 {
            self.world.write(self.clients[at].outside, &frame);
        }
        self.clients[at].lies.extend(codes);
        self.clients[at].lies.insert(124);
    }

    fn flood_with_heartbeats(&mut self, at: usize) {
        let body = self.encoded(&FromClient::Heartbeat);
        let mut frame = (body.len() as u16).to_le_bytes().to_vec();
        frame.extend(body);
        let all = frame.repeat(self.plan.message_burst as usize + 2);
        self.world.write(self.clients[at].outside, &all);
        self.clients[at].lies.insert(1);
        self.clients[at].may_be_late = true;
    }

    fn flood_with_interests(&mut self, at: usize) {
        for interest in 0..20 {
            let (context, parent) = (self.next_context(at), DoId(HALLS[0]));
            self.clients[at].eyes.asked((interest, context), Some((HALLS[0], [1].into())));
            let zones = Zones(&[[1, 0, 0, 0]]);
            self.say(at, &FromClient::AddInterest { context, interest, parent, zones });
        }
        self.clients[at].lies.insert(1);
    }

    fn flood_with_zones(&mut self, at: usize) {
        let zones: Vec<[u8; 4]> = (1000..1070u32).map(u32::to_le_bytes).collect();
        let (context, parent) = (self.next_context(at), DoId(HALLS[0]));
        let zones = Zones(&zones);
        self.say(at, &FromClient::AddInterest { context, interest: 9, parent, zones });
        self.clients[at].lies.insert(1);
    }
}

/// How far a client has come, as it knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    New,
    Anonymous,
    Settled,
    /// It waits for an answer.
    Between,
}

impl Client {
    /// Whether it has done what it must be ejected for.
    pub fn has_lied(&self) -> bool {
        !self.lies.is_empty() && !self.may_be_late
    }
}
