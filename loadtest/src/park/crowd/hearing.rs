//! What visitors and AIs hear: on the way in it takes a visitor further, in the park it is compared
//! with the model.

use super::acting::INTEREST;
use super::{Crowd, Stage};
use crate::park::plan::Login;
use crate::park::sight::Shown;
use crate::park::stamp::Stamp;
use crate::protocol::Malformed;
use crate::sockets::Ending;
use wire::client::{FromClient, ToClient, split};
use wire::datagram::{Datagram, control_message};
use wire::framing;
use wire::ids::{Channel, DoId, FieldId};
use wire::state_server::{Entry, Location, ObjectMessage, ObjectNotice};

impl Crowd {
    /// All whole frames in `bytes`, which a visitor's client received; returns how many bytes
    /// these took.
    pub(crate) fn client_received(
        &mut self,
        visitor: u32,
        bytes: &[u8],
        now: u64,
    ) -> Result<usize, Malformed> {
        let mut at = 0;
        while let Some((frame, _)) = framing::split_frame(&bytes[at..]) {
            at += frame.len();
            self.heard += 1;
            let (msgtype, payload) = split(framing::body(frame)).ok_or(Malformed)?;
            match ToClient::decode(self.plan.dialect, msgtype, payload) {
                Ok(message) => self.client_hears(visitor, &message, now),
                Err(error) => self.unexpected(visitor, error.to_string(), now),
            }
        }
        Ok(at)
    }

    fn client_hears(&mut self, visitor: u32, message: &ToClient<'_>, now: u64) {
        match self.visitors[visitor as usize].stage {
            Stage::Present => self.hears_in_the_park(visitor, message, now),
            Stage::Greeting | Stage::Asking => self.hears_at_the_gate(visitor, message, now),
            // Under way when he said goodbye.
            Stage::Away | Stage::Departing => (),
        }
    }

    fn hears_at_the_gate(&mut self, visitor: u32, message: &ToClient<'_>, now: u64) {
        match *message {
            ToClient::HelloResp => self.ask_at_the_gate(visitor, now),
            ToClient::Eject { code, reason } => self.ejected(visitor, code, reason, now),
            ToClient::UpdateField { do_id, field, value }
                if (do_id, field) == (self.plan.gate, self.classes.login_result) =>
            {
                self.gate_answers(visitor, value, now);
            }
            ToClient::EnterOwner(ref entry) => self.gets_avatar(visitor, entry, now),
            ToClient::Location { do_id, location }
                if self.visitors[visitor as usize].sight.avatar == Some(do_id) =>
            {
                self.avatar_placed(visitor, location, now);
            }
            // Set before he was placed.
            ToClient::UpdateField { do_id, .. }
                if self.visitors[visitor as usize].sight.avatar == Some(do_id) => {}
            ToClient::UpdateField { .. }
            | ToClient::UpdateFieldMultiple { .. }
            | ToClient::Leaving { .. }
            | ToClient::LeavingOwner { .. }
            | ToClient::Location { .. }
            | ToClient::Enter(_)
            | ToClient::AddInterest { .. }
            | ToClient::RemoveInterest { .. }
            | ToClient::DoneInterestResp { .. } => {
                let what = format!("{} on his way in", message.name(self.plan.dialect));
                self.unexpected(visitor, what, now);
            }
        }
    }

    fn ask_at_the_gate(&mut self, visitor: u32, now: u64) {
        if self.visitors[visitor as usize].stage != Stage::Greeting {
            return self.unexpected(visitor, "HELLO_RESP again".into(), now);
        }
        let name = self.name(visitor);
        let Ok((field, value)) = self.classes.login(&name, &format!("{name}, please")) else {
            return self.unexpected(visitor, "no name that fits".into(), now);
        };
        let message = FromClient::UpdateField { do_id: self.plan.gate, field, value: &value };
        self.out.say(visitor, self.plan.dialect, &message);
        self.visitor(visitor).stage = Stage::Asking;
    }

    fn gate_answers(&mut self, visitor: u32, value: &[u8], now: u64) {
        let Some((result, why)) = self.classes.read_result(value) else {
            return self.unexpected(visitor, "a loginResult that is none".into(), now);
        };
        let someone = self.visitor(visitor);
        match (result.code, someone.sight.avatar) {
            (0, Some(avatar)) if avatar.0 != result.visitor => {
                let what = format!("the gate says visitor {}, he owns {avatar}", result.visitor);
                return self.unexpected(visitor, what, now);
            }
            (0, _) => {
                someone.is_welcome = true;
                someone.sight.avatar = Some(DoId(result.visitor));
                return self.is_in(visitor, now);
            }
            // Not now: he tries again.
            (2, _) => self.counts.refused += 1,
            (code, _) => self.unexpected(visitor, format!("refused with {code}: {why}"), now),
        }
        self.forget(visitor, false);
        self.hang_up(visitor, Ending::Closed);
        self.come_back(visitor, now);
    }

