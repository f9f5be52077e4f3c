//! A YAML document as a tree in which everything knows where it stands.
//!
//! Scalars stay text: what they mean is decided by who reads them, as in Astron. Anchors and
//! aliases work; tags are ignored; duplicate keys are kept, since who reads a mapping can name
//! them better.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::collections::BTreeMap;

const DEPTH_MAX: usize = 64;
const NODES_MAX: usize = 100_000;

/// Where a node begins; both from 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// One value of the document.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it begins.
    pub position: Position,
    /// What it is.
    pub value: Value,
}

/// What a [`Node`] is.
#[derive(Clone, Debug)]
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
#[derive(Clone, Debug)]
pub struct Key {
    /// Where it stands.
    pub position: Position,
    /// Its text.
    pub text: String,
}

/// What is no YAML, and where.
pub type SyntaxError = (Position, String);

/// Reads one document; a file without one is [`Value::Nothing`].
pub fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text.trim_start_matches('\u{feff}')) {
        let (event, span) = event.map_err(|error| {
            (position(*error.marker()), format!("this is not YAML: {}", error.info()))
        })?;
        builder.event(event, span)?;
    }
    let nothing = Node { position: Position { line: 1, column: 1 }, value: Value::Nothing };
    Ok(builder.root.unwrap_or(nothing))
}

#[derive(Default)]
struct Builder {
    root: Option<Node>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
}

/// A list or mapping that has not ended.
struct Open {
    position: Position,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map(Vec<(Key, Node)>, Option<Key>),
}

impl Builder {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), SyntaxError> {
        let position = position(span.start);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) if self.root.is_some() => Err((
                position,
                "a configuration is one YAML document, and here begins another".into(),
            )),
            Event::DocumentStart(_) => Ok(()),
            Event::Scalar(text, style, anchor, _) => {
                let nothing = matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = if nothing && style == ScalarStyle::Plain {
                    Value::Nothing
                } else {
                    Value::Scalar(text.into_owned())
                };
                self.whole(Node { position, value }, anchor)
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                let node =
                    node.ok_or((position, "this alias stands inside its own anchor".into()))?;
                self.nodes += count(&node);
                self.whole(Node { position, ..node }, 0)
            }
            Event::SequenceStart(anchor, _) => {
                self.open(position, anchor, Content::List(Vec::new()))
            }
            Event::MappingStart(anchor, _) => {
                self.open(position, anchor, Content::Map(Vec::new(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
        }
    }

    fn open(
        &mut self,
        position: Position,
        anchor: usize,
        content: Content,
    ) -> Result<(), SyntaxError> {
        if self.open.len() == DEPTH_MAX {
            return Err((position, format!("nested deeper than {DEPTH_MAX} levels")));
        }
        self.open.push(Open { position, anchor, content });
        Ok(())
    }

    fn close(&mut self) -> Result<(), SyntaxError> {
        let open = self.open.pop().expect("the parser ends only what it has begun");
        let value = match open.content {
            Content::List(items) => Value::List(items),
            Content::Map(entries, _) => Value::Map(entries),
        };
        self.whole(Node { position: open.position, value }, open.anchor)
    }

    /// Puts a finished node where it belongs.
    fn whole(&mut self, node: Node, anchor: usize) -> Result<(), SyntaxError> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err((node.position, format!("more than {NODES_MAX} values")));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map(entries, key)) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => *key = Some(as_key(node)?),
            },
        }
        Ok(())
    }
}

fn as_key(node: Node) -> Result<Key, SyntaxError> {
    let text = match node.value {
        Value::Scalar(text) => text,
        Value::Nothing => String::new(),
        Value::List(_) | Value::Map(_) => {
            return Err((node.position, "a key must be text".into()));
        }
    };
    Ok(Key { position: node.position, text })
}

fn count(node: &Node) -> usize {
    match &node.value {
        Value::Nothing | Value::Scalar(_) => 1,
        Value::List(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|(_, node)| count(node)).sum::<usize>(),
    }
}

fn position(marker: saphyr_parser::Marker) -> Position {
    Position { line: marker.line(), column: marker.col() + 1 }
}
