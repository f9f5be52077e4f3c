//! A store with all of its objects in one part, written to without a server.

use super::ending::Failure;
use anyhow::anyhow;
use dc::Schema;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;
use store::{Catalog, Committer, Disk, Heard, OpenError, Options, Report, Together};
use wire::ids::DoId;
use yaml_folder::{Keys, PackedObject};

/// So many writes are made durable together.
const WRITES_AT_ONCE: usize = 1024;

/// A store at rest.
pub struct Desk {
    store: Together,
    /// What was found when it was opened.
    pub report: Report,
    pending: usize,
}

impl Desk {
    /// Opens a store; `catalog` has the names that will be written.
    pub fn open(disk: Arc<dyn Disk>, catalog: Catalog) -> Result<Desk, OpenError> {
        // Salts of segments must differ from those of any other run.
        let mut seeds = SmallRng::from_os_rng();
        let hash_seeds = seeds.random();
        let options = Options { catalog, hash_seeds, ..Options::default() };
        let (store, report) = Together::open(disk, &options)?;
        Ok(Desk { store, report, pending: 0 })
    }

    /// The ids of all objects, ascending.
    pub fn ids(&self) -> Vec<DoId> {
        let mut ids: Vec<DoId> = self.store.parts[0].ids().collect();
        ids.sort_unstable();
        ids
    }

    /// The names of the store.
    pub fn catalog(&self) -> &Catalog {
        self.store.parts[0].catalog()
    }

    /// The names of the store, by the DC files.
    pub fn keys(&self, schema: Arc<Schema>) -> Keys {
        Keys::new(schema, self.catalog().clone())
    }

    /// Writes an object, or replaces it.
    pub fn put(&mut self, object: &PackedObject, keys: &Keys) -> Result<(), Failure> {
        let (class, fields) =
            keys.stored(object).expect("the store was opened with all names of the DC files");
        self.store.part(0).write(object.do_id, class, &fields)?;
        self.pending += 1;
        if self.pending >= WRITES_AT_ONCE { self.flush() } else { Ok(()) }
    }

    /// Deletes an object.
    pub fn delete(&mut self, do_id: DoId) -> Result<(), Failure> {
        self.store.part(0).delete(do_id)?;
        Ok(())
    }

    /// Makes durable what was written.
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.pending = 0;
        self.store.settle();
        self.hear()
    }

    /// Rewrites what lives in segments that hold anything else, and removes them.
    pub fn compact(&mut self) -> Result<(), Failure> {
        self.store.committer.sweep_all();
        self.flush()
    }

    /// Puts everything in order.
    pub fn close(mut self) -> Result<(), Failure> {
        self.flush()?;
        self.store.committer.close()?;
        Ok(())
    }

    fn hear(&mut self) -> Result<(), Failure> {
        for (_, heard) in self.store.heard.drain(..) {
            match heard {
                Heard::Failed(why) => Err(anyhow!("{why}"))?,
                Heard::Refused { .. } => Err(anyhow!("the disk is full"))?,
                Heard::Nothing | Heard::Durable(_) | Heard::Fetched(..) | Heard::Damaged(..) => (),
            }
        }
        Ok(())
    }
}
