//! What a stored object answers that is not active (`astron` section 6): what the database has of
//! it, and defaults for what is not stored. It is nowhere, and nobody sees it.
//!
//! Its class is not known here, so its fields are those of all classes.

use crate::classes::{FieldPlan, Traits};
use crate::fields::{FIELDS_BYTES_MAX, Packed, checked};
use crate::loading::entry_fields;
use crate::questions::What;
use crate::refusal::Refusal;
use crate::voice::To;
use crate::{Mail, StateServer, refuse};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use runtime::Outbox;
use wire::database::{DatabaseMessage, StoredObject};
use wire::ids::{Channel, DoId, FieldId};
use wire::state_server::{Entry, Fields, Location, ObjectMessage, ObjectNotice};

impl StateServer {
    /// A message to an object that is not active.
    pub(crate) fn inactive_message(
        &mut self,
        do_id: DoId,
        message: &ObjectMessage<'_>,
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) {
        let asker = mail.sender;
        match *message {
            ObjectMessage::UpdateField { field, value, .. } => {
                let mut bytes = field.0.to_le_bytes().to_vec();
                bytes.extend_from_slice(value);
                self.update_stored(do_id, 1, &bytes, mail, out);
            }
            ObjectMessage::UpdateFieldMultiple { count, fields, .. } => {
                self.update_stored(do_id, count, fields, mail, out);
            }
            ObjectMessage::QueryField { context, field, .. } => {
                self.query_stored_field(do_id, context, field, asker, out);
            }
            ObjectMessage::QueryFields { context, fields, .. } => {
                self.query_stored_fields(do_id, context, fields, asker, out);
            }
            ObjectMessage::QueryAll { context: asked, .. } => {
                let message = |context| DatabaseMessage::SelectAll { context, do_id };
                let what = What::All(Some((asker, asked)));
                if let Some(context) = self.ask_database(do_id, what, message, asker, out) {
                    self.dbss.fresh.insert(do_id, context);
                }
            }
            ObjectMessage::DeleteDisk { .. } => self.delete_disk(None, do_id, mail, out),
            // It is not in memory.
            ObjectMessage::DeleteRam { .. } => (),
            ObjectMessage::DeleteFieldRam { .. }
            | ObjectMessage::DeleteFieldsRam { .. }
            | ObjectMessage::SetZone { .. }
            | ObjectMessage::ChangeZone { .. }
            | ObjectMessage::Locate { .. }
            | ObjectMessage::LocateResp { .. }
            | ObjectMessage::LocationAck { .. }
            | ObjectMessage::EnterZone(_)
            | ObjectMessage::QueryZones { .. }
            | ObjectMessage::QueryChildren { .. }
            | ObjectMessage::CountZone { .. }
            | ObjectMessage::CountZones { .. }
            | ObjectMessage::CountChildren { .. }
            | ObjectMessage::DeleteZones { .. }
            | ObjectMessage::DeleteChildren { .. }
            | ObjectMessage::QueryActiveZones { .. }
            | ObjectMessage::SetAi { .. }
            | ObjectMessage::QueryManagingAi { .. }
            | ObjectMessage::NotifyManagingAi { .. }
            | ObjectMessage::ManagingAiResp { .. }
            | ObjectMessage::SetOwner { .. } => {
                refuse(Refusal::NoObject, message.name(), do_id, asker, out);
            }
        }
    }

    /// Fields that are stored are set in the database; others are nowhere.
    fn update_stored(
        &mut self,
        do_id: DoId,
        count: u16,
        bytes: &[u8],
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) {
        let what = "update of a stored object";
        match self.read_updates(count, bytes) {
            Ok(updates) if self.write_through(do_id, &updates, mail.sender, out) => {
                out.counts.object_updates += updates.len() as u64;
            }
            Ok(_) => refuse(Refusal::NoObject, what, do_id, mail.sender, out),
            Err(refusal) => refuse(refusal, what, do_id, mail.sender, out),
        }
    }

