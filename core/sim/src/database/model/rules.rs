//! What comes of a request for one object.

use super::reading::{Comparison, Unsound, Unstored, Values, ended, is_too_big};
use super::{Object, Rules, Step};
use crate::database::schema::{is_molecular, stored_parts};
use crate::objects::datagram::Dg;
use dc::Class;
use wire::database::{
    DatabaseMessage, DatabaseNotice, Outcome, StoredObject, is_die, is_kill, ret_code,
};
use wire::dialect::Dialect;
use wire::ids::{ClassId, DoId, FieldId};
use wire::lists::Fields;
use wire::state_server::ObjectMessage;

/// The most that an answer may take, in bytes: a datagram has a head, too.
const ANSWER_BYTES_MAX: usize = wire::framing::BODY_BYTES_MAX - 32;

/// What a query is about: its class, its comparisons, and what it sets.
type Query<'a> = (&'a Class, Vec<Comparison>, Option<Values>);

impl Rules {
    /// An answer.
    pub fn answer(&self, to: u64, notice: &DatabaseNotice<'_>) -> Dg {
        let msgtype = notice.msgtype(self.dialect).expect("the dialect has it");
        let mut payload = Vec::new();
        notice.write(self.dialect, &mut payload);
        Dg { to: vec![to], sender: self.control, msgtype, payload }
    }

    /// The answer to a request that the disk did not take, if it has one.
    pub fn not_stored(&self, dg: &Dg) -> Option<Dg> {
        let message = DatabaseMessage::decode(self.dialect, dg.msgtype, &dg.payload).ok()?;
        let notice = message.failure(self.dialect, ret_code::NOT_STORED)?;
        Some(self.answer(dg.sender, &notice))
    }

    /// Whether a request never changes anything.
    pub fn only_asks(&self, dg: &Dg) -> bool {
        matches!(
            DatabaseMessage::decode(self.dialect, dg.msgtype, &dg.payload),
            Ok(DatabaseMessage::SelectField { .. }
                | DatabaseMessage::Select { .. }
                | DatabaseMessage::SelectAll { .. }
                | DatabaseMessage::SelectQuery { .. })
        )
    }

    /// The object that a create asks for, if it is sound.
    pub fn conceive(&self, dg: &Dg) -> Option<Object> {
        let message = DatabaseMessage::decode(self.dialect, dg.msgtype, &dg.payload);
        let Ok(DatabaseMessage::Create { dclass, count, fields, .. }) = message else {
            return None;
        };
        let class = self.class(dclass.0.into())?;
        let mut rest = fields;
        let given = self.take_values(class, count, &mut rest, Unstored::LeftOut).ok()?;
        ended(rest).ok()?;
        let required = self.schema.keyword("required")?;
        let mut object = Object { class: class.id.0, fields: given };
        for field in class.fields.iter().map(|&id| self.schema.field(id)) {
            let is_stored =
                !is_molecular(field) && !stored_parts(&self.schema, class, field).is_empty();
            let gets_default = match self.dialect {
                Dialect::OpenOtp => field.keywords.contain(required),
                Dialect::Astron => field.has_default,
            };
            if is_stored && gets_default && !object.fields.contains_key(&field.number) {
                if !field.has_default {
                    return None;
                }
                object.fields.insert(field.number, field.default.to_vec());
            }
        }
        (!is_too_big(&object)).then_some(object)
    }

    /// What comes of a request that can be read, for one object.
    pub fn ask(&self, id: u32, object: Option<&Object>, dg: &Dg) -> Step {
        let message = DatabaseMessage::decode(self.dialect, dg.msgtype, &dg.payload);
        let message = message.expect("what cannot be read is for no object");
        if matches!(
            message,
            DatabaseMessage::SelectQuery { .. }
                | DatabaseMessage::UpdateQuery { .. }
                | DatabaseMessage::DeleteQuery { .. }
        ) {
            return self.meet(id, object, dg);
        }
        let failed = |code| {
            let notice = message.failure(self.dialect, code);
            let answer = notice.map(|notice| self.answer(dg.sender, &notice));
            Step { answer, refused: 1, ..still(object) }
        };
        let Some(known) = object else { return failed(ret_code::NO_OBJECT) };
        let class = self.class(known.class.into()).expect("objects have classes");
        let done = self.ask_known(id, known, class, dg, &message);
        done.unwrap_or_else(|Unsound| failed(ret_code::INVALID))
    }

