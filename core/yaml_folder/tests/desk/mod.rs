//! A folder in memory whose operations can be made to fail, and classes to fill it with.

use dc::{FieldId, Options, Schema, Source, TextPolicy};

pub const CLASSES: &str = "
struct Berth { uint16 pier; uint8(1-40) number = 1; };
dclass Thing { setName(string name = \"nameless\") required broadcast db; };
dclass Boat : Thing {
  setSeal(blob seal) db;
  setXY(int16 / 10 x, int16 / 10 y) db;
  setLog(string[] lines, uint32 when) db;
  string home db;
  Berth berth = {7, 3} db;
  float64 draught db;
  uint8 bytes[4] db;
  setSpeed(float32 speed) broadcast ram;
  setAll : setSeal, setXY;
};
";

pub fn schema() -> Schema {
    let sources = [Source { name: "boats.dc".into(), text: CLASSES.into() }];
    let options = Options { policy: TextPolicy::Utf8, ..Options::default() };
    Schema::load(&sources, options).unwrap_or_else(|why| panic!("{}", why.lines(&sources)))
}

pub fn field(schema: &Schema, class: &str, name: &str) -> FieldId {
    schema.class_by_name(class).unwrap().field_by_name(name).unwrap()
}
