//! Random clients in a random world, against plain maps: what a view tells its client and asks of
//! the cluster is what [`client`] says it must, whatever order things come in that a cluster may
//! have them come in ([`cluster`]).
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

mod client;
mod cluster;

use client::Client;
use client_agent::view::{Sink, Terms, View};
use client_agent::{Config, InterestPermission, Limits};
use cluster::{Cluster, Message};
use dc::{Options, Schema, Source};
use proptest::prelude::*;
use runtime::{ListenerId, Now};
use std::sync::{Arc, LazyLock};
use wire::client::Zones;
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId, Zone};
use wire::state_server::Location;

static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let source = Source::new("none.dc".to_owned(), b"dclass DistributedNode {};").unwrap();
    Arc::new(Schema::load(&[source], Options::default()).unwrap())
});

const INTEREST_MS: u64 = 500;
const PARENTS: u32 = 3;
const ZONES: u32 = 4;
const OBJECTS: u32 = 8;

fn terms(dialect: Dialect) -> Terms {
    let config = Config {
        listener: ListenerId(0),
        version: "dev".to_owned(),
        dc_hash: 0,
        channels: Channel(1000)..=Channel(1009),
        schema: SCHEMA.clone(),
        uberdogs: Vec::new(),
        relocate: false,
        add_interest: InterestPermission::Enabled,
        send_hash: true,
        send_version: true,
        heartbeat_ms: 0,
        interest_ms: INTEREST_MS,
        limits: Limits::default(),
        hash_seeds: [1, 2, 3, 4],
    };
    Terms::new(dialect, &config)
}

/// Something that happens.
#[derive(Clone, Debug)]
enum Event {
    /// An interest is opened or altered: its number, by whom, the parent, a bit for each zone.
    Add { interest: u16, by_client: bool, parent: u32, zones: u8 },
    /// An interest is closed.
    Remove { interest: u16, by_client: bool },
    /// An object comes to be, or moves there.
    Put { object: u32, parent: u32, zone: u32 },
    /// An object is deleted.
    Delete { object: u32 },
    /// An object gets an owner: the client, or somebody else.
    Own { object: u32, by_client: bool },
    /// An object becomes one of the session, or is none any more.
    Session { object: u32, is_one: bool },
    /// The cluster takes note of what the view did, so many actions.
    Act { count: u8 },
    /// A parent does not answer what it is asked first.
    Ignore,
    /// The first message of some sender arrives.
    Arrive { sender: u8 },
    /// So much time passes, in milliseconds.
    Pass { ms: u64 },
}

fn event() -> impl Strategy<Value = Event> {
    let (object, parent, zone) = (0..OBJECTS, 0..PARENTS, 0..ZONES);
    prop_oneof![
        4 => (1u16..4, any::<bool>(), parent.clone(), 0u8..16)
            .prop_map(|(interest, by_client, parent, zones)| {
                Event::Add { interest, by_client, parent, zones }
            }),
        2 => (1u16..4, any::<bool>())
            .prop_map(|(interest, by_client)| Event::Remove { interest, by_client }),
        6 => (object.clone(), parent, zone)
            .prop_map(|(object, parent, zone)| Event::Put { object, parent, zone }),
        2 => object.clone().prop_map(|object| Event::Delete { object }),
        2 => (object.clone(), any::<bool>())
            .prop_map(|(object, by_client)| Event::Own { object, by_client }),
        1 => (object, any::<bool>()).prop_map(|(object, is_one)| Event::Session { object, is_one }),
        6 => (1u8..6).prop_map(|count| Event::Act { count }),
        1 => Just(Event::Ignore),
        16 => any::<u8>().prop_map(|sender| Event::Arrive { sender }),
        1 => (1..2 * INTEREST_MS).prop_map(|ms| Event::Pass { ms }),
    ]
}

/// A view, its client and the cluster around them.
struct Run {
    terms: Terms,
    now: Now,
    view: View,
    client: Client,
    cluster: Cluster,
}

impl Run {
    fn new(dialect: Dialect) -> Run {
        Run {
            terms: terms(dialect),
            now: Now(1),
            view: View::default(),
            client: Client::new(dialect),
            cluster: Cluster::new(dialect),
        }
    }

