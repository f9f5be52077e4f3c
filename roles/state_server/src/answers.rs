//! What an object answers when it is asked for its fields.

use crate::StateServer;
use crate::classes::{ClassPlan, FieldPlan, Traits};
use crate::fields::{FIELDS_BYTES_MAX, Packed};
use crate::voice::{Showing, To};
use alloc::vec::Vec;
use runtime::Outbox;
use smallvec::SmallVec;
use wire::dialect::Dialect;
use wire::ids::{Channel, FieldId};
use wire::state_server::{Fields, ObjectNotice};

/// The answer cannot be given: a field is missing, or it would be too long.
struct Unanswerable;

impl StateServer {
    /// QUERY_ALL.
    pub(crate) fn query_all(&mut self, at: u32, context: u32, asker: Channel, out: &mut Outbox) {
        out.counts.object_queries += 1;
        self.show(at, Showing::QueryAll(context), &To::one(asker), out);
    }

    /// QUERY_FIELD.
    pub(crate) fn query_field(
        &mut self,
        at: u32,
        context: u32,
        field: FieldId,
        asker: Channel,
        out: &mut Outbox,
    ) {
        out.counts.object_queries += 1;
        let mut value = core::mem::take(&mut self.scratch);
        value.clear();
        let object = self.objects.get(at);
        let do_id = object.do_id;
        let class = self.classes.of(object.dclass);
        let plan = class.field(field);
        let found = plan.is_some_and(|plan| self.value(&object.fields, class, plan, &mut value));
        let found = (found && value.len() <= FIELDS_BYTES_MAX).then_some(value.as_slice());
        let answer = ObjectNotice::QueryFieldResp { context, do_id, field, value: found };
        self.send(&To::one(asker), Channel::object(do_id), &answer, out);
        self.scratch = value;
    }

    /// QUERY_FIELDS.
    pub(crate) fn query_fields(
        &mut self,
        at: u32,
        context: u32,
        fields: Fields<'_>,
        asker: Channel,
        out: &mut Outbox,
    ) {
        out.counts.object_queries += 1;
        let do_id = self.objects.get(at).do_id;
        let mut values = core::mem::take(&mut self.scratch);
        values.clear();
        let found = match out.dialect() {
            Dialect::OpenOtp => self.values_in_order(at, fields, &mut values),
            Dialect::Astron => self.values_ascending(at, fields, &mut values),
        };
        let fields = found.ok().map(|count| (count, values.as_slice()));
        let answer = ObjectNotice::QueryFieldsResp { context, do_id, fields };
        self.send(&To::one(asker), Channel::object(do_id), &answer, out);
        self.scratch = values;
    }

    /// The seed: in the order asked, duplicates too, all or nothing.
    fn values_in_order(
        &self,
        at: u32,
        fields: Fields<'_>,
        out: &mut Vec<u8>,
    ) -> Result<u16, Unanswerable> {
        let object = self.objects.get(at);
        let class = self.classes.of(object.dclass);
        for field in fields.iter() {
            let plan = class.field(field).ok_or(Unanswerable)?;
            out.extend_from_slice(&field.0.to_le_bytes());
            if !self.value(&object.fields, class, plan, out) || out.len() > FIELDS_BYTES_MAX {
                return Err(Unanswerable);
            }
        }
        Ok(fields.iter().len() as u16)
    }

    /// Astron: ascending, each once, those that are not set left out.
    fn values_ascending(
        &self,
        at: u32,
        fields: Fields<'_>,
        out: &mut Vec<u8>,
    ) -> Result<u16, Unanswerable> {
        let object = self.objects.get(at);
        let class = self.classes.of(object.dclass);
        let mut asked: SmallVec<[FieldId; 32]> = fields.iter().collect();
        asked.sort_unstable();
        asked.dedup();
        let mut count = 0;
        for field in asked {
            let plan = class.field(field).ok_or(Unanswerable)?;
            let before = out.len();
            out.extend_from_slice(&field.0.to_le_bytes());
            if self.value(&object.fields, class, plan, out) {
                count += 1;
            } else {
                out.truncate(before);
            }
            if out.len() > FIELDS_BYTES_MAX {
                return Err(Unanswerable);
            }
        }
        Ok(count)
    }

    /// Appends the value of a field; of a molecular one the values of all its methods. `false`, and
    /// nothing is appended, if it is not there.
    fn value(
        &self,
        fields: &Packed,
        class: &ClassPlan,
        plan: &FieldPlan,
        out: &mut Vec<u8>,
    ) -> bool {
        let schema = &*self.classes.schema;
        if !plan.traits.any(Traits::MOLECULAR) {
            let value = fields.get(schema, class, plan);
            out.extend_from_slice(value.unwrap_or_default());
            return value.is_some();
        }
        let before = out.len();
        let there = schema.atoms(plan.id).all(|atom| {
            let atom = class.field(FieldId(atom.number));
            let value = atom.and_then(|atom| fields.get(schema, class, atom));
            out.extend_from_slice(value.unwrap_or_default());
            value.is_some()
        });
        if !there {
            out.truncate(before);
        }
        there
    }
}
