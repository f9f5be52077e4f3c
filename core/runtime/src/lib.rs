//! The contract of a role: inputs, outputs, who receives a channel, and one shard's turn.
