//! Lines of a transcript, taken apart: words, lists, numbers and names.

use std::cell::RefCell;
use std::collections::BTreeMap;
use wire::dialect::Dialect;
use wire::ids::{Channel, DoId, Zone};

/// What the names of a transcript mean: other names, numbers, channels.
#[derive(Clone, Default)]
pub struct Names {
    meanings: BTreeMap<String, String>,
    /// What `?name` has turned out to be while a transcript is played.
    met: RefCell<BTreeMap<String, u64>>,
}

impl Names {
    /// From now on `name` means `meaning`.
    pub fn define(&mut self, name: &str, meaning: &str) -> Result<(), String> {
        match self.meanings.insert(name.to_owned(), meaning.to_owned()) {
            None => Ok(()),
            Some(_) => Err(format!("`{name}` has a meaning already")),
        }
    }

    /// The number that `text` means: a name, a number, `location(parent, zone)`,
    /// `children(parent)`, `?name`, or `a|b`, which is a in `openotp` and b in `astron`.
    pub fn number(&self, text: &str, dialect: Dialect) -> Result<u64, String> {
        let text = text.trim();
        if let [openotp, astron] = split(text, |char| char == '|')[..] {
            return self
                .number(if dialect == Dialect::OpenOtp { openotp } else { astron }, dialect);
        }
        if let Some(name) = text.strip_prefix('?') {
            return Ok(self.met(name).unwrap_or(0));
        }
        if let Some(meaning) = self.meanings.get(text) {
            return self.number(meaning, dialect);
        }
        let parsed = match text.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok(),
            None => text.parse().ok(),
        };
        match (parsed, call(text)) {
            (Some(number), _) => Ok(number),
            (None, Some((name, inside))) => self.channel(name, inside, dialect),
            (None, None) => Err(format!("`{text}` is no number and no name")),
        }
    }

    /// What `?name` is, if that is known.
    pub fn met(&self, name: &str) -> Option<u64> {
        self.met.borrow().get(name).copied()
    }

    /// `?name` has turned out to be this number.
    pub fn meet(&self, name: &str, number: u64) {
        self.met.borrow_mut().insert(name.to_owned(), number);
    }

    fn channel(&self, name: &str, inside: &str, dialect: Dialect) -> Result<u64, String> {
        let arguments = split_list(inside);
        let ids = arguments.iter().map(|id| self.id(id, dialect));
        let ids = ids.collect::<Result<Vec<u32>, String>>()?;
        match (name, ids.as_slice()) {
            ("location", &[parent, zone]) => Ok(Channel::location(DoId(parent), Zone(zone)).0),
            ("children", &[parent]) => Ok(dialect.children_channel(DoId(parent)).0),
            _ => Err(format!("`{name}({inside})` is no channel")),
        }
    }

    fn id(&self, text: &str, dialect: Dialect) -> Result<u32, String> {
        let number = self.number(text, dialect)?;
        u32::try_from(number).map_err(|_| format!("`{text}` has more than 32 bits"))
    }
}

/// The line without its comment.
pub fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'#' if !quoted && line[..at].ends_with(' ') && line[at..].starts_with("# ") => {
                return line[..at].trim_end();
            }
            _ => (),
        }
    }
    if line.starts_with('#') { "" } else { line.trim_end() }
}

/// Splits `text` at each `at` that stands in no quotes or brackets.
fn split(text: &str, at: impl Fn(char) -> bool) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0, false);
    for (here, char) in text.char_indices() {
        match char {
            '"' => quoted = !quoted,
            // An arrow is no bracket.
            '>' if text[..here].ends_with('-') => (),
            '(' | '[' | '<' if !quoted => depth += 1,
            ')' | ']' | '>' if !quoted => depth -= 1,
            _ if depth == 0 && !quoted && at(char) => {
                parts.push(text[start..here].trim());
                start = here + char.len_utf8();
            }
            _ => (),
        }
    }
    parts.push(text[start..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

/// The words of a line; what stands in brackets or quotes is not split.
pub fn words(text: &str) -> Vec<&str> {
    split(text, char::is_whitespace)
}

/// The elements between commas.
pub fn split_list(text: &str) -> Vec<&str> {
    split(text, |char| char == ',')
}

/// The elements of `[a, b]`.
pub fn list(text: &str) -> Result<Vec<&str>, String> {
    let inside = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    inside.map(split_list).ok_or_else(|| format!("`{text}` is no list in brackets"))
}

/// The parts of `name(inside)`.
pub fn call(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once('(')?;
    Some((name, rest.strip_suffix(')')?)).filter(|(name, _)| !name.is_empty())
}

/// The parts of `(a, b)`.
pub fn pair(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('(')?.strip_suffix(')')?;
    match split_list(inside)[..] {
        [a, b] => Some((a, b)),
        _ => None,
    }
}

/// The bytes of `<0a ff>`.
pub fn hex(text: &str) -> Option<Result<Vec<u8>, String>> {
    let inside = text.strip_prefix('<')?.strip_suffix('>')?;
    let digits: Vec<u8> = inside.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |two: &[u8]| {
        let two = std::str::from_utf8(two).unwrap_or_default();
        let byte = u8::from_str_radix(two, 16).ok().filter(|_| two.len() == 2);
        byte.ok_or_else(|| format!("`{text}` is no hex"))
    };
    Some(digits.chunks(2).map(byte).collect())
}
