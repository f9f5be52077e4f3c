//! Limits, and what a view takes in memory. What a client sees is tested against a model, beside.

#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]
use super::*;
use crate::Config;
use crate::config::{InterestPermission, Limits};
use alloc::sync::Arc;
use alloc::vec;
use dc::{Options, Schema, Source};
use runtime::{ListenerId, Now};
use wire::client::{ToClient, Zones};
use wire::dialect::Dialect;
use wire::ids::Zone;
use wire::state_server::{Entry, Location};

fn terms(dialect: Dialect, limits: Limits) -> Terms {
    let source = Source { name: "none.dc".into(), text: "dclass DistributedNode {};".into() };
    let schema = Schema::load(&[source], Options::default()).expect("the class is sound");
    let config = Config {
        listener: ListenerId(0),
        version: "dev".into(),
        dc_hash: 0,
        channels: Channel(1000)..=Channel(1009),
        schema: Arc::new(schema),
        uberdogs: vec![],
        relocate: false,
        add_interest: InterestPermission::Enabled,
        send_hash: true,
        send_version: true,
        heartbeat_ms: 0,
        interest_ms: 500,
        limits,
        hash_seeds: [1, 2, 3, 4],
    };
    Terms::new(dialect, &config)
}

const PARENT: DoId = DoId(5000);
const BY: By = By::Client { context: 1 };

fn entry(do_id: u32, zone: u32) -> Entry<'static> {
    let location = Location { parent: PARENT, zone: Zone(zone) };
    Entry { do_id: DoId(do_id), location, dclass: ClassId(0), has_other: false, fields: &[] }
}

fn zones(count: u32) -> Vec<[u8; 4]> {
    (0..count).map(u32::to_le_bytes).collect()
}

/// Opens an interest in so many zones; how many actions that took.
fn open(view: &mut View, terms: &Terms, id: u16, count: u32) -> Result<usize, OverLimit> {
    let mut actions = 0;
    let zones = zones(count);
    view.add_interest(terms, Now(0), (id, BY), (PARENT, Zones(&zones)), &mut |_| actions += 1)?;
    Ok(actions)
}

#[test]
fn what_is_over_a_limit_changes_nothing() {
    let limits = Limits { interests_max: 2, zones_max: 5, ..Limits::default() };
    let terms = terms(Dialect::OpenOtp, limits);
    let mut view = View::default();
    assert!(open(&mut view, &terms, 1, 3).is_ok());
    assert_eq!(open(&mut view, &terms, 2, 3), Err(OverLimit::Zones));
    assert!(open(&mut view, &terms, 1, 5).is_ok(), "its old zones make room");
    assert!(open(&mut view, &terms, 2, 0).is_ok());
    assert_eq!(open(&mut view, &terms, 3, 0), Err(OverLimit::Interests));
    assert_eq!(open(&mut view, &terms, 2, 1), Err(OverLimit::Zones));
}

/// A client cannot pile up questions by changing its mind.
#[test]
fn changes_that_wait_are_limited_as_interests_are() {
    for dialect in Dialect::ALL {
        let terms = terms(dialect, Limits { interests_max: 4, ..Limits::default() });
        let mut view = View::default();
        let mut changes = (1..=100).map(|count| open(&mut view, &terms, 1, count % 2 + 1));
        assert!(changes.any(|change| change == Err(OverLimit::Interests)), "{dialect:?}");
    }
}

#[test]
fn an_object_over_the_limit_is_not_shown() {
    let terms = terms(Dialect::OpenOtp, Limits { objects_max: 1, ..Limits::default() });
    let mut view = View::default();
    open(&mut view, &terms, 1, 1).unwrap();
    view.entered(&terms, &entry(7, 0), &mut |_| ());
    for seen in [entry(8, 0), entry(8, 0)] {
        view.entered(&terms, &seen, &mut |action| {
            assert_eq!(action, Action::NotShown(DoId(8)));
        });
    }
    view.owner_entered(&terms, &entry(8, 0), &mut |action| {
        assert_eq!(action, Action::NotShown(DoId(8)));
    });
    assert!(view.sees(terms.key(DoId(7))) && !view.sees(terms.key(DoId(8))));
}

