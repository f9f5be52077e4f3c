//! The whole-process bench: the floor, ours and the servers that others use, side by side.
//!
//! One run measures all of them in turn with the same generator (`loadtest`) and the same
//! patterns, so that what is said is a ratio: the machine's mood is in both sides of it.

pub mod contender;
pub mod nats;
pub mod report;
pub mod resp;
pub mod rows;
pub mod verdict;
