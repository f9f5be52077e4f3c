//! What somebody knows who only listens: which objects are where, with which values, and which
//! of them an AI has.

use crate::ledger::Violation;
use crate::objects::datagram::Dg;
use crate::objects::model::Model;
use crate::objects::schema::Words;
use crate::objects::stage::Ear;
use dc::{Class, Schema};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use wire::dialect::Dialect;
use wire::ids::{DoId, FieldId};
use wire::state_server::{Entry, Location, ObjectMessage, ObjectNotice};

/// Values by field.
type Fields = BTreeMap<u16, Vec<u8>>;

/// What an object answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Where it is.
    pub location: Location,
    class: u16,
    fields: Fields,
    ai: u64,
}

impl Found {
    /// What all answered who were asked for everything, each once.
    pub fn all(model: &Model, heard: &[Dg]) -> Result<BTreeMap<u32, Found>, Violation> {
        let (dialect, words) = (model.dialect, Words::new(&model.schema));
        let (mut found, mut ais) = (BTreeMap::new(), BTreeMap::new());
        for dg in heard {
            let notice = ObjectNotice::decode(dialect, dg.msgtype, &dg.payload);
            if let Ok(ObjectNotice::QueryAllResp { entry, .. }) = notice {
                let (_, fields) = read(&model.schema, &words, &entry, dialect, Sight::All)?;
                let Entry { do_id, location, dclass, .. } = entry;
                let one = Found { location, class: dclass.0, fields, ai: 0 };
                if found.insert(do_id.0, one).is_some() {
                    let what = format!("{} answered twice", do_id.0);
                    return Err(Violation::new("one answer", what));
                }
            }
            let message = ObjectMessage::decode(dialect, dg.msgtype, &dg.payload);
            if let Ok(
                ObjectMessage::NotifyManagingAi { parent, ai, .. }
                | ObjectMessage::ManagingAiResp { parent, ai, .. },
            ) = message
            {
                ais.insert(parent.0, ai.0);
            }
        }
        for (id, one) in &mut found {
            one.ai = ais.get(id).copied().unwrap_or(0);
        }
        Ok(found)
    }
}

/// An object as one sees it who hears all that is said at its location.
struct Seen {
    location: Location,
    class: u16,
    fields: Fields,
}

/// Which fields a message brings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sight {
    All,
    Zone,
}

/// What listeners know.
pub struct Views {
    dialect: Dialect,
    schema: Arc<Schema>,
    words: Words,
    /// Known to whoever hears everything.
    seen: BTreeMap<u32, Seen>,
    /// The objects of each AI, by connection.
    managed: BTreeMap<usize, BTreeSet<u32>>,
}

impl Views {
    /// Nothing is known.
    pub fn new(dialect: Dialect, schema: Arc<Schema>) -> Views {
        let words = Words::new(&schema);
        let (seen, managed) = (BTreeMap::new(), BTreeMap::new());
        Views { dialect, schema, words, seen, managed }
    }

    /// Everybody learns from what was heard.
    pub fn hear(&mut self, ears: &[Ear], heard: &[Vec<Dg>]) -> Result<(), Violation> {
        for (at, (ear, heard)) in ears.iter().zip(heard).enumerate() {
            for dg in heard {
                if ear.hears_all() {
                    self.see(dg)?;
                } else if ear.is_ai() && dg.to.contains(&ear.channel) {
                    self.manage(at, ear.channel, dg);
                }
            }
        }
        Ok(())
    }

