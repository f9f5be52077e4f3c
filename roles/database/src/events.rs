//! What is said of the store to the Event Logger.

use crate::Database;
use crate::stored::FIRST;
use crate::told::Told;
use alloc::vec::Vec;
use core::fmt::Display;
use runtime::{Outbox, ShardId};
use wire::event::{Event, Value};
use wire::ids::DoId;

impl Database {
    /// The disk has failed. All instances hear of it, and one of them says so.
    pub(crate) fn say_read_only(&self, why: &str, out: &mut Outbox) {
        if self.is_first(out) {
            self.say_event("storage-read-only", &[("detail", Value::Text(why))], out);
        }
    }

    /// The disk refuses what this instance writes, or takes it again. The first one says so.
    pub(crate) fn note_room(&mut self, has_room: bool, out: &mut Outbox) {
        if self.lacks_room != has_room {
            return;
        }
        self.lacks_room = !has_room;
        if self.is_first(out) {
            self.room_of(out.me(), has_room, out);
        } else {
            out.tell(FIRST, self.me, &Told::Room { has_room }.write());
        }
    }

    /// The disk is full: said once until it takes the writes of all shards again.
    pub(crate) fn room_of(&mut self, shard: ShardId, has_room: bool, out: &mut Outbox) {
        let (before, bit) = (self.without_room, 1 << shard.0);
        self.without_room = if has_room { before & !bit } else { before | bit };
        if before == 0 && self.without_room != 0 {
            self.say_event("storage-full", &[], out);
        }
    }

    /// An object cannot be read.
    pub(crate) fn say_damaged(&self, do_id: DoId, why: &dyn Display, out: &mut Outbox) {
        let values = [("object", Value::Id(do_id.0.into())), ("detail", Value::Shown(why))];
        self.say_event("object-damaged", &values, out);
    }

    fn say_event(&self, kind: &str, details: &[(&str, Value<'_>)], out: &mut Outbox) {
        let database = ("database", Value::Id(self.config.control.0));
        let values: Vec<_> = [database].iter().chain(details).copied().collect();
        out.event(&Event { sender: "Database", kind, values: &values });
    }
}