/// It may have changed before anybody listened there.
#[test]
fn what_comes_while_its_zone_is_asked_for_is_shown_anew_when_it_answers() {
    for dialect in Dialect::ALL {
        let terms = terms(dialect, Limits::default());
        let (mut view, mut context, mut told) = (View::default(), 0, Vec::new());
        let all = (PARENT, Zones(&[[0; 4]]));
        view.add_interest(&terms, Now(0), (1, BY), all, &mut |action| {
            if let Action::Ask { context: asked, .. } = action {
                context = asked;
            }
        })
        .unwrap();
        let mut note = |action: Action<'_>| match action {
            Action::Tell(ToClient::Enter(_)) => told.push("enters"),
            Action::Tell(ToClient::Leaving { .. }) => told.push("leaves"),
            _ => panic!("{action:?}"),
        };
        view.entered(&terms, &entry(7, 0), &mut note);
        view.answered(&terms, Now(0), context, &entry(7, 0), &mut note);
        view.entered(&terms, &entry(7, 0), &mut note);
        assert_eq!(told, ["enters", "leaves", "enters"]);
    }
}

/// What was said of it where it was before may not have been heard.
#[test]
fn what_moves_while_its_zone_is_asked_for_is_shown_anew_where_it_comes() {
    for (dialect, is_owned, is_done) in cases() {
        let terms = terms(dialect, Limits::default());
        let (mut view, mut asked, mut told) = (View::default(), vec![], vec![]);
        // Zone 1 is answered for, zone 0 is not.
        for zone in [1, 0_u32] {
            let zones = [zone.to_le_bytes()];
            let all = (PARENT, Zones(&zones));
            let mut note = |action: Action<'_>| note(action, &mut asked, &mut 0);
            view.add_interest(&terms, Now(0), (zone as u16, BY), all, &mut note).unwrap();
            if zone == 1 {
                done(&mut view, &terms, &asked[0], &mut |_| ());
            }
        }
        let mut say = |action: Action<'_>| match action {
            Action::Tell(ToClient::Enter(_)) => told.push("enters"),
            Action::Tell(ToClient::Location { .. }) => told.push("moves"),
            Action::Tell(ToClient::Leaving { .. }) => told.push("leaves"),
            Action::Tell(ToClient::EnterOwner(_) | ToClient::DoneInterestResp { .. })
            | Action::Locate { .. } => (),
            _ => panic!("{action:?}"),
        };
        if is_owned {
            view.owner_entered(&terms, &entry(7, 0), &mut say);
        }
        view.entered(&terms, &entry(7, 0), &mut say);
        if is_done {
            done(&mut view, &terms, &asked[1], &mut say);
        }
        let there = Location { parent: PARENT, zone: Zone(1) };
        view.moved(&terms, DoId(7), there, &mut say);
        view.entered(&terms, &entry(7, 1), &mut say);
        view.entered(&terms, &entry(7, 1), &mut say);
        // In `openotp` what is owned does not leave its owner.
        let expected: &[&str] = match (dialect, is_owned) {
            (Dialect::OpenOtp, true) => &["enters", "moves", "enters"],
            _ => &["enters", "moves", "leaves", "enters"],
        };
        assert_eq!(told, expected, "{dialect:?}, owned: {is_owned}, done: {is_done}");
    }
}

/// Each dialect; what is owned and what is not; before and after the zone was answered for.
fn cases() -> impl Iterator<Item = (Dialect, bool, bool)> {
    let flags = [(false, false), (false, true), (true, false), (true, true)];
    Dialect::ALL.into_iter().flat_map(move |dialect| flags.map(|(a, b)| (dialect, a, b)))
}

