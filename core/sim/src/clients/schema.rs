//! The DC file of the client world. Nearly all values are stamps: who wrote it, and as what number.

use dc::{Options, Schema, Source};
use std::sync::{Arc, OnceLock};
use wire::ids::{ClassId, FieldId};

/// Every way in which a field may be shown to clients and sent by them.
const TEXT: &str = r#"
dclass SimLogin {
  login(uint32 who) clsend;
  small(uint8(0-9) what) clsend;
  welcome(uint32 who) broadcast;
  secretly(uint32 what);
};

dclass SimHall {
  setName(uint32 name = 0) required broadcast;
  say(uint32 what) broadcast clsend;
  small(uint8(0-9) what) broadcast clsend;
  hush(uint32 what) broadcast;
};

dclass SimBody {
  setA(uint32 a) required broadcast ram db clsend;
  setB(uint32 b) ram broadcast airecv;
  setHint(uint32 hint) required clrecv;
  setSecret(uint32 secret) required db airecv;
  setOwn(uint32 own) required db ownrecv;
  setX(uint32 x) required ram broadcast db ownsend;
  setY(uint32 y) required ram broadcast db ownsend;
  setXY : setX, setY;
  setLate(uint32 late) ram broadcast ownrecv;
  shout(uint32 what) broadcast clsend;
  mutter(uint32 what) broadcast ownsend;
  small(uint8(0-9) what) broadcast clsend;
  lent(uint32 what) broadcast;
  setRank(uint32 rank) ram broadcast db;
};
"#;

/// The uberdog that lets clients in.
pub const LOGIN: &str = "SimLogin";
/// What others are below.
pub const HALL: &str = "SimHall";
/// What moves about.
pub const BODY: &str = "SimBody";

/// The file, read.
pub fn load() -> Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    let read = || {
        let source = Source { name: "clients.dc".into(), text: TEXT.into() };
        Arc::new(Schema::load(&[source], Options::default()).expect("the file has no mistakes"))
    };
    SCHEMA.get_or_init(read).clone()
}

/// The number of a class.
pub fn class(name: &str) -> ClassId {
    let schema = load();
    ClassId(schema.class_by_name(name).expect("the file has it").id.0)
}

/// The number of a field.
pub fn field(class: &str, name: &str) -> FieldId {
    let schema = load();
    let class = schema.class_by_name(class).expect("the file has it");
    let field = class.field_by_name(name).expect("the file has it");
    FieldId(schema.field(field).number)
}

/// Who wrote a value, and as what number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Stamp {
    /// Who.
    pub writer: u32,
    /// Values of a writer ascend.
    pub number: u32,
}

const NUMBER_BITS: u32 = 20;

impl Stamp {
    /// As a value.
    pub fn bytes(self) -> [u8; 4] {
        (self.writer << NUMBER_BITS | self.number).to_le_bytes()
    }

    /// Those in a value of a field: one, two in that of a molecular field, or none.
    pub fn all(value: &[u8]) -> impl Iterator<Item = Stamp> + '_ {
        value.as_chunks::<4>().0.iter().map(|bytes| {
            let word = u32::from_le_bytes(*bytes);
            Stamp { writer: word >> NUMBER_BITS, number: word & ((1 << NUMBER_BITS) - 1) }
        })
    }
}
