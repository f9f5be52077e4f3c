//! Deleting fields and objects.

use crate::Database;
use crate::refusal::Refusal;
use crate::request::{Asked, Undone, object};
use crate::values::singles;
use runtime::Outbox;
use smallvec::SmallVec;
use wire::database::is_die;
use wire::lists::Fields;

impl Database {
    /// `astron` 3030 and 3031: fields get their default back, or are not set any more.
    pub(crate) fn delete_fields(
        &mut self,
        asked: &Asked<'_>,
        fields: Fields<'_>,
        out: &mut Outbox,
    ) -> Result<(), Undone> {
        let (object, class) = object(&self.part, &self.classes, asked.do_id)?;
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
        let ticket = self.write(asked.do_id, class)?;
        let said = self.fields_deleted(asked.do_id, Fields(&changed), asked.mail.sender);
        self.hold(ticket, said.into_iter().collect(), asked, out);
        Ok(())
    }

    /// DELETE_STORED_OBJECT; `astron` 3032. Also of an object whose class is gone.
    pub(crate) fn delete(
        &mut self,
        asked: &Asked<'_>,
        verify_code: Option<u32>,
        out: &mut Outbox,
    ) -> Result<(), Undone> {
        if let Some(code) = verify_code.filter(|&code| !is_die(code)) {
            return Err(Refusal::VerifyCode(code).into());
        }
        let ticket = self.erase(asked.do_id)?;
        let said = self.deleted(asked.do_id, asked.mail.sender, out.dialect());
        self.hold(ticket, said.into_iter().collect(), asked, out);
        Ok(())
    }
}
