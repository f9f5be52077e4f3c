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

    /// The disk has refused what this instance writes, or taken it, though by what the instances
    /// have told each other it would not have.
    pub(crate) fn note_room(&mut self, has_room: bool, out: &mut Outbox) {
        if self.lacks_room != has_room {
            return;
        }
        if self.is_first(out) {
            self.hear_of_room(has_room, out);
        } else {
            self.know_of_room(has_room);
            out.tell(FIRST, self.me, &Told::Room { has_room }.write());
        }
    }

    /// An instance has found that the disk is full, or is not any more: the first one says so, once
    /// for all, and has all others know, as it may be any of them whose write is taken next.
    pub(crate) fn hear_of_room(&mut self, has_room: bool, out: &mut Outbox) {
        if self.lacks_room != has_room {
            return;
        }
        self.know_of_room(has_room);
        if !self.is_first(out) {
            return;
        }
        if !has_room {
            self.say_event("storage-full", &[], out);
        }
        let told = Told::Room { has_room }.write();
        let shards = (0..out.shards() as u16).map(ShardId);
        shards.filter(|shard| *shard != FIRST).for_each(|shard| out.tell(shard, self.me, &told));
    }

    fn know_of_room(&mut self, has_room: bool) {
        self.lacks_room = !has_room;
        self.asked_when_full = self.newest;
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
