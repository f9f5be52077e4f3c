//! Whether an answer is what it must be: there is one that it can be.

use super::hearing::Hearing;
use super::model::{Doing, Operation};
use crate::stamp::Stamp;
use crate::template::{Content, Template};
use wire::database::{DatabaseNotice, Outcome, StoredObject};

impl Hearing {
    /// Whether the answer is what it must be.
    pub(super) fn compare(
        &self,
        object: u32,
        doing: Doing,
        notice: &DatabaseNotice<'_>,
    ) -> Result<(), String> {
        let (known, given) = (self.model.object(object), self.given(notice));
        let must_be = |wanted: u32| self.is_value(object, given, wanted);
        match (doing.operation, notice) {
            (Operation::Update, _) => must_be(known.value + 1),
            (Operation::Select, _) => must_be(known.value),
            (Operation::Delete, _) => match given {
                Some(None) => Ok(()),
                Some(Some(_)) | None => Err("it is still there".to_owned()),
            },
            (Operation::Compare { is_true }, _) => match (is_true, self.conclusion(notice)) {
                (true, Some(Outcome::Done)) => Ok(()),
                (false, Some(Outcome::Differs(value))) => {
                    self.is_value(object, Some(Some(value)), known.value)
                }
                (_, outcome) => Err(format!("its condition is {is_true}, {}", ended(outcome))),
            },
            (Operation::SelectAll, DatabaseNotice::SelectAllResp { object: found, .. }) => {
                self.is_whole(object, *found, known.value)
            }
            (Operation::Query { is_there }, DatabaseNotice::SelectQueryResp { do_ids, .. }) => {
                let wanted = known.do_id.filter(|_| is_there);
                match do_ids.iter().eq(wanted) {
                    true => Ok(()),
                    false => Err(format!("{} were found", do_ids.iter().len())),
                }
            }
            (Operation::Create | Operation::SelectAll | Operation::Query { .. }, other) => {
                Err(format!("{} is no answer to that", other.name()))
            }
        }
    }

    /// The value in an answer to a Select; Some(None): it says that there is none. None: it is not
    /// such an answer.
    fn given<'a>(&self, notice: &DatabaseNotice<'a>) -> Option<Option<&'a [u8]>> {
        if let DatabaseNotice::SelectFieldResp { value, .. } = notice {
            let value = value.filter(|(field, _)| *field == self.blueprint.field);
            return Some(value.map(|(_, value)| value));
        }
        let DatabaseNotice::SelectResp { fields, .. } = notice else { return None };
        Some(fields.map(|(_, values)| values))
    }

    /// How an update with a condition ended.
    fn conclusion<'a>(&self, notice: &DatabaseNotice<'a>) -> Option<Outcome<&'a [u8]>> {
        if let DatabaseNotice::UpdateFieldIfEqualsResp { outcome, .. } = notice {
            return Some(only_value(*outcome, |(field, _)| field == self.blueprint.field));
        }
        let DatabaseNotice::UpdateIfEqualsResp { outcome, .. } = notice else { return None };
        Some(only_value(*outcome, |_| true))
    }

    pub(super) fn is_value(
        &self,
        object: u32,
        given: Option<Option<&[u8]>>,
        wanted: u32,
    ) -> Result<(), String> {
        match given {
            Some(Some(bytes)) => self.has_stamp(&self.blueprint.value, object, bytes, wanted),
            Some(None) => Err(format!("it has no value, it was given {wanted}")),
            None => Err("that is no answer to a read".to_owned()),
        }
    }

    fn is_whole(
        &self,
        object: u32,
        found: Option<StoredObject<'_>>,
        wanted: u32,
    ) -> Result<(), String> {
        let Some(StoredObject { dclass, fields }) = found else {
            return Err("it is not there".to_owned());
        };
        if dclass != self.blueprint.class {
            return Err(format!("it has class {}", dclass.0));
        }
        self.has_stamp(&self.blueprint.selected, object, fields, wanted)
    }

    fn has_stamp(
        &self,
        template: &Template,
        object: u32,
        bytes: &[u8],
        wanted: u32,
    ) -> Result<(), String> {
        match template.read(bytes) {
            Content::Stamped(stamp) if stamp == self.stamp(object, wanted) => Ok(()),
            Content::Stamped(Stamp { object: other, .. }) if other != object => {
                Err(format!("it is read as object {other} of the run"))
            }
            Content::Stamped(Stamp { value, .. }) => {
                Err(format!("it has value {value}, it was given {wanted}"))
            }
            Content::Unstamped | Content::Other => {
                Err(format!("it is read as {} bytes that are not its own", bytes.len()))
            }
        }
    }
}

fn ended(outcome: Option<Outcome<&[u8]>>) -> String {
    match outcome {
        Some(Outcome::Done) => "it was done".to_owned(),
        Some(Outcome::Differs(_)) => "it was not done".to_owned(),
        Some(Outcome::Failed { ret_code }) => format!("it failed with code {ret_code}"),
        None => "that is no answer to it".to_owned(),
    }
}

fn only_value<'a, T: Copy>(
    outcome: Outcome<(T, &'a [u8])>,
    is_of_field: impl Fn((T, &'a [u8])) -> bool,
) -> Outcome<&'a [u8]> {
    match outcome {
        Outcome::Done => Outcome::Done,
        Outcome::Differs(current) if is_of_field(current) => Outcome::Differs(current.1),
        Outcome::Differs(_) => Outcome::Differs(&[]),
        Outcome::Failed { ret_code } => Outcome::Failed { ret_code },
    }
}
