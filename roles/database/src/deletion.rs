//! Deleting fields and objects.

use crate::pending::{Mail, Says};
use crate::refusal::Refusal;
use crate::values::singles;
use crate::{Database, Undone, object};
use runtime::Outbox;
use smallvec::SmallVec;
use wire::database::{DatabaseMessage, is_die};
use wire::ids::DoId;
use wire::lists::Fields;

impl Database {
    /// `astron` 3030 and 3031: fields get their default back, or are not set any more.
    pub(crate) fn delete_fields(
        &mut self,
        do_id: DoId,
        fields: Fields<'_>,
        message: &DatabaseMessage<'_>,
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) -> Result<(), Undone> {
        let (object, class) = object(&self.part, &self.classes, do_id)?;
        let fields = singles(class, fields)?;
        let class = class.key;
        self.draft.begin(object.fields());
        let mut changed: SmallVec<[[u8; 2]; 8]> = SmallVec::new();
        for (field, key) in fields {
            let default = &*self.classes.schema.field(field.id).default;
            let default = field.has_default.then_some(default);
            if self.draft.get(key) == default {
                continue;
            }
            match default {
                Some(default) => self.draft.set(key, default),
                None => self.draft.unset(key),
            }
            changed.push(field.number.0.to_le_bytes());
        }
        if changed.is_empty() {
            return Ok(());
        }
        let ticket = self.write(do_id, class)?;
        let said = self.fields_deleted(do_id, Fields(&changed), mail.sender);
        let says: Says = said.into_iter().collect();
        Ok(self.hold(ticket, says, do_id, message, mail, out)?)
    }

    /// DELETE_STORED_OBJECT; `astron` 3032. Also of an object whose class is gone.
    pub(crate) fn delete(
        &mut self,
        do_id: DoId,
        verify_code: Option<u32>,
        message: &DatabaseMessage<'_>,
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) -> Result<(), Undone> {
        if let Some(code) = verify_code.filter(|&code| !is_die(code)) {
            return Err(Refusal::VerifyCode(code).into());
        }
        let ticket = self.erase(do_id)?;
        let says: Says = self.deleted(do_id, mail.sender, out.dialect()).into_iter().collect();
        Ok(self.hold(ticket, says, do_id, message, mail, out)?)
    }
}
