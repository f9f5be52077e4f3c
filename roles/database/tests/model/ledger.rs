//! What must hold though the disk runs full or fails and the server goes away at once: whoever has
//! heard of a version of an object never sees an older one, and no version comes from nowhere.
//!
//! The versions of an object are numbered in the order in which they are asked for; some come to
//! nothing.

use crate::disk::DiskEvent;
use crate::world::Setting;
use crate::{ASKER, CONTROL, Run, SCHEMA, config};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use wire::database::{DatabaseMessage, DatabaseNotice, Outcome};
use wire::datagram::write_datagram;
use wire::dialect::Dialect;
use wire::ids::{ClassId, DoId};
use wire::lists::Fields;

/// So large that a few versions fill a segment.
const TEXT_BYTES: usize = 30_000;
const OBJECTS: u32 = 3;

#[derive(Clone, Debug)]
enum Event {
    Update(u32),
    /// From the newest version that was heard of, or from another one.
    UpdateIfEquals(u32, bool),
    Select(u32),
    Delete,
    Disk(DiskEvent),
    Crash,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let object = || 0..OBJECTS;
    let disk = prop::sample::select(vec![
        DiskEvent::Waits,
        DiskEvent::Commit,
        DiskEvent::Commit,
        DiskEvent::GoesOn,
        DiskEvent::Full,
        DiskEvent::Empty,
        DiskEvent::Cold,
        DiskEvent::Warm,
    ]);
    let event = prop_oneof![
        12 => object().prop_map(Event::Update),
        6 => (object(), any::<bool>()).prop_map(|(object, newest)| Event::UpdateIfEquals(object, newest)),
        12 => object().prop_map(Event::Select),
        1 => Just(Event::Delete),
        10 => disk.prop_map(Event::Disk),
        1 => Just(Event::Disk(DiskEvent::Fails)),
        2 => Just(Event::Crash),
    ];
    prop::collection::vec(event, 1..80)
}

/// What is known of an object.
#[derive(Default)]
struct Entry {
    asked: u64,
    /// The newest version that somebody has heard of.
    heard: u64,
    /// By context: the newest version that had been heard of when it was asked, and what was asked
    /// for, if it was an update.
    open: BTreeMap<u32, (u64, Option<u64>)>,
}

struct Ledger {
    run: Run,
    dialect: Dialect,
    entries: BTreeMap<u32, Entry>,
    contexts: u32,
    /// Who is gone, as far as that was heard.
    deleted: BTreeSet<u32>,
}

impl Ledger {
    fn new(dialect: Dialect, setting: Setting) -> Ledger {
        let run = Run::new(dialect, setting, config(1024, false));
        let entries = (0..OBJECTS).map(|object| (object, Entry::default())).collect();
        let mut ledger = Ledger { run, dialect, entries, contexts: 0, deleted: BTreeSet::new() };
        for _ in 0..OBJECTS {
            let dclass = ClassId(SCHEMA.class_by_name("Book").unwrap().id.0);
            let text = [ledger.field("setText"), text()].concat();
            let fields = [text, ledger.field("setTitle"), title(0)].concat();
            ledger.ask(&DatabaseMessage::Create { context: 0, dclass, count: 2, fields: &fields });
        }
        drop(ledger.run.heard());
        ledger
    }

    fn field(&self, name: &str) -> Vec<u8> {
        let class = SCHEMA.class_by_name("Book").unwrap();
        let id = class.field_by_name(name).unwrap();
        SCHEMA.field(id).number.to_le_bytes().to_vec()
    }

    fn ask(&mut self, message: &DatabaseMessage<'_>) {
        let mut bytes = Vec::new();
        let write = |out: &mut Vec<u8>| message.write(self.dialect, out);
        let msgtype = message.msgtype(self.dialect).unwrap();
        write_datagram(&mut bytes, &[CONTROL], ASKER, msgtype, write).unwrap();
        self.run.world().send(0, &bytes);
        self.run.world().settle();
    }

    fn next_context(&mut self, object: u32, wanted: Option<u64>) -> u32 {
        self.contexts += 1;
        let entry = self.entries.get_mut(&object).unwrap();
        entry.open.insert(self.contexts, (entry.heard, wanted));
        self.contexts
    }

    fn happen(&mut self, event: &Event) {
        match *event {
            Event::Update(object) => {
                let version = self.next_version(object);
                let fields = [self.field("setTitle"), title(version)].concat();
                let context = (self.dialect == Dialect::OpenOtp).then_some(0);
                let do_id = do_id(object);
                self.ask(&DatabaseMessage::Update { context, do_id, count: 1, fields: &fields });
            }
            Event::UpdateIfEquals(object, newest) => {
                let heard = self.entries[&object].heard;
                let old = if newest { heard } else { heard.saturating_sub(1) };
                let version = self.next_version(object);
                let context = self.next_context(object, Some(version));
                let conditions = [self.field("setTitle"), title(old), title(version)].concat();
                let (do_id, conditions) = (do_id(object), conditions.as_slice());
                self.ask(&DatabaseMessage::UpdateIfEquals { context, do_id, count: 1, conditions });
            }
            Event::Select(object) => {
                let context = self.next_context(object, None);
                let fields = [self.field("setTitle").try_into().unwrap()];
                let (do_id, fields) = (do_id(object), Fields(&fields));
                self.ask(&DatabaseMessage::Select { context, do_id, fields });
            }
            Event::Delete => {
                let verify_code =
                    (self.dialect == Dialect::OpenOtp).then_some(wire::database::DIE[0]);
                self.ask(&DatabaseMessage::Delete { do_id: do_id(0), verify_code });
            }
            Event::Disk(event) => {
                self.run.world().disk(event);
                self.run.world().settle();
            }
            Event::Crash => {
                let world = self.run.world.take().unwrap();
                self.run.world = Some(world.crash(&self.run.config, 1).unwrap());
                self.run.subscribe();
                self.entries.values_mut().for_each(|entry| entry.open.clear());
            }
        }
        self.listen();
    }

