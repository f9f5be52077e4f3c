//! The simulated world: a whole tree of daemons times shards in one thread from one seed (I9).
//!
//! [`world`] carries out: daemons, the net, time. [`scenario`] lets observers act in it, and
//! [`ledger`] checks what they hear against a stupid model and the causal order of a classical
//! tree. Nothing here does I/O; no shard knows that it is simulated.

mod actions;
pub mod carrier;
pub mod causality;
pub mod chance;
pub mod clients;
pub mod core;
pub mod daemon;
pub mod database;
pub mod disk;
mod faults;
pub mod ledger;
pub mod members;
pub mod model;
pub mod net;
pub mod objects;
pub mod plan;
mod quiet;
pub mod scenario;
pub mod seeds;
pub mod stored;
pub mod trace;
pub mod upstream_view;
pub mod world;
