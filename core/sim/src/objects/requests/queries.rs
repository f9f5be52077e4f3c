//! Queries of an object, and of what is below it.

use super::Draw;
use crate::objects::datagram::Dg;
use wire::ids::{DoId, FieldId};
use wire::state_server::{Fields, ObjectMessage, Zones};

impl Draw<'_> {
    pub(super) fn locate(&mut self) -> Dg {
        let (id, context) = (self.target(), self.context);
        self.ask_object(id, &ObjectMessage::Locate { context })
    }

    pub(super) fn query_ai(&mut self) -> Dg {
        let (id, context) = (self.target(), self.context);
        self.ask_object(id, &ObjectMessage::QueryManagingAi { context })
    }

    pub(super) fn query_all(&mut self) -> Dg {
        let id = self.target();
        let do_id = self.named(id);
        self.query_all_of(id, do_id)
    }

    pub(super) fn query_all_of(&mut self, id: u32, do_id: DoId) -> Dg {
        let (do_id, context) = (self.is_astron().then_some(do_id), self.context);
        self.ask_object(id, &ObjectMessage::QueryAll { context, do_id })
    }

    pub(super) fn query_fields(&mut self) -> Dg {
        let (id, context) = (self.target(), self.context);
        let fields = self.asked_fields(id);
        let do_id = self.named(id);
        if let [field] = fields[..] {
            let field = FieldId(field);
            return self.ask_object(id, &ObjectMessage::QueryField { do_id, field, context });
        }
        let bytes: Vec<u8> = fields.iter().flat_map(|field| field.to_le_bytes()).collect();
        let fields = Fields::of(&bytes);
        self.ask_object(id, &ObjectMessage::QueryFields { do_id, context, fields })
    }

    /// Mostly fields that are set, some of them twice.
    fn asked_fields(&mut self, id: u32) -> Vec<u16> {
        let Some(object) = self.model.objects.get(&id) else { return vec![1, 2] };
        let schema = self.model.schema.clone();
        let class = schema.class_by_number(object.class).expect("objects have classes");
        let set: Vec<u16> = object.fields.keys().copied().collect();
        let any = self.chance.one_in(3);
        let mut fields = Vec::new();
        for _ in 0..self.chance.pick(&[0, 1, 1, 1, 2, 3, 6]).unwrap_or(1) {
            let field = if any { self.field_of(class, 8) } else { self.chance.pick(&set) };
            fields.extend(field);
        }
        fields
    }

    pub(super) fn query_zones(&mut self) -> Dg {
        let (id, context) = (self.parent(), self.context);
        let parent = self.named(id);
        let zones = self.some_zones();
        let zones = Zones(&zones);
        if !self.is_astron() {
            return self.ask_object(id, &ObjectMessage::QueryZones { context: 0, parent, zones });
        }
        let zone = self.zone();
        let message = match self.chance.below(8) {
            0..3 => ObjectMessage::QueryZones { context, parent, zones },
            3 => ObjectMessage::QueryChildren { context, parent },
            4 => ObjectMessage::CountZone { context, parent, zone },
            5 => ObjectMessage::CountZones { context, parent, zones },
            6 => ObjectMessage::CountChildren { context, parent },
            _ => ObjectMessage::QueryActiveZones { context },
        };
        self.ask_object(id, &message)
    }

    /// An object that has children, mostly.
    fn parent(&mut self) -> u32 {
        let parents: Vec<u32> = self.model.objects.values().map(|object| object.parent).collect();
        let mut parents: Vec<u32> = parents
            .into_iter()
            .filter(|id| self.model.objects.contains_key(id) && self.scope.ids.contains(id))
            .collect();
        parents.dedup();
        let any = self.chance.one_in(4);
        let other = self.target();
        if any { other } else { self.chance.pick(&parents).unwrap_or(other) }
    }
}