    /// `count` fields of whichever class, and nothing behind them.
    fn read_updates<'a>(
        &self,
        count: u16,
        bytes: &'a [u8],
    ) -> Result<Vec<(FieldPlan, &'a [u8])>, Refusal> {
        if bytes.len() > FIELDS_BYTES_MAX {
            return Err(Refusal::TooBig(bytes.len()));
        }
        let (mut updates, mut rest) = (Vec::new(), bytes);
        for _ in 0..count {
            let (number, behind) = rest.split_first_chunk::<2>().ok_or(Refusal::Truncated)?;
            let number = FieldId(u16::from_le_bytes(*number));
            let plan = self.classes.field_of_any(number);
            let plan = plan.ok_or(Refusal::UnknownField(number))?;
            rest = behind;
            updates.push((plan, checked(&self.classes.schema, &plan, &mut rest)?));
        }
        if rest.is_empty() { Ok(updates) } else { Err(Refusal::Excess(rest.len())) }
    }

    fn query_stored_field(
        &mut self,
        do_id: DoId,
        context: u32,
        field: FieldId,
        asker: Channel,
        out: &mut Outbox,
    ) {
        let schema = self.classes.schema.clone();
        match self.classes.field_of_any(field) {
            Some(plan) if plan.traits.any(Traits::DB) => {
                let what = What::Field { asker, context, field };
                let message = |context| DatabaseMessage::SelectField { context, do_id, field };
                self.ask_database(do_id, what, message, asker, out);
            }
            Some(plan) if plan.traits.is_stored() => {
                let default = Some(&*schema.field(plan.id).default);
                self.answer_field(do_id, context, field, default, asker, out);
            }
            Some(_) | None => self.answer_field(do_id, context, field, None, asker, out),
        }
    }

    /// QUERY_FIELD is answered.
    pub(crate) fn answer_field(
        &self,
        do_id: DoId,
        context: u32,
        field: FieldId,
        value: Option<&[u8]>,
        asker: Channel,
        out: &mut Outbox,
    ) {
        out.counts.object_queries += 1;
        let value = value.filter(|value| value.len() <= FIELDS_BYTES_MAX);
        let answer = ObjectNotice::QueryFieldResp { context, do_id, field, value };
        self.send(&To::one(asker), Channel::object(do_id), &answer, out);
    }

    fn query_stored_fields(
        &mut self,
        do_id: DoId,
        context: u32,
        fields: Fields<'_>,
        asker: Channel,
        out: &mut Outbox,
    ) {
        let mut fields: Vec<FieldId> = fields.iter().collect();
        fields.sort_unstable();
        fields.dedup();
        let plans = fields.iter().map(|&field| self.classes.field_of_any(field));
        let known = |plan: &FieldPlan| plan.traits.is_stored() || plan.traits.any(Traits::DB);
        let plans = plans.map(|plan| plan.filter(known)).collect::<Option<Vec<FieldPlan>>>();
        let Some(plans) = plans else {
            return self.answer_fields(do_id, context, &fields, None, asker, out);
        };
        let stored = plans.iter().filter(|plan| plan.traits.any(Traits::DB));
        let stored: Vec<[u8; 2]> = stored.map(|plan| plan.number.0.to_le_bytes()).collect();
        if stored.is_empty() {
            return self.answer_fields(do_id, context, &fields, Some((0, &[])), asker, out);
        }
        let what = What::Fields { asker, context, fields };
        let fields = Fields(&stored);
        let message = |context| DatabaseMessage::Select { context, do_id, fields };
        self.ask_database(do_id, what, message, asker, out);
    }

    /// QUERY_FIELDS is answered: with what the database has sent, and defaults.
    pub(crate) fn answer_fields(
        &self,
        do_id: DoId,
        context: u32,
        fields: &[FieldId],
        stored: Option<(u16, &[u8])>,
        asker: Channel,
        out: &mut Outbox,
    ) {
        out.counts.object_queries += 1;
        let mut values = Vec::new();
        let count = stored.and_then(|stored| self.merge(fields, stored, &mut values));
        let fields = count.map(|count| (count, &values[..]));
        let answer = ObjectNotice::QueryFieldsResp { context, do_id, fields };
        self.send(&To::one(asker), Channel::object(do_id), &answer, out);
    }

    /// Appends the values of `fields`: those that the database has sent, and defaults of those that
    /// it does not store. Returns how many.
    fn merge(
        &self,
        fields: &[FieldId],
        (count, bytes): (u16, &[u8]),
        out: &mut Vec<u8>,
    ) -> Option<u16> {
        let sent = self.read_updates(count, bytes).ok()?;
        let sent: BTreeMap<FieldId, &[u8]> =
            sent.into_iter().map(|(plan, value)| (plan.number, value)).collect();
        let mut count = 0;
        for &field in fields {
            let plan = self.classes.field_of_any(field)?;
            let value = match plan.traits.any(Traits::DB) {
                true => sent.get(&field).copied(),
                false => Some(&*self.classes.schema.field(plan.id).default),
            };
            let Some(value) = value else { continue };
            out.extend_from_slice(&field.0.to_le_bytes());
            out.extend_from_slice(value);
            count += 1;
        }
        (out.len() <= FIELDS_BYTES_MAX).then_some(count)
    }

    /// QUERY_ALL is answered: what an activation with defaults would bring, nowhere.
    pub(crate) fn show_stored(
        &self,
        do_id: DoId,
        context: u32,
        object: StoredObject<'_>,
        asker: Channel,
        out: &mut Outbox,
    ) {
        let packed = entry_fields(&self.classes, &object, None, out.dialect()).and_then(|fields| {
            let class = self.classes.get(object.dclass);
            let class = class.ok_or(Refusal::UnknownClass(object.dclass))?;
            Packed::read(&self.classes, class, &fields, true)
        });
        let packed = match packed {
            Ok(begun) => begun.packed,
            Err(refusal) => return refuse(refusal, "query of a stored object", do_id, asker, out),
        };
        out.counts.object_queries += 1;
        let (dclass, location, fields) =
            (object.dclass, Location::NOWHERE, packed.required_other());
        let entry = Entry { do_id, location, dclass, has_other: true, fields };
        let answer = ObjectNotice::QueryAllResp { context, entry };
        self.send(&To::one(asker), Channel::object(do_id), &answer, out);
    }
}
