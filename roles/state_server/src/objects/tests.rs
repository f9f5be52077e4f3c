//! The lists and indexes against plain maps, through every change of them.

use super::*;
use crate::classes::Classes;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;
use dc::{Options, Schema, Source};
use proptest::prelude::*;
use wire::ids::Zone;

fn fields() -> Packed {
    let text = "dclass Pebble { setWeight(uint8 grams) required; };";
    let sources = [Source { name: "pebble.dc".into(), text: text.into() }];
    let schema = Schema::load(&sources, Options::default()).unwrap();
    let classes = Classes::new(Arc::new(schema), false);
    Packed::read(&classes, classes.of(ClassId(0)), &[7], false).unwrap().packed
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u32, Location),
    Remove(u32),
    Relocate(u32, Location),
    SetAi(u32, u64, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = || 1..12_u32;
    let location = || {
        let below = (0..3_u32, 0..3_u32);
        below.prop_map(|(parent, zone)| Location { parent: DoId(parent), zone: Zone(zone) })
    };
    let step = prop_oneof![
        (id(), location()).prop_map(|(id, to)| Step::Insert(id, to)),
        id().prop_map(Step::Remove),
        (id(), location()).prop_map(|(id, to)| Step::Relocate(id, to)),
        (id(), 0..3_u64, any::<bool>())
            .prop_map(|(id, ai, explicit)| Step::SetAi(id, ai, explicit)),
    ];
    prop::collection::vec(step, 0..80)
}

/// An object as the model has it: where it is, in the order in which it came, and its AI.
type Model = BTreeMap<u32, (Location, u64, (u64, bool))>;

fn objects_of(objects: &Objects, location: Location) -> Vec<u32> {
    let mut next = objects.place_at(location).and_then(|place| objects.first_of_place(place));
    let mut found = Vec::new();
    while let Some(at) = next {
        found.push(objects.get(at).do_id.0);
        next = objects.next_in_place(at);
    }
    found
}

fn check(objects: &Objects, model: &Model) {
    assert_eq!(objects.len(), model.len());
    for (&id, &(location, _, ai)) in model {
        let at = objects.find(DoId(id)).unwrap();
        assert_eq!(objects.location(at), location);
        assert_eq!(objects.ai(at), (Channel(ai.0), ai.1 && ai.0 != 0));
    }
    for parent in (0..3).map(DoId) {
        let mut zones = BTreeSet::new();
        for zone in (0..3).map(Zone) {
            let location = Location { parent, zone };
            let mut there: Vec<(u64, u32)> = model
                .iter()
                .filter(|(_, object)| object.0 == location)
                .map(|(&id, object)| (object.1, id))
                .collect();
            there.sort_unstable();
            let there: Vec<u32> = there.into_iter().map(|(_, id)| id).collect();
            if !there.is_empty() {
                zones.insert(zone);
            }
            assert_eq!(objects_of(objects, location), there, "in the order in which they came");
        }
        let family = objects.family_of(parent);
        assert_eq!(family.is_some(), !zones.is_empty());
        let found = family.into_iter().flat_map(|family| objects.zones_of_family(family, false));
        assert_eq!(found.collect::<BTreeSet<Zone>>(), zones);
    }
    for (ai, explicit) in [(1, true), (1, false), (2, true), (2, false)] {
        let has = model.values().any(|object| object.2 == (ai, explicit));
        assert_eq!(objects.flock(Channel(ai), explicit).is_some(), has);
    }
}

fn parents(model: &Model) -> BTreeSet<DoId> {
    model.values().map(|object| object.0.parent).collect()
}