    fn see(&mut self, dg: &Dg) -> Result<(), Violation> {
        let dialect = self.dialect;
        // What observers send is not what objects say.
        let Ok(notice) = ObjectNotice::decode(dialect, dg.msgtype, &dg.payload) else {
            return Ok(());
        };
        if let ObjectNotice::EnterZone(entry) = notice {
            let channel = entry.location.channel().map_or(0, |channel| channel.0);
            if dg.to == [channel] {
                let (class, fields) =
                    read(&self.schema, &self.words, &entry, dialect, Sight::Zone)?;
                let seen = Seen { location: entry.location, class, fields };
                self.seen.insert(entry.do_id.0, seen);
            }
        } else if let ObjectNotice::ChangeZone { do_id, new, old } = notice
            && self.is_told(dg, do_id, old)
        {
            if new.parent == DoId(0) {
                self.seen.remove(&do_id.0);
            } else if let Some(seen) = self.seen.get_mut(&do_id.0) {
                seen.location = new;
            }
        } else if let ObjectNotice::DeleteRam { do_id } = notice {
            if self.seen.get(&do_id.0).is_some_and(|seen| is_to(dg, seen.location)) {
                self.seen.remove(&do_id.0);
            }
        } else if let ObjectNotice::UpdateField { do_id, field, value } = notice {
            return self.updated(dg, do_id, field, value);
        } else if let ObjectNotice::UpdateFieldMultiple { do_id, fields, .. } = notice {
            return self.updates(dg, do_id, fields);
        } else if let ObjectNotice::DeleteFieldRam { do_id, field } = notice {
            self.unset(dg, do_id, field);
        } else if let ObjectNotice::DeleteFieldsRam { do_id, fields } = notice {
            fields.iter().for_each(|field| self.unset(dg, do_id, field));
        }
        Ok(())
    }

    /// Whether an object says at its old location, or to its old parent, that it goes.
    fn is_told(&self, dg: &Dg, do_id: DoId, old: Location) -> bool {
        self.seen.get(&do_id.0).is_some_and(|seen| seen.location == old) && is_to(dg, old)
    }

    fn updated(
        &mut self,
        dg: &Dg,
        do_id: DoId,
        field: FieldId,
        value: &[u8],
    ) -> Result<(), Violation> {
        if !dg.to.iter().any(|to| to >> 32 != 0 && self.is_location(*to)) {
            return Ok(());
        }
        let Some(seen) = self.seen.get_mut(&do_id.0) else {
            let what = format!("{} after {} was gone", dg.describe(self.dialect), do_id.0);
            return Err(Violation::new("the dead say nothing", what));
        };
        let class = self.schema.class_by_number(seen.class);
        let known = class.and_then(|class| class.field_by_number(field.0));
        if !is_to(dg, seen.location) || known.is_none() {
            return Ok(());
        }
        for part in self.schema.split(known.unwrap_or(dc::FieldId(0)), value) {
            let Ok((atom, value)) = part else { continue };
            let atom = self.schema.field(atom);
            let has = class.is_some_and(|class| class.field_by_number(atom.number).is_some());
            if has && self.words.is_stored(atom) {
                seen.fields.insert(atom.number, value.to_vec());
            }
        }
        Ok(())
    }

    fn updates(&mut self, dg: &Dg, do_id: DoId, fields: &[u8]) -> Result<(), Violation> {
        let mut rest = fields;
        while let Some((number, behind)) = rest.split_first_chunk::<2>() {
            rest = behind;
            let field = u16::from_le_bytes(*number);
            let known = self.schema.fields().iter().find(|known| known.number == field);
            let Some(known) = known.map(|known| known.id) else { break };
            let whole = rest;
            if self.schema.skip(known, &mut rest).is_err() {
                break;
            }
            let value = whole[..whole.len() - rest.len()].to_vec();
            self.updated(dg, do_id, FieldId(field), &value)?;
        }
        Ok(())
    }

    fn unset(&mut self, dg: &Dg, do_id: DoId, field: FieldId) {
        let Some(seen) = self.seen.get_mut(&do_id.0).filter(|seen| is_to(dg, seen.location)) else {
            return;
        };
        let known = self.schema.fields().iter().find(|known| known.number == field.0);
        match known.filter(|known| self.words.is_required(known)) {
            Some(known) => {
                seen.fields.insert(field.0, known.default.to_vec());
            }
            None => {
                seen.fields.remove(&field.0);
            }
        }
    }

    fn is_location(&self, channel: u64) -> bool {
        self.seen.values().any(|seen| seen.location.channel().is_some_and(|at| at.0 == channel))
    }

    fn manage(&mut self, at: usize, me: u64, dg: &Dg) {
        let managed = self.managed.entry(at).or_default();
        let notice = ObjectNotice::decode(self.dialect, dg.msgtype, &dg.payload);
        if let Ok(ObjectNotice::EnterAi(entry)) = notice {
            managed.insert(entry.do_id.0);
        } else if let Ok(ObjectNotice::LeavingAiInterest { do_id, new, .. }) = notice {
            if new.0 != me {
                managed.remove(&do_id.0);
            }
        } else if let Ok(ObjectNotice::DeleteRam { do_id }) = notice {
            managed.remove(&do_id.0);
        }
    }

