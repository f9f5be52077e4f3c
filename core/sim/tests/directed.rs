//! Directed scenarios: what one connection asks for comes out as with one shard, whatever the
//! weather.

use sim::chance::Chance;
use sim::objects::datagram::Dg;
use sim::objects::plan::Plan;
use sim::objects::schema;
use sim::objects::stage::Stage;
use sim::plan::Sabotage;
use sim::trace::{Show, Trace};
use std::collections::BTreeMap;
use wire::dialect::Dialect;
use wire::ids::{Channel, ClassId, DoId, Zone};
use wire::state_server::{Entry, Location, ObjectMessage, ObjectNotice, StateServerMessage, Zones};

const SEEDS: u64 = 40;
/// The AI, which is also who asks for everything.
const AI: u64 = 50_000 << 32 | 1;
/// A parent, and those below it, which the shards have between them.
const PARENT: u32 = 5000;
const CHILDREN: std::ops::Range<u32> = 6000..6008;

/// A State Server, and an AI that has heard nothing yet.
struct Play {
    stage: Stage,
    dialect: Dialect,
    control: u64,
    ear: usize,
}

impl Play {
    fn create(&mut self, class: &str, id: u32, parent: u32) {
        let schema = schema::load();
        let class = schema.class_by_name(class).expect("there is such a class");
        let defaults = class.required.iter().map(|&id| schema.field(id).default.to_vec());
        let fields: Vec<u8> = defaults.flatten().collect();
        let location = Location { parent: DoId(parent), zone: Zone(1) };
        let dclass = ClassId(class.id.0);
        let entry = Entry { do_id: DoId(id), location, dclass, has_other: false, fields: &fields };
        let create = StateServerMessage::Generate(entry);
        self.send(&Dg::control(self.dialect, self.control, AI, &create));
    }

    fn ask(&mut self, id: u32, message: ObjectMessage<'_>) {
        self.send(&Dg::object(self.dialect, &[id.into()], AI, &message));
    }

    fn send(&mut self, dg: &Dg) {
        self.stage.send(self.ear, dg);
    }

    fn set_zone(&mut self, id: u32, parent: u32) {
        let location = Location { parent: DoId(parent), zone: Zone(1) };
        self.ask(id, ObjectMessage::SetZone { location });
    }

    fn set_ai(&mut self, id: u32) {
        let do_id = (self.dialect == Dialect::OpenOtp).then_some(DoId(id));
        self.ask(id, ObjectMessage::SetAi { do_id, ai: Channel(AI) });
    }

    fn delete(&mut self, id: u32) {
        self.ask(id, ObjectMessage::DeleteRam { do_id: DoId(id) });
    }

    fn settle(&mut self) {
        self.stage.settle().expect("all comes to rest");
        self.stage.take_heard();
    }

    fn objects(&mut self) -> u64 {
        self.stage.settle().expect("all comes to rest");
        self.stage.total(|counts| counts.objects)
    }

    /// Datagrams that the AI has heard since it settled last.
    fn heard(&mut self) -> usize {
        self.stage.settle().expect("all comes to rest");
        self.stage.take_heard()[self.ear].len()
    }
}

/// `scenario` says the same in every weather and with any number of shards.
#[track_caller]
fn always(dialect: Dialect, expected: u64, scenario: impl Fn(&mut Play) -> u64) {
    always_in(vec![402_000], dialect, expected, scenario);
}

/// The same with so many daemons, below each other, with State Servers of those channels.
#[track_caller]
fn always_in(
    controls: Vec<u64>,
    dialect: Dialect,
    expected: u64,
    scenario: impl Fn(&mut Play) -> u64,
) {
    for shards in [1, 2, 3, 8] {
        for seed in 0..SEEDS {
            let mut chance = Chance::new(seed);
            let mut plan = Plan::new(&mut chance, Some(shards), Sabotage::None);
            plan.dialect = dialect;
            (plan.daemons, plan.pools.controls) = (controls.len(), controls.clone());
            let mut stage = Stage::new(&plan, chance, Trace::new(Show::Nothing));
            let ear = stage.open_at(0, "AI", AI, &[(AI, AI)]);
            let control = controls[controls.len() - 1];
            let mut play = Play { stage, dialect, control, ear };
            play.settle();
            let outcome = scenario(&mut play);
            assert_eq!(outcome, expected, "seed {seed}, {shards} shards");
        }
    }
}

