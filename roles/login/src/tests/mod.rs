//! The LoginManager in a small park.

mod world;

use crate::{Counts, Input};
use wire::ids::{Channel, DoId, Zone};
use wire::state_server::Location;
use world::{Client, PARK, Present, UBERDOG, World, text, update};

const WELCOME: Option<u8> = Some(0);
const WRONG: Option<u8> = Some(1);
const LATER: Option<u8> = Some(2);
const ENTRANCE: Location = Location { parent: PARK, zone: Zone(1) };

/// The visitor that a client was told to be.
fn visitor(world: &World, client: u64) -> DoId {
    world.clients[&client].results.last().unwrap().2
}

fn anna() -> World {
    let mut world = World::new(|_| ());
    assert_eq!(world.login(1, "Anna", "sesame"), WELCOME);
    world
}

#[test]
fn a_new_name_becomes_an_account_with_a_visitor() {
    let world = anna();
    let (accounts, visitors) = (world.all("Account"), world.all("Visitor"));
    assert_eq!((accounts.len(), visitors.len()), (1, 1));
    let value = |id: DoId, class, field| world.value(id, class, field).unwrap().to_vec();
    assert_eq!(value(accounts[0], "Account", "setPassword"), text("#sesame"));
    assert_eq!(value(accounts[0], "Account", "setVisitor"), visitors[0].0.to_le_bytes());
    assert_eq!(value(visitors[0], "Visitor", "setAccount"), accounts[0].0.to_le_bytes());
    assert_eq!(value(visitors[0], "Visitor", "setName"), text("Anna"));
    let client = &world.clients[&1];
    assert_eq!(client.results, [(0, "welcome".into(), visitors[0])]);
    assert_eq!((client.state, &client.declared[..]), (2, &[PARK][..]));
    assert_eq!(client.session_objects, [visitors[0]]);
    assert_eq!(world.present[&visitors[0]], Present { owner: Channel(1), location: ENTRANCE });
}

#[test]
fn who_is_known_needs_his_password() {
    let mut world = anna();
    let known = visitor(&world, 1);
    world.leave(1);
    assert!(world.present.is_empty());
    assert_eq!(world.login(2, "Anna", "Sesame"), WRONG);
    assert_eq!((world.clients[&2].state, world.present.len()), (0, 0));
    assert_eq!(world.login(2, "Anna", "sesame"), WELCOME);
    assert_eq!(visitor(&world, 2), known);
    assert_eq!(world.all("Account").len(), 1);
    let Counts { asked, welcomed, registered, wrong_passwords, .. } = world.counts();
    assert_eq!((asked, welcomed, registered, wrong_passwords), (3, 2, 1, 1));
}

#[test]
fn a_visitor_is_one_client_at_a_time() {
    let mut world = anna();
    let known = visitor(&world, 1);
    assert_eq!(world.login(2, "Anna", "sesame"), WELCOME);
    let ejected = (100, "logged in elsewhere".to_owned());
    assert_eq!(world.clients[&1].ejected, Some(ejected.clone()));
    assert_eq!(world.present[&known], Present { owner: Channel(2), location: ENTRANCE });
    // And the other way round.
    assert_eq!(world.login(3, "Anna", "sesame"), WELCOME);
    assert_eq!(world.clients[&2].ejected, Some(ejected));
    assert_eq!(world.present[&known].owner, Channel(3));
    assert_eq!((world.counts().replaced, world.counts().visitors), (2, 1));
}

#[test]
fn of_several_who_are_one_the_last_one_stays() {
    let mut world = anna();
    // All of them are known to be Anna before the first of them is told to go.
    world.hashing_waits = true;
    (2..6).for_each(|client| assert_eq!(world.login(client, "Anna", "sesame"), None));
    world.hashing_waits = false;
    world.mail_waits = true;
    world.run();
    world.mail_waits = false;
    world.run();
    let stays: Vec<u64> = (1..6).filter(|client| world.clients[client].ejected.is_none()).collect();
    assert_eq!(stays, [5]);
    assert_eq!(world.present[&visitor(&world, 1)].owner, Channel(5));
    assert!((2..6).all(|client| world.clients[&client].results[0].0 == 0));
    assert_eq!(world.counts().not_left, 0);
}

