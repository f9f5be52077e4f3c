//! The DC file of the database world: fields that are stored and others, with and without defaults,
//! short and long, molecular ones of all sorts.

use dc::{Class, ClassId, Field, FieldKind, Options, Schema, Source};
use std::sync::{Arc, OnceLock};

const TEXT: &str = r#"
typedef int16 / 10 Metres;
struct SimPoint { Metres x; Metres y = 2.5; };

dclass SimAccount {
  setName(string(0-20) name = "nobody") required broadcast db;
  setCoins(uint32 coins) required db;
  setLevel(uint8(1-9) level = 3) ram db;
  setNote(blob note) db;
  setAlias(string alias) db;
  setSpot(SimPoint spot, uint8 floor = 4) db;
  setMood(int8 mood) required broadcast;
  setHue(uint8 hue = 9) required broadcast;
  setSecret(uint32 secret = 77) ram;
  setSeat : setAlias, setSpot;
  setLooks : setMood, setHue;
};

dclass SimAvatar : SimAccount {
  setLevel(uint16 level = 300) required db;
  setAlias(string(0-9) alias) db;
  SimPoint home = { 1, 2 } db;
  uint16 % 1000 fuel = 999 required db;
  setFlags(uint8[] flags) db;
};

dclass SimBare { };

dclass SimBulk {
  setA(blob a) db;
  setB(blob b) db;
  setTag(uint16 tag) db;
};
"#;

/// The fields that may have an index.
pub const INDEXED: [(&str, &str); 5] = [
    ("SimAccount", "setName"),
    ("SimAccount", "setCoins"),
    ("SimAvatar", "setLevel"),
    ("SimAvatar", "setAlias"),
    ("SimBulk", "setTag"),
];

/// The file, read.
pub fn load() -> Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    let read = || {
        let source = Source { name: "simdb.dc".into(), text: TEXT.into() };
        Arc::new(Schema::load(&[source], Options::default()).expect("the file has no mistakes"))
    };
    SCHEMA.get_or_init(read).clone()
}

/// The classes that objects may have, without structs.
pub fn dclasses(schema: &Schema) -> Vec<ClassId> {
    schema.classes().iter().filter(|class| !class.is_struct).map(|class| class.id).collect()
}

/// What of a field of `class` is stored: itself, or those of its methods that are; perhaps nothing.
pub fn stored_parts<'a>(schema: &'a Schema, class: &Class, field: &'a Field) -> Vec<&'a Field> {
    let db = schema.keyword("db").expect("it is known from the beginning");
    let is_stored = |part: &&Field| {
        // A method that the class overrides is none of its own.
        part.keywords.contain(db) && class.field_by_number(part.number) == Some(part.id)
    };
    schema.atoms(field.id).filter(is_stored).collect()
}

/// Whether a field consists of others.
pub fn is_molecular(field: &Field) -> bool {
    matches!(field.kind, FieldKind::Molecular(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_stored_by_themselves_in_part_or_not_at_all() {
        let schema = load();
        let parts = |class: &str, field: &str| {
            let class = schema.class_by_name(class).unwrap();
            let field = schema.field(class.field_by_name(field).unwrap());
            stored_parts(&schema, class, field).len()
        };
        let fields = ["setName", "setMood", "setSeat", "setLooks"];
        assert_eq!(fields.map(|field| parts("SimAccount", field)), [1, 0, 2, 0]);
        // Its own setAlias is not the one that is a part of it.
        assert_eq!(parts("SimAvatar", "setSeat"), 1);
        assert_eq!(dclasses(&schema).len(), 4);
        for (class, field) in INDEXED {
            assert_eq!(parts(class, field), 1);
        }
    }
}