#[test]
fn a_child_that_is_created_before_its_parent_is_deleted_goes_with_it() {
    always(Dialect::Astron, 0, |play| {
        play.create("SimBare", PARENT, 0);
        CHILDREN.for_each(|id| play.create("SimBare", id, PARENT));
        play.delete(PARENT);
        play.objects()
    });
}

#[test]
fn those_of_a_zone_have_answered_who_were_created_before_the_query() {
    always(Dialect::OpenOtp, 9, |play| {
        play.create("SimBare", PARENT, 0);
        CHILDREN.for_each(|id| play.create("SimBare", id, PARENT));
        let (parent, zones) = (DoId(PARENT), Zones(&[[1, 0, 0, 0]]));
        play.ask(PARENT, ObjectMessage::QueryZones { context: 0, parent, zones });
        play.heard() as u64
    });
}

#[test]
fn children_go_with_the_ai_of_their_parent() {
    always(Dialect::OpenOtp, 0, |play| {
        play.create("SimBare", PARENT, 0);
        play.set_ai(PARENT);
        play.settle();
        CHILDREN.for_each(|id| play.create("SimBare", id, PARENT));
        let reset = StateServerMessage::ShardReset { ai: Channel(AI) };
        play.send(&Dg::control(play.dialect, play.control, AI, &reset));
        play.objects()
    });
}

#[test]
fn a_child_that_has_moved_away_does_not_go_with_its_parent() {
    always(Dialect::Astron, 9, |play| {
        play.create("SimBare", PARENT, 0);
        play.create("SimBare", PARENT + 1, 0);
        CHILDREN.for_each(|id| play.create("SimBare", id, PARENT));
        play.settle();
        CHILDREN.for_each(|id| play.set_zone(id, PARENT + 1));
        play.delete(PARENT);
        play.objects()
    });
}

#[test]
fn a_zone_query_after_a_move_finds_who_has_moved() {
    always(Dialect::OpenOtp, 9, |play| {
        play.create("SimBare", PARENT, 0);
        play.create("SimBare", PARENT + 1, 0);
        CHILDREN.for_each(|id| play.create("SimBare", id, PARENT));
        play.settle();
        CHILDREN.for_each(|id| play.set_zone(id, PARENT + 1));
        let (parent, zones) = (DoId(PARENT + 1), Zones(&[[1, 0, 0, 0]]));
        play.ask(PARENT + 1, ObjectMessage::QueryZones { context: 0, parent, zones });
        play.heard() as u64
    });
}

#[test]
fn an_object_that_moved_and_was_deleted_can_be_created_again() {
    always(Dialect::OpenOtp, 9, |play| {
        play.create("SimBare", PARENT, 0);
        CHILDREN.for_each(|id| play.create("SimBare", id, 0));
        play.settle();
        for id in CHILDREN {
            play.set_zone(id, PARENT);
            play.delete(id);
            play.create("SimBare", id, 0);
        }
        play.objects()
    });
}

#[test]
fn who_subscribed_an_object_of_its_daemon_hears_on_when_that_is_gone() {
    always_in(vec![402_000, 402_001], Dialect::OpenOtp, 8, |play| {
        let wants: Vec<(u64, u64)> = CHILDREN.map(|id| (id.into(), id.into())).collect();
        let below = play.stage.open_at(1, "below", 52_000 << 32, &wants);
        play.settle();
        CHILDREN.for_each(|id| play.create("SimBare", id, 0));
        CHILDREN.for_each(|id| play.delete(id));
        play.settle();
        CHILDREN.for_each(|id| play.ask(id, ObjectMessage::Locate { context: 1 }));
        play.stage.settle().unwrap();
        play.stage.take_heard()[below].len() as u64
    });
}

