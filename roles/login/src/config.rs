//! What the configuration says of this role.

use dc::Schema;
use std::net::SocketAddr;
use std::sync::Arc;
use wire::ids::{Channel, DoId, Zone};

/// A LoginManager.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where its Message Director listens: the daemon's own, on loopback.
    pub message_director: SocketAddr,
    /// Its own id, which is its channel too: an UberDOG of the class `LoginManager` that is
    /// anonymous.
    pub uberdog: DoId,
    /// The control channel of the Database that keeps accounts and visitors.
    pub database: Channel,
    /// The control channel of the State Server on which the park is created.
    pub state_server: Channel,
    /// The park: the parent of all zones. Created if it is not there.
    pub park: DoId,
    /// The zone of the park in which visitors arrive.
    pub zone: Zone,
    /// Whether a name that nobody has is registered, with the password given.
    pub register: bool,
    /// How passwords are kept.
    pub hashing: Hashing,
    /// What grows no further.
    pub limits: Limits,
    /// The classes: those that [`Classes`](crate::Classes) names must be among them.
    pub schema: Arc<Schema>,
}

/// How passwords are kept: Argon2id. Those that are kept already are verified as they were made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hashing {
    /// Memory of one computation, in KiB.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub passes: u32,
    /// Lanes of that memory.
    pub lanes: u32,
    /// Threads that compute, one password each at a time.
    pub threads: usize,
}

impl Default for Hashing {
    /// The least that OWASP recommends.
    fn default() -> Self {
        Hashing { memory_kib: 19_456, passes: 2, lanes: 1, threads: 2 }
    }
}

impl Hashing {
    /// Whether it can be done: at least a pass and a lane, at least 8 KiB for each lane, at most
    /// 4 GiB; 1 to 64 threads.
    pub fn is_possible(&self) -> bool {
        argon2::Params::new(self.memory_kib, self.passes, self.lanes, None).is_ok()
            && self.memory_kib <= 4 << 20
            && (1..=64).contains(&self.threads)
    }
}

/// What grows no further. Times in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Logins under way, and registrations; one more is told to come later.
    pub logins_max: usize,
    /// Clients that are logged in or trying; one more is told to come later.
    pub clients_max: usize,
    /// Passwords that wait for a thread; one more is told to come later.
    pub hash_queue_max: usize,
    /// Wrong passwords of one client; with so many it is ejected.
    pub wrong_passwords_max: u32,
    /// From asking to the answer; then the client is told to come later.
    pub login_ms: u64,
    /// How long a second login of an account waits until the client of the first one, which is
    /// ejected, is gone.
    pub takeover_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            logins_max: 4096,
            clients_max: 1 << 20,
            hash_queue_max: 512,
            wrong_passwords_max: 5,
            login_ms: 15_000,
            takeover_ms: 3000,
        }
    }
}
