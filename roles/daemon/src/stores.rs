//! Opens the stores of the Databases of a configuration.

use crate::run::Failure;
use park::{Backend, Config, Database, OpenStore, StoreShare};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use store::{Access, Committer, Files};
use tracing::{info, warn};
use yaml_folder::Folder;

/// All of them: the logs for the engine, and what each shard begins with.
pub struct Stores {
    /// In the order of the Databases.
    pub committers: Vec<Box<dyn Committer>>,
    shares: Vec<Mutex<Vec<StoreShare>>>,
}

impl Stores {
    /// Opens them for so many shards, or says what is wrong with one.
    pub fn open(config: &Config, shards: usize, hash_seeds: [u64; 4]) -> Result<Stores, Failure> {
        let mut stores = Stores { committers: Vec::new(), shares: Vec::new() };
        stores.shares.resize_with(shards, Mutex::default);
        for database in &config.databases {
            let opened = open(config, database, shards, hash_seeds).map_err(|why| {
                Failure::Config(vec![config.problem(&database.directory_place, why)])
            })?;
            let directory = database.directory.display();
            opened.remarks.iter().for_each(|remark| warn!(%directory, "{remark}"));
            info!(%directory, objects = opened.committer.stats().objects, "the store is open");
            stores.committers.push(opened.committer);
            for (shard, share) in stores.shares.iter().zip(opened.shares) {
                shard.lock().unwrap_or_else(PoisonError::into_inner).push(share);
            }
        }
        Ok(stores)
    }

    /// Parts what the engine takes from what the shards take, each on its own thread.
    pub fn split(
        self,
    ) -> (Vec<Box<dyn Committer>>, impl Fn(usize) -> Vec<StoreShare> + Send + Sync) {
        let shares = self.shares;
        let take = move |shard: usize| {
            let mut share = shares[shard].lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *share)
        };
        (self.committers, take)
    }
}

/// Opens one; what is wrong names its directory.
fn open(
    config: &Config,
    database: &Database,
    shards: usize,
    hash_seeds: [u64; 4],
) -> Result<OpenStore, String> {
    let place = |error: &dyn fmt::Display| format!("{}: {error}", database.directory.display());
    match database.backend {
        Backend::Store { .. } => {
            let files = Files::open(&database.directory, Access::Serve);
            let files: Arc<Files> = files.map_err(|error| error.to_string())?;
            let opened = park::open_store(database, &config.general, shards, hash_seeds, files);
            opened.map_err(|error| place(&error))
        }
        Backend::Yaml => {
            let folder = Folder::create(&database.directory).map_err(|error| error.to_string())?;
            let folder = Box::new(folder);
            let opened = park::open_folder(database, &config.general, shards, hash_seeds, folder);
            opened.map_err(|error| place(&error))
        }
    }
}