    fn gets_avatar(&mut self, visitor: u32, entry: &Entry<'_>, now: u64) {
        if let Err(what) = self.classes.entered(entry, true) {
            self.unexpected(visitor, format!("his avatar {}: {what}", entry.do_id), now);
        }
        let (mine, is_class) = (entry.do_id, entry.dclass == self.classes.visitor.class);
        let known = &mut self.visitor(visitor).sight.avatar;
        if *known.get_or_insert(mine) != mine || !is_class {
            let what = format!("object {mine} of class {} as his avatar", entry.dclass);
            return self.unexpected(visitor, what, now);
        }
        self.avatar_placed(visitor, entry.location, now);
    }

    fn avatar_placed(&mut self, visitor: u32, location: Location, now: u64) {
        if location.parent == self.plan.park {
            self.visitor(visitor).placed = Some(location.zone);
            self.is_in(visitor, now);
        }
    }

    /// He is in the park once he is welcome and has an avatar there.
    fn is_in(&mut self, visitor: u32, now: u64) {
        let someone = &self.visitors[visitor as usize];
        let (Some(avatar), Some(zone), true) =
            (someone.sight.avatar, someone.placed, someone.is_welcome)
        else {
            return;
        };
        let (home, began) = (someone.zone, someone.began_ns);
        let object = match self.plan.login {
            Login::Own => self.model.object(avatar).unwrap_or_default(),
            Login::Park => self.model.create(avatar, Some(visitor), zone, false),
        };
        self.model.witness(object, self.model.thing(object).end(), now);
        let someone = self.visitor(visitor);
        (someone.object, someone.stage) = (object, Stage::Present);
        (self.coming, self.present) = (self.coming - 1, self.present + 1);
        self.counts.logins += 1;
        self.latencies.login.saturating_record(now.saturating_sub(began));
        if zone == home {
            self.look_around(visitor, zone, now);
        } else {
            self.go_home(visitor, home, now);
        }
        self.plan_next(visitor, now);
    }

    fn hears_in_the_park(&mut self, visitor: u32, message: &ToClient<'_>, now: u64) {
        match *message {
            ToClient::UpdateField { do_id, field, value } => {
                self.sees_update(visitor, do_id, field, value, now);
            }
            ToClient::Enter(ref entry) => self.sees_entry(visitor, entry, now),
            ToClient::Leaving { do_id } => {
                self.counts.leavings += 1;
                let Crowd { visitors, model, .. } = self;
                let sight = &mut visitors[visitor as usize].sight;
                let verdict = sight.left(model, Crowd::witness(visitor, now), do_id);
                self.judge(visitor, verdict, now);
            }
            ToClient::Location { do_id, location } => {
                self.sees_move(visitor, do_id, location, now);
            }
            ToClient::DoneInterestResp { context, interest } => {
                self.is_answered(visitor, context, interest, now);
            }
            ToClient::Eject { code, reason } => self.ejected(visitor, code, reason, now),
            ToClient::HelloResp
            | ToClient::UpdateFieldMultiple { .. }
            | ToClient::LeavingOwner { .. }
            | ToClient::EnterOwner(_)
            | ToClient::AddInterest { .. }
            | ToClient::RemoveInterest { .. } => {
                let what = format!("{}, which nobody caused", message.name(self.plan.dialect));
                self.unexpected(visitor, what, now);
            }
        }
    }

    fn sees_update(&mut self, visitor: u32, do_id: DoId, field: FieldId, value: &[u8], now: u64) {
        let Crowd { visitors, model, classes, .. } = self;
        let sight = &mut visitors[visitor as usize].sight;
        let stamp = match classes.stamp(field, value) {
            Ok(stamp) => stamp,
            // Somebody else's object may say what it likes.
            Err(_) if model.object(do_id).is_none() && sight.sees(do_id) => return,
            Err(what) => {
                return self.unexpected(visitor, format!("object {do_id}: {what}"), now);
            }
        };
        match sight.updated(model, Crowd::witness(visitor, now), do_id, stamp.number) {
            Ok(true) => {
                self.counts.deliveries += 1;
                self.latencies.update.saturating_record(stamp.age_ns(now));
            }
            Ok(false) => (),
            Err(complaint) => self.complain(visitor, complaint, now),
        }
    }

    fn sees_entry(&mut self, visitor: u32, entry: &Entry<'_>, now: u64) {
        self.counts.entries += 1;
        let Entry { do_id, location, .. } = *entry;
        let stamp = match self.classes.entered(entry, false) {
            Ok(stamp) => stamp,
            Err(what) => {
                self.unexpected(visitor, format!("object {do_id} enter: {what}"), now);
                None
            }
        };
        if location.parent != self.plan.park {
            let what = format!("object {do_id} enter below {}, not the park", location.parent);
            return self.unexpected(visitor, what, now);
        }
        let is_ours = self.part.all_do_ids(&self.plan).contains(&do_id.0);
        let Crowd { visitors, model, .. } = self;
        let is_judged = is_ours || model.object(do_id).is_some();
        let number = stamp.filter(|_| is_judged).map(|stamp: Stamp| stamp.number);
        let shown = Shown { do_id, zone: location.zone, number };
        let sight = &mut visitors[visitor as usize].sight;
        let verdict = sight.entered(model, Crowd::witness(visitor, now), shown);
        self.judge(visitor, verdict, now);
    }

