//! Text as a YAML scalar that every reader of YAML takes for the same text.

use std::borrow::Cow;
use std::fmt::Write;

/// Words that stand for something else where they are not quoted.
const WORDS: [&str; 14] = [
    "null", "true", "false", "yes", "no", "on", "off", "y", "n", ".nan", ".inf", "-.inf", "+.inf",
    "nan",
];

/// `text` as a scalar on one line: as it is where it cannot be taken for anything else, and in
/// double quotes otherwise.
pub fn quoted(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        escape(character, &mut out);
    }
    out.push('"');
    Cow::Owned(out)
}

/// Letters, digits and what has no meaning in YAML within a word.
fn is_plain(text: &str) -> bool {
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"_().+-<> ,=*/".contains(&byte);
    let starts_safely =
        text.starts_with(|first: char| first.is_ascii_alphanumeric() || matches!(first, '_' | '('));
    let is_number_sign =
        text.starts_with('-') && text.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    (starts_safely || is_number_sign)
        && !text.ends_with(' ')
        && text.bytes().all(is_safe)
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}

fn escape(character: char, out: &mut String) {
    let code = u32::from(character);
    let written = match character {
        '"' | '\\' => write!(out, "\\{character}"),
        '\n' => write!(out, "\\n"),
        '\t' => write!(out, "\\t"),
        '\r' => write!(out, "\\r"),
        _ if code < 0x20 || code == 0x7f => write!(out, "\\x{code:02x}"),
        // What a reader of YAML may take for the end of a line, or refuse.
        '\u{80}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
            write!(out, "\\u{code:04x}")
        }
        _ => write!(out, "{character}"),
    };
    written.expect("a string takes everything");
}
