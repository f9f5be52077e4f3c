//! Reads one mapping of the file: what is asked for is known, everything else is an error.

use crate::document::{Node, Position, Value};
use crate::problem::{Findings, Place, suggest};
use crate::value::describe;
use std::path::Path;

/// One mapping, while it is read. A key that nobody has asked for when it ends is unknown.
pub struct Section<'a> {
    findings: &'a Findings,
    entries: Vec<(&'a str, Position, &'a Node)>,
    place: Place,
    asked: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// Reads `node`, which must be a mapping or nothing, by `read`.
    pub fn read<T>(
        findings: &'a Findings,
        node: &'a Node,
        key: String,
        read: impl FnOnce(&mut Section<'a>) -> T,
    ) -> Option<T> {
        let place = Place { line: node.position.line, column: node.position.column, key };
        let entries: &[_] = match &node.value {
            Value::Map(entries) => entries,
            Value::Nothing => &[],
            Value::Scalar(_) | Value::List(_) => {
                let what = format!("expected a section (key: value), found {}", describe(node));
                findings.error(place, what);
                return None;
            }
        };
        let mut section = Section { findings, entries: Vec::new(), place, asked: Vec::new() };
        for (key, node) in entries {
            section.add(&key.text, key.position, node);
        }
        let read = read(&mut section);
        section.end();
        Some(read)
    }

    /// What `key` says, if it is there.
    pub fn get<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&Node) -> Result<T, String>,
    ) -> Option<T> {
        let node = self.find(key)?;
        parse(node).map_err(|what| self.findings.error(self.at(key, node.position), what)).ok()
    }

    /// What `key` says; it is an error if it is not there.
    pub fn required<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&Node) -> Result<T, String>,
    ) -> Option<T> {
        if self.find(key).is_none() {
            self.error(format!("`{key}` is missing"));
        }
        self.get(key, parse)
    }

    /// What each item of the list `key` says.
    pub fn list<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&Node) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let items = self.items(key)?;
        let parsed = items.into_iter().filter_map(|(key, node)| {
            let place = || Place { key, ..self.at("", node.position) };
            parse(node).map_err(|what| self.findings.error(place(), what)).ok()
        });
        Some(parsed.collect())
    }

    /// The section `key`, if it is there.
    pub fn section<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'a>) -> T,
    ) -> Option<T> {
        let node = self.find(key)?;
        Section::read(self.findings, node, self.key(key), read)
    }

    /// Each item of the list `key`, which are sections.
    pub fn sections<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Section<'a>) -> T,
    ) -> Vec<T> {
        let items = self.items(key).unwrap_or_default().into_iter();
        items.filter_map(|(key, node)| Section::read(self.findings, node, key, &mut read)).collect()
    }

    /// Leaves what was not asked for unjudged: it depends on something that is wrong.
    pub fn skip_rest(&mut self) {
        self.entries.clear();
    }

    /// Where the value of `key` stands; where this section does, if the key is not there.
    pub fn place_of(&self, key: &'static str) -> Place {
        match self.entry(key) {
            Some(&(_, _, node)) => self.at(key, node.position),
            None => self.place.clone(),
        }
    }

    /// An error about the value of `key`.
    pub fn error_at(&self, key: &'static str, what: impl Into<String>) {
        self.findings.error(self.place_of(key), what);
    }

    /// An error about this section.
    pub fn error(&self, what: impl Into<String>) {
        self.findings.error(self.place.clone(), what);
    }

    /// An error about what was read before, and stands at `place`.
    pub fn error_there(&self, place: Place, what: impl Into<String>) {
        self.findings.error(place, what);
    }

    /// An error at line and column of another file, which `key` names.
    pub fn error_in(
        &self,
        file: &Path,
        (line, column): (usize, usize),
        key: &'static str,
        what: String,
    ) {
        let elsewhere = Place { line, column, key: String::new() };
        self.findings.error_in(self.place_of(key), file, elsewhere, what);
    }

    /// How many items the list `key` has.
    pub fn len_of(&self, key: &str) -> usize {
        match self.entry(key).map(|entry| &entry.2.value) {
            Some(Value::List(items)) => items.len(),
            Some(Value::Nothing | Value::Scalar(_) | Value::Map(_)) | None => 0,
        }
    }

    /// A warning about the value of `key`.
    pub fn warning_at(&self, key: &'static str, what: impl Into<String>) {
        self.findings.warning(self.place_of(key), what);
    }

    fn add(&mut self, key: &'a str, position: Position, node: &'a Node) {
        if let Some((_, first, _)) = self.entries.iter().find(|entry| entry.0 == key) {
            let what = format!("stands here a second time; the first is in line {}", first.line);
            return self.findings.error(self.at(key, position), what);
        }
        self.entries.push((key, position, node));
    }

    fn entry(&self, key: &str) -> Option<&(&'a str, Position, &'a Node)> {
        self.entries.iter().find(|entry| entry.0 == key)
    }

    fn find(&mut self, key: &'static str) -> Option<&'a Node> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.entry(key).map(|entry| entry.2)
    }

    /// The items of a list with their keys; nothing is an empty list.
    fn items(&mut self, key: &'static str) -> Option<Vec<(String, &'a Node)>> {
        let node = self.find(key)?;
        let items: &[Node] = match &node.value {
            Value::List(items) => items,
            Value::Nothing => &[],
            Value::Scalar(_) | Value::Map(_) => {
                self.error_at(key, format!("expected a list, found {}", describe(node)));
                return None;
            }
        };
        let keyed = |(at, item)| (format!("{}[{at}]", self.key(key)), item);
        Some(items.iter().enumerate().map(keyed).collect())
    }

    fn key(&self, key: &str) -> String {
        match self.place.key.as_str() {
            "" => key.into(),
            above => format!("{above}.{key}"),
        }
    }

    fn at(&self, key: &str, Position { line, column }: Position) -> Place {
        Place { line, column, key: self.key(key) }
    }

    fn end(&self) {
        for &(key, position, _) in &self.entries {
            if !self.asked.contains(&key) {
                let what = format!("unknown key; {}", suggest(key, &self.asked));
                self.findings.error(self.at(key, position), what);
            }
        }
    }
}
