//! redb: a copy-on-write B-tree. Its durable commit is the default one.

use super::{CACHE_BYTES, Engine};
use crate::objects::{Check, Object};
use anyhow::{Context, Result};
use redb::{Database, ReadableDatabase, TableDefinition};
use std::path::Path;

const OBJECTS: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("objects");

pub struct Redb {
    database: Database,
}

impl Redb {
    pub fn open(folder: &Path) -> Result<Redb> {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES as usize);
        Ok(Redb { database: builder.create(folder.join("objects.redb"))? })
    }
}

impl Engine for Redb {
    fn commit(&mut self, objects: &[Object]) -> Result<()> {
        let transaction = self.database.begin_write()?;
        {
            let mut table = transaction.open_table(OBJECTS)?;
            for object in objects {
                table.insert(object.id, &object.value[..])?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn read(&mut self, ids: &[u32], check: &mut Check<'_>) -> Result<()> {
        let transaction = self.database.begin_read()?;
        let table = transaction.open_table(OBJECTS)?;
        for &id in ids {
            let value = table.get(id)?.with_context(|| format!("object {id} is missing"))?;
            check.value(id, value.value());
        }
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
