//! Queries of fields, of objects, of zones.

use super::delete::is_listed;
use super::snapshot::{Sight, entry};
use super::{Done, Model, number};
use crate::objects::datagram::Dg;
use std::collections::BTreeSet;
use wire::dialect::Dialect;
use wire::ids::DoId;
use wire::state_server::{ObjectMessage, ObjectNotice, Zones};

/// An answer holds so many bytes of fields: what a frame holds, less envelope and arguments.
const FIELDS_BYTES_MAX: usize = 65_535 - 19 - 9;
/// An answer holds so many zones.
const ZONES_MAX: usize = 65_535;

impl Model {
    pub(super) fn query_all(&mut self, id: u32, asker: u64, context: u32) -> Done {
        let object = self.object(id).clone();
        let packed = self.packed(&object, Sight::All, true);
        let entry = entry(id, &object, &packed);
        self.notice(id, &[asker], id.into(), &ObjectNotice::QueryAllResp { context, entry });
        Done::Yes
    }

    pub(super) fn query_field(&mut self, id: u32, dg: &Dg, context: u32, field: u16) -> Done {
        let object = self.object(id);
        let known = self.field_of(self.class_of(object), field);
        let value = known.and_then(|known| self.value_of(object, known));
        let value = value.as_deref();
        let (do_id, field) = (DoId(id), number(field));
        let answer = ObjectNotice::QueryFieldResp { context, do_id, field, value };
        self.notice(id, &[dg.sender], id.into(), &answer);
        self.may_be_counted(value.is_some())
    }

    pub(super) fn query_fields(&mut self, id: u32, dg: &Dg, context: u32, fields: &[u16]) -> Done {
        let object = self.object(id);
        let class = self.class_of(object);
        let mut asked = fields.to_vec();
        if self.dialect == Dialect::Astron {
            asked.sort_unstable();
            asked.dedup();
        }
        let (mut count, mut bytes, mut is_whole) = (0, Vec::new(), true);
        for field in asked {
            let known = self.field_of(class, field);
            match known.and_then(|known| self.value_of(object, known)) {
                Some(value) => {
                    bytes.extend_from_slice(&field.to_le_bytes());
                    bytes.extend_from_slice(&value);
                    count += 1;
                }
                None => is_whole &= self.dialect == Dialect::Astron && known.is_some(),
            }
        }
        is_whole &= bytes.len() <= FIELDS_BYTES_MAX;
        let fields = is_whole.then_some((count, &bytes[..]));
        let answer = ObjectNotice::QueryFieldsResp { context, do_id: DoId(id), fields };
        self.notice(id, &[dg.sender], id.into(), &answer);
        self.may_be_counted(is_whole)
    }

    /// A query that fails is answered; nobody says whether it counts as refused.
    fn may_be_counted(&mut self, is_answered: bool) -> Done {
        self.outcome.refused.1 += u64::from(!is_answered);
        Done::Yes
    }

    /// QUERY_ZONE_ALL, GET_ZONE(S)_OBJECTS: of those below it, or by a parent elsewhere.
    pub(super) fn zones_asked(
        &mut self,
        id: u32,
        dg: &Dg,
        context: u32,
        parent: DoId,
        zones: Zones<'_>,
    ) -> Done {
        if parent.0 == id {
            self.query_zones(id, dg, context, zones)
        } else if parent.0 == self.object(id).parent {
            self.enter_for_parent(id, dg, context, Some(zones))
        } else {
            Done::Ignored
        }
    }

    pub(super) fn query_children(&mut self, id: u32, asker: u64, context: u32) -> Done {
        let count = self.count(id, None);
        self.count_first(id, asker, &ObjectNotice::CountChildrenResp { context, count });
        self.enter_for_asker(id, asker, context, None);
        if !self.object(id).foreign.is_empty() {
            let relay = ObjectMessage::QueryChildren { context, parent: DoId(id) };
            self.message(id, &[self.children_channel(id)], asker, &relay);
        }
        Done::Yes
    }

    pub(super) fn count_zone(&mut self, id: u32, asker: u64, context: u32, zone: u32) -> Done {
        let count = self.count(id, Some(Zones(&[zone.to_le_bytes()])));
        self.count_first(id, asker, &ObjectNotice::CountZoneResp { context, count });
        Done::Yes
    }

    pub(super) fn count_zones(
        &mut self,
        id: u32,
        asker: u64,
        context: u32,
        zones: Zones<'_>,
    ) -> Done {
        let count = self.count(id, Some(zones));
        self.count_first(id, asker, &ObjectNotice::CountZonesResp { context, count });
        Done::Yes
    }

    pub(super) fn count_children(&mut self, id: u32, asker: u64, context: u32) -> Done {
        let count = self.count(id, None);
        self.count_first(id, asker, &ObjectNotice::CountChildrenResp { context, count });
        Done::Yes
    }

    fn query_zones(&mut self, id: u32, dg: &Dg, context: u32, zones: Zones<'_>) -> Done {
        let asker = dg.sender;
        match self.dialect {
            Dialect::OpenOtp => {
                let before = self.outcome.said.len();
                for child in self.below(id, Some(zones)) {
                    self.enter_zone(child, &[asker]);
                }
                self.rank(before, 0);
                self.ask_foreign(id, asker, zones);
                let before = self.outcome.said.len();
                let done = ObjectNotice::QueryZoneDone { parent: DoId(id), zones };
                self.notice(id, &[asker], id.into(), &done);
                self.rank(before, 1);
            }
            Dialect::Astron => {
                let count = self.count(id, Some(zones));
                self.count_first(id, asker, &ObjectNotice::CountZonesResp { context, count });
                self.enter_for_asker(id, asker, context, Some(zones));
                self.relay_to_foreign(id, dg, context, zones);
            }
        }
        Done::Yes
    }

    fn count_first(&mut self, id: u32, asker: u64, count: &ObjectNotice<'_>) {
        let before = self.outcome.said.len();
        self.notice(id, &[asker], id.into(), count);
        self.rank(before, 0);
    }

    fn enter_for_asker(&mut self, id: u32, asker: u64, context: u32, zones: Option<Zones<'_>>) {
        let before = self.outcome.said.len();
        for child in self.below(id, zones) {
            self.enter_interest(child, &[asker], context);
        }
        self.rank(before, 1);
    }

    fn count(&self, id: u32, zones: Option<Zones<'_>>) -> u32 {
        let foreign = self.object(id).foreign.values();
        let foreign = foreign.filter(|&&zone| is_listed(zones, zone)).count();
        (self.below(id, zones).len() + foreign) as u32
    }

    pub(super) fn active_zones(&mut self, id: u32, asker: u64, context: u32) -> Done {
        let here = self.children(id).into_iter().map(|child| self.object(child).zone);
        let foreign = self.object(id).foreign.values().copied();
        let zones: BTreeSet<u32> = here.chain(foreign).collect();
        let zones: Vec<[u8; 4]> = zones.into_iter().map(u32::to_le_bytes).take(ZONES_MAX).collect();
        let answer = ObjectNotice::ActiveZonesResp { context, zones: Zones(&zones) };
        self.count_first(id, asker, &answer);
        Done::Yes
    }
}