#[test]
fn who_is_ejected_and_stays_is_waited_for_only_so_long() {
    let mut world = anna();
    world.clients_are_stubborn = true;
    assert_eq!(world.login(2, "Anna", "sesame"), None);
    world.pass(2900);
    assert!(world.clients[&2].results.is_empty());
    world.pass(200);
    assert_eq!(world.clients[&2].results[0].0, 0);
    // When the first one goes after all, the second one stays.
    world.clients.get_mut(&1).unwrap().session_objects.clear();
    world.leave(1);
    assert_eq!(world.present[&visitor(&world, 2)].owner, Channel(2));
    assert_eq!(world.counts().not_left, 1);
}

#[test]
fn two_who_bring_the_same_new_name_get_one_account() {
    for (second, expected) in [("sesame", 0), ("poppy", 1)] {
        let mut world = World::new(|_| ());
        for (client, password) in [(1, "sesame"), (2, second)] {
            world.clients.entry(client).or_default();
            world.ask(client, "Anna", password);
        }
        world.run();
        assert_eq!((world.all("Account").len(), world.all("Visitor").len()), (1, 1));
        assert_eq!(world.clients[&1].results[0].0, 0);
        assert_eq!(world.clients[&2].results[0].0, expected);
        assert_eq!(world.counts().registered, 1);
    }
}

#[test]
fn who_registers_and_leaves_has_an_account_and_no_visitor_in_the_park() {
    let mut world = World::new(|_| ());
    world.hashing_waits = true;
    assert_eq!(world.login(1, "Anna", "sesame"), None);
    world.leave(1);
    world.hashing_waits = false;
    world.run();
    assert_eq!((world.all("Account").len(), world.all("Visitor").len()), (1, 1));
    assert!(world.present.is_empty() && world.clients[&1].results.is_empty());
    assert_eq!(world.login(2, "Anna", "sesame"), WELCOME);
    assert_eq!((world.counts().gone, world.counts().guests), (1, 1));
}

#[test]
fn who_gets_the_channel_of_one_who_registered_needs_the_password() {
    let mut world = World::new(|_| ());
    world.hashing_waits = true;
    assert_eq!(world.login(1, "Anna", "sesame"), None);
    world.leave(1);
    world.clients.insert(1, Default::default());
    assert_eq!(world.login(1, "Anna", "poppy"), None);
    world.hashing_waits = false;
    world.run();
    assert_eq!(world.clients[&1].results.iter().map(|result| result.0).collect::<Vec<_>>(), [1]);
    assert!(world.present.is_empty());
}

#[test]
fn who_was_gone_before_he_was_heard_leaves_nothing() {
    let mut world = anna();
    world.leave(1);
    world.clients.entry(2).or_default().is_gone = true;
    assert_eq!(world.login(2, "Anna", "sesame"), None);
    assert!(world.present.is_empty());
    let Counts { under_way, guests, visitors, gone, .. } = world.counts();
    assert_eq!((under_way, guests, visitors, gone), (0, 0, 0, 1));
}

#[test]
fn an_account_without_a_visitor_gets_one() {
    let mut world = World::new(|_| ());
    let account = world.store_account("Anna", Some("#sesame"));
    assert_eq!(world.login(1, "Anna", "poppy"), WRONG);
    assert!(world.all("Visitor").is_empty());
    assert_eq!(world.login(1, "Anna", "sesame"), WELCOME);
    let visitor = visitor(&world, 1);
    assert_eq!(world.all("Visitor"), [visitor]);
    let of = world.value(visitor, "Visitor", "setAccount").unwrap();
    assert_eq!(of, account.0.to_le_bytes());
    assert_eq!(world.counts().registered, 0);
}

#[test]
fn a_visitor_that_somebody_else_has_made_meanwhile_is_taken() {
    let mut world = World::new(|_| ());
    let account = world.store_account("Anna", Some("#sesame"));
    world.hashing_waits = true;
    assert_eq!(world.login(1, "Anna", "sesame"), None);
    let field = world.field("Account", "setVisitor").0;
    world.stored.get_mut(&account).unwrap().1.insert(field, vec![77, 0, 0, 0]);
    world.hashing_waits = false;
    world.run();
    assert_eq!(visitor(&world, 1), DoId(77));
    assert!(world.all("Visitor").is_empty(), "the one that was made is deleted again");
}