    /// Lets the view do something; its client and the cluster hear what it wants done.
    fn view<T>(&mut self, act: impl FnOnce(&mut View, &Terms, &mut Sink<'_>) -> T) -> T {
        let (client, cluster) = (&mut self.client, &mut self.cluster);
        act(&mut self.view, &self.terms, &mut |action| {
            client.hear(action);
            cluster.note(action);
        })
    }

    fn happen(&mut self, event: &Event) {
        match *event {
            Event::Add { interest, by_client, parent, zones } => {
                let zones: Vec<u32> = (0..ZONES).filter(|zone| zones >> zone & 1 == 1).collect();
                self.add(interest, by_client, cluster::parent(parent), &zones);
            }
            Event::Remove { interest, by_client } => {
                let (by, is_there) = self.client.remove(interest, by_client);
                let removed = self
                    .view(|view, terms, sink| view.remove_interest(terms, (interest, by), sink));
                assert_eq!(removed.is_ok(), is_there);
                self.client.removed(interest);
            }
            Event::Put { object, parent, zone } => {
                let location = Location { parent: cluster::parent(parent), zone: Zone(zone) };
                self.cluster.put(cluster::object(object), location);
            }
            Event::Delete { object } => self.cluster.delete(cluster::object(object)),
            Event::Own { object, by_client } => {
                self.cluster.own(cluster::object(object), by_client);
            }
            Event::Session { object, is_one } => {
                let do_id = cluster::object(object);
                self.client.session(do_id, is_one);
                match is_one {
                    true => self.view.add_session_object(&self.terms, do_id).unwrap(),
                    false => self.view.remove_session_object(do_id),
                }
            }
            Event::Act { count } => (0..count).for_each(|_| self.cluster.act()),
            Event::Ignore => self.cluster.ignore_next(),
            Event::Arrive { sender } => self.arrive(sender),
            Event::Pass { ms } => {
                // What the view does is soon known, and what objects say by themselves arrives before
                // long; answers may be late.
                self.cluster.act_all();
                while !self.client.is_ended
                    && let Some(message) = self.cluster.news()
                {
                    self.give(&message);
                    self.cluster.act_all();
                }
                if self.client.is_ended {
                    return;
                }
                self.now = self.now.plus_ms(ms);
                let now = self.now;
                self.client.time = now;
                self.view(|view, terms, sink| view.expired(terms, now, sink));
            }
        }
        if !self.client.is_ended {
            self.look();
        }
    }

    fn add(&mut self, interest: u16, by_client: bool, parent: DoId, zones: &[u32]) {
        let by = self.client.add(interest, by_client, parent, zones);
        let bytes: Vec<[u8; 4]> = zones.iter().map(|zone| zone.to_le_bytes()).collect();
        let now = self.now;
        self.view(|view, terms, sink| {
            view.add_interest(terms, now, (interest, by), (parent, Zones(&bytes)), sink)
        })
        .unwrap();
        self.client.added();
    }

    fn arrive(&mut self, sender: u8) {
        if let Some(message) = self.cluster.arrival(sender) {
            self.give(&message);
        }
    }

    fn give(&mut self, message: &Message) {
        self.client.expect(message);
        let now = self.now;
        self.view(|view, terms, sink| message.give(view, terms, now, sink));
        self.client.arrived(message);
    }

    /// What the view says of objects is what its client was told.
    fn look(&self) {
        for do_id in (0..OBJECTS).map(cluster::object) {
            let key = self.terms.key(do_id);
            assert_eq!(self.view.sees(key), self.client.knows(do_id), "{do_id}");
            assert_eq!(self.view.owns(key), self.client.owned.contains(&do_id), "{do_id}");
        }
    }

    /// All that is under way arrives, and what is not answered is waited for no longer.
    fn settle(&mut self) {
        for _ in 0..3 {
            self.cluster.act_all();
            while self.cluster.is_busy() && !self.client.is_ended {
                self.happen(&Event::Arrive { sender: 0 });
                self.cluster.act_all();
            }
            if !self.client.is_ended {
                self.happen(&Event::Pass { ms: 2 * INTEREST_MS });
            }
        }
        self.client.check_settled(&self.cluster);
    }
}

fn play(dialect: Dialect, events: &[Event]) {
    let mut run = Run::new(dialect);
    for event in events {
        run.happen(event);
        if run.client.is_ended {
            return;
        }
    }
    run.settle();
}

/// It cannot leave and come back, as an object of the session, but what it is like now must be said.
#[test]
fn an_object_of_the_session_that_was_doubted_enters_anew_where_it_goes() {
    let add =
        |interest, zone| Event::Add { interest, by_client: true, parent: 0, zones: 1u8 << zone };
    let put = |zone| Event::Put { object: 0, parent: 0, zone };
    for dialect in [Dialect::OpenOtp, Dialect::Astron] {
        let mut run = Run::new(dialect);
        run.happen(&Event::Session { object: 0, is_one: true });
        // One zone is answered for, the other is heard and not asked for yet.
        run.happen(&add(1, 1));
        run.happen(&Event::Act { count: 2 });
        run.happen(&Event::Arrive { sender: 0 });
        run.happen(&add(2, 0));
        run.happen(&Event::Act { count: 1 });
        run.happen(&put(0));
        run.happen(&put(1));
        // That it entered, that it went, and what it is like there.
        let entered = run.client.entered;
        (0..3).for_each(|_| run.happen(&Event::Arrive { sender: 0 }));
        assert_eq!(run.client.entered, entered + 2, "{dialect:?}");
        run.settle();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

    #[test]
    fn a_client_sees_what_it_is_to_see_in_openotp(
        events in prop::collection::vec(event(), 1..120)
    ) {
        play(Dialect::OpenOtp, &events);
    }

    #[test]
    fn a_client_sees_what_it_is_to_see_in_astron(
        events in prop::collection::vec(event(), 1..120)
    ) {
        play(Dialect::Astron, &events);
    }
}