    /// What listeners know is what objects answer.
    pub fn check(&self, ears: &[Ear], found: &BTreeMap<u32, Found>) -> Result<(), Violation> {
        for (at, ear) in ears.iter().enumerate().filter(|(_, ear)| ear.is_ai()) {
            let has = |(_, found): &(&u32, &Found)| found.ai == ear.channel;
            let has: BTreeSet<u32> = found.iter().filter(has).map(|(&id, _)| id).collect();
            let knows = self.managed.get(&at).cloned().unwrap_or_default();
            if has != knows {
                let what = format!("{} has {has:?} and was told of {knows:?}", ear.name);
                return Err(Violation::new("an AI knows its objects", what));
            }
        }
        let somewhere = |(_, found): &(&u32, &Found)| found.location.parent != DoId(0);
        for (id, found) in found.iter().filter(somewhere) {
            self.check_seen(*id, found)?;
        }
        match self.seen.keys().find(|id| !found.contains_key(id)) {
            Some(id) => Err(wrong(format!("{id} is gone, and nobody was told"))),
            None => Ok(()),
        }
    }

    fn check_seen(&self, id: u32, found: &Found) -> Result<(), Violation> {
        let Some(seen) = self.seen.get(&id) else {
            return Err(wrong(format!("{id} is at {:?}, and nobody was told", found.location)));
        };
        if (seen.location, seen.class) != (found.location, found.class) {
            let what = format!("{id} is at {:?}, and seen at {:?}", found.location, seen.location);
            return Err(wrong(what));
        }
        let public = |fields: &Fields| {
            let is_public = |number: &u16| {
                let field = self.schema.fields().iter().find(|field| field.number == *number);
                field.is_some_and(|field| self.words.is_broadcast(field))
            };
            fields.clone().into_iter().filter(|(number, _)| is_public(number)).collect::<Fields>()
        };
        if public(&seen.fields) != public(&found.fields) {
            return Err(wrong(format!("{id} has other values than were seen")));
        }
        Ok(())
    }
}

fn wrong(what: String) -> Violation {
    Violation::new("what is seen is what is there", what)
}

fn is_to(dg: &Dg, location: Location) -> bool {
    location.channel().is_some_and(|channel| dg.to.contains(&channel.0))
}

/// The class and the fields that a message brings.
fn read(
    schema: &Schema,
    words: &Words,
    entry: &Entry<'_>,
    dialect: Dialect,
    sight: Sight,
) -> Result<(u16, Fields), Violation> {
    let class = schema.class_by_number(entry.dclass.0);
    let fields = class.and_then(|class| {
        let hides = dialect == Dialect::Astron && sight == Sight::Zone;
        read_fields(schema, words, class, entry, hides)
    });
    let what = || format!("the fields of {entry:?}");
    let fields = fields.ok_or_else(|| Violation::new("what is said can be read", what()))?;
    Ok((entry.dclass.0, fields))
}

fn read_fields(
    schema: &Schema,
    words: &Words,
    class: &Class,
    entry: &Entry<'_>,
    hides: bool,
) -> Option<Fields> {
    let (mut fields, mut rest) = (Fields::new(), entry.fields);
    let take = |id: dc::FieldId, rest: &mut &[u8]| {
        let whole = *rest;
        schema.check_prefix(id, rest).ok()?;
        Some(whole[..whole.len() - rest.len()].to_vec())
    };
    for &id in &class.required {
        let field = schema.field(id);
        if !hides || words.is_for_clients(field) {
            fields.insert(field.number, take(id, &mut rest)?);
        }
    }
    if entry.has_other {
        let (count, behind) = rest.split_first_chunk::<2>()?;
        rest = behind;
        for _ in 0..u16::from_le_bytes(*count) {
            let (number, behind) = rest.split_first_chunk::<2>()?;
            rest = behind;
            let number = u16::from_le_bytes(*number);
            fields.insert(number, take(class.field_by_number(number)?, &mut rest)?);
        }
    }
    rest.is_empty().then_some(fields)
}
