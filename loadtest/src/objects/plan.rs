//! What a run is to do, and whether it can be done.

use crate::plan::Load;
use crate::stamp::STAMP_BYTES;
use anyhow::{Result, ensure};
use dc::Schema;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use wire::dialect::Dialect;
use wire::ids::Channel;

/// What is done to the objects, in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// All are created.
    Create,
    /// Random ones are updated, or move to another zone.
    Update,
    /// All are deleted.
    Delete,
}

impl Phase {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Phase::Create => "create",
            Phase::Update => "update",
            Phase::Delete => "delete",
        }
    }
}

/// One run against a State Server.
#[derive(Clone, Debug)]
pub struct ObjectsPlan {
    /// Where the server listens; connections are spread over them in turn.
    pub addrs: Vec<SocketAddr>,
    /// The dialect that it speaks.
    pub dialect: Dialect,
    /// The State Server's control channel.
    pub control: Channel,
    /// The DC files that it has read.
    pub schema: Arc<Schema>,
    /// The class of the objects. None: the first one that suits.
    pub class: Option<String>,
    /// How many objects.
    pub objects: u32,
    /// Zones below their parent.
    pub zones: u32,
    /// Connections that create, update, move and delete; each object belongs to one of them.
    pub ais: u32,
    /// Connections that hear each location.
    pub listeners: u32,
    /// The zones are dealt out to so many groups of listeners.
    pub groups: u32,
    /// Bytes of the string or blob that is updated, at least 24.
    pub value_bytes: usize,
    /// Bytes of an object's values, at least: one of them is padded.
    pub object_bytes: usize,
    /// What is done; begins with [`Phase::Create`].
    pub phases: Vec<Phase>,
    /// Operations that have not been heard everywhere, in all.
    pub window: u32,
    /// Updates per second in an open loop; None: as the window says.
    pub rate: Option<f64>,
    /// How long objects are updated.
    pub duration: Duration,
    /// The share of moves among the updates, 0 to 1.
    pub moves: f64,
    /// How long to wait, without hearing anything, for what has not been heard.
    pub patience: Duration,
    /// Which random numbers.
    pub seed: u64,
    /// The id of the parent; those of the objects follow it.
    pub do_id_base: u32,
    /// CPU of the generator.
    pub cpu: Option<u32>,
    /// The server, for its CPU time and memory.
    pub server_pid: Option<u32>,
}

/// Objects of the tester's own, per group of listeners: see `ObjectsPlan::sentries`.
const SENTRIES_PER_GROUP: u32 = 16;
/// What is remembered of listeners and objects, in entries.
const SLOTS_MAX: u64 = 1 << 28;
/// The longest object: what fits in a datagram, with room for its head.
pub(crate) const OBJECT_BYTES_MAX: usize = 65_000;
/// Ids below are somebody's in one dialect or the other.
const DO_ID_BASE_MIN: u32 = 10_000;

impl ObjectsPlan {
    /// A plan with the usual values.
    pub fn new(addr: SocketAddr, dialect: Dialect, schema: Arc<Schema>) -> ObjectsPlan {
        ObjectsPlan {
            addrs: vec![addr],
            dialect,
            control: Channel(4002),
            schema,
            class: None,
            objects: 1000,
            zones: 20,
            ais: 2,
            listeners: 5,
            groups: 2,
            value_bytes: 32,
            object_bytes: 300,
            phases: vec![Phase::Create, Phase::Update, Phase::Delete],
            window: 1024,
            rate: None,
            duration: Duration::from_secs(5),
            moves: 0.1,
            patience: Duration::from_secs(5),
            seed: 1,
            do_id_base: 1_000_000,
            cpu: None,
            server_pid: None,
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        ensure!(!self.addrs.is_empty(), "no address to connect to");
        ensure!(self.objects > 0 && self.zones > 0 && self.ais > 0, "no objects, zones or AIs");
        ensure!(self.groups > 0, "no groups of listeners");
        ensure!(self.zones <= 65_535, "at most 65535 zones");
        ensure!(self.zones >= self.groups, "more groups of listeners than zones");
        ensure!(self.value_bytes >= STAMP_BYTES, "a value has at least {STAMP_BYTES} bytes");
        let bytes = self.value_bytes.max(self.object_bytes);
        ensure!(bytes <= OBJECT_BYTES_MAX, "an object has at most {OBJECT_BYTES_MAX} bytes");
        ensure!(self.window > 0, "a window of nothing");
        ensure!(self.rate.is_none_or(|r| r > 0.0 && r.is_finite()), "a rate of nothing");
        ensure!((0.0..=1.0).contains(&self.moves), "the share of moves is 0 to 1");
        ensure!(!self.patience.is_zero(), "no patience at all");
        self.check_phases()?;
        self.check_ids()
    }

    fn check_phases(&self) -> Result<()> {
        let in_order = self.phases.is_sorted_by(|a, b| a < b);
        let begins_well = self.phases.first() == Some(&Phase::Create);
        ensure!(in_order && begins_well, "the phases are create, then update, then delete");
        if self.phases.contains(&Phase::Update) {
            ensure!(self.listeners > 0, "nobody hears the updates: --listeners, or other --phases");
            ensure!(self.moves == 0.0 || self.zones > 1, "moves need a second zone");
        }
        let slots = u64::from(self.listeners_in_all()) * (u64::from(self.all_objects()) + 1);
        ensure!(slots <= SLOTS_MAX, "too many objects for so many listeners");
        Ok(())
    }

    fn check_ids(&self) -> Result<()> {
        let base = self.do_id_base;
        ensure!(base >= DO_ID_BASE_MIN, "the lowest id is {DO_ID_BASE_MIN}");
        let end = u64::from(base) + 1 + u64::from(self.all_objects());
        ensure!(end <= u64::from(u32::MAX), "the objects' ids do not fit in 32 bits");
        let taken = (u64::from(base)..end).contains(&self.control.0);
        ensure!(!taken, "the control channel is among the objects' ids");
        Ok(())
    }

    pub(crate) fn listeners_in_all(&self) -> u32 {
        self.listeners * self.groups
    }

    /// Objects besides, spread over shards by their ids, whose answers show that what was sent
    /// before has been done. They are created before the phases and are not counted in them.
    pub(crate) fn sentries(&self) -> u32 {
        SENTRIES_PER_GROUP * self.groups
    }

    pub(crate) fn all_objects(&self) -> u32 {
        self.objects.saturating_add(self.sentries())
    }

    /// How the update phase sends.
    pub fn load(&self) -> Load {
        match self.rate {
            Some(rate) => Load::Open { rate },
            None => Load::Closed { window: self.window },
        }
    }
}
