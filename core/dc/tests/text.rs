//! Values of all types as text and back: the same bytes.
//!
//! `FERRIS_FUZZ_CASES` says how many files.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

#[path = "panda/files.rs"]
mod files;

use dc::value_type::{Array, Float, Integer, Member, Ranges, Shape, SwitchType, Text, Type};
use dc::{FieldId, Options, ParseValueError, Rules, Schema, Source, TextPolicy, ValueError};
use files::Files;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

const CLASSIC: &str = include_str!("corpus/classic.dc");

/// What random files and the corpus do not have, or seldom.
const MORE: &str = r#"
    dclass More {
      float32 a; float32 / 10 b; float32 % 360 c; float32 (-1.5-2.5) d; float64 / 7 % 3 e;
      float64 f; int64 / 3 g; uint64 / 2147483647 h; int64 % 1000000007 / 10 i; uint64 j; int64 k;
      char[] l; char(0-255) m; string(0-40) n; blob32 o; blob32(7) p; string[2] q; uint8(3, 5)[] r;
      switch (struct { int16 a; string b; } key) { case {1, "x"}: int8 c; break; default: blob d; } s;
      int8[2][0-3] t; string[][2] u; uint32uint8array v; uint16array(0-3) w; int8array / 4 x;
      none(); some(int8 / 3, float32, string x, struct { float64 y; } z); two(char, blob(3));
      all : none, some, two;
    };
"#;

fn load(text: &str, policy: TextPolicy) -> Schema {
    let sources = [Source { name: "x.dc".into(), text: text.into() }];
    let rules = if text == CLASSIC { Rules::Classic } else { Rules::Modern };
    let options = Options { rules, policy };
    Schema::load(&sources, options).unwrap_or_else(|why| panic!("{}\n{text}", why.lines(&sources)))
}

/// Random values, extreme ones often.
struct Values {
    rng: SmallRng,
    policy: TextPolicy,
}

impl Values {
    fn of(&mut self, of: &Type, out: &mut Vec<u8>) {
        match &of.shape {
            Shape::Integer(integer) => self.integer(integer, out),
            Shape::Float(float) => self.float(float, out),
            Shape::Text(text) => self.text(text, out),
            Shape::Array(array) => self.array(array, out),
            Shape::Struct(of) => self.all(&of.fields, out),
            Shape::Switch(switch) => self.switch(switch, out),
        }
    }

    fn all(&mut self, members: &[Member], out: &mut Vec<u8>) {
        members.iter().for_each(|member| self.of(&member.of, out));
    }

    fn integer(&mut self, integer: &Integer, out: &mut Vec<u8>) {
        let bounds = integer.bounds();
        let wire = loop {
            let ranges: Vec<_> = integer.ranges.iter().collect();
            let (low, high) = ranges.choose(&mut self.rng).copied().unwrap_or(bounds);
            let high = integer.modulus.map_or(high, |modulus| high.min(i128::from(modulus) - 1));
            let low = if integer.modulus.is_some() { low.max(0) } else { low };
            if low > high {
                continue;
            }
            let small = 0.clamp(low, high);
            let any = self.rng.random_range(low..=high);
            break *[low, high, small, any, any].choose(&mut self.rng).unwrap();
        };
        assert!(integer.allows(wire), "{wire} {integer:?}");
        out.extend_from_slice(&wire.to_le_bytes()[..integer.bytes as usize]);
    }

    fn float(&mut self, float: &Float, out: &mut Vec<u8>) {
        loop {
            let (any, tenths) = (self.rng.random(), f64::from(self.rng.random_range(-50..50)));
            let some = [f64::from_bits(any), -0.0, 0.0, tenths / 10.0, 1e300, 5e-324, 0.7];
            let wire = *some.choose(&mut self.rng).unwrap();
            let bytes = match float.bytes() {
                4 if self.rng.random() => (any as u32).to_le_bytes().to_vec(),
                4 => (wire as f32).to_le_bytes().to_vec(),
                _ => wire.to_le_bytes().to_vec(),
            };
            if float.allows(float.read(&bytes)) {
                return out.extend_from_slice(&bytes);
            }
        }
    }

    fn size(&mut self, sizes: &Ranges<u32>) -> u32 {
        let ranges: Vec<_> = sizes.iter().collect();
        let (low, high) = ranges.choose(&mut self.rng).copied().unwrap_or((0, 6));
        self.rng.random_range(low..=high.min(low + 6))
    }

    fn text(&mut self, text: &Text, out: &mut Vec<u8>) {
        let size = self.size(&text.sizes);
        let is_text = text.basic == dc::value_type::Basic::String;
        let bytes =
            self.bytes(size as usize, if is_text { self.policy } else { TextPolicy::Bytes });
        out.extend_from_slice(&size.to_le_bytes()[..text.length_bytes() as usize]);
        out.extend_from_slice(&bytes);
    }

