//! A dump: one object per line, as JSON with the names of the DC files and values as DC text.

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::io::{self, BufRead, Read, Write};
use wire::ids::DoId;
use yaml_folder::{TextField, TextObject};

/// A line that is longer is no object.
const LINE_BYTES_MAX: u64 = 4 << 20;

/// `{"id":7,"class":"Account","fields":{"setName":"(\"Anna\")"}}`
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: u32,
    class: String,
    fields: Fields,
}

/// Fields in their order, so that what stands twice is seen.
struct Fields(Vec<(String, String)>);

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fields, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("fields with their values as text")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    fields.push(entry);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

/// Writes an object as a line.
pub fn write(object: TextObject, out: &mut dyn Write) -> io::Result<()> {
    let fields = object.fields.into_iter().map(|field| (field.name, field.value)).collect();
    let line = Line { id: object.do_id.0, class: object.class, fields: Fields(fields) };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}

/// Reads lines one by one.
pub struct Lines<R> {
    from: R,
    line: usize,
    /// How many bytes have been read.
    pub bytes: u64,
}

impl<R: BufRead> Lines<R> {
    /// From the first line on.
    pub fn new(from: R) -> Lines<R> {
        Lines { from, line: 0, bytes: 0 }
    }

    /// The next object with its line, or the line and why it is none. Empty lines are passed over.
    pub fn next(&mut self) -> io::Result<Option<Result<TextObject, (usize, String)>>> {
        loop {
            let mut text = Vec::new();
            let read = (&mut self.from).take(LINE_BYTES_MAX).read_until(b'\n', &mut text)?;
            if read == 0 {
                return Ok(None);
            }
            self.line += 1;
            self.bytes += read as u64;
            if read as u64 == LINE_BYTES_MAX && text.last() != Some(&b'\n') {
                self.from.skip_until(b'\n')?;
                let what = format!("is longer than {LINE_BYTES_MAX} bytes");
                return Ok(Some(Err((self.line, what))));
            }
            if !text.trim_ascii().is_empty() {
                return Ok(Some(object(&text, self.line)));
            }
        }
    }
}

fn object(text: &[u8], line: usize) -> Result<TextObject, (usize, String)> {
    let Line { id, class, fields } = serde_json::from_slice(text).map_err(|error| {
        // Its line is always the first.
        let what = error.to_string();
        let what = what.split(" at line ").next().unwrap_or_default();
        (line, format!("column {}: {what}", error.column()))
    })?;
    let fields = fields.0.into_iter().map(|(name, value)| TextField { name, value, line });
    Ok(TextObject { do_id: DoId(id), class, class_line: line, fields: fields.collect() })
}
