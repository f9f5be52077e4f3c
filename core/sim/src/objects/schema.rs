//! The DC file of the object world: every type, every combination of keywords.

use dc::{ClassId, Field, FieldKind, Keywords, Options, Schema, Source};
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

/// Types, molecular fields, inheritance, overriding; what is to be big.
const TEXT: &str = r#"
keyword simulated;

typedef int16 / 10 Metres;
typedef int16 % 360 / 10 Degrees;

struct SimPoint { Metres x; Metres y = 2.5; };
struct SimTrail { string(0-9) name = "path"; SimPoint points[]; uint8(0-3) ends; };
struct SimPacket {
  uint8 version;
  switch (uint16 kind) {
  case 1: int8 a; break;
  case 2: string(0-5) b; int8 c; break;
  default: blob e;
  };
};

dclass SimPlace {
  setName(string(0-40) name = "somewhere") required broadcast;
  setWeather(uint8(0-5, 9) weather = 2) required broadcast ram;
  setNote(string note) ram broadcast;
  setSecret(uint32 secret = 77) required;
  knock(uint16 / 100 force) broadcast;
};

dclass SimThing {
  setSerial(uint32 serial) ram broadcast airecv ownrecv;
  setX(Metres x) required broadcast ram ownsend airecv;
  setY(Metres y = -1.5) required broadcast ram ownsend airecv;
  setH(Degrees h) required broadcast ram ownsend airecv;
  setXY : setX, setY;
  setXYH : setX, setY, setH;
  setLeft(uint8(1-7) left) ram clrecv;
  setRight(string(1-6) right) ram clrecv;
  setBoth : setLeft, setRight;
  hear(string words, uint8 loudness = 5) broadcast;
  see(int64 what) broadcast;
  sense : hear, see;
  whisper(blob what) airecv;
  reply(uint16 % 1000 what) ownrecv;
  setTrail(SimTrail trail) required clrecv db;
  SimPacket packet required db;
  uint16 % 1000 fuel = 999 ram db;
  setPulse() ram broadcast;
  nothing();
};

dclass SimSpecial : SimThing {
  setY(int32 y) required airecv;
  setTrails(SimTrail[0-2] trails, float64(0.5-1.5) scale) ram ownrecv simulated;
};

dclass SimWaggon : SimPlace, SimSpecial {
  setLoad(uint32uint8array load) ram broadcast;
};

dclass SimBare { };

dclass SimBulk {
  setA(blob a) ram broadcast;
  setB(blob b) ram airecv;
  setC(blob c) ram;
  setD(blob d) required clrecv;
  shout(blob what) broadcast;
};
"#;

/// Types of the fields that stand for all combinations of keywords, taken in turn.
const TYPES: [&str; 27] = [
    "int8",
    "int16 / 10",
    "int32",
    "int64",
    "uint8",
    "uint16 % 360",
    "uint32",
    "uint64",
    "float64",
    "float32",
    "char",
    "string",
    "string(3)",
    "blob",
    "blob(4)",
    "blob32",
    "int8[]",
    "uint16[2]",
    "SimPoint",
    "SimPoint[]",
    "SimTrail",
    "uint32uint8array",
    "int16array",
    "uint8(3-9)",
    "int16 % 24 / 4",
    "SimPacket",
    "string(1-4)[]",
];

const WORDS: [&str; 7] = ["required", "ram", "broadcast", "clrecv", "airecv", "ownrecv", "db"];

/// The text of the file.
pub fn text() -> String {
    let mut text = format!("{TEXT}\ndclass SimEvery {{\n");
    for bits in 0..1usize << WORDS.len() {
        let of = TYPES[bits % TYPES.len()];
        write!(text, "  set{bits}({of} value)").expect("a String takes all");
        let words = WORDS.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1);
        words.for_each(|(_, word)| text.extend([" ", word]));
        text.push_str(";\n");
    }
    text.push_str("};\n");
    text
}

/// The file, read.
pub fn load() -> Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    let read = || {
        let source = Source { name: "sim.dc".into(), text: text() };
        Arc::new(Schema::load(&[source], Options::default()).expect("the file has no mistakes"))
    };
    SCHEMA.get_or_init(read).clone()
}

/// The keywords that a State Server looks at.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    required: Keywords,
    ram: Keywords,
    broadcast: Keywords,
    clrecv: Keywords,
    airecv: Keywords,
    ownrecv: Keywords,
}

impl Words {
    /// Those of `schema`.
    pub fn new(schema: &Schema) -> Words {
        let bit = |name| schema.keyword(name).expect("it is known from the beginning");
        Words {
            required: bit("required"),
            ram: bit("ram"),
            broadcast: bit("broadcast"),
            clrecv: bit("clrecv"),
            airecv: bit("airecv"),
            ownrecv: bit("ownrecv"),
        }
    }

    /// Whether it comes with every object.
    pub fn is_required(&self, field: &Field) -> bool {
        field.keywords.contain(self.required) && !matches!(field.kind, FieldKind::Molecular(_))
    }

    /// Whether it has `ram`.
    pub fn is_ram(&self, field: &Field) -> bool {
        field.keywords.contain(self.ram)
    }

    /// Whether a value of it is kept.
    pub fn is_stored(&self, field: &Field) -> bool {
        self.is_required(field) || self.is_ram(field)
    }

    /// Whether updates go to the location.
    pub fn is_broadcast(&self, field: &Field) -> bool {
        field.keywords.contain(self.broadcast)
    }

    /// Whether clients that see the object may know it.
    pub fn is_for_clients(&self, field: &Field) -> bool {
        self.is_broadcast(field) || field.keywords.contain(self.clrecv)
    }

    /// Whether updates go to the AI.
    pub fn is_for_ai(&self, field: &Field) -> bool {
        field.keywords.contain(self.airecv)
    }

    /// Whether updates go to the owner.
    pub fn is_for_owner(&self, field: &Field) -> bool {
        field.keywords.contain(self.ownrecv)
    }
}

/// The classes that objects may have, without structs.
pub fn dclasses(schema: &Schema) -> Vec<ClassId> {
    schema.classes().iter().filter(|class| !class.is_struct).map(|class| class.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_of_keywords_is_there() {
        let schema = load();
        let every = schema.class_by_name("SimEvery").unwrap();
        assert_eq!(every.fields.len(), 128);
        let all: std::collections::BTreeSet<u64> =
            every.fields.iter().map(|&id| schema.field(id).keywords.0).collect();
        assert_eq!(all.len(), 128);
        assert_eq!(dclasses(&schema).len(), 7);
    }

    #[test]
    fn an_inherited_molecular_field_has_a_method_that_its_class_overrides() {
        let schema = load();
        let special = schema.class_by_name("SimSpecial").unwrap();
        let both = special.field_by_name("setXY").unwrap();
        let has = |field: &Field| special.field_by_number(field.number).is_some();
        assert_eq!(schema.atoms(both).map(has).collect::<Vec<_>>(), [true, false]);
    }
}
