//! CREATE.

use super::fields::Wrong;
use super::{Done, Model, Object};
use crate::objects::datagram::Dg;
use dc::Class;
use std::collections::{BTreeMap, BTreeSet};
use wire::ids::DoId;
use wire::state_server::{Entry, Location, ObjectMessage, ObjectNotice};

/// The context of what a new object asks its children.
const WAKE_CHILDREN: u32 = 1001;

impl Model {
    pub(super) fn create(&mut self, dg: &Dg, entry: &Entry<'_>) -> Done {
        let (id, parent) = (entry.do_id.0, entry.location.parent.0);
        let is_reserved = id == 0 || self.is_reserved(id) || self.is_reserved(parent);
        if is_reserved || self.is_above(id, parent) || self.objects.contains_key(&id) {
            return Done::Refused;
        }
        let schema = self.schema.clone();
        let class = schema.class_by_number(entry.dclass.0).filter(|class| !class.is_struct);
        let Some(class) = class else { return Done::Refused };
        let Some((fields, is_whole)) = self.first_fields(class, entry) else {
            return Done::Refused;
        };
        let object = Object {
            class: entry.dclass.0,
            fields,
            parent,
            zone: entry.location.zone.0,
            ai: 0,
            explicit: false,
            owner: 0,
            acked: false,
            foreign: BTreeMap::new(),
            silent: BTreeSet::new(),
        };
        if self.is_too_big(&object) {
            return Done::Refused;
        }
        self.objects.insert(id, object);
        self.created += 1;
        self.root = id;
        self.announce_new(id, dg.sender, entry.location);
        if is_whole { Done::Yes } else { Done::Refused }
    }

    fn announce_new(&mut self, id: u32, orig: u64, location: Location) {
        let parent = u64::from(location.parent.0);
        let changed =
            ObjectNotice::ChangeZone { do_id: DoId(id), new: location, old: Location::default() };
        self.notice(id, &[parent], self.announcer(id, orig), &changed);
        let to = location.channel().map_or(0, |channel| channel.0);
        // The answer comes when all this has been said.
        self.ask_parent(id);
        self.enter_zone(id, &[to]);
        let children = self.children_channel(id);
        let locate = ObjectMessage::Locate { context: WAKE_CHILDREN };
        self.message(id, &[children], id.into(), &locate);
        self.hear_parent(id);
    }

    /// What a new object has, and whether nothing had to be ignored; `None` if it cannot be.
    fn first_fields(
        &self,
        class: &Class,
        entry: &Entry<'_>,
    ) -> Option<(BTreeMap<u16, Vec<u8>>, bool)> {
        let (mut fields, mut rest) = (BTreeMap::new(), entry.fields);
        for &id in &class.required {
            let field = self.schema.field(id);
            fields.insert(field.number, self.take(field, &mut rest)?);
        }
        if !entry.has_other {
            return rest.is_empty().then_some((fields, true));
        }
        let (count, behind) = rest.split_first_chunk::<2>()?;
        rest = behind;
        for _ in 0..u16::from_le_bytes(*count) {
            match self.take_pair(class, &mut rest) {
                Ok((number, value)) => {
                    let field = self.field_of(class, number)?;
                    fields.extend(self.stored(class, field, &value));
                }
                Err(Wrong::UnknownField) => return Some((fields, false)),
                Err(Wrong::Bad) => return None,
            }
        }
        rest.is_empty().then_some((fields, true))
    }
}