#[test]
fn an_account_without_a_password_lets_nobody_in() {
    let mut world = World::new(|_| ());
    world.store_account("Anna", None);
    world.store_account("Bert", Some("no hash"));
    assert_eq!(world.login(1, "Anna", "sesame"), WRONG);
    assert_eq!(world.login(1, "Bert", "no hash"), LATER);
    assert_eq!(world.counts().failed, 1);
}

#[test]
fn a_name_that_nobody_has_looks_like_a_wrong_password() {
    let mut world = World::new(|config| config.register = false);
    world.store_account("Anna", Some("#sesame"));
    // As many passwords are verified.
    world.hashing_waits = true;
    for (client, name) in [(1, "Anna"), (2, "Bert")] {
        assert_eq!(world.login(client, name, "poppy"), None);
        assert_eq!(world.jobs.len(), client as usize);
    }
    world.hashing_waits = false;
    world.run();
    assert_eq!(world.clients[&1].results, world.clients[&2].results);
    assert_eq!(world.all("Account").len(), 1);
    assert_eq!(world.counts().wrong_passwords, 2);
}

#[test]
fn who_guesses_is_ejected() {
    let mut world = World::new(|_| ());
    world.store_account("Anna", Some("#sesame"));
    for guess in ["a", "b", "c", "d"] {
        assert_eq!(world.login(1, "Anna", guess), WRONG);
    }
    assert_eq!(world.clients[&1].ejected, None);
    assert_eq!(world.login(1, "Anna", "e"), WRONG);
    assert_eq!(world.clients[&1].ejected, Some((100, "too many wrong passwords".into())));
    // Another client that gets the same channel begins anew.
    world.clients.remove(&1);
    assert_eq!(world.login(1, "Anna", "f"), WRONG);
    assert_eq!(world.clients[&1].ejected, None);
}

#[test]
fn a_client_logs_in_once() {
    let mut world = World::new(|_| ());
    world.database_waits = true;
    assert_eq!(world.login(1, "Anna", "sesame"), None);
    assert_eq!(world.login(1, "Bert", "sesame"), LATER);
    world.database_waits = false;
    world.run();
    assert_eq!(world.clients[&1].results.last().unwrap().0, 0);
    assert_eq!(world.login(1, "Anna", "sesame"), LATER);
    assert_eq!(world.clients[&1].ejected, None);
    assert_eq!(world.counts().repeated, 2);
}

#[test]
fn a_database_that_does_not_answer_is_not_waited_for() {
    let mut world = World::new(|_| ());
    world.database_waits = true;
    assert_eq!(world.login(1, "Anna", "sesame"), None);
    world.pass(14_900);
    assert!(world.clients[&1].results.is_empty());
    world.pass(200);
    assert_eq!(world.clients[&1].results[0].0, 2);
    assert_eq!((world.counts().late, world.counts().under_way), (1, 0));
    // What it answers later is for nobody.
    world.database_waits = false;
    world.run();
    assert_eq!((world.clients[&1].results.len(), world.all("Account").len()), (1, 0));
    assert_eq!(world.login(1, "Anna", "sesame"), WELCOME);
}

#[test]
fn a_registration_that_the_database_is_slow_with_still_makes_one_account() {
    let mut world = World::new(|_| ());
    world.hashing_waits = true;
    assert_eq!(world.login(1, "Anna", "sesame"), None);
    (world.hashing_waits, world.database_waits) = (false, true);
    world.run();
    world.pass(15_100);
    assert_eq!(world.clients[&1].results[0].0, 2);
    assert_eq!(world.counts().registrations, 1, "the account may be created still");
    world.ask(2, "Anna", "sesame");
    world.clients.entry(2).or_default();
    world.database_waits = false;
    world.run();
    assert_eq!((world.all("Account").len(), world.clients[&2].results[0].0), (1, 0));
    world.pass(60_000);
    assert_eq!(world.counts().registrations, 0);
}

#[test]
fn a_registration_does_not_wait_for_ever() {
    let mut world = World::new(|_| ());
    world.hashing_waits = true;
    assert_eq!(world.login(1, "Anna", "sesame"), None);
    world.pass(60_100);
    assert_eq!(world.counts().registrations, 0);
    assert_eq!(world.clients[&1].results.len(), 1);
}

