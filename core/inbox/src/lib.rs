//! The inbox between shards: linearisable, gated, never waiting on push.
