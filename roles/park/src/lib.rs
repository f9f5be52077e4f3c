//! Configuration, and which roles a shard has.
