//! The stores that are compared, behind what is asked of them here: commit, read, open, close.

#[cfg(feature = "peers")]
mod fjall;
#[cfg(feature = "peers")]
mod lmdb;
mod ours;
#[cfg(feature = "peers")]
mod redb;
#[cfg(feature = "peers")]
mod sqlite;

pub use ours::Alone;

use crate::objects::{Check, Object};
use crate::scale::Scale;
use anyhow::Result;
use std::path::Path;

/// An open store.
pub trait Engine {
    /// Writes new objects, or new versions of objects. Durable when it returns.
    fn commit(&mut self, objects: &[Object]) -> Result<()>;
    /// Reads each of these once.
    fn read(&mut self, ids: &[u32], check: &mut Check<'_>) -> Result<()>;
    /// Ends it in good order.
    fn close(self: Box<Self>) -> Result<()>;
    /// The core that it is used from, if it is to be one: ours from a shard's. The others run wherever
    /// they are put, with which they are the faster.
    fn core(&self) -> Option<usize> {
        None
    }
    /// Bytes that compaction has moved so far, if the store says so.
    fn moved_bytes(&self) -> Option<u64> {
        None
    }
}

/// Which store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Ours,
    #[cfg(feature = "peers")]
    Redb,
    #[cfg(feature = "peers")]
    Lmdb,
    #[cfg(feature = "peers")]
    Sqlite,
    #[cfg(feature = "peers")]
    Fjall,
}

impl Kind {
    /// All that were built in.
    pub const ALL: &[Kind] = &[
        Kind::Ours,
        #[cfg(feature = "peers")]
        Kind::Redb,
        #[cfg(feature = "peers")]
        Kind::Lmdb,
        #[cfg(feature = "peers")]
        Kind::Sqlite,
        #[cfg(feature = "peers")]
        Kind::Fjall,
    ];

    /// Its name, for tables, folders and the command line.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Ours => "ours",
            #[cfg(feature = "peers")]
            Kind::Redb => "redb",
            #[cfg(feature = "peers")]
            Kind::Lmdb => "lmdb",
            #[cfg(feature = "peers")]
            Kind::Sqlite => "sqlite",
            #[cfg(feature = "peers")]
            Kind::Fjall => "fjall",
        }
    }

    /// Opens the store in this folder, or makes it.
    pub fn open(self, folder: &Path, scale: Scale) -> Result<Box<dyn Engine>> {
        Ok(match self {
            Kind::Ours => Box::new(ours::Ours::open(folder, scale)?),
            #[cfg(feature = "peers")]
            Kind::Redb => Box::new(redb::Redb::open(folder)?),
            #[cfg(feature = "peers")]
            Kind::Lmdb => Box::new(lmdb::Lmdb::open(folder)?),
            #[cfg(feature = "peers")]
            Kind::Sqlite => Box::new(sqlite::Sqlite::open(folder)?),
            #[cfg(feature = "peers")]
            Kind::Fjall => Box::new(fjall::Fjall::open(folder)?),
        })
    }
}

/// Memory that an engine with a cache of its own may use for it: more than all objects take, so
/// that nobody reads from the disk.
#[cfg(feature = "peers")]
const CACHE_BYTES: u64 = 1 << 30;
