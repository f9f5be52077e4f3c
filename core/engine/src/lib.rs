//! Shards on cores: glommio, io_uring sockets, inboxes, timers, signals.