    fn ask_known(
        &self,
        id: u32,
        object: &Object,
        class: &Class,
        dg: &Dg,
        message: &DatabaseMessage<'_>,
    ) -> Result<Step, Unsound> {
        let astron = self.dialect == Dialect::Astron;
        let answered = |notice: &DatabaseNotice<'_>| {
            let answer = self.answer(dg.sender, notice);
            if answer.payload.len() > ANSWER_BYTES_MAX {
                return Err(Unsound);
            }
            Ok(Step { answer: Some(answer), ..still(Some(object)) })
        };
        match *message {
            DatabaseMessage::SelectField { context, field, .. } => {
                let value = self.read(class, object, field.0, false)?;
                let value = value.as_ref().map(|value| (field, value.as_slice()));
                answered(&DatabaseNotice::SelectFieldResp { context, value })
            }
            DatabaseMessage::Select { context, fields, .. } => {
                let (count, values) = self.select(class, object, fields)?;
                answered(&DatabaseNotice::SelectResp { context, fields: Some((count, &values)) })
            }
            DatabaseMessage::SelectAll { context, .. } => {
                let fields = self.all(class, object);
                let object = Some(StoredObject { dclass: ClassId(class.id.0), fields: &fields });
                answered(&DatabaseNotice::SelectAllResp { context, object })
            }
            DatabaseMessage::UpdateField { field, value, .. } => {
                let (field, mut rest, mut values) =
                    (self.field(class, field.0)?, value, Values::new());
                let value = self.take_value(field, &mut rest)?;
                ended(rest)?;
                self.put(class, field, value, Unstored::Mistake, &mut values)?;
                self.set(id, object, &values, dg)
            }
            DatabaseMessage::Update { count, fields, .. } => {
                let mut rest = fields;
                let values = self.take_values(class, count, &mut rest, Unstored::Mistake)?;
                ended(rest)?;
                self.set(id, object, &values, dg)
            }
            DatabaseMessage::UpdateFieldIfEquals { context, field, old_and_new, .. } => {
                let mut rest = old_and_new;
                let of = self.single(class, field.0)?;
                let old = self.take_value(of, &mut rest)?;
                let new = self.take_value(of, &mut rest)?;
                ended(rest)?;
                let current = object.fields.get(&field.0);
                let outcome = match current {
                    Some(current) if current == old => Outcome::Done,
                    Some(current) => Outcome::Differs((field, current.as_slice())),
                    None => Outcome::Failed { ret_code: 0 },
                };
                let notice = DatabaseNotice::UpdateFieldIfEqualsResp { context, outcome };
                match outcome {
                    Outcome::Done => {
                        let values = Values::from([(field.0, new.to_vec())]);
                        self.set_and_say(id, object, &values, &notice, dg)
                    }
                    Outcome::Differs(_) | Outcome::Failed { .. } => answered(&notice),
                }
            }
            DatabaseMessage::UpdateIfEquals { context, count, conditions, .. } => {
                self.update_if_equals((id, object, class), context, (count, conditions), dg)
            }
            DatabaseMessage::UpdateFieldIfEmpty { context, field, value, .. } => {
                let of = self.single(class, field.0)?;
                let mut rest = value;
                let value = self.take_value(of, &mut rest)?;
                ended(rest)?;
                let notice = |outcome| DatabaseNotice::UpdateFieldIfEmptyResp { context, outcome };
                match object.fields.get(&field.0) {
                    Some(current) => answered(&notice(Outcome::Differs((field, current)))),
                    None => {
                        let values = Values::from([(field.0, value.to_vec())]);
                        self.set_and_say(id, object, &values, &notice(Outcome::Done), dg)
                    }
                }
            }
            DatabaseMessage::DeleteField { field, .. } if astron => {
                self.reset(id, object, class, &[field.0], dg)
            }
            DatabaseMessage::DeleteFields { fields, .. } if astron => {
                let numbers = self.singles(class, fields)?;
                self.reset(id, object, class, &numbers, dg)
            }
            DatabaseMessage::Delete { verify_code, .. } => {
                if verify_code.is_some_and(|code| !is_die(code)) {
                    return Err(Unsound);
                }
                Ok(self.gone(id, dg))
            }
            DatabaseMessage::Create { .. }
            | DatabaseMessage::DeleteField { .. }
            | DatabaseMessage::DeleteFields { .. }
            | DatabaseMessage::DeleteQuery { .. }
            | DatabaseMessage::SelectQuery { .. }
            | DatabaseMessage::UpdateQuery { .. } => unreachable!("it is about one object"),
        }
    }

    fn select(
        &self,
        class: &Class,
        object: &Object,
        fields: Fields<'_>,
    ) -> Result<(u16, Vec<u8>), Unsound> {
        let mut numbers: Vec<u16> = fields.iter().map(|field| field.0).collect();
        let (mut count, mut out) = (0, Vec::new());
        if self.dialect == Dialect::Astron {
            numbers.sort_unstable();
            numbers.dedup();
        }
        for number in numbers {
            let value = self.read(class, object, number, self.dialect == Dialect::OpenOtp)?;
            let Some(value) = value else { continue };
            if self.dialect == Dialect::Astron {
                out.extend(number.to_le_bytes());
            }
            out.extend(value);
            count += 1;
        }
        Ok((count, out))
    }

    /// What a reader of all of an object sees.
    fn all(&self, class: &Class, object: &Object) -> Vec<u8> {
        let mut out = Vec::new();
        let mut others = object.fields.clone();
        if self.dialect == Dialect::OpenOtp {
            for field in class.required.iter().map(|&id| self.schema.field(id)) {
                let value = others.remove(&field.number);
                out.extend(value.unwrap_or_else(|| field.default.to_vec()));
            }
        }
        out.extend((others.len() as u16).to_le_bytes());
        for (number, value) in others {
            out.extend(number.to_le_bytes());
            out.extend(value);
        }
        out
    }

    fn update_if_equals(
        &self,
        (id, object, class): (u32, &Object, &Class),
        context: u32,
        (count, conditions): (u16, &[u8]),
        dg: &Dg,
    ) -> Result<Step, Unsound> {
        let mut rest = conditions;
        let (mut asked, mut new, mut holds) = (Vec::new(), Values::new(), true);
        for _ in 0..count {
            let field = self.single(class, Self::take_number(&mut rest)?)?;
            let old = self.take_value(field, &mut rest)?;
            new.insert(field.number, self.take_value(field, &mut rest)?.to_vec());
            let current = object.fields.get(&field.number).map(Vec::as_slice);
            let seen = match self.dialect {
                Dialect::OpenOtp => current.or(Some(&field.default)),
                Dialect::Astron => current,
            };
            holds &= seen == Some(old);
            asked.push(FieldId(field.number));
        }
        ended(rest)?;
        if holds {
            let outcome = Outcome::Done;
            let notice = DatabaseNotice::UpdateIfEqualsResp { context, outcome };
            return self.set_and_say(id, object, &new, &notice, dg);
        }
        let asked: Vec<[u8; 2]> = asked.iter().map(|field| field.0.to_le_bytes()).collect();
        let (count, values) = self.select(class, object, Fields(&asked))?;
        let outcome = Outcome::Differs((count, values.as_slice()));
        let notice = DatabaseNotice::UpdateIfEqualsResp { context, outcome };
        let answer = self.answer(dg.sender, &notice);
        if answer.payload.len() > ANSWER_BYTES_MAX {
            return Err(Unsound);
        }
        Ok(Step { answer: Some(answer), ..still(Some(object)) })
    }

    fn set(&self, id: u32, object: &Object, values: &Values, dg: &Dg) -> Result<Step, Unsound> {
        if values.is_empty() {
            return Ok(still(Some(object)));
        }
        let mut next = object.clone();
        next.fields.extend(values.clone());
        if is_too_big(&next) {
            return Err(Unsound);
        }
        let announced = self.updated(id, values, dg);
        Ok(Step { announced, stores: true, ..still(Some(&next)) })
    }

    fn set_and_say(
        &self,
        id: u32,
        object: &Object,
        values: &Values,
        notice: &DatabaseNotice<'_>,
        dg: &Dg,
    ) -> Result<Step, Unsound> {
        let step = self.set(id, object, values, dg)?;
        Ok(Step { answer: Some(self.answer(dg.sender, notice)), stores: true, ..step })
    }

    fn reset(
        &self,
        id: u32,
        object: &Object,
        class: &Class,
        numbers: &[u16],
        dg: &Dg,
    ) -> Result<Step, Unsound> {
        let mut next = object.clone();
        let mut changed = Vec::new();
        for &number in numbers {
            let field = self.single(class, number)?;
            let default = field.has_default.then(|| field.default.to_vec());
            if next.fields.get(&number) == default.as_ref() {
                continue;
            }
            match default {
                Some(default) => next.fields.insert(number, default),
                None => next.fields.remove(&number),
            };
            changed.push(number.to_le_bytes());
        }
        if is_too_big(&next) {
            return Err(Unsound);
        }
        let do_id = DoId(id);
        let notice = match changed[..] {
            [] => return Ok(still(Some(object))),
            [field] => {
                DatabaseNotice::DeleteField { do_id, field: FieldId(u16::from_le_bytes(field)) }
            }
            _ => DatabaseNotice::DeleteFields { do_id, fields: Fields(&changed) },
        };
        let announced = self.of_object(id, &notice, dg);
        Ok(Step { announced, stores: true, ..still(Some(&next)) })
    }

    fn gone(&self, id: u32, dg: &Dg) -> Step {
        let announced = match self.dialect {
            Dialect::Astron => self.of_object(id, &DatabaseNotice::Delete { do_id: DoId(id) }, dg),
            Dialect::OpenOtp => {
                self.as_object(id, &ObjectMessage::DeleteRam { do_id: DoId(id) }, None)
            }
        };
        Step { announced, stores: true, ..still(None) }
    }

    fn updated(&self, id: u32, values: &Values, dg: &Dg) -> Option<Dg> {
        let do_id = DoId(id);
        let mut all = Vec::new();
        for (number, value) in values {
            all.extend(number.to_le_bytes());
            all.extend(value);
        }
        let (count, fields, asker) = (values.len() as u16, all.as_slice(), Some(dg.sender));
        let one = values.first_key_value().filter(|_| values.len() == 1);
        let one = one.map(|(&number, value)| (FieldId(number), value.as_slice()));
        match (self.dialect, one) {
            (Dialect::OpenOtp, Some((field, value))) => {
                self.as_object(id, &ObjectMessage::UpdateField { do_id, field, value }, asker)
            }
            (Dialect::OpenOtp, None) => {
                let message = ObjectMessage::UpdateFieldMultiple { do_id, count, fields };
                self.as_object(id, &message, asker)
            }
            (Dialect::Astron, Some((field, value))) => {
                self.of_object(id, &DatabaseNotice::UpdateField { do_id, field, value }, dg)
            }
            (Dialect::Astron, None) => {
                self.of_object(id, &DatabaseNotice::Update { do_id, count, fields }, dg)
            }
        }
    }

    fn of_object(&self, id: u32, notice: &DatabaseNotice<'_>, dg: &Dg) -> Option<Dg> {
        let to = self.dialect.database_channel(DoId(id)).0;
        self.broadcast.then(|| Dg { to: vec![to], sender: dg.sender, ..self.answer(to, notice) })
    }

    fn as_object(&self, id: u32, message: &ObjectMessage<'_>, asker: Option<u64>) -> Option<Dg> {
        let to = u64::from(id);
        let says = self.broadcast && asker != Some(to);
        says.then(|| Dg::object(self.dialect, &[to], self.control, message))
    }

    /// The class that a query asks about, if it can be read.
    pub fn class_of_query(&self, dg: &Dg) -> Option<u16> {
        let message = DatabaseMessage::decode(self.dialect, dg.msgtype, &dg.payload).ok()?;
        self.query(&message).ok().map(|(class, ..)| class.id.0)
    }

    fn query<'a>(&'a self, message: &DatabaseMessage<'_>) -> Result<Query<'a>, Unsound> {
        match *message {
            DatabaseMessage::SelectQuery { dclass, count, comparisons, .. } => {
                let (class, mut rest) = (self.class(dclass).ok_or(Unsound)?, comparisons);
                let comparisons = self.take_comparisons(class, count, &mut rest)?;
                ended(rest)?;
                Ok((class, comparisons, None))
            }
            DatabaseMessage::DeleteQuery { verify_code, dclass, count, comparisons } => {
                if !is_kill(verify_code) {
                    return Err(Unsound);
                }
                let (class, mut rest) = (self.class(dclass.0.into()).ok_or(Unsound)?, comparisons);
                let comparisons = self.take_comparisons(class, count, &mut rest)?;
                ended(rest)?;
                Ok((class, comparisons, None))
            }
            DatabaseMessage::UpdateQuery { dclass, count, comparisons_and_fields } => {
                let class = self.class(dclass).ok_or(Unsound)?;
                let mut rest = comparisons_and_fields;
                let comparisons = self.take_comparisons(class, count, &mut rest)?;
                let count = Self::take_number(&mut rest)?;
                let values = self.take_values(class, count, &mut rest, Unstored::Mistake)?;
                ended(rest)?;
                Ok((class, comparisons, Some(values)))
            }
            DatabaseMessage::Create { .. }
            | DatabaseMessage::Delete { .. }
            | DatabaseMessage::SelectField { .. }
            | DatabaseMessage::Select { .. }
            | DatabaseMessage::SelectAll { .. }
            | DatabaseMessage::UpdateField { .. }
            | DatabaseMessage::Update { .. }
            | DatabaseMessage::UpdateFieldIfEquals { .. }
            | DatabaseMessage::UpdateIfEquals { .. }
            | DatabaseMessage::UpdateFieldIfEmpty { .. }
            | DatabaseMessage::DeleteField { .. }
            | DatabaseMessage::DeleteFields { .. } => Err(Unsound),
        }
    }

    /// What a query does to one object.
    fn meet(&self, id: u32, object: Option<&Object>, dg: &Dg) -> Step {
        let message = DatabaseMessage::decode(self.dialect, dg.msgtype, &dg.payload);
        let message = message.expect("it has been read before");
        let (Some(object), Ok((class, comparisons, values))) = (object, self.query(&message))
        else {
            return still(object);
        };
        let holds = |(number, equal, value): &Comparison| {
            (object.fields.get(number) == Some(value)) == *equal
        };
        if object.class != class.id.0 || !comparisons.iter().all(holds) {
            return still(Some(object));
        }
        let step = match (&message, values) {
            (DatabaseMessage::DeleteQuery { .. }, _) => self.gone(id, dg),
            (_, Some(values)) => {
                let set = self.set(id, object, &values, dg);
                set.unwrap_or_else(|Unsound| Step { refused: 1, ..still(Some(object)) })
            }
            (_, None) => still(Some(object)),
        };
        Step { meets: true, ..step }
    }
}

/// Nothing is said, and nothing changes.
fn still(object: Option<&Object>) -> Step {
    Step {
        next: object.cloned(),
        answer: None,
        announced: None,
        refused: 0,
        stores: false,
        meets: false,
    }
}
