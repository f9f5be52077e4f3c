//! What the page of rules says, a rule each.

use super::*;
use crate::objects::schema;
use wire::ids::ClassId;
use wire::state_server::Entry;

const CONTROL: u64 = 4002;
const ASKER: u64 = 7 << 40;

struct Table {
    model: Model,
    required: Vec<u8>,
    class: u16,
}

impl Table {
    fn new(dialect: Dialect) -> Table {
        let schema = schema::load();
        let class = schema.class_by_name("SimPlace").unwrap();
        let required: Vec<u8> =
            class.required.iter().flat_map(|&id| schema.field(id).default.to_vec()).collect();
        let class = class.id.0;
        Table { model: Model::new(dialect, schema, CONTROL), required, class }
    }

    fn create(&mut self, id: u32, parent: u32, zone: u32) -> Outcome {
        let location = Location { parent: DoId(parent), zone: Zone(zone) };
        let (dclass, fields) = (ClassId(self.class), &self.required[..]);
        let entry = Entry { do_id: DoId(id), location, dclass, has_other: false, fields };
        let message = StateServerMessage::Generate(entry);
        let dg = Dg::control(self.model.dialect, CONTROL, ASKER, &message);
        self.model.hear(&dg)
    }

    fn ask(&mut self, id: u32, message: ObjectMessage<'_>) -> Outcome {
        self.model.hear(&Dg::object(self.model.dialect, &[id.into()], ASKER, &message))
    }

    fn set_ai(&mut self, id: u32, ai: u64) -> Outcome {
        let do_id = (self.model.dialect == Dialect::OpenOtp).then_some(DoId(id));
        self.ask(id, ObjectMessage::SetAi { do_id, ai: Channel(ai) })
    }

    fn names(&self, outcome: &Outcome) -> Vec<&'static str> {
        let name = |said: &Said| {
            let dialect = self.model.dialect;
            let notice = ObjectNotice::decode(dialect, said.dg.msgtype, &said.dg.payload);
            let message = ObjectMessage::decode(dialect, said.dg.msgtype, &said.dg.payload);
            notice.map(|notice| notice.name()).or(message.map(|message| message.name())).unwrap()
        };
        outcome.said.iter().map(name).collect()
    }
}

#[test]
fn a_new_object_says_four_things_in_order() {
    for dialect in [Dialect::OpenOtp, Dialect::Astron] {
        let mut table = Table::new(dialect);
        let said = table.create(2000, 3000, 5);
        let names = ["ChangeZone", "QueryManagingAi", "EnterZoneWithRequired", "Locate"];
        assert_eq!(table.names(&said), names);
        let to: Vec<u64> = said.said.iter().map(|said| said.dg.to[0]).collect();
        let children = table.model.children_channel(2000);
        assert_eq!(to, [3000, 3000, 3000 << 32 | 5, children]);
        assert_eq!(table.create(2000, 0, 0).refused, (1, 1));
    }
}

#[test]
fn children_inherit_the_ai_of_their_parent_unless_they_have_their_own() {
    for dialect in [Dialect::OpenOtp, Dialect::Astron] {
        let mut table = Table::new(dialect);
        table.create(2000, 0, 0);
        table.create(2001, 2000, 1);
        table.create(2002, 2001, 1);
        table.create(2003, 2001, 1);
        table.set_ai(2003, 9 << 40);
        table.set_ai(2000, 8 << 40);
        let ai = |table: &Table, id| table.model.objects[&id].ai >> 40;
        assert_eq!([2000, 2001, 2002, 2003].map(|id| ai(&table, id)), [8, 8, 8, 9]);
        table.set_ai(2003, 0);
        assert_eq!(ai(&table, 2003), 8);
        table.ask(2001, ObjectMessage::SetZone { location: Location::NOWHERE });
        assert_eq!([2000, 2001, 2002, 2003].map(|id| ai(&table, id)), [8, 0, 0, 0]);
    }
}

#[test]
fn nobody_becomes_a_parent_of_itself() {
    let mut table = Table::new(Dialect::OpenOtp);
    for (id, parent) in [(2000, 0), (2001, 2000), (2002, 2001)] {
        table.create(id, parent, 1);
    }
    for parent in [2000, 2001, 2002, 4030] {
        let location = Location { parent: DoId(parent), zone: Zone(1) };
        let refused = table.ask(2000, ObjectMessage::SetZone { location });
        assert_eq!((refused.refused, refused.said.len()), ((1, 1), 0), "{parent}");
    }
}

#[test]
fn astron_deletes_children_too() {
    for (dialect, left) in [(Dialect::OpenOtp, 2), (Dialect::Astron, 0)] {
        let mut table = Table::new(dialect);
        for (id, parent) in [(2000, 0), (2001, 2000), (2002, 2001)] {
            table.create(id, parent, 1);
        }
        table.ask(2000, ObjectMessage::DeleteRam { do_id: DoId(2000) });
        assert_eq!(table.model.objects.len(), left);
    }
}

#[test]
fn a_shard_reset_may_or_may_not_tell_a_parent_that_goes_too() {
    let mut table = Table::new(Dialect::Astron);
    for (id, parent) in [(2000, 1999), (2001, 2000), (2002, 2001), (2003, 2002)] {
        table.create(id, parent, 1);
    }
    for id in [2000, 2002, 2003] {
        table.set_ai(id, ASKER);
    }
    let reset = StateServerMessage::ShardReset { ai: Channel(ASKER) };
    let said = table.model.hear(&Dg::control(Dialect::Astron, 12, ASKER, &reset));
    let told = said.said.iter().zip(table.names(&said));
    let told: Vec<(u32, bool)> = told
        .filter(|(_, name)| *name == "ChangeZone")
        .map(|(said, _)| (said.by, said.optional))
        .collect();
    assert_eq!(told, [(2003, true), (2002, true), (2000, false)]);
    assert!(table.model.objects.is_empty());
}

#[test]
fn updates_are_split_by_receivers_and_refused_as_a_whole() {
    let mut table = Table::new(Dialect::OpenOtp);
    table.create(2000, 3000, 5);
    let class = table.model.schema.class_by_name("SimPlace").unwrap();
    let field = |name| class.field_by_name(name).unwrap().0;
    let [name, secret, note] = ["setName", "setSecret", "setNote"].map(field);
    let pair = |field: u16, value: &[u8]| [&field.to_le_bytes(), value].concat();
    let all = [pair(name, b"\x01\0x"), pair(secret, &[1, 0, 0, 0]), pair(note, &[0, 0])].concat();
    let updates =
        |count, fields| ObjectMessage::UpdateFieldMultiple { do_id: DoId(2000), count, fields };
    let said = table.ask(2000, updates(3, &all));
    assert_eq!(table.names(&said), ["UpdateFieldMultiple"]);
    let expected =
        [&2000u32.to_le_bytes()[..], &[2, 0], &pair(name, b"\x01\0x"), &pair(note, &[0, 0])];
    assert_eq!(said.said[0].dg.payload, expected.concat());
    let before = table.model.objects.clone();
    for (count, fields) in [(2, &all[..]), (4, &all[..]), (3, &all[..all.len() - 1])] {
        assert_eq!(table.ask(2000, updates(count, fields)).refused, (1, 1));
    }
    assert_eq!(table.model.objects, before);
}
