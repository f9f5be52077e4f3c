//! Configuration, and which roles a shard has.
//!
//! [`load`] turns one YAML file into a [`Config`], or says everything that is wrong with it, each
//! with file, line, column and key. [`assemble`] turns a configuration into the roles of a shard;
//! the daemon and the simulator both use it. What the surroundings must answer (names, files)
//! comes in as [`Outside`].

mod address;
mod assemble;
mod classes;
mod config;
mod document;
mod limits;
mod listeners;
mod message_director;
mod problem;
mod roles;
mod section;
mod stores;
mod value;

pub use address::{Outside, System};
pub use assemble::assemble;
pub use classes::Classes;
pub use config::{Config, Daemon, General, Loaded, Shards, Uberdog, Web, load, read};
pub use limits::Limits;
pub use listeners::client_listener;
pub use message_director::{Bind, MessageDirector};
pub use problem::{Place, Problem};
pub use roles::{
    Backend, Client, ClientAgent, Database, Dbss, EventLogger, Login, NamedFile, StateServer, Tls,
};
pub use stores::{OpenStore, StoreError, StoreShare, open_folder, open_store};
