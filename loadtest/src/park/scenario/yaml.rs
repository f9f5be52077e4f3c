//! YAML as JSON values: maps, lists, numbers, texts. No anchors: a scenario is short.

use anyhow::{Result, bail, ensure};
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// Maps and lists within each other, at most.
const DEPTH_MAX: usize = 16;

/// Reads one document; a file without one is an empty map.
pub(super) fn read(text: &str) -> Result<Value> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => {
                let line = span.start.line();
                builder.event(event).map_err(|error| error.context(format!("line {line}")))?;
            }
            Err(error) => bail!("line {}: {}", error.marker().line(), error.info()),
        }
    }
    Ok(builder.root.unwrap_or_else(|| Value::Object(Map::new())))
}

#[derive(Default)]
struct Builder {
    root: Option<Value>,
    open: Vec<Open>,
}

enum Open {
    List(Vec<Value>),
    Map(Map<String, Value>, Option<String>),
}

impl Builder {
    fn event(&mut self, event: Event<'_>) -> Result<()> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => {
                ensure!(self.root.is_none(), "a second document");
                Ok(())
            }
            Event::Alias(_) => bail!("an alias: a scenario has none"),
            Event::Scalar(text, style, _, _) => {
                let is_plain = style == ScalarStyle::Plain;
                self.whole(if is_plain { plain(&text) } else { Value::String(text.into_owned()) })
            }
            Event::SequenceStart(..) => self.begin(Open::List(Vec::new())),
            Event::MappingStart(..) => self.begin(Open::Map(Map::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => {
                let whole = match self.open.pop() {
                    Some(Open::List(items)) => Value::Array(items),
                    Some(Open::Map(entries, _)) => Value::Object(entries),
                    None => bail!("an end without a begin"),
                };
                self.whole(whole)
            }
        }
    }

    fn begin(&mut self, open: Open) -> Result<()> {
        ensure!(self.open.len() < DEPTH_MAX, "nested deeper than {DEPTH_MAX} levels");
        self.open.push(open);
        Ok(())
    }

    /// Puts a finished value where it belongs.
    fn whole(&mut self, value: Value) -> Result<()> {
        match self.open.last_mut() {
            None => self.root = Some(value),
            Some(Open::List(items)) => items.push(value),
            Some(Open::Map(entries, key)) => match key.take() {
                Some(name) => {
                    ensure!(!entries.contains_key(&name), "{name} stands twice in one map");
                    entries.insert(name, value);
                }
                None => match value {
                    Value::String(name) => *key = Some(name),
                    Value::Null
                    | Value::Bool(_)
                    | Value::Number(_)
                    | Value::Array(_)
                    | Value::Object(_) => bail!("a key must be a name"),
                },
            },
        }
        Ok(())
    }
}

/// What unquoted text is.
fn plain(text: &str) -> Value {
    if let Ok(number) = text.parse::<u64>() {
        return number.into();
    }
    match (text, text.parse::<f64>()) {
        ("" | "~" | "null", _) => Value::Null,
        ("true", _) => true.into(),
        ("false", _) => false.into(),
        (_, Ok(number)) if number.is_finite() => number.into(),
        (_, Ok(_) | Err(_)) => Value::String(text.to_owned()),
    }
}