#[test]
fn a_database_that_creates_nothing_is_said() {
    let mut world = World::new(|_| ());
    world.database_is_full = true;
    assert_eq!(world.login(1, "Anna", "sesame"), LATER);
    world.database_is_full = false;
    assert_eq!(world.login(1, "Anna", "sesame"), WELCOME);
}

#[test]
fn what_is_full_is_busy() {
    let mut world = World::new(|config| {
        config.limits.logins_max = 2;
        config.limits.hash_queue_max = 1;
        config.limits.clients_max = 3;
    });
    world.store_account("Anna", Some("#sesame"));
    world.store_account("Dora", Some("#sesame"));
    world.hashing_waits = true;
    assert_eq!(world.login(1, "Anna", "sesame"), None);
    assert_eq!(world.login(2, "Dora", "sesame"), LATER, "a password waits already");
    world.database_waits = true;
    assert_eq!(world.login(2, "Dora", "sesame"), None);
    assert_eq!(world.login(3, "Anna", "sesame"), LATER, "two logins are under way");
    world.hashing_waits = false;
    world.run();
    world.database_waits = false;
    world.run();
    assert_eq!(world.login(3, "Bert", "sesame"), WELCOME);
    assert_eq!(world.login(4, "Carl", "sesame"), LATER, "there are three clients");
    assert_eq!(world.counts().busy, 3);
    world.leave(3);
    assert_eq!(world.login(4, "Carl", "sesame"), WELCOME);
    assert_eq!(world.counts().hashing, 0);
}

#[test]
fn names_and_messages_that_are_none_are_refused() {
    let mut world = World::new(|_| ());
    let login = world.field("LoginManager", "login");
    let bare = [text("Anna"), text("")].concat();
    let long = [text(&"a".repeat(65)), text("sesame")].concat();
    let more = [text("Anna"), text("sesame"), vec![0]].concat();
    let no_text = [vec![1, 0, 0xff], text("sesame")].concat();
    for value in [&bare[..], &long, &more, &no_text, &[]] {
        world.hear(&update(1, UBERDOG, login, value));
    }
    assert_eq!((world.counts().malformed, world.counts().guests), (5, 0));
    // Others' business.
    world.hear(&update(1, DoId(7), login, &[text("Anna"), text("sesame")].concat()));
    world.hear(&update(0, UBERDOG, login, &[text("Anna"), text("sesame")].concat()));
    assert_eq!(world.counts().guests, 0);
    // Every beginning of a datagram.
    let whole = update(1, UBERDOG, login, &[text("Anna"), text("sesame")].concat());
    (0..whole.len()).for_each(|end| world.hear(&whole[..end]));
    assert_eq!((world.counts().guests, world.all("Account").len()), (0, 0));
}

#[test]
fn the_park_is_created_if_it_is_not_there() {
    let mut world = World::without_link(|_| ());
    world.state_server_is_there = false;
    world.step(Input::Linked);
    world.ask(1, "Anna", "sesame");
    world.clients.entry(1).or_default();
    world.pass(900);
    assert_eq!(world.clients[&1].results.len(), 0, "there is nothing to be let into");
    world.state_server_is_there = true;
    world.pass(200);
    assert_eq!((world.parks_created, world.clients[&1].results[0].0), (1, 0));
    world.pass(5000);
    assert_eq!(world.parks_created, 1);
    // Another link: it is there.
    world.step(Input::Unlinked);
    world.step(Input::Linked);
    world.pass(5000);
    assert_eq!(world.parks_created, 1);
    // And another: it is gone.
    world.step(Input::Unlinked);
    world.park_stands = false;
    world.step(Input::Linked);
    world.pass(5000);
    assert_eq!(world.parks_created, 2);
}