/// A question is answered by nobody.
fn done(view: &mut View, terms: &Terms, asked: &(u32, Vec<[u8; 4]>), sink: &mut Sink<'_>) {
    let (context, zones) = asked;
    view.counted(terms, Now(0), *context, 0, sink);
    view.zones_done(terms, Now(0), PARENT, Zones(zones), sink);
}

/// The channels of their locations would be somebody's own, or have another meaning.
#[test]
fn below_nobody_and_reserved_parents_nothing_is_listened_to() {
    let reserved = [(Dialect::OpenOtp, vec![0, 4001, 4030]), (Dialect::Astron, vec![0, 1, 2, 999])];
    for (dialect, parents) in reserved {
        let terms = terms(dialect, Limits::default());
        for parent in parents {
            let mut view = View::default();
            let (parent, zones) = (DoId(parent), zones(2));
            let done = ToClient::DoneInterestResp { context: 1, interest: 1 };
            let all = (parent, Zones(&zones));
            view.add_interest(&terms, Now(0), (1, BY), all, &mut |action| {
                assert_eq!(action, Action::Tell(done));
            })
            .unwrap();
        }
    }
}

#[test]
fn more_zones_than_fit_in_a_datagram_are_asked_for_in_several() {
    for dialect in Dialect::ALL {
        let limits = Limits { zones_max: 20_000, ..Limits::default() };
        let terms = terms(dialect, limits);
        let mut view = View::default();
        let (mut asked, mut done, zones) = (vec![], 0, zones(20_000));
        let all = (PARENT, Zones(&zones));
        view.add_interest(&terms, Now(0), (1, BY), all, &mut |action| {
            note(action, &mut asked, &mut done);
        })
        .unwrap();
        for at in 0..3 {
            assert_eq!(done, 0);
            let (context, some) = asked[at].clone();
            let mut sink = |action: Action<'_>| note(action, &mut asked, &mut done);
            match dialect {
                Dialect::OpenOtp => {
                    view.zones_done(&terms, Now(0), PARENT, Zones(&some), &mut sink);
                }
                Dialect::Astron => view.counted(&terms, Now(0), context, 0, &mut sink),
            }
        }
        assert_eq!(done, 1);
        assert!(asked.iter().all(|(_, zones)| zones.len() <= 8192));
        assert_eq!(asked.iter().map(|(_, zones)| zones.len()).sum::<usize>(), 20_000);
    }
}

fn note(action: Action<'_>, asked: &mut Vec<(u32, Vec<[u8; 4]>)>, done: &mut u32) {
    match action {
        Action::Ask { context, zones, .. } => asked.push((context, zones.0.to_vec())),
        Action::Tell(ToClient::DoneInterestResp { .. }) => *done += 1,
        _ => (),
    }
}

#[test]
fn the_last_objects_that_left_are_remembered() {
    let terms = terms(Dialect::Astron, Limits::default());
    let mut view = View::default();
    for do_id in 0..2000 {
        view.owner_entered(&terms, &entry(do_id, 0), &mut |_| ());
        view.owner_changed(&terms, DoId(do_id), &mut |_| ());
    }
    assert!(!view.was_known(DoId(975)) && view.was_known(DoId(976)));
    assert!(view.was_known(DoId(1999)) && !view.was_known(DoId(2000)));
}

#[test]
fn few_bytes_are_kept_of_each_object() {
    assert!(size_of::<View>() <= 128, "{}", size_of::<View>());
    let terms = terms(Dialect::OpenOtp, Limits::default());
    let mut view = View::default();
    open(&mut view, &terms, 1, 1).unwrap();
    (1..=50).for_each(|do_id| view.entered(&terms, &entry(do_id, 0), &mut |_| ()));
    let bytes = view.objects.bytes();
    assert!(bytes <= 1200, "{bytes}");
    view.remove_interest(&terms, (1, BY), &mut |_| ()).unwrap();
    assert_eq!(view.objects.bytes(), 0, "all have left");
}
