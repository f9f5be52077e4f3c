//! The simulated world: a tree of daemons times shards in one thread from one seed.
