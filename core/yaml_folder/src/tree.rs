//! YAML to a small tree in which everything knows its line.
//!
//! Scalars stay text: what they mean is decided by who reads them. Anchors, aliases and deep
//! nesting have no business in these files and are refused.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

/// A file is a mapping of mappings at most.
const DEPTH_MAX: usize = 4;

/// One value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// What it is.
    pub value: Value,
}

/// What a [`Node`] is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// Nothing: no text, `~` or `null`.
    Nothing,
    /// Text, quoted or not.
    Scalar(String),
    /// `- a`
    List(Vec<Node>),
    /// `a: b`, in the order of the file.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    /// Its line.
    pub line: usize,
    /// Its text.
    pub text: String,
}

/// What is no YAML: the line, and why.
pub type SyntaxError = (usize, String);

/// Reads one document; a file without one is [`Value::Nothing`].
pub fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text.trim_start_matches('\u{feff}')) {
        let (event, span) = event
            .map_err(|error| (error.marker().line(), format!("is not YAML: {}", error.info())))?;
        builder.event(event, span)?;
    }
    Ok(builder.root.unwrap_or(Node { line: 1, value: Value::Nothing }))
}

/// What a value is, for a message.
pub fn describe(node: &Node) -> String {
    match &node.value {
        Value::Nothing => "nothing".into(),
        Value::Scalar(text) if text.chars().count() > 60 => {
            format!("`{}...`", text.chars().take(60).collect::<String>())
        }
        Value::Scalar(text) => format!("`{text}`"),
        Value::List(_) => "a list".into(),
        Value::Map(_) => "a mapping".into(),
    }
}

#[derive(Default)]
struct Builder {
    root: Option<Node>,
    open: Vec<(usize, Open)>,
}

/// A list or mapping that has not ended, with the line on which it began.
enum Open {
    List(Vec<Node>),
    Map(Vec<(Key, Node)>, Option<Key>),
}

impl Builder {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), SyntaxError> {
        let line = span.start.line();
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) if self.root.is_some() => {
                Err((line, "is one YAML document, and here begins another".into()))
            }
            Event::DocumentStart(_) => Ok(()),
            Event::Scalar(text, style, 0, _) => {
                let nothing = matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = if nothing && style == ScalarStyle::Plain {
                    Value::Nothing
                } else {
                    Value::Scalar(text.into_owned())
                };
                self.whole(Node { line, value })
            }
            Event::SequenceStart(0, _) => self.open(line, Open::List(Vec::new())),
            Event::MappingStart(0, _) => self.open(line, Open::Map(Vec::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(_)
            | Event::Scalar(..)
            | Event::SequenceStart(..)
            | Event::MappingStart(..) => {
                Err((line, "anchors and aliases are not read here".into()))
            }
        }
    }

    fn open(&mut self, line: usize, open: Open) -> Result<(), SyntaxError> {
        if self.open.len() == DEPTH_MAX {
            return Err((line, format!("is nested deeper than {DEPTH_MAX} levels")));
        }
        self.open.push((line, open));
        Ok(())
    }

    fn close(&mut self) -> Result<(), SyntaxError> {
        let (line, open) = self.open.pop().expect("the parser ends only what it has begun");
        let value = match open {
            Open::List(items) => Value::List(items),
            Open::Map(entries, _) => Value::Map(entries),
        };
        self.whole(Node { line, value })
    }

    /// Puts a finished node where it belongs.
    fn whole(&mut self, node: Node) -> Result<(), SyntaxError> {
        match self.open.last_mut().map(|(_, open)| open) {
            None => self.root = Some(node),
            Some(Open::List(items)) => items.push(node),
            Some(Open::Map(entries, key)) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => *key = Some(as_key(node)?),
            },
        }
        Ok(())
    }
}

fn as_key(node: Node) -> Result<Key, SyntaxError> {
    match node.value {
        Value::Scalar(text) => Ok(Key { line: node.line, text }),
        // A field may be called `null`.
        Value::Nothing => Ok(Key { line: node.line, text: "null".into() }),
        Value::List(_) | Value::Map(_) => Err((node.line, "a key must be text".into())),
    }
}