    fn next_version(&mut self, object: u32) -> u64 {
        let entry = self.entries.get_mut(&object).unwrap();
        entry.asked += 1;
        entry.asked
    }

    fn listen(&mut self) {
        for heard in self.run.heard() {
            let Ok(notice) = DatabaseNotice::decode(self.dialect, heard.msgtype, &heard.payload)
            else {
                self.hear_announcement(&heard.payload, heard.payload.len() == 4);
                continue;
            };
            match notice {
                DatabaseNotice::SelectResp { context, fields } => {
                    let value = fields.map(|(_, values)| version(values));
                    self.hear_answer(context, value, false);
                }
                DatabaseNotice::UpdateIfEqualsResp { context, outcome } => match outcome {
                    Outcome::Done => self.hear_answer(context, None, true),
                    Outcome::Differs((_, values)) => {
                        self.hear_answer(context, Some(version(values)), false);
                    }
                    Outcome::Failed { .. } => self.forget(context),
                },
                DatabaseNotice::Delete { .. } => self.hear_announcement(&heard.payload, true),
                DatabaseNotice::UpdateField { .. } => self.hear_announcement(&heard.payload, false),
                other => panic!("{other:?}"),
            }
        }
    }

    fn forget(&mut self, context: u32) {
        self.entries.values_mut().for_each(|entry| entry.open.retain(|&open, _| open != context));
    }

    fn hear_answer(&mut self, context: u32, value: Option<u64>, done: bool) {
        let open = self.entries.iter_mut();
        let mut open = open.filter_map(|(object, entry)| {
            let (heard, wanted) = entry.open.remove(&context)?;
            Some((*object, entry, heard, wanted))
        });
        let (object, entry, heard, wanted) = open.next().expect("an answer has been asked for");
        let value = if done { wanted } else { value };
        match value {
            Some(value) => {
                assert!(value >= heard, "object {object}: {value} is older than {heard}");
                assert!(value <= entry.asked, "object {object}: nobody wrote {value}");
                assert!(!self.deleted.contains(&object), "object {object} is back");
                entry.heard = entry.heard.max(value);
            }
            None => assert_eq!(object, 0, "object {object} is gone, and nobody deleted it"),
        }
    }

    fn hear_announcement(&mut self, payload: &[u8], is_deletion: bool) {
        let object = u32::from_le_bytes(*payload.first_chunk().unwrap()) - do_id(0).0;
        assert!(!self.deleted.contains(&object), "object {object} is back");
        if is_deletion {
            self.deleted.insert(object);
            return;
        }
        let (entry, value) = (self.entries.get_mut(&object).unwrap(), version(&payload[4..]));
        assert!(value <= entry.asked, "object {object}: nobody wrote {value}");
        entry.heard = entry.heard.max(value);
    }

    /// In the end everything that was heard of is there.
    fn end(&mut self) {
        self.happen(&Event::Crash);
        self.happen(&Event::Disk(DiskEvent::GoesOn));
        (0..OBJECTS).for_each(|object| self.happen(&Event::Select(object)));
        let open = self.entries.values().map(|entry| entry.open.len()).sum::<usize>();
        assert_eq!(open, 0, "questions were not answered");
    }
}

fn do_id(object: u32) -> DoId {
    DoId(crate::GENERATE.0.0 + object)
}

fn text() -> Vec<u8> {
    [(TEXT_BYTES as u16).to_le_bytes().to_vec(), vec![7; TEXT_BYTES]].concat()
}

/// The title of a version.
fn title(version: u64) -> Vec<u8> {
    let text = format!("{version:08}");
    [(text.len() as u16).to_le_bytes().to_vec(), text.into_bytes()].concat()
}

/// The version that a title says, whatever stands before it.
fn version(bytes: &[u8]) -> u64 {
    let text = &bytes[bytes.len() - 8..];
    std::str::from_utf8(text).unwrap().parse().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_was_heard_of_stays(
        events in events(),
        is_openotp in any::<bool>(),
        shards in 1_usize..4,
        variant in 0_usize..8,
    ) {
        let dialect = if is_openotp { Dialect::OpenOtp } else { Dialect::Astron };
        let mut ledger = Ledger::new(dialect, Setting { shards, variant });
        events.iter().for_each(|event| ledger.happen(event));
        ledger.end();
    }
}
