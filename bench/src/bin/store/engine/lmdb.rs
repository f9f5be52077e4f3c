//! LMDB by way of heed: a copy-on-write B-tree in a map. Its durable commit is the default one.

use super::Engine;
use crate::objects::{Check, Object};
use anyhow::{Context, Result};
use heed::byteorder::BigEndian;
use heed::types::{Bytes, U32};
use heed::{Database, Env, EnvOpenOptions};
use std::path::Path;

/// Addresses for the map: more than it will ever take.
const MAP_BYTES: usize = 64 << 30;

pub struct Lmdb {
    env: Env,
    objects: Database<U32<BigEndian>, Bytes>,
}

impl Lmdb {
    #[expect(unsafe_code, reason = "heed has no other way to open a store")]
    pub fn open(folder: &Path) -> Result<Lmdb> {
        let mut options = EnvOpenOptions::new();
        options.map_size(MAP_BYTES);
        // SAFETY: the folder is this run's own; nobody else opens or changes its files meanwhile.
        let env = unsafe { options.open(folder)? };
        let mut transaction = env.write_txn()?;
        let objects = env.create_database(&mut transaction, None)?;
        transaction.commit()?;
        Ok(Lmdb { env, objects })
    }
}

impl Engine for Lmdb {
    fn commit(&mut self, objects: &[Object]) -> Result<()> {
        let mut transaction = self.env.write_txn()?;
        for object in objects {
            self.objects.put(&mut transaction, &object.id, &object.value)?;
        }
        Ok(transaction.commit()?)
    }

    fn read(&mut self, ids: &[u32], check: &mut Check<'_>) -> Result<()> {
        let transaction = self.env.read_txn()?;
        for &id in ids {
            let value = self.objects.get(&transaction, &id)?;
            check.value(id, value.with_context(|| format!("object {id} is missing"))?);
        }
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        self.env.prepare_for_closing().wait();
        Ok(())
    }
}