    fn sees_move(&mut self, visitor: u32, do_id: DoId, location: Location, now: u64) {
        let someone = &mut self.visitors[visitor as usize];
        if someone.sight.avatar == Some(do_id) {
            self.model.witness(someone.object, self.model.thing(someone.object).end(), now);
            if let Some((_, zone)) = someone.errand.take_if(|(_, zone)| *zone == location.zone) {
                self.look_around(visitor, zone, now);
            }
            return;
        }
        if location.parent != self.plan.park {
            let what = format!("object {do_id} move below {}, not the park", location.parent);
            return self.unexpected(visitor, what, now);
        }
        let Crowd { visitors, model, .. } = self;
        let sight = &mut visitors[visitor as usize].sight;
        let witness = Crowd::witness(visitor, now);
        let verdict = sight.located(model, witness, do_id, location.zone);
        self.judge(visitor, verdict, now);
    }

    fn is_answered(&mut self, visitor: u32, context: u32, interest: u16, now: u64) {
        let Crowd { visitors, model, .. } = self;
        let someone = &mut visitors[visitor as usize];
        let Some(asked_ns) =
            someone.asked_ns.take_if(|_| (someone.context, INTEREST) == (context, interest))
        else {
            let what = format!("the end of answer {context} for interest {interest}");
            return self.unexpected(visitor, what, now);
        };
        let witness = Crowd::witness(visitor, now);
        let verdict = someone.sight.answered(model, witness, asked_ns);
        self.counts.interests += 1;
        self.latencies.interest.saturating_record(now.saturating_sub(asked_ns));
        self.judge(visitor, verdict, now);
    }

    fn ejected(&mut self, visitor: u32, code: u16, reason: &[u8], now: u64) {
        let reason = String::from_utf8_lossy(reason);
        self.unexpected(visitor, format!("ejected with {code}: {reason}"), now);
        self.forget(visitor, false);
        self.hang_up(visitor, Ending::Closed);
        self.come_back(visitor, now);
    }

    /// All whole frames in `bytes`, which an AI received.
    pub(crate) fn ai_received(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let mut at = 0;
        while let Some((frame, _)) = framing::split_frame(&bytes[at..]) {
            at += frame.len();
            self.heard += 1;
            let body = framing::body(frame);
            match Datagram::parse(body) {
                Ok(dg) => self.ai_hears(&dg),
                Err(_) if control_message(body, self.plan.dialect.control_channel()).is_some() => {}
                Err(_) => return Err(Malformed),
            }
        }
        Ok(at)
    }

    /// Whatever else an AI is told of its objects is not looked at.
    fn ai_hears(&mut self, dg: &Datagram<'_>) {
        let is_at_gate = dg.recipients().any(|to| to == self.gate_channel());
        if is_at_gate && self.plan.login == Login::Own {
            let message = ObjectMessage::decode(self.plan.dialect, dg.msgtype(), dg.payload());
            if let Ok(ObjectMessage::UpdateField { field, value, .. }) = message {
                self.knocks(dg.sender(), field, value);
            }
            return;
        }
        let Ok(notice) = ObjectNotice::decode(self.plan.dialect, dg.msgtype(), dg.payload()) else {
            return;
        };
        if let ObjectNotice::LocateResp { do_id, .. } = notice {
            self.located.push(do_id);
        } else if let ObjectNotice::UpdateField { do_id, field, value } = notice
            && let Ok(stamp) = self.classes.stamp(field, value)
        {
            self.run_errand(do_id, stamp.number);
        }
    }

    /// A client at this tester's own gate says its name.
    fn knocks(&mut self, client: Channel, field: FieldId, value: &[u8]) {
        let name = self.classes.name_in(field, value);
        let Some(visitor) = name.and_then(|name| self.by_name(&name)) else { return };
        if self.visitors[visitor as usize].stage != Stage::Asking {
            return;
        }
        let (zone, avatar) = (self.visitors[visitor as usize].zone, self.take_do_id());
        self.cluster.admit(client, avatar, zone, &self.classes);
        self.model.create(avatar, Some(visitor), zone, true);
        self.visitor(visitor).sight.avatar = Some(avatar);
    }

    /// The AI has heard an avatar's update: the visitor may be waiting to be moved after it.
    pub(super) fn run_errand(&mut self, do_id: DoId, number: u16) {
        let object = self.model.object(do_id);
        let Some((object, visitor)) =
            object.and_then(|object| Some((object, self.model.thing(object).owner?)))
        else {
            return;
        };
        let someone = &self.visitors[visitor as usize];
        let Some((_, zone)) = someone.errand.filter(|(wanted, _)| *wanted == number) else {
            return;
        };
        if someone.object == object && self.model.thing(object).zone() != Some(zone) {
            let location = self.cluster.location(zone);
            self.cluster.tell(0, do_id, &ObjectMessage::SetZone { location });
            self.model.relocate(object, zone);
        }
    }
}
