//! What goes from objects of a DBSS to the database: values of fields with `db`, and deletions of
//! what is stored.
//!
//! In the seed it goes in the name of the object, and the database does not announce to an object
//! what has come in its own name. In `astron` values keep the sender, whose name the database's
//! broadcast carries.

use crate::classes::{FieldPlan, Traits};
use crate::refusal::Refusal;
use crate::voice::To;
use crate::{Mail, StateServer, refuse};
use alloc::vec::Vec;
use runtime::Outbox;
use wire::database::{DIE, DatabaseMessage};
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId, FieldId};
use wire::state_server::{Fields, ObjectNotice};

impl StateServer {
    /// Sends those of the updated fields to the database that it stores, in one message. What the
    /// database itself has announced it knows. Whether there was any.
    pub(crate) fn write_through(
        &mut self,
        do_id: DoId,
        updates: &[(FieldPlan, &[u8])],
        sender: Channel,
        out: &mut Outbox,
    ) -> bool {
        let stored = updates.iter().filter(|(plan, _)| plan.traits.any(Traits::DB));
        let stored: Vec<&(FieldPlan, &[u8])> = stored.collect();
        match (&stored[..], out.dialect()) {
            ([], _) => return false,
            ([(plan, value)], Dialect::Astron) => {
                self.write_field_through(do_id, plan.number, value, sender, out);
            }
            (all, _) => {
                let count = all.len() as u16;
                let mut fields = Vec::new();
                for (plan, value) in all {
                    fields.extend_from_slice(&plan.number.0.to_le_bytes());
                    fields.extend_from_slice(value);
                }
                self.write(do_id, sender, out, |context| DatabaseMessage::Update {
                    context,
                    do_id,
                    count,
                    fields: &fields,
                });
            }
        }
        true
    }

    /// Sends the value of a field that is stored to the database.
    #[inline(never)]
    pub(crate) fn write_field_through(
        &mut self,
        do_id: DoId,
        field: FieldId,
        value: &[u8],
        sender: Channel,
        out: &mut Outbox,
    ) {
        match out.dialect() {
            Dialect::OpenOtp => {
                let mut fields = Vec::with_capacity(size_of::<u16>() + value.len());
                fields.extend_from_slice(&field.0.to_le_bytes());
                fields.extend_from_slice(value);
                self.write(do_id, sender, out, |context| DatabaseMessage::Update {
                    context,
                    do_id,
                    count: 1,
                    fields: &fields,
                });
            }
            Dialect::Astron => {
                self.write(do_id, sender, out, |_| DatabaseMessage::UpdateField {
                    do_id,
                    field,
                    value,
                });
            }
        }
    }

    fn write<'a>(
        &mut self,
        do_id: DoId,
        sender: Channel,
        out: &mut Outbox,
        message: impl FnOnce(Option<u32>) -> DatabaseMessage<'a>,
    ) {
        if sender == self.dbss.database {
            return;
        }
        self.dbss.fresh.remove(&do_id);
        match out.dialect() {
            Dialect::OpenOtp => {
                self.tell_database(Channel::object(do_id), &message(Some(0)), out);
            }
            Dialect::Astron => self.tell_database(sender, &message(None), out),
        }
    }

    /// DELETE_FIELD(S)_DISK: all of them, or none. What an active object keeps of them stays.
    pub(crate) fn delete_stored_fields(
        &mut self,
        do_id: DoId,
        fields: &[FieldId],
        sender: Channel,
        out: &mut Outbox,
    ) {
        for &field in fields {
            let refusal = match self.classes.field_of_any(field) {
                Some(plan) if plan.traits.any(Traits::DB) => continue,
                Some(_) => Refusal::NotKept(field),
                None => Refusal::UnknownField(field),
            };
            return refuse(refusal, "delete stored fields", do_id, sender, out);
        }
        match *fields {
            [] => (),
            [field] => {
                self.write(do_id, sender, out, |_| DatabaseMessage::DeleteField { do_id, field });
            }
            _ => {
                let numbers = fields.iter().map(|field| field.0.to_le_bytes());
                let numbers: Vec<[u8; 2]> = numbers.collect();
                let fields = Fields(&numbers);
                self.write(do_id, sender, out, |_| DatabaseMessage::DeleteFields { do_id, fields });
            }
        }
    }

    /// DELETE_DISK: the stored copy of an object goes. In the seed the database announces that, and
    /// one that is active (then it is at `at`) goes too; in `astron` it says so and stays.
    pub(crate) fn delete_disk(
        &mut self,
        at: Option<u32>,
        do_id: DoId,
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) {
        // Of the stored copy a State Server that is no DBSS knows nothing.
        if !self.dbss.is_there() || mail.sender == self.dbss.database {
            return;
        }
        self.dbss.fresh.remove(&do_id);
        let verify_code = match out.dialect() {
            Dialect::OpenOtp => Some(DIE[0]),
            Dialect::Astron => {
                if let Some(at) = at {
                    let to = To::location(self.objects.location(at)).and(self.objects.ai(at).0);
                    let to = to.and(self.objects.get(at).owner);
                    self.notify(&to, mail.sender, &ObjectNotice::DeleteDisk { do_id }, out);
                }
                None
            }
        };
        let delete = DatabaseMessage::Delete { do_id, verify_code };
        self.tell_database(Channel::object(do_id), &delete, out);
    }
}
