//! Field updates: checked, kept, and told to those who are to hear of them.

use crate::classes::{Classes, FieldPlan, Traits};
use crate::fields::{FIELDS_BYTES_MAX, Values, checked, kept, last_of_each};
use crate::objects::Objects;
use crate::refusal::Refusal;
use crate::voice::To;
use crate::{Mail, StateServer, refuse};
use alloc::vec::Vec;
use runtime::Outbox;
use smallvec::SmallVec;
use wire::ids::{Channel, FieldId};
use wire::state_server::{Fields, ObjectNotice};

/// Fields that go to the same receivers, and what they are told: (field: u16, value) each.
struct Group {
    to: To,
    fields: Vec<FieldId>,
    bytes: Vec<u8>,
}

impl StateServer {
    /// UPDATE_FIELD.
    #[inline]
    pub(crate) fn update_field(
        &mut self,
        at: u32,
        field: FieldId,
        value: &[u8],
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) {
        let do_id = self.objects.get(at).do_id;
        match self.keep_field(at, field, value) {
            Ok(traits) => {
                out.counts.object_updates += 1;
                let to = self.receivers(at, traits, mail.sender);
                let update = ObjectNotice::UpdateField { do_id, field, value };
                self.notify(&to, mail.sender, &update, out);
                if traits.any(Traits::DB) {
                    self.write_field_through(do_id, field, value, mail.sender, out);
                }
            }
            Err(refusal) => refuse(refusal, "update field", do_id, mail.sender, out),
        }
    }

    #[inline]
    fn keep_field(&mut self, at: u32, field: FieldId, value: &[u8]) -> Result<Traits, Refusal> {
        let Self { classes, objects, scratch, limits, .. } = self;
        let room = limits.field_bytes_max.saturating_sub(objects.field_bytes());
        let class = classes.of(objects.get(at).dclass);
        let plan = class.field(field).ok_or(Refusal::UnknownField(field))?;
        let schema = &*classes.schema;
        schema.check(plan.id, value).map_err(|error| Refusal::BadValue(field, error))?;
        if value.len() > FIELDS_BYTES_MAX {
            return Err(Refusal::TooBig(value.len()));
        }
        if plan.traits.any(Traits::MOLECULAR) {
            let mut values = kept(classes, class, plan, value);
            last_of_each(&mut values);
            keep_all(classes, objects, (scratch, room), at, &values)?;
        } else if plan.traits.is_stored() {
            objects.with_fields(at, |fields| {
                fields.set(schema, class, plan, value, (scratch, room))
            })?;
        }
        Ok(plan.traits)
    }

    /// UPDATE_FIELD_MULTIPLE: all of it, or nothing.
    pub(crate) fn update_multiple(
        &mut self,
        at: u32,
        count: u16,
        bytes: &[u8],
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) {
        let do_id = self.objects.get(at).do_id;
        let updates = match self.keep_multiple(at, count, bytes) {
            Ok(updates) => updates,
            Err(refusal) => return refuse(refusal, "update of fields", do_id, mail.sender, out),
        };
        out.counts.object_updates += updates.len() as u64;
        let groups = self.grouped(at, mail.sender, updates.iter().copied());
        for Group { to, fields, bytes } in &groups {
            let notice = match fields[..] {
                [field] if updates.len() > 1 => {
                    ObjectNotice::UpdateField { do_id, field, value: &bytes[2..] }
                }
                _ => {
                    let count = fields.len() as u16;
                    ObjectNotice::UpdateFieldMultiple { do_id, count, fields: bytes }
                }
            };
            self.notify(to, mail.sender, &notice, out);
        }
        if self.dbss.is_there() {
            self.write_through(do_id, &updates, mail.sender, out);
        }
    }

