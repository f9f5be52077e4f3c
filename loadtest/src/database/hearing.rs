//! All that happens when a message arrives: an answer is compared with what it must be, an
//! announcement with what has been asked for.
//!
//! Connections are numbered; the listener, if there is one, comes last.

use super::blueprint::Blueprint;
use super::model::{Doing, Model, Operation};
use super::plan::DatabasePlan;
use crate::faults::{Fault, Faults};
use crate::protocol::Malformed;
use crate::stamp::Stamp;
use anyhow::Result;
use hdrhistogram::Histogram;
use std::collections::{BTreeSet, HashMap};
use wire::database::DatabaseNotice;
use wire::datagram::{Datagram, control_message};
use wire::dialect::{BAD_DO_ID, Dialect};
use wire::framing;
use wire::ids::{Channel, DoId, MsgType};
use wire::state_server::ObjectNotice;

/// A message of the tester to an object's channel, which asks whether the listener hears it. No
/// dialect has this number.
pub(crate) const PROBE: MsgType = MsgType(0x4c54);
/// The slowest operation that can be told from slower ones, in ns.
const MOST_NS: u64 = 600_000_000_000;

pub(crate) struct Hearing {
    dialect: Dialect,
    control: Channel,
    connections: u32,
    pub(crate) blueprint: Blueprint,
    pub(crate) model: Model,
    /// By context, the object that was asked for.
    pub(crate) open: HashMap<u32, u32>,
    /// The next context.
    pub(crate) next: u32,
    /// The context of the question whether anybody is there, until it is answered.
    pub(crate) greeting: Option<u32>,
    /// Operations that are not done.
    pub(crate) in_flight: u32,
    /// Operations that are done.
    pub(crate) done: u64,
    pub(crate) latency: Histogram<u64>,
    /// The objects whose channel the listener has heard a probe of.
    pub(crate) probed: BTreeSet<DoId>,
    pub(crate) faults: Faults,
    /// Messages so far.
    pub(crate) messages: u64,
    /// When the last one came.
    pub(crate) heard_ns: u64,
}

/// What a Database announces.
enum Announced<'a> {
    Updated(&'a [u8]),
    Deleted,
}

impl Hearing {
    pub(crate) fn new(plan: &DatabasePlan, run: u32) -> Result<Hearing> {
        Ok(Hearing {
            dialect: plan.dialect,
            control: plan.control,
            connections: plan.connections,
            blueprint: Blueprint::new(plan)?,
            model: Model::new(plan.objects, plan.seed, run),
            open: HashMap::new(),
            next: 1,
            greeting: None,
            in_flight: 0,
            done: 0,
            latency: Histogram::new_with_bounds(1, MOST_NS, 3)?,
            probed: BTreeSet::new(),
            faults: Faults::default(),
            messages: 0,
            heard_ns: 0,
        })
    }

