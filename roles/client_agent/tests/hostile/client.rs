//! A client as the test knows it: what it was told, and so what it may say and hear.

use crate::SCHEMA;
use crate::world::Party;
use client_agent::InterestPermission;
use std::collections::{BTreeMap, BTreeSet};
use wire::client::{Location, ToClient};
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::{Channel, ClassId, DoId, FieldId};

/// An uberdog that everybody may talk to, and one for those who have logged in.
pub const GATE: DoId = DoId(4665);
pub const COURT: DoId = DoId(4666);
/// Frames that the cluster writes itself begin so: it is no message of the protocol.
pub const RAW: [u8; 2] = [0xee, 0xfe];

/// A client.
#[derive(Debug)]
pub struct Client {
    pub party: Party,
    pub channel: Channel,
    pub sender: Channel,
    pub state: u16,
    pub seen: BTreeMap<DoId, ClassId>,
    pub owned: BTreeMap<DoId, ClassId>,
    /// What it owned before the present step and does not any more.
    pub lost: BTreeSet<DoId>,
    pub declared: BTreeMap<DoId, ClassId>,
    pub sendable: BTreeMap<DoId, BTreeSet<FieldId>>,
    pub session: BTreeSet<DoId>,
    pub opened: BTreeSet<Channel>,
    pub post_removes: Vec<u32>,
    pub interests: BTreeMap<u16, (DoId, Vec<u32>)>,
    /// Parents that it, or the cluster for it, has opened interests below.
    pub parents: BTreeSet<DoId>,
    pub ejected: Option<u16>,
    /// Frames of the cluster that are to come in the present step.
    pub raw: usize,
    /// Nothing is to come in the present step.
    pub is_deaf: bool,
}

impl Client {
    /// One that has just come.
    pub fn new(party: Party) -> Client {
        Client {
            party,
            channel: Channel(0),
            sender: Channel(0),
            state: 0,
            seen: BTreeMap::new(),
            owned: BTreeMap::new(),
            lost: BTreeSet::new(),
            declared: BTreeMap::new(),
            sendable: BTreeMap::new(),
            session: BTreeSet::new(),
            opened: BTreeSet::new(),
            post_removes: Vec::new(),
            interests: BTreeMap::new(),
            parents: BTreeSet::new(),
            ejected: None,
            raw: 0,
            is_deaf: false,
        }
    }

    /// Whether what is sent to a channel is for it.
    pub fn hears(&self, channel: Channel) -> bool {
        channel == self.channel || channel == self.sender || self.opened.contains(&channel)
    }

    /// The class of an object that it knows, and whether it owns it.
    pub fn class_of(&self, do_id: DoId) -> Option<(ClassId, bool)> {
        let class = |name| ClassId(SCHEMA.class_by_name(name).unwrap().id.0);
        let is_owned = self.owned.contains_key(&do_id);
        match do_id {
            GATE => Some((class("Gate"), is_owned)),
            COURT => (self.state == 2).then(|| (class("Court"), is_owned)),
            _ if self.state < 2 => None,
            _ => {
                let owned = self.owned.get(&do_id).map(|&dclass| (dclass, true));
                let seen = self.seen.get(&do_id).or(self.declared.get(&do_id));
                owned.or(seen.map(|&dclass| (dclass, false)))
            }
        }
    }

    /// Whether it may set a field to a value.
    pub fn may_update(&self, do_id: DoId, field: FieldId, value: &[u8]) -> bool {
        let Some((dclass, is_owned)) = self.class_of(do_id) else { return false };
        // In `astron` what a State Server says of an object is shown as it comes.
        let Some(class) = SCHEMA.class_by_number(dclass.0) else { return false };
        let Some(id) = class.field_by_number(field.0) else { return false };
        let keywords: Vec<&str> = SCHEMA.keyword_names(SCHEMA.field(id).keywords).collect();
        let may_send = keywords.contains(&"clsend")
            || (is_owned && keywords.contains(&"ownsend"))
            || self.sendable.get(&do_id).is_some_and(|fields| fields.contains(&field));
        may_send && SCHEMA.check(id, value).is_ok()
    }

    /// Whether it may open an interest below a parent.
    pub fn may_open(&self, permission: InterestPermission, parent: DoId) -> bool {
        let is_visible = [GATE, COURT].contains(&parent) || self.class_of(parent).is_some();
        self.state == 2
            && match permission {
                InterestPermission::Enabled => true,
                InterestPermission::Visible => is_visible,
                InterestPermission::Disabled => false,
            }
    }

    /// What has come for it: all of it must be for it.
    pub fn got(&mut self, dialect: Dialect, bytes: &[u8]) {
        assert!(!self.is_deaf || bytes.is_empty(), "it hears what is for others");
        let mut rest = bytes;
        while let Some((frame, after)) = framing::split_frame(rest) {
            rest = after;
            assert_eq!(self.ejected, None, "nothing follows EJECT");
            let body = framing::body(frame);
            if body.starts_with(&RAW) {
                self.raw = self.raw.checked_sub(1).expect("it is for somebody else");
                continue;
            }
            let (msgtype, payload) = wire::client::split(body).unwrap();
            let message = ToClient::decode(dialect, msgtype, payload).unwrap();
            self.hear(dialect, &message);
        }
        assert!(rest.is_empty(), "frames are whole");
        assert_eq!(self.raw, 0, "frames of the cluster arrive");
    }

    fn hear(&mut self, dialect: Dialect, message: &ToClient<'_>) {
        match *message {
            ToClient::HelloResp => self.state = self.state.max(1),
            ToClient::Eject { code, .. } => self.ejected = Some(code),
            ToClient::UpdateField { do_id, .. } | ToClient::UpdateFieldMultiple { do_id, .. } => {
                assert!(self.knows(do_id), "an update of {do_id}, which it does not know");
            }
            ToClient::Enter(entry) => {
                assert!(self.looks_at(entry.location), "{entry:?} is where it does not look");
                let before = self.seen.insert(entry.do_id, entry.dclass);
                assert_eq!(before, None, "{} enters twice", entry.do_id);
            }
            ToClient::EnterOwner(entry) => {
                let before = self.owned.insert(entry.do_id, entry.dclass);
                assert_eq!(before, None, "{} enters twice for its owner", entry.do_id);
            }
            ToClient::Leaving { do_id } => {
                let was_seen = self.seen.remove(&do_id).is_some();
                let was_owned = dialect == Dialect::OpenOtp && self.lost.contains(&do_id);
                assert!(was_seen || was_owned, "{do_id} leaves, which it did not see");
            }
            ToClient::LeavingOwner { do_id } => {
                assert!(self.lost.contains(&do_id), "{do_id} is owned still");
            }
            ToClient::Location { do_id, .. } => {
                assert!(self.knows(do_id), "a move of {do_id}, which it does not know");
            }
            ToClient::AddInterest { .. }
            | ToClient::RemoveInterest { .. }
            | ToClient::DoneInterestResp { .. } => (),
        }
    }

    fn knows(&self, do_id: DoId) -> bool {
        [GATE, COURT].contains(&do_id)
            || self.seen.contains_key(&do_id)
            || self.owned.contains_key(&do_id)
            || self.lost.contains(&do_id)
            || self.declared.contains_key(&do_id)
    }

    /// Whether one of its interests has this location.
    pub fn looks_at(&self, location: Location) -> bool {
        self.interests
            .values()
            .any(|(parent, zones)| *parent == location.parent && zones.contains(&location.zone.0))
    }
}