    fn keep_multiple<'a>(
        &mut self,
        at: u32,
        count: u16,
        bytes: &'a [u8],
    ) -> Result<Vec<(FieldPlan, &'a [u8])>, Refusal> {
        if bytes.len() > FIELDS_BYTES_MAX {
            return Err(Refusal::TooBig(bytes.len()));
        }
        let Self { classes, objects, scratch, limits, .. } = self;
        let room = limits.field_bytes_max.saturating_sub(objects.field_bytes());
        let class = classes.of(objects.get(at).dclass);
        let (mut updates, mut rest) = (Vec::new(), bytes);
        for _ in 0..count {
            let (number, behind) = rest.split_first_chunk::<2>().ok_or(Refusal::Truncated)?;
            let number = FieldId(u16::from_le_bytes(*number));
            let plan = class.field(number).ok_or(Refusal::UnknownField(number))?;
            rest = behind;
            updates.push((*plan, checked(&classes.schema, plan, &mut rest)?));
        }
        if !rest.is_empty() {
            return Err(Refusal::Excess(rest.len()));
        }
        let mut values = Values::new();
        for (plan, value) in &updates {
            values.extend(kept(classes, class, plan, value));
        }
        last_of_each(&mut values);
        keep_all(classes, objects, (scratch, room), at, &values)?;
        Ok(updates)
    }

    /// DELETE_FIELD(S)_RAM: fields with `ram` are unset, required ones get their default.
    pub(crate) fn delete_fields(
        &mut self,
        at: u32,
        fields: &[FieldId],
        mail: &Mail<'_>,
        out: &mut Outbox,
    ) {
        let do_id = self.objects.get(at).do_id;
        let plans = match self.unset(at, fields) {
            Ok(plans) => plans,
            Err(refusal) => return refuse(refusal, "delete fields", do_id, mail.sender, out),
        };
        let gone = plans.iter().map(|plan| (*plan, &[][..]));
        for Group { to, fields, bytes } in &self.grouped(at, mail.sender, gone) {
            let notice = match fields[..] {
                [field] => ObjectNotice::DeleteFieldRam { do_id, field },
                _ => ObjectNotice::DeleteFieldsRam { do_id, fields: Fields::of(bytes) },
            };
            self.notify(to, mail.sender, &notice, out);
        }
    }

    /// Returns the fields that had a value before, in the order asked.
    fn unset(&mut self, at: u32, fields: &[FieldId]) -> Result<SmallVec<[FieldPlan; 4]>, Refusal> {
        let Self { classes, objects, scratch, limits, .. } = self;
        let room = limits.field_bytes_max.saturating_sub(objects.field_bytes());
        let class = classes.of(objects.get(at).dclass);
        let schema = &*classes.schema;
        let mut plans = SmallVec::<[FieldPlan; 4]>::new();
        for &field in fields {
            let plan = class.field(field).ok_or(Refusal::UnknownField(field))?;
            let atoms = schema.atoms(plan.id);
            let atoms = atoms.filter_map(|atom| class.field(FieldId(atom.number)));
            let fields = &objects.get(at).fields;
            let mut is_kept = false;
            for atom in atoms.filter(|atom| atom.traits.is_stored()) {
                is_kept = true;
                let is_new = plans.iter().all(|plan: &FieldPlan| plan.number != atom.number);
                if is_new && fields.get(schema, class, atom).is_some() {
                    plans.push(*atom);
                }
            }
            if !is_kept {
                return Err(Refusal::NotKept(field));
            }
        }
        objects.with_fields(at, |fields| {
            fields.change((scratch, room), |draft| {
                for plan in &plans {
                    if plan.traits.any(Traits::REQUIRED) {
                        draft.set(schema, class, plan, &schema.field(plan.id).default);
                    } else {
                        draft.unset(schema, class, plan);
                    }
                }
            })
        })?;
        Ok(plans)
    }

    /// Who hears of an update: location, AI and owner, as the field's keywords say, but neither AI
    /// nor owner of what it has sent itself.
    #[inline]
    fn receivers(&self, at: u32, traits: Traits, sender: Channel) -> To {
        let object = self.objects.get(at);
        // One that manages or owns itself would take it for another update.
        let other = |who: Channel| who != sender && who != Channel::object(object.do_id);
        let mut to = To::default();
        if traits.any(Traits::BROADCAST) {
            to = To::location(self.objects.location(at));
        }
        if traits.any(Traits::AIRECV) {
            let (ai, _) = self.objects.ai(at);
            to = to.and_some(Some(ai).filter(|&ai| other(ai)));
        }
        if traits.any(Traits::OWNRECV) {
            to = to.and_some(Some(object.owner).filter(|&owner| other(owner)));
        }
        to
    }

    /// Fields by who hears of them, in the order in which such receivers first come up.
    fn grouped<'a>(
        &self,
        at: u32,
        sender: Channel,
        fields: impl Iterator<Item = (FieldPlan, &'a [u8])>,
    ) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for (plan, value) in fields {
            let to = self.receivers(at, plan.traits, sender);
            if to.is_empty() {
                continue;
            }
            let group = match groups.iter().position(|group| group.to == to) {
                Some(known) => &mut groups[known],
                None => {
                    groups.push(Group { to, fields: Vec::new(), bytes: Vec::new() });
                    groups.last_mut().expect("it has just been pushed")
                }
            };
            group.fields.push(plan.number);
            group.bytes.extend_from_slice(&plan.number.0.to_le_bytes());
            group.bytes.extend_from_slice(value);
        }
        groups
    }
}

/// Keeps values of fields that are kept, none of them molecular, each field once.
fn keep_all(
    classes: &Classes,
    objects: &mut Objects,
    scratch_and_room: (&mut Vec<u8>, usize),
    at: u32,
    values: &[(FieldPlan, &[u8])],
) -> Result<(), Refusal> {
    let class = classes.of(objects.get(at).dclass);
    let schema = &*classes.schema;
    objects.with_fields(at, |fields| {
        fields.change(scratch_and_room, |draft| {
            values.iter().for_each(|(plan, value)| draft.set(schema, class, plan, value));
        })
    })
}
