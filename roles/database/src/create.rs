//! An object begins: the instance on the shard of id 0 reads the request and gives it an id, the one
//! that is to own it writes it.

use crate::draft::Draft;
use crate::pending::{Held, Mail, Otherwise};
use crate::refusal::{Refusal, Request};
use crate::request::Asked;
use crate::told::Told;
use crate::values::{Unstored, read_values};
use crate::{Classes, Database};
use runtime::{Outbox, place};
use smallvec::smallvec;
use store::ClassKey;
use wire::database::{DatabaseMessage, DatabaseNotice};
use wire::dialect::{BAD_DO_ID, Dialect};
use wire::ids::{Channel, ClassId, DoId};

/// The class of a new object, how many fields are given, and these.
type Given<'a> = (ClassId, u16, &'a [u8]);

impl Database {
    /// CREATE_STORED_OBJECT (`openotp.md` 15; `astron` 3000).
    pub(crate) fn create(
        &mut self,
        given: Given<'_>,
        asked: &Asked<'_>,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        if self.part.read_only().is_some() {
            return Err(Refusal::ReadOnly);
        }
        let dialect = out.dialect();
        let class = conceive(&self.classes, given, dialect, &mut self.draft)?;
        self.draft.stored()?;
        self.check_room()?;
        let do_id = self.ids.take(dialect, |do_id| out.is_control(Channel::object(do_id)));
        let do_id = do_id.ok_or(Refusal::NoId)?;
        let owner = place(do_id, out.shards());
        if owner == out.me() {
            self.bear(do_id, class, &asked.mail, out);
        } else {
            out.tell(owner, self.me, &Told::Create { do_id, mail: asked.mail }.write());
        }
        Ok(())
    }

    /// Another instance has found a request sound, and given the object an id.
    pub(crate) fn bear_told(&mut self, do_id: DoId, mail: &Mail<'_>, out: &mut Outbox) {
        let message = DatabaseMessage::decode(out.dialect(), mail.msgtype, mail.payload);
        let Ok(DatabaseMessage::Create { dclass, count, fields, .. }) = message else {
            unreachable!("another instance has read it as a Create");
        };
        let given = (dclass, count, fields);
        let class = conceive(&self.classes, given, out.dialect(), &mut self.draft);
        self.bear(do_id, class.expect("another instance has found it sound"), mail, out);
    }

    /// Writes what has been conceived.
    fn bear(&mut self, do_id: DoId, class: ClassKey, mail: &Mail<'_>, out: &mut Outbox) {
        let dialect = out.dialect();
        let message = DatabaseMessage::decode(dialect, mail.msgtype, mail.payload);
        let message = message.expect("it has been read before");
        let context = message.context().expect("a Create has a context");
        let request = Request { what: message.name(), do_id, sender: mail.sender };
        let answer = |do_id| {
            let notice = DatabaseNotice::CreateResp { context, do_id };
            self.said(&notice, mail.sender, dialect).expect("the answer of a Create is short")
        };
        let (done, answer) = (answer(do_id), answer(BAD_DO_ID));
        let otherwise = Otherwise::Unborn { request, answer };
        match self.write(do_id, class) {
            Ok(ticket) => self.pending.hold(ticket, Held { says: smallvec![done], otherwise }),
            Err(refusal) => self.undo(Held { says: smallvec![], otherwise }, refusal, out),
        }
    }
}

/// Puts a new object together in the draft; its class.
fn conceive(
    classes: &Classes,
    (dclass, count, fields): Given<'_>,
    dialect: Dialect,
    draft: &mut Draft,
) -> Result<ClassKey, Refusal> {
    let class = classes.get(dclass).ok_or(Refusal::UnknownClass(dclass.0.into()))?;
    let values = read_values(classes, class, count, fields, Unstored::LeftOut)?;
    draft.clear();
    for (field, key) in &class.stored {
        let given = values.binary_search_by_key(&field.number, |value| value.field.number);
        let gets_default = match dialect {
            Dialect::OpenOtp => field.required,
            Dialect::Astron => field.has_default,
        };
        match given {
            Ok(at) => draft.set(*key, values[at].bytes),
            Err(_) if gets_default && field.has_default => {
                draft.set(*key, &classes.schema.field(field.id).default);
            }
            Err(_) if gets_default => return Err(Refusal::NoDefault(field.number)),
            Err(_) => (),
        }
    }
    Ok(class.key)
}
