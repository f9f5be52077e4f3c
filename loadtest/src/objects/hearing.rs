//! All that happens when a message arrives: at a listener it is compared with what the ledger
//! says is to come, at an AI it is an answer.
//!
//! Connections are numbered: the AIs, then the listeners, group after group.

use super::blueprint::Blueprint;
use super::inventory::Inventory;
use super::ledger::{Arrival, Ledger, Notice};
use super::plan::ObjectsPlan;
use super::questions::Questions;
use super::world::World;
use crate::faults::{Fault, Faults};
use crate::protocol::Malformed;
use crate::stamp::Stamp;
use crate::template::Content;
use anyhow::Result;
use std::collections::BTreeSet;
use wire::datagram::{Datagram, control_message};
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::{Channel, DoId, MsgType, Zone};
use wire::state_server::{Entry, Location, ObjectNotice};

/// A message of the tester to a location, which asks whether a listener hears it. No dialect has
/// this number.
pub(crate) const PROBE: MsgType = MsgType(0x4c54);

pub(crate) struct Hearing {
    dialect: Dialect,
    ais: u32,
    /// The mark of this run.
    run: u32,
    pub(crate) blueprint: Blueprint,
    pub(crate) world: World,
    pub(crate) ledger: Ledger,
    pub(crate) questions: Questions,
    pub(crate) inventory: Option<Inventory>,
    /// Which listener has heard a probe of which zone.
    pub(crate) probed: BTreeSet<(u32, u32)>,
    pub(crate) faults: Faults,
    /// Messages so far.
    pub(crate) messages: u64,
    /// When the last one came.
    pub(crate) heard_ns: u64,
}

impl Hearing {
    pub(crate) fn new(plan: &ObjectsPlan, run: u32) -> Result<Hearing> {
        Ok(Hearing {
            dialect: plan.dialect,
            ais: plan.ais,
            run,
            blueprint: Blueprint::new(plan)?,
            world: World::new(plan),
            ledger: Ledger::new(plan)?,
            questions: Questions::default(),
            inventory: None,
            probed: BTreeSet::new(),
            faults: Faults::default(),
            messages: 0,
            heard_ns: 0,
        })
    }

    pub(crate) fn stamp(&self, object: u32) -> Stamp {
        Stamp { object, value: self.world.value(object), run: self.run }
    }

    /// What ENTERZONE says of the object's value.
    pub(crate) fn shown_value(&self, object: u32) -> Option<u32> {
        let is_shown = self.blueprint.entered.fields.has_stamp();
        is_shown.then(|| self.world.value(object))
    }

    /// All whole frames in `bytes`, which connection `conn` received; returns how many bytes
    /// these took.
    pub(crate) fn receive(
        &mut self,
        conn: u32,
        bytes: &[u8],
        now: u64,
    ) -> Result<usize, Malformed> {
        let mut at = 0;
        while let Some((frame, _)) = framing::split_frame(&bytes[at..]) {
            at += frame.len();
            let body = framing::body(frame);
            match Datagram::parse(body) {
                Ok(dg) => self.take(conn, &dg, now),
                Err(_) if control_message(body, self.dialect.control_channel()).is_some() => (),
                Err(_) => return Err(Malformed),
            }
        }
        Ok(at)
    }

    #[inline]
    fn take(&mut self, conn: u32, dg: &Datagram<'_>, now: u64) {
        (self.messages, self.heard_ns) = (self.messages + 1, now);
        match conn.checked_sub(self.ais) {
            Some(listener) if dg.msgtype() == PROBE => self.probe(listener, dg.payload()),
            Some(listener) => self.overheard(listener, dg, now),
            None => self.answered(conn, dg),
        }
    }

    #[cold]
    fn probe(&mut self, listener: u32, payload: &[u8]) {
        if let Some(zone) = payload.first_chunk() {
            self.probed.insert((listener, u32::from_le_bytes(*zone)));
        }
    }

    fn overheard(&mut self, listener: u32, dg: &Datagram<'_>, now: u64) {
        let (object, notice) = match self.identify(dg) {
            Ok(identified) => identified,
            Err(what) => {
                let sentence = || format!("listener {listener} heard {what}");
                return self.faults.note(Fault::Unexpected, 1, sentence);
            }
        };
        let arrival = self.ledger.heard(listener, object, notice, now);
        let (fault, what) = match (arrival, notice) {
            (Arrival::InOrder, _) => return,
            (Arrival::Late, _) => (Fault::OutOfOrder, "after what came later"),
            (Arrival::Unexpected, Notice::Updated { value })
                if value <= self.world.value(object) =>
            {
                (Fault::Doubled, "again, or where the object was not")
            }
            (Arrival::Doubled, _) => (Fault::Doubled, "again"),
            (Arrival::Unexpected, _) => (Fault::Unexpected, "which was not to come"),
        };
        let do_id = self.world.do_id(object);
        let sentence = || format!("listener {listener} heard {notice} of object {do_id}, {what}");
        self.faults.note(fault, 1, sentence);
    }