#[test]
fn an_object_is_reached_from_above_though_a_neighbour_has_left_its_channel() {
    always_in(vec![402_000, 402_001], Dialect::OpenOtp, 8, |play| {
        let wants: Vec<(u64, u64)> = CHILDREN.map(|id| (id.into(), id.into())).collect();
        let below = play.stage.open_at(1, "below", 52_000 << 32, &wants);
        CHILDREN.for_each(|id| play.create("SimBare", id, 0));
        play.settle();
        CHILDREN.for_each(|_| play.stage.unsubscribe(below, 0));
        play.settle();
        CHILDREN.for_each(|id| play.ask(id, ObjectMessage::Locate { context: 1 }));
        play.heard() as u64
    });
}

#[test]
fn a_child_elsewhere_that_says_it_is_not_below_is_no_longer_counted() {
    always(Dialect::Astron, 0, |play| {
        play.create("SimBare", PARENT, 0);
        for parent in [PARENT, 0] {
            let location = Location { parent: DoId(parent), zone: Zone(1) };
            let (context, do_id) = (1001, DoId(900_001));
            play.ask(PARENT, ObjectMessage::LocateResp { context, do_id, location });
        }
        play.settle();
        play.ask(PARENT, ObjectMessage::QueryChildren { context: 1, parent: DoId(PARENT) });
        play.stage.settle().expect("all comes to rest");
        let answer = play.stage.take_heard().swap_remove(play.ear).swap_remove(0);
        u64::from(answer.payload[4])
    });
}

#[test]
fn changing_ai_is_for_the_channel_of_the_children() {
    always(Dialect::Astron, 0, |play| {
        play.create("SimBare", PARENT, 900_001);
        play.settle();
        let (parent, old) = (DoId(900_001), Channel(0));
        play.ask(PARENT, ObjectMessage::NotifyManagingAi { parent, ai: Channel(AI), old });
        play.heard() as u64
    });
}

/// Whether two objects are each above the other.
fn is_ring(play: &mut Play, a: u32, b: u32) -> u64 {
    play.settle();
    for id in [a, b] {
        play.ask(id, ObjectMessage::Locate { context: id });
    }
    play.stage.settle().expect("all comes to rest");
    let heard = play.stage.take_heard().swap_remove(play.ear);
    let parents: BTreeMap<u32, u32> = heard
        .iter()
        .filter_map(|dg| {
            let notice = ObjectNotice::decode(play.dialect, dg.msgtype, &dg.payload).ok()?;
            let ObjectNotice::LocateResp { do_id, location, .. } = notice else { return None };
            Some((do_id.0, location.parent.0))
        })
        .collect();
    u64::from(parents[&a] == b && parents[&b] == a)
}

#[test]
fn of_crosswise_moves_one_stays() {
    always(Dialect::OpenOtp, 0, |play| {
        let other = play.stage.open("other", 51_000 << 32, &[]);
        CHILDREN.for_each(|id| play.create("SimBare", id, 0));
        play.settle();
        let pairs = CHILDREN.flat_map(|a| CHILDREN.map(move |b| (a, b))).filter(|(a, b)| a < b);
        let mut rings = 0;
        for (a, b) in pairs {
            for zone in 1..4 {
                for (ear, id, parent) in [(play.ear, a, b), (other, b, a)] {
                    let location = Location { parent: DoId(parent), zone: Zone(zone) };
                    let message = ObjectMessage::SetZone { location };
                    let dg = Dg::object(play.dialect, &[id.into()], AI, &message);
                    play.stage.send(ear, &dg);
                }
            }
            rings += is_ring(play, a, b);
            for id in [a, b] {
                play.set_zone(id, 0);
            }
            play.settle();
        }
        rings
    });
}
