//! SQLite: a B-tree with a write-ahead log; `synchronous=FULL` syncs it at every commit.

use super::{CACHE_BYTES, Engine};
use crate::objects::{Check, Object};
use anyhow::{Result, ensure};
use rusqlite::{Connection, params};
use std::path::Path;

pub struct Sqlite {
    connection: Connection,
}

impl Sqlite {
    pub fn open(folder: &Path) -> Result<Sqlite> {
        let connection = Connection::open(folder.join("objects.sqlite"))?;
        let mode: String = connection.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0))?;
        ensure!(mode == "wal", "SQLite's journal is {mode}");
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "cache_size", -((CACHE_BYTES >> 10) as i64))?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS objects (id INTEGER PRIMARY KEY, value BLOB NOT NULL)",
        )?;
        Ok(Sqlite { connection })
    }
}

impl Engine for Sqlite {
    fn commit(&mut self, objects: &[Object]) -> Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert =
                transaction.prepare_cached("INSERT OR REPLACE INTO objects VALUES (?1, ?2)")?;
            for object in objects {
                insert.execute(params![object.id, &object.value[..]])?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn read(&mut self, ids: &[u32], check: &mut Check<'_>) -> Result<()> {
        let transaction = self.connection.transaction()?;
        let mut select = transaction.prepare_cached("SELECT value FROM objects WHERE id = ?1")?;
        for &id in ids {
            select.query_row([id], |row| {
                check.value(id, row.get_ref(0)?.as_blob()?);
                Ok(())
            })?;
        }
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        self.connection.close().map_err(|(_, error)| error.into())
    }
}