#[test]
fn a_link_that_breaks_ends_logins_and_no_sessions() {
    let mut world = anna();
    world.database_waits = true;
    assert_eq!(world.login(2, "Bert", "sesame"), None);
    world.step(Input::Unlinked);
    assert_eq!((world.counts().under_way, world.counts().visitors), (0, 1));
    // Anna leaves, and nobody hears it.
    let client = world.clients.get_mut(&1).unwrap();
    (client.is_gone, client.post_removes) = (true, Vec::new());
    world.present.clear();
    world.step(Input::Linked);
    world.database_waits = false;
    world.run();
    assert_eq!(world.clients[&2].results, [(2, "not possible at the moment".into(), DoId(0))]);
    assert_eq!((world.counts().visitors, world.counts().guests), (0, 0));
    assert_eq!(world.login(2, "Anna", "sesame"), WELCOME);
    assert_eq!(world.counts().replaced, 0);
}

/// Its Client Agent deleted the visitor, and gave the channel to somebody else.
#[test]
fn who_gets_the_channel_of_one_who_left_unheard_is_not_taken_for_him() {
    let mut world = anna();
    assert_eq!(world.login(3, "Carl", "sesame"), WELCOME);
    assert_eq!(world.login(5, "Anna", "wrong"), WRONG);
    let (anna, carl) = (visitor(&world, 1), visitor(&world, 3));
    world.step(Input::Unlinked);
    world.present.remove(&anna);
    for client in [1, 5] {
        world.clients.insert(client, Client::default());
    }
    world.step(Input::Linked);
    // It is not known yet.
    assert_eq!(world.login(1, "Bert", "sesame"), LATER);
    assert_eq!(world.login(6, "Anna", "sesame"), None);
    world.pass(11_900);
    assert!(world.clients[&6].results.is_empty());
    world.pass(200);
    assert_eq!(world.clients[&6].results[0].0, 0);
    assert_eq!(world.clients[&1].ejected, None, "it was never Anna");
    assert_eq!(world.login(1, "Bert", "sesame"), WELCOME);
    for _ in 0..4 {
        assert_eq!(world.login(5, "Anna", "wrong"), WRONG);
    }
    assert_eq!(world.clients[&5].ejected, None, "the first one was somebody else's");
    // Carl has been there all the time.
    assert_eq!(world.present[&carl].owner, Channel(3));
    assert_eq!((world.counts().visitors, world.counts().replaced), (3, 0));
}

/// However long a second login may wait, and however long nobody had time for the first question.
#[test]
fn who_does_not_say_at_once_that_he_is_there_is_asked_again() {
    for stall_ms in [0, 3_600_000] {
        let mut world = World::new(|config| config.limits.takeover_ms = 0);
        assert_eq!(world.login(1, "Anna", "sesame"), WELCOME);
        let anna = visitor(&world, 1);
        world.step(Input::Unlinked);
        world.visitors_are_silent = true;
        world.step(Input::Linked);
        world.pass(5000);
        assert_eq!(world.counts().visitors, 1);
        world.visitors_are_silent = false;
        world.now_ms += stall_ms;
        world.pass(60_000);
        assert_eq!(world.present[&anna], Present { owner: Channel(1), location: ENTRANCE });
        assert_eq!((world.counts().visitors, world.counts().gone), (1, 0));
        assert_eq!(world.clients[&1].ejected, None);
    }
}

#[test]
fn a_park_that_does_not_answer_is_not_waited_for() {
    let mut world = World::without_link(|_| ());
    world.state_server_is_there = false;
    world.step(Input::Linked);
    assert_eq!(world.login(1, "Anna", "sesame"), None);
    world.pass(15_100);
    assert_eq!(world.clients[&1].results[0].0, 2);
}

#[test]
fn a_visitor_that_does_not_arrive_is_not_waited_for() {
    let mut world = World::new(|_| ());
    world.visitors_are_silent = true;
    assert_eq!(world.login(1, "Anna", "sesame"), WELCOME);
    world.pass(14_900);
    assert_eq!(world.clients[&1].ejected, None);
    world.pass(200);
    let why = "your visitor does not arrive, try again later".to_owned();
    assert_eq!(world.clients[&1].ejected, Some((100, why)));
    assert_eq!((world.counts().not_arrived, world.counts().visitors), (1, 0));
    world.visitors_are_silent = false;
    assert_eq!(world.login(2, "Anna", "sesame"), WELCOME);
    world.pass(20_000);
    assert_eq!((world.clients[&2].ejected.clone(), world.counts().not_arrived), (None, 1));
}