    /// Which notice of which object a listener heard; an error says what it is that cannot be
    /// one.
    #[inline]
    fn identify(&self, dg: &Datagram<'_>) -> Result<(u32, Notice), String> {
        let message = ObjectNotice::decode(self.dialect, dg.msgtype(), dg.payload())
            .map_err(|error| format!("something else: {error}"))?;
        let (object, notice) = if let ObjectNotice::UpdateField { do_id, field, value } = message {
            let object = self.object(do_id)?;
            match self.blueprint.update.read(value) {
                Content::Stamped(stamp)
                    if field == self.blueprint.field && self.is_of(object, stamp) =>
                {
                    (object, Notice::Updated { value: stamp.value })
                }
                Content::Stamped(_) | Content::Unstamped | Content::Other => {
                    return Err(format!("an UPDATE_FIELD of object {do_id} that nobody sent"));
                }
            }
        } else if let ObjectNotice::EnterZone(entry) = message {
            let (object, zone, value) = self.entered(&entry)?;
            (object, Notice::Entered { zone, value })
        } else if let ObjectNotice::ChangeZone { do_id, new, old } = message {
            let (from, to) = (self.zone(do_id, old)?, self.zone(do_id, new)?);
            (self.object(do_id)?, Notice::Left { from, to })
        } else if let ObjectNotice::DeleteRam { do_id } = message {
            (self.object(do_id)?, Notice::Deleted)
        } else {
            return Err(format!("{}, which nobody caused", message.name()));
        };
        let (wanted, sender) = (self.sender(object, notice), dg.sender());
        if sender != wanted {
            let do_id = self.world.do_id(object);
            return Err(format!("{notice} of object {do_id} from {sender} instead of {wanted}"));
        }
        Ok((object, notice))
    }

    /// Who is said to have sent a notice: an update its AI; all else the object in `openotp`, and
    /// in `astron` the AI where its own words are passed on.
    fn sender(&self, object: u32, notice: Notice) -> Channel {
        let is_of_object = match notice {
            Notice::Updated { .. } => false,
            Notice::Entered { .. } => true,
            Notice::Left { .. } | Notice::Deleted => self.dialect == Dialect::OpenOtp,
        };
        match is_of_object {
            true => Channel::object(self.world.do_id(object)),
            false => self.world.ai_channel(self.world.ai(object)),
        }
    }

    fn object(&self, do_id: DoId) -> Result<u32, String> {
        let object = self.world.object(do_id);
        object.ok_or_else(|| format!("of object {do_id}, which is none of this run"))
    }

    fn zone(&self, do_id: DoId, location: Location) -> Result<Zone, String> {
        if location.parent == self.world.parent() {
            return Ok(location.zone);
        }
        Err(format!("of object {do_id} below {}, where it was never sent", location.parent))
    }

    fn is_of(&self, object: u32, stamp: Stamp) -> bool {
        (stamp.object, stamp.run) == (object, self.run)
    }

    /// The object, its zone and its value in an ENTERZONE; an error says what is wrong with it.
    #[inline]
    fn entered(&self, entry: &Entry<'_>) -> Result<(u32, Zone, Option<u32>), String> {
        let do_id = entry.do_id;
        let (object, zone) = (self.object(do_id)?, self.zone(do_id, entry.location)?);
        let body = &self.blueprint.entered;
        let value = match body.fields.read(entry.fields) {
            Content::Unstamped => Some(None),
            Content::Stamped(stamp) if self.is_of(object, stamp) => Some(Some(stamp.value)),
            Content::Stamped(_) | Content::Other => None,
        };
        let is_as_created =
            (entry.dclass, entry.has_other) == (self.blueprint.class, body.has_other);
        match value.filter(|_| is_as_created) {
            Some(value) => Ok((object, zone, value)),
            None => Err(format!(
                "object {do_id} enter zone {zone} with {} bytes that are not its class and fields",
                entry.fields.len()
            )),
        }
    }

    fn answered(&mut self, ai: u32, dg: &Datagram<'_>) {
        if let Err((fault, what)) = self.answer(dg) {
            self.faults.note(fault, 1, || format!("AI {ai}: {what}"));
        }
    }

    fn answer(&mut self, dg: &Datagram<'_>) -> Result<(), (Fault, String)> {
        let unexpected = |what| (Fault::Unexpected, what);
        let message = ObjectNotice::decode(self.dialect, dg.msgtype(), dg.payload())
            .map_err(|error| unexpected(error.to_string()))?;
        if let ObjectNotice::LocateResp { context, do_id, location } = message {
            return self.questions.answered(context, do_id, location).map_err(unexpected);
        }
        if let ObjectNotice::EnterZone(entry) | ObjectNotice::EnterInterest { entry, .. } = message
        {
            let entry = self.entered(&entry).map_err(unexpected)?;
            let Hearing { inventory: Some(inventory), world, .. } = self else {
                return Err(unexpected(format!("{}, which nobody asked for", message.name())));
            };
            return inventory.entry(world, entry);
        }
        let Hearing { inventory: Some(inventory), world, .. } = self else {
            return Err(unexpected(format!("{}, which nobody asked for", message.name())));
        };
        if let ObjectNotice::CountZonesResp { context, count } = message {
            return inventory.counted(context, count).map_err(unexpected);
        }
        if let ObjectNotice::QueryZoneDone { parent, zones } = message {
            let zones: Vec<Zone> = zones.iter().collect();
            return inventory.ended(world, parent, &zones).map_err(unexpected);
        }
        Err(unexpected(format!("{}, which nobody asked for", message.name())))
    }
}
