//! The LoginManager: an UberDOG to which clients say who they are before anything else. It finds or
//! registers the account, verifies the password, and lets the client into the park as its visitor.
//! In the `openotp` dialect only: elsewhere the game brings its own.
//!
//! It is no role of a shard, since passwords take long: it is a participant of the daemon's own
//! Message Director, with a few threads beside the shards.

mod classes;
mod config;

pub use classes::{Classes, Unsuitable};
pub use config::{Config, Hashing, Limits};
