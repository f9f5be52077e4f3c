//! Text to tokens: names, numbers, strings, hex strings, punctuation. Comments stay, for those
//! who print the file again; the parser passes over them.

use crate::diagnostic::Diagnostics;
use crate::source::Span;

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A name or a word of the language.
    Word,
    /// A number without a sign: `12`, `0x1f`, `1.5`, `2e3`.
    Number,
    /// `"..."` or `'...'`.
    Text,
    /// `<0123ab>`.
    Hex,
    /// One character.
    Mark(u8),
    /// `// ...` or `/* ... */`.
    Comment,
    /// What is no token, of which the user has been told.
    Wrong,
    /// The end of the file.
    End,
}

/// A token and where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where.
    pub span: Span,
}

/// All tokens of file number `file`, the last one being [`Kind::End`].
pub fn tokens(text: &str, file: u32, diagnostics: &mut Diagnostics) -> Vec<Token> {
    let mut lexer = Lexer { text: text.as_bytes(), at: 0, file };
    let mut tokens = Vec::new();
    loop {
        lexer.pass(|byte| byte.is_ascii_whitespace());
        let start = lexer.at;
        match lexer.token() {
            Ok(kind) => {
                tokens.push(Token { kind, span: lexer.span(start) });
                if kind == Kind::End {
                    return tokens;
                }
            }
            Err(what) => {
                diagnostics.error(lexer.span(start), what);
                tokens.push(Token { kind: Kind::Wrong, span: lexer.span(start) });
                if diagnostics.is_full() {
                    lexer.at = lexer.text.len();
                }
            }
        }
    }
}

struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    file: u32,
}

impl Lexer<'_> {
    fn token(&mut self) -> Result<Kind, &'static str> {
        let Some(&first) = self.text.get(self.at) else { return Ok(Kind::End) };
        match first {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                self.pass(is_word);
                Ok(Kind::Word)
            }
            b'0'..=b'9' => self.number(),
            b'.' if self.peek(1).is_ascii_digit() => self.number(),
            b'"' | b'\'' => self.text(first),
            b'<' => self.hex(),
            b'/' if self.peek(1) == b'/' => {
                self.pass(|byte| byte != b'\n');
                Ok(Kind::Comment)
            }
            b'/' if self.peek(1) == b'*' => self.comment(),
            b'{' | b'}' | b'(' | b')' | b'[' | b']' | b':' | b';' | b',' | b'=' | b'*' | b'/'
            | b'%' | b'-' | b'+' | b'.' => {
                self.at += 1;
                Ok(Kind::Mark(first))
            }
            _ => {
                self.at += 1;
                self.pass(|byte| !byte.is_ascii());
                Err("this character has no meaning in a DC file")
            }
        }
    }

    fn number(&mut self) -> Result<Kind, &'static str> {
        if self.peek(0) == b'0' && matches!(self.peek(1), b'x' | b'X') {
            self.at += 2;
            let digits = self.pass(|byte| byte.is_ascii_hexdigit());
            let rest = self.pass(is_word);
            return if digits > 0 && rest == 0 { Ok(Kind::Number) } else { Err("no hex number") };
        }
        self.pass(|byte| byte.is_ascii_digit());
        if self.peek(0) == b'.' {
            self.at += 1;
            self.pass(|byte| byte.is_ascii_digit());
        }
        let signed = matches!(self.peek(1), b'+' | b'-') as usize;
        if matches!(self.peek(0), b'e' | b'E') && self.peek(1 + signed).is_ascii_digit() {
            self.at += 1 + signed;
            self.pass(|byte| byte.is_ascii_digit());
        }
        if self.pass(is_word) > 0 { Err("no number") } else { Ok(Kind::Number) }
    }

    fn text(&mut self, quote: u8) -> Result<Kind, &'static str> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.text.get(self.at) {
                None | Some(b'\n') => return Err("this string does not end on its line"),
                Some(b'\\') => self.at = (self.at + 2).min(self.text.len()),
                Some(&byte) => {
                    self.at += 1;
                    if byte == quote {
                        return match self.text[start..self.at].windows(3).any(is_replacement) {
                            true => Err("this string is not UTF-8: write its bytes as \\xHH"),
                            false => Ok(Kind::Text),
                        };
                    }
                }
            }
        }
    }

    fn hex(&mut self) -> Result<Kind, &'static str> {
        self.at += 1;
        let digits = self.pass(|byte| byte.is_ascii_hexdigit());
        if self.peek(0) != b'>' {
            return Err("a hex string is `<`, hex digits and `>`");
        }
        self.at += 1;
        if digits.is_multiple_of(2) {
            Ok(Kind::Hex)
        } else {
            Err("a hex string has two digits for each byte")
        }
    }

    fn comment(&mut self) -> Result<Kind, &'static str> {
        let rest = &self.text[self.at + 2..];
        match rest.windows(2).position(|pair| pair == b"*/") {
            Some(length) => {
                self.at += length + 4;
                Ok(Kind::Comment)
            }
            None => {
                self.at = self.text.len();
                Err("this comment does not end")
            }
        }
    }

    /// Passes over what `inside` says, and tells how much that was.
    fn pass(&mut self, inside: impl Fn(u8) -> bool) -> usize {
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|&byte| !inside(byte)).unwrap_or(rest.len());
        self.at += length;
        length
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn span(&self, start: usize) -> Span {
        Span { file: self.file, start: start as u32, end: self.at as u32 }
    }
}

/// What stands where bytes were no UTF-8.
fn is_replacement(bytes: &[u8]) -> bool {
    bytes == "\u{fffd}".as_bytes()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The bytes that a [`Kind::Text`] token stands for: `\n`, `\t`, `\r`, `\0`, `\xHH`, and any other
/// character after a backslash as itself.
pub fn unquote(token: &str) -> Vec<u8> {
    let inner = token.as_bytes().get(1..token.len() - 1).unwrap_or_default();
    let (mut bytes, mut rest) = (Vec::with_capacity(inner.len()), inner.iter().copied());
    while let Some(byte) = rest.next() {
        let escaped = if byte == b'\\' { rest.next() } else { None };
        bytes.push(match escaped {
            None => byte,
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'0') => 0,
            Some(b'x') => {
                let mut digits = rest.clone();
                let pair = [digits.next(), digits.next()].map(|digit| digit.and_then(nibble));
                let [Some(high), Some(low)] = pair else {
                    bytes.push(b'x');
                    continue;
                };
                rest = digits;
                high << 4 | low
            }
            Some(other) => other,
        });
    }
    bytes
}

/// The bytes that a [`Kind::Hex`] token stands for.
pub fn unhex(token: &str) -> Vec<u8> {
    let digits: Vec<u8> = token.bytes().filter_map(nibble).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}
