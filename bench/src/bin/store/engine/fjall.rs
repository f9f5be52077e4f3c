//! fjall: a log-structured merge tree. A batch is durable only if it is asked to be.

use super::{CACHE_BYTES, Engine};
use crate::objects::{Check, Object};
use anyhow::{Context, Result};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use std::path::Path;

pub struct Fjall {
    database: Database,
    objects: Keyspace,
}

impl Fjall {
    pub fn open(folder: &Path) -> Result<Fjall> {
        let database = Database::builder(folder).cache_size(CACHE_BYTES).open()?;
        let objects = database.keyspace("objects", KeyspaceCreateOptions::default)?;
        Ok(Fjall { database, objects })
    }
}

impl Engine for Fjall {
    fn commit(&mut self, objects: &[Object]) -> Result<()> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        for object in objects {
            batch.insert(&self.objects, object.id.to_be_bytes(), &object.value[..]);
        }
        Ok(batch.commit()?)
    }

    fn read(&mut self, ids: &[u32], check: &mut Check<'_>) -> Result<()> {
        for &id in ids {
            let value = self.objects.get(id.to_be_bytes())?;
            check.value(id, &value.with_context(|| format!("object {id} is missing"))?);
        }
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