    fn bytes(&mut self, size: usize, policy: TextPolicy) -> Vec<u8> {
        let ascii = |rng: &mut SmallRng| {
            let special = [b'"', b'\\', b'\n', b'\'', b'x', b'0', 0, 0x7f, b'<', b'f'];
            *special.choose(rng).filter(|_| rng.random()).unwrap_or(&rng.random_range(0..0x80))
        };
        let mut bytes = Vec::new();
        while bytes.len() < size {
            let others = ["é", "\u{85}", "\u{fffd}", "\u{202e}", "😀", "\u{feff}"];
            let other = others.choose(&mut self.rng).filter(|_| self.rng.random_ratio(1, 3));
            match (policy, other) {
                (TextPolicy::Utf8 | TextPolicy::Bytes, Some(other))
                    if bytes.len() + other.len() <= size =>
                {
                    bytes.extend_from_slice(other.as_bytes());
                }
                (TextPolicy::Bytes, _) => bytes.push(self.rng.random()),
                (TextPolicy::Ascii | TextPolicy::Utf8, _) => bytes.push(ascii(&mut self.rng)),
            }
        }
        bytes
    }

    fn array(&mut self, array: &Array, out: &mut Vec<u8>) {
        let mut content = Vec::new();
        (0..self.size(&array.sizes)).for_each(|_| self.of(&array.element, &mut content));
        if array.has_length {
            out.extend_from_slice(&(content.len() as u16).to_le_bytes());
        }
        out.extend_from_slice(&content);
    }

    fn switch(&mut self, switch: &SwitchType, out: &mut Vec<u8>) {
        let mut any = Vec::new();
        self.of(&switch.key.of, &mut any);
        let (label, _) = switch.cases.choose(&mut self.rng).unwrap();
        let key = label.as_deref().unwrap_or(&any);
        let fields = switch.case(key).unwrap_or_default();
        out.extend_from_slice(key);
        self.all(fields, out);
    }

    fn field(&mut self, schema: &Schema, id: FieldId) -> Vec<u8> {
        let mut bytes = Vec::new();
        schema.atoms(id).for_each(|atom| self.all(atom.members(), &mut bytes));
        bytes
    }
}

fn all_read_back(text: &str, seed: u64, values: u32) -> u32 {
    let mut read = 0;
    for policy in [TextPolicy::Ascii, TextPolicy::Utf8, TextPolicy::Bytes] {
        let schema = load(text, policy);
        let mut random = Values { rng: SmallRng::seed_from_u64(seed), policy };
        for (field, _) in schema.fields().iter().zip(0..200) {
            for _ in 0..values {
                let bytes = random.field(&schema, field.id);
                assert_eq!(
                    schema.check(field.id, &bytes),
                    Ok(()),
                    "seed {seed} {}: {bytes:02x?}",
                    field.name
                );
                let text = schema.text(field.id, &bytes).unwrap();
                let again = schema.parse_value(field.id, &text);
                assert_eq!(again, Ok(bytes), "seed {seed} {}: {text}", field.name);
                read += 1;
            }
        }
    }
    read
}

fn cases(usually: u64) -> u64 {
    std::env::var("FERRIS_FUZZ_CASES").map_or(usually, |cases| cases.parse().unwrap())
}

#[test]
fn values_of_our_own_files_are_read_as_written() {
    let corpus =
        [include_str!("corpus/harbour.dc"), include_str!("corpus/types.dc"), CLASSIC, MORE];
    for text in corpus {
        assert!(all_read_back(text, 1, 100) > 1000);
    }
}

#[test]
fn values_of_random_files_are_read_as_written() {
    let read: u32 =
        (0..cases(200)).map(|seed| all_read_back(&Files::new(seed, true).text, seed, 3)).sum();
    assert!(read > 0);
}

/// As deep as types may be.
#[test]
fn the_deepest_value_is_read_as_written() {
    let nested: String = (1..64).map(|at| format!("struct S{at} {{ S{} a; }};", at - 1)).collect();
    let text = format!("struct S0 {{ int8 a; }}; {nested} dclass A {{ f(S63 x); }};");
    assert!(all_read_back(&text, 1, 3) > 0);
}

#[test]
fn numbers_that_text_cannot_say_are_bytes() {
    let schema = load(MORE, TextPolicy::Bytes);
    let more = schema.class_by_name("More").unwrap();
    let third = more.field_by_name("g").unwrap();
    for (wire, text) in [(9i64, "3"), (-1, "-0.3333333333333333"), (i64::MAX, "<ffffffffffffff7f>")]
    {
        let bytes = wire.to_le_bytes().to_vec();
        assert_eq!(schema.text(third, &bytes).unwrap(), text);
        assert_eq!(schema.parse_value(third, text), Ok(bytes));
    }
}

#[test]
fn what_is_no_value() {
    let schema = load("dclass A { f(uint8(0-9) x, string s); };", TextPolicy::Utf8);
    let field = schema.class_by_name("A").unwrap().field_by_name("f").unwrap();
    let error = |text| schema.parse_value(field, text).unwrap_err();
    assert_eq!(error("(10, \"\")"), ParseValueError::Value(ValueError::OutOfRange));
    assert_eq!(error("(1)"), ParseValueError::Value(ValueError::BadCount));
    assert_eq!(error("7"), ParseValueError::Value(ValueError::NotAList));
    assert_eq!(error("(1,\n oops)").to_string(), "2:2: expected a value, found `oops`");
    assert_eq!(error("").to_string(), "1:1: expected a value, found the end of the file");
    assert!(error("(1, \"\") (2)").to_string().starts_with("1:9: expected"));
}
