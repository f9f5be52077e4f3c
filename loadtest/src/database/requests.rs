//! What is sent for each operation.

use super::model::{Doing, Operation};
use super::session::Session;
use wire::database::{DIE, DatabaseMessage, Fields};
use wire::dialect::Dialect;
use wire::ids::DoId;

/// The first value of an object is 0; no object of the run ever has this one.
const NO_VALUE: u32 = u32::MAX;
/// A comparison: EQUALS.
const EQUALS: u8 = 0;

impl Session<'_> {
    /// Begins to do something to an object that nothing else is being done to.
    pub(crate) fn begin(&mut self, object: u32, operation: Operation) {
        let is_heard = self.plan.has_listener;
        let (awaits_answer, awaits_notice) = match operation {
            Operation::Update | Operation::Delete => (!is_heard, is_heard),
            Operation::Compare { is_true } => (true, is_true && is_heard),
            Operation::Create
            | Operation::Select
            | Operation::SelectAll
            | Operation::Query { .. } => (true, false),
        };
        let began_ns = self.now();
        let doing = Doing { operation, began_ns, awaits_answer, awaits_notice };
        self.hearing.model.object_mut(object).doing = Some(doing);
        self.hearing.in_flight += 1;
        let context = self.hearing.next;
        if awaits_answer {
            self.hearing.open.insert(context, object);
            self.hearing.next = context.wrapping_add(1);
        }
        self.ask(object, operation, context);
    }

    fn ask(&mut self, object: u32, operation: Operation, context: u32) {
        let known = *self.hearing.model.object(object);
        // What was not created is asked for all the same: the answer shows it.
        let do_id = known.do_id.unwrap_or(DoId(0));
        let conn = object % self.plan.connections;
        match operation {
            Operation::Create => self.create(conn, object, context),
            Operation::Update => {
                let value = self.value(object, known.value + 1);
                self.update(conn, do_id, &value);
                if !self.plan.has_listener {
                    self.select(conn, do_id, context);
                }
            }
            Operation::Compare { is_true } => {
                let old = self.value(object, if is_true { known.value } else { NO_VALUE });
                let values = [old, self.value(object, known.value + 1)].concat();
                self.compare(conn, do_id, context, &values);
            }
            Operation::Select => self.select(conn, do_id, context),
            Operation::SelectAll => {
                self.request(conn, &DatabaseMessage::SelectAll { context, do_id });
            }
            Operation::Query { is_there } => {
                let value = self.value(object, if is_there { known.value } else { NO_VALUE });
                self.query(conn, context, &value);
            }
            Operation::Delete => {
                let verify_code = (self.plan.dialect == Dialect::OpenOtp).then_some(DIE[0]);
                self.request(conn, &DatabaseMessage::Delete { do_id, verify_code });
                if !self.plan.has_listener {
                    self.select(conn, do_id, context);
                }
            }
        }
    }

    fn create(&mut self, conn: u32, object: u32, context: u32) {
        let stamp = self.hearing.stamp(object, 0);
        let blueprint = &mut self.hearing.blueprint;
        let (dclass, count) = (blueprint.class, blueprint.created_count);
        let fields = blueprint.created.stamped(stamp).to_vec();
        self.request(conn, &DatabaseMessage::Create { context, dclass, count, fields: &fields });
    }

    fn update(&mut self, conn: u32, do_id: DoId, value: &[u8]) {
        let field = self.hearing.blueprint.field;
        match self.plan.dialect {
            Dialect::OpenOtp => {
                let fields = [&field.0.to_le_bytes()[..], value].concat();
                let (context, count) = (Some(0), 1);
                let update = DatabaseMessage::Update { context, do_id, count, fields: &fields };
                self.request(conn, &update);
            }
            Dialect::Astron => {
                let update = DatabaseMessage::UpdateField { do_id, field, value };
                self.request(conn, &update);
            }
        }
    }

    fn compare(&mut self, conn: u32, do_id: DoId, context: u32, values: &[u8]) {
        let field = self.hearing.blueprint.field;
        match self.plan.dialect {
            Dialect::OpenOtp => {
                let conditions = [&field.0.to_le_bytes()[..], values].concat();
                self.request(
                    conn,
                    &DatabaseMessage::UpdateIfEquals {
                        context,
                        do_id,
                        count: 1,
                        conditions: &conditions,
                    },
                );
            }
            Dialect::Astron => {
                let old_and_new = values;
                self.request(
                    conn,
                    &DatabaseMessage::UpdateFieldIfEquals { context, do_id, field, old_and_new },
                );
            }
        }
    }

    fn select(&mut self, conn: u32, do_id: DoId, context: u32) {
        let field = self.hearing.blueprint.field;
        match self.plan.dialect {
            Dialect::OpenOtp => {
                let fields = [field.0.to_le_bytes()];
                let fields = Fields(&fields);
                self.request(conn, &DatabaseMessage::Select { context, do_id, fields });
            }
            Dialect::Astron => {
                self.request(conn, &DatabaseMessage::SelectField { context, do_id, field });
            }
        }
    }

    fn query(&mut self, conn: u32, context: u32, value: &[u8]) {
        let blueprint = &self.hearing.blueprint;
        let dclass = u32::from(blueprint.class.0);
        let comparisons = [&[EQUALS][..], &blueprint.field.0.to_le_bytes(), value].concat();
        self.request(
            conn,
            &DatabaseMessage::SelectQuery { context, dclass, count: 1, comparisons: &comparisons },
        );
    }

    fn value(&mut self, object: u32, value: u32) -> Vec<u8> {
        let stamp = self.hearing.stamp(object, value);
        self.hearing.blueprint.value.stamped(stamp).to_vec()
    }
}
