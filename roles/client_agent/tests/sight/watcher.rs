//! One client: what it was told, whether that made sense, and what it must see in the end.

use std::collections::{BTreeMap, BTreeSet};
use wire::client::{self, ToClient};
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::DoId;
use wire::state_server::Location;

/// What a client looks at and has been told.
pub struct Watcher {
    dialect: Dialect,
    interests: BTreeMap<u16, Vec<Location>>,
    seen: BTreeMap<DoId, Location>,
    owned: BTreeSet<DoId>,
    /// Changes of interests that have not been told to be done.
    waiting: BTreeSet<(u32, u16)>,
}

impl Watcher {
    pub fn new(dialect: Dialect) -> Watcher {
        Watcher {
            dialect,
            interests: BTreeMap::new(),
            seen: BTreeMap::new(),
            owned: BTreeSet::new(),
            waiting: BTreeSet::new(),
        }
    }

    pub fn look(&mut self, interest: u16, context: u32, zones: Vec<Location>) {
        self.interests.insert(interest, zones);
        self.waiting.insert((context, interest));
    }

    /// It closes an interest; whether it has that.
    pub fn look_away(&mut self, interest: u16, context: u32) -> bool {
        let has_it = self.interests.remove(&interest).is_some();
        if has_it {
            self.waiting.insert((context, interest));
        }
        has_it
    }

    pub fn hear(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((frame, behind)) = framing::split_frame(rest) {
            rest = behind;
            let (msgtype, payload) = client::split(framing::body(frame)).unwrap();
            self.told(ToClient::decode(self.dialect, msgtype, payload).unwrap());
        }
    }

    fn told(&mut self, message: ToClient<'_>) {
        let openotp = self.dialect == Dialect::OpenOtp;
        match message {
            ToClient::Enter(entry) => {
                let before = self.seen.insert(entry.do_id, entry.location);
                // In `openotp` what is its own leaves its sight without a word.
                let may_be_back = openotp && self.owned.contains(&entry.do_id);
                assert!(before.is_none() || may_be_back, "{entry:?} enters once");
            }
            ToClient::Leaving { do_id } => {
                let was_seen = self.seen.remove(&do_id).is_some();
                let was_owned = openotp && self.owned.remove(&do_id);
                assert!(was_seen || was_owned, "{do_id} was seen");
            }
            ToClient::EnterOwner(entry) => {
                let is_new = self.owned.insert(entry.do_id);
                // In `openotp` it is not told that what it sees is not its own any more.
                assert!(is_new || openotp, "{entry:?} is owned once");
            }
            ToClient::LeavingOwner { do_id } => {
                assert!(self.owned.remove(&do_id), "{do_id} was owned");
            }
            ToClient::Location { do_id, location } => {
                if let Some(at) = self.seen.get_mut(&do_id) {
                    *at = location;
                }
            }
            ToClient::DoneInterestResp { context, interest } => {
                assert!(self.waiting.remove(&(context, interest)), "{context} is done once");
            }
            _ => panic!("{message:?} was not to be said"),
        }
    }

    /// Nothing is under way any more.
    pub fn check(&self, me: usize, objects: &BTreeMap<DoId, (Location, Option<usize>)>) {
        assert!(self.waiting.is_empty(), "client {me} waits for {:?}", self.waiting);
        let wanted: BTreeSet<Location> = self.interests.values().flatten().copied().collect();
        for (do_id, &(location, owner)) in objects {
            let is_wanted = wanted.contains(&location);
            match self.seen.get(do_id) {
                Some(&shown) => {
                    let stays = self.dialect == Dialect::OpenOtp && owner == Some(me);
                    assert!(is_wanted || stays, "{do_id} is out of sight of {me}");
                    assert_eq!(shown, location, "{do_id} is where it is shown to {me}");
                }
                None => assert!(!is_wanted, "{do_id} at {location:?} is in sight of {me}"),
            }
            if owner == Some(me) {
                assert!(self.owned.contains(do_id), "{do_id} is owned by {me}");
            } else if self.dialect == Dialect::Astron {
                assert!(!self.owned.contains(do_id), "{do_id} is not owned by {me}");
            }
        }
        let gone = self.seen.keys().find(|do_id| !objects.contains_key(do_id));
        assert_eq!(gone, None, "it is gone and {me} sees it");
    }
}