proptest! {
    #[test]
    fn objects_are_where_maps_say(steps in steps()) {
        let mut objects = Objects::new(&ahash::RandomState::with_seeds(1, 2, 3, 4));
        let (mut model, mut clock) = (Model::new(), 0);
        for step in steps {
            clock += 1;
            let before = parents(&model);
            match step {
                Step::Insert(id, to) if !model.contains_key(&id) => {
                    let (_, first) = objects.insert(DoId(id), ClassId(0), fields(), to);
                    model.insert(id, (to, clock, (0, false)));
                    prop_assert_eq!(first, !before.contains(&to.parent));
                }
                Step::Remove(id) => {
                    let Some(old) = model.remove(&id) else { continue };
                    let left = objects.remove(objects.find(DoId(id)).unwrap());
                    let gone = !parents(&model).contains(&old.0.parent);
                    prop_assert_eq!(left, gone.then_some(old.0.parent));
                }
                Step::Relocate(id, to) => {
                    let Some(object) = model.get_mut(&id) else { continue };
                    let old = core::mem::replace(&mut object.0, to);
                    object.1 = clock;
                    let (first, left) = objects.relocate(objects.find(DoId(id)).unwrap(), to);
                    let after = parents(&model);
                    if !before.contains(&to.parent) {
                        prop_assert!(first);
                    }
                    prop_assert_eq!(left, (!after.contains(&old.parent)).then_some(old.parent));
                }
                Step::SetAi(id, ai, explicit) => {
                    let Some(object) = model.get_mut(&id) else { continue };
                    object.2 = (ai, explicit && ai != 0);
                    objects.set_ai(objects.find(DoId(id)).unwrap(), Channel(ai), explicit);
                }
                Step::Insert(..) => (),
            }
            check(&objects, &model);
        }
        let all: Vec<u32> = model.keys().copied().collect();
        for id in all {
            objects.remove(objects.find(DoId(id)).unwrap());
        }
        prop_assert_eq!((objects.len(), objects.field_bytes()), (0, 0));
    }

    #[test]
    fn what_is_condemned_is_found_no_more_and_what_comes_later_is(
        before in prop::collection::vec((0..3_u32, 0..2_u32), 1..20),
        after in prop::collection::vec((0..3_u32, 0..2_u32), 0..20),
    ) {
        let mut objects = Objects::new(&ahash::RandomState::with_seeds(1, 2, 3, 4));
        let at = |(parent, zone): (u32, u32)| Location { parent: DoId(parent), zone: Zone(zone) };
        for (id, &place) in before.iter().enumerate() {
            let (slot, _) = objects.insert(DoId(id as u32 + 1), ClassId(0), fields(), at(place));
            objects.set_ai(slot, Channel(1), true);
        }
        let place = objects.place_at(at(before[0])).unwrap();
        let family = objects.family_of(DoId(before[0].0)).unwrap();
        let flock = objects.flock(Channel(1), true).unwrap();
        let all = [Condemned::Place(place), Condemned::Family(family), Condemned::Flock(flock)];
        for (job, what) in all.into_iter().enumerate() {
            objects.condemn(what, job as u64);
        }
        prop_assert!(objects.place_at(at(before[0])).is_none());
        prop_assert!(objects.family_of(DoId(before[0].0)).is_none());
        prop_assert!(objects.flock(Channel(1), true).is_none());
        for (id, &place) in after.iter().enumerate() {
            let (slot, _) = objects.insert(DoId(id as u32 + 100), ClassId(0), fields(), at(place));
            objects.set_ai(slot, Channel(1), true);
        }
        for what in all {
            while let Some(slot) = objects.any_condemned(what) {
                let do_id = objects.get(slot).do_id;
                prop_assert!(do_id.0 < 100 && objects.condemned(slot).is_some(), "{do_id}");
                objects.remove(slot);
            }
            objects.bury(what);
        }
        prop_assert_eq!(objects.len(), after.len());
        for (id, &place) in after.iter().enumerate() {
            let slot = objects.find(DoId(id as u32 + 100)).unwrap();
            prop_assert_eq!(objects.condemned(slot), None);
            prop_assert!(objects_of(&objects, at(place)).contains(&(id as u32 + 100)));
        }
    }
}
