//! What is said of the store to the Event Logger.

use crate::Database;
use alloc::vec::Vec;
use core::fmt::Display;
use runtime::Outbox;
use wire::event::{Event, Value};
use wire::ids::DoId;

impl Database {
    /// The disk has failed. All instances hear of it, and one of them says so.
    pub(crate) fn say_read_only(&self, why: &str, out: &mut Outbox) {
        if self.is_first(out) {
            self.say_event("storage-read-only", &[("detail", Value::Text(why))], out);
        }
    }

    /// The disk is full: said once until it takes writes again.
    pub(crate) fn say_full(&mut self, out: &mut Outbox) {
        if !self.lacks_room {
            self.lacks_room = true;
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