    pub(crate) fn stamp(&self, object: u32, value: u32) -> Stamp {
        Stamp { object, value, run: self.model.run }
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

    fn take(&mut self, conn: u32, dg: &Datagram<'_>, now: u64) {
        (self.messages, self.heard_ns) = (self.messages + 1, now);
        let heard = match conn == self.connections {
            true if dg.msgtype() == PROBE => return self.probe(dg.payload()),
            true => self.announced(dg, now),
            false => self.answered(conn, dg, now),
        };
        if let Err((fault, what)) = heard {
            self.faults.note(fault, 1, || what);
        }
    }

    #[cold]
    fn probe(&mut self, payload: &[u8]) {
        if let Some(do_id) = payload.first_chunk() {
            self.probed.insert(DoId(u32::from_le_bytes(*do_id)));
        }
    }

    fn answered(&mut self, conn: u32, dg: &Datagram<'_>, now: u64) -> Result<(), (Fault, String)> {
        let unexpected = |what| (Fault::Unexpected, what);
        let notice = DatabaseNotice::decode(self.dialect, dg.msgtype(), dg.payload())
            .map_err(|error| unexpected(format!("connection {conn} heard {error}")))?;
        let name = notice.name();
        let context = context(&notice)
            .ok_or_else(|| unexpected(format!("connection {conn} heard {name}")))?;
        if self.greeting == Some(context) {
            self.greeting = None;
            return Ok(());
        }
        let Some(object) = self.open.remove(&context) else {
            let what = format!("{name} with context {context}");
            return Err(match context < self.next {
                true => (Fault::Doubled, format!("{what} came again")),
                false => unexpected(format!("{what}, which nobody asked for")),
            });
        };
        let Some(doing) = self.model.object(object).doing else { return Ok(()) };
        let is_right = self.judge(object, doing, &notice, dg.sender());
        self.went_on(object, now, |doing| doing.awaits_answer = false);
        is_right.map_err(|(fault, what)| (fault, format!("{}: {what}", self.name(object, doing))))
    }

    fn judge(
        &mut self,
        object: u32,
        doing: Doing,
        notice: &DatabaseNotice<'_>,
        sender: Channel,
    ) -> Result<(), (Fault, String)> {
        if sender != self.control {
            return Err((Fault::Unexpected, format!("the answer is from {sender}")));
        }
        if let (Operation::Create, DatabaseNotice::CreateResp { do_id, .. }) =
            (doing.operation, notice)
        {
            return self.created(object, *do_id);
        }
        self.compare(object, doing, notice).map_err(|what| (Fault::Unexpected, what))
    }

    fn created(&mut self, object: u32, do_id: DoId) -> Result<(), (Fault, String)> {
        if do_id == BAD_DO_ID {
            return Err((Fault::Unexpected, "it was not created".to_owned()));
        }
        match self.model.created(object, do_id) {
            true => Ok(()),
            false => Err((Fault::Doubled, format!("id {do_id} was given before"))),
        }
    }

    fn announced(&mut self, dg: &Datagram<'_>, now: u64) -> Result<(), (Fault, String)> {
        let unexpected = |what| (Fault::Unexpected, format!("the listener heard {what}"));
        let (do_id, announced) = self.announcement(dg).map_err(unexpected)?;
        let object = self.model.by_id(do_id);
        let object = object.ok_or_else(|| unexpected(format!("of object {do_id}")))?;
        let known = *self.model.object(object);
        let Some(doing) = known.doing.filter(|doing| doing.awaits_notice) else {
            let again = format!("the listener heard of object {do_id} again");
            return Err((Fault::Doubled, again));
        };
        let wanted = match self.dialect {
            Dialect::OpenOtp => self.control,
            Dialect::Astron => self.model.channel(object % self.connections),
        };
        let is_right = match (doing.operation, announced) {
            _ if dg.sender() != wanted => Err(format!("it is from {}", dg.sender())),
            (Operation::Delete, Announced::Deleted) => Ok(()),
            (Operation::Update | Operation::Compare { .. }, Announced::Updated(value)) => {
                self.is_value(object, Some(Some(value)), known.value + 1)
            }
            (_, Announced::Deleted | Announced::Updated(_)) => {
                Err("that is another announcement".to_owned())
            }
        };
        self.went_on(object, now, |doing| doing.awaits_notice = false);
        is_right.map_err(|what| unexpected(format!("of {}: {what}", self.name(object, doing))))
    }

    fn announcement<'a>(&self, dg: &Datagram<'a>) -> Result<(DoId, Announced<'a>), String> {
        let (do_id, field, value) = match self.dialect {
            Dialect::OpenOtp => {
                let notice = ObjectNotice::decode(self.dialect, dg.msgtype(), dg.payload());
                let notice = notice.map_err(|error| error.to_string())?;
                if let ObjectNotice::DeleteRam { do_id } = notice {
                    return Ok((do_id, Announced::Deleted));
                }
                let ObjectNotice::UpdateField { do_id, field, value } = notice else {
                    return Err(notice.name().to_owned());
                };
                (do_id, field, value)
            }
            Dialect::Astron => {
                let notice = DatabaseNotice::decode(self.dialect, dg.msgtype(), dg.payload());
                let notice = notice.map_err(|error| error.to_string())?;
                if let DatabaseNotice::Delete { do_id } = notice {
                    return Ok((do_id, Announced::Deleted));
                }
                let DatabaseNotice::UpdateField { do_id, field, value } = notice else {
                    return Err(notice.name().to_owned());
                };
                (do_id, field, value)
            }
        };
        match field == self.blueprint.field {
            true => Ok((do_id, Announced::Updated(value))),
            false => Err(format!("field {} of object {do_id}", field.0)),
        }
    }

    /// Something that the operation waited for has come. It may be done with that.
    fn went_on(&mut self, object: u32, now: u64, what: impl FnOnce(&mut Doing)) {
        let known = self.model.object_mut(object);
        let Some(doing) = &mut known.doing else { return };
        what(doing);
        if doing.awaits_answer || doing.awaits_notice {
            return;
        }
        known.value += u32::from(doing.changes_value());
        if doing.operation == Operation::Delete {
            known.do_id = None;
        }
        self.latency.saturating_record(now.saturating_sub(doing.began_ns));
        known.doing = None;
        self.in_flight -= 1;
        self.done += 1;
    }

    /// What is being done, and to what.
    pub(crate) fn name(&self, object: u32, doing: Doing) -> String {
        let do_id = self.model.object(object).do_id;
        let id = do_id.map_or("of no id yet".to_owned(), |do_id| format!("id {do_id}"));
        format!("object {object} ({id}), {:?}", doing.operation)
    }
}

fn context(notice: &DatabaseNotice<'_>) -> Option<u32> {
    match *notice {
        DatabaseNotice::CreateResp { context, .. }
        | DatabaseNotice::SelectFieldResp { context, .. }
        | DatabaseNotice::SelectResp { context, .. }
        | DatabaseNotice::SelectAllResp { context, .. }
        | DatabaseNotice::SelectQueryResp { context, .. }
        | DatabaseNotice::UpdateFieldIfEqualsResp { context, .. }
        | DatabaseNotice::UpdateIfEqualsResp { context, .. }
        | DatabaseNotice::UpdateFieldIfEmptyResp { context, .. } => Some(context),
        DatabaseNotice::UpdateField { .. }
        | DatabaseNotice::Update { .. }
        | DatabaseNotice::DeleteField { .. }
        | DatabaseNotice::DeleteFields { .. }
        | DatabaseNotice::Delete { .. } => None,
    }
}
