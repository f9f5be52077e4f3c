//! The contract of a role: inputs, outputs, who receives a channel, and one shard's turn.
//!
//! Pure: no clock, socket, file, thread or lock. The engine and the simulator drive the same
//! [`Shard`]; recording its inputs records it.
#![no_std]

extern crate alloc;

pub mod admission;
mod backlog;
mod batch;
mod block;
mod budget;
pub mod channels;
pub mod counts;
mod delivery;
mod events;
mod ids;
mod limits;
mod mailbox;
mod network;
mod outbox;
mod outgoing;
mod placement;
pub mod ranges;
mod role;
pub mod router;
mod shard;
mod table;
mod uplink;

pub use admission::Admission;
pub use batch::Batch;
pub use block::{Block, Frame, Ticket};
pub use budget::{Bucket, Rate};
pub use counts::{CloseReason, Counts};
pub use ids::{ConnId, Kind, LinkId, ListenerId, Now, Participant, RoleId, ShardId, StoreId};
pub use limits::Limits;
pub use network::Network;
pub use outbox::{Outbox, ShardConfig};
pub use outgoing::{Sockets, Write};
pub use placement::{Leasing, Objects, Placing, Split, place};
pub use role::{Arrival, Effect, Input, Refusal, Role};
pub use shard::Shard;
