//! What a run is to do, and whether it can be done.

use crate::stamp::STAMP_BYTES;
use anyhow::{Result, ensure};
use dc::Schema;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use wire::dialect::Dialect;
use wire::ids::Channel;

/// What is done to the objects, in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DatabasePhase {
    /// All are created.
    Create,
    /// Random ones get a new value, which nothing answers: a read after it does, or the broadcast.
    Update,
    /// Random ones get a new value if they have the old one, which an eighth is told wrong.
    Compare,
    /// One field of random ones is read.
    Select,
    /// All fields of random ones are read.
    SelectAll,
    /// Random ones are looked for by their value; for a quarter by one that none has. `openotp`
    /// only.
    Query,
    /// All are deleted, which nothing answers: a read after it does, or the broadcast.
    Delete,
}

impl DatabasePhase {
    /// All that a dialect has.
    pub fn of(dialect: Dialect) -> Vec<DatabasePhase> {
        use DatabasePhase::{Compare, Create, Delete, Query, Select, SelectAll, Update};
        let all = [Create, Update, Compare, Select, SelectAll, Query, Delete];
        all.into_iter().filter(|phase| dialect == Dialect::OpenOtp || *phase != Query).collect()
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            DatabasePhase::Create => "create",
            DatabasePhase::Update => "update",
            DatabasePhase::Compare => "compare",
            DatabasePhase::Select => "select",
            DatabasePhase::SelectAll => "select-all",
            DatabasePhase::Query => "query",
            DatabasePhase::Delete => "delete",
        }
    }

    /// Whether what it does must be durable before it is done.
    pub const fn is_durable(self) -> bool {
        match self {
            DatabasePhase::Create
            | DatabasePhase::Update
            | DatabasePhase::Compare
            | DatabasePhase::Delete => true,
            DatabasePhase::Select | DatabasePhase::SelectAll | DatabasePhase::Query => false,
        }
    }

    /// Whether it does something to every object once, and not to random ones for a while.
    pub(crate) const fn is_of_all(self) -> bool {
        matches!(self, DatabasePhase::Create | DatabasePhase::Delete)
    }
}

/// One run against a Database.
#[derive(Clone, Debug)]
pub struct DatabasePlan {
    /// Where the server listens; connections are spread over them in turn.
    pub addrs: Vec<SocketAddr>,
    /// The dialect that it speaks.
    pub dialect: Dialect,
    /// The Database's control channel.
    pub control: Channel,
    /// The DC files that it has read.
    pub schema: Arc<Schema>,
    /// The class of the objects. None: the first one that suits.
    pub class: Option<String>,
    /// How many objects.
    pub objects: u32,
    /// Clients: each asks its next question when the one before is answered.
    pub clients: u32,
    /// Connections that they share.
    pub connections: u32,
    /// Bytes of the string or blob that is updated, at least 24.
    pub value_bytes: usize,
    /// Bytes of what is given of an object when it is created, at least: one value is padded.
    pub object_bytes: usize,
    /// What is done; begins with [`DatabasePhase::Create`].
    pub phases: Vec<DatabasePhase>,
    /// How long a phase lasts that is not about every object once.
    pub duration: Duration,
    /// Whether a listener hears what the Database announces, and updates and deletions count as
    /// done when it does.
    pub has_listener: bool,
    /// A folder: between the slices of a durable phase a bare file there is appended to and synced.
    pub floor: Option<PathBuf>,
    /// How long to wait, without hearing anything, for what has not been heard.
    pub patience: Duration,
    /// Which random numbers.
    pub seed: u64,
    /// CPU of the generator.
    pub cpu: Option<u32>,
    /// The server, for its CPU time and memory.
    pub server_pid: Option<u32>,
}

/// The longest object: what fits in a datagram, with room for its head.
const OBJECT_BYTES_MAX: usize = 64_000;
/// Objects per client, at least: nothing is done to one twice at a time.
const OBJECTS_PER_CLIENT: u32 = 2;

impl DatabasePlan {
    /// A plan with the usual values.
    pub fn new(addr: SocketAddr, dialect: Dialect, schema: Arc<Schema>) -> DatabasePlan {
        DatabasePlan {
            addrs: vec![addr],
            dialect,
            control: Channel(4003),
            schema,
            class: None,
            objects: 10_000,
            clients: 64,
            connections: 4,
            value_bytes: 32,
            object_bytes: 300,
            phases: DatabasePhase::of(dialect),
            duration: Duration::from_secs(5),
            has_listener: false,
            floor: None,
            patience: Duration::from_secs(5),
            seed: 1,
            cpu: None,
            server_pid: None,
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        ensure!(!self.addrs.is_empty(), "no address to connect to");
        ensure!(self.clients > 0 && self.connections > 0, "no clients or connections");
        let least = self.clients.saturating_mul(OBJECTS_PER_CLIENT);
        ensure!(self.objects >= least, "{} clients need {least} objects", self.clients);
        ensure!(self.value_bytes >= STAMP_BYTES, "a value has at least {STAMP_BYTES} bytes");
        let bytes = self.value_bytes.max(self.object_bytes);
        ensure!(bytes <= OBJECT_BYTES_MAX, "an object has at most {OBJECT_BYTES_MAX} bytes");
        ensure!(!self.patience.is_zero(), "no patience at all");
        let is_in_order = self.phases.is_sorted_by(|a, b| a < b);
        let begins_well = self.phases.first() == Some(&DatabasePhase::Create);
        let all = DatabasePhase::of(self.dialect);
        let names: Vec<&str> = all.iter().map(|phase| phase.name()).collect();
        let order = names.join(", then ");
        ensure!(is_in_order && begins_well, "the phases are {order}");
        let has_all = self.phases.iter().all(|phase| all.contains(phase));
        ensure!(has_all, "{} has the phases {order}", self.dialect.name());
        Ok(())
    }
}
