//! `dc fmt`: the same tokens in the usual layout. Comments stay where they are.

use crate::diagnostic::Diagnostics;
use crate::lexer::{self, Kind, Token};
use crate::parser::{self, Grammar};
use crate::source::Source;
use std::collections::BTreeSet;

const INDENT: &str = "  ";

/// The text of a file with one declaration or field on each line, in the usual spacing, with at
/// most one empty line between them. Fails where it is no DC file, of today or of 2003.
pub fn format(source: &Source) -> Result<String, Diagnostics> {
    let read = |grammar| {
        let (mut types, mut diagnostics) = (BTreeSet::new(), Diagnostics::default());
        parser::parse(source, 0, grammar, &mut types, &mut diagnostics);
        diagnostics
    };
    let today = read(Grammar::Modern);
    if !today.is_empty() && !read(Grammar::Classic).is_empty() {
        return Err(today);
    }
    let tokens = lexer::tokens(&source.text, 0, &mut Diagnostics::default());
    let (out, open) = (String::new(), Vec::new());
    let mut layout = Layout { text: &source.text, out, open, case: false, head: None };
    let mut before: Option<Token> = None;
    for token in tokens {
        if token.kind == Kind::End {
            break;
        }
        layout.add(before, token);
        before = Some(token);
        if token.kind != Kind::Comment {
            layout.head = Some(token);
        }
    }
    if !layout.out.is_empty() {
        layout.out.push('\n');
    }
    Ok(layout.out)
}

/// What a bracket opened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    /// Fields, one on each line.
    Block,
    /// Parameters, a range or a value.
    Inline,
}

struct Layout<'a> {
    text: &'a str,
    out: String,
    open: Vec<Open>,
    /// Whether the line begins with `case` or `default`.
    case: bool,
    /// The last token that is no comment.
    head: Option<Token>,
}

impl<'a> Layout<'a> {
    fn add(&mut self, before: Option<Token>, token: Token) {
        let closes_block = self.of(token) == "}" && self.open.last() == Some(&Open::Block);
        if let Some(before) = before {
            self.space(before, token, closes_block);
        }
        match self.of(token) {
            "}" | ")" | "]" => drop(self.open.pop()),
            _ => (),
        }
        if self.out.is_empty() || self.out.ends_with('\n') {
            let is_label = matches!(self.of(token), "case" | "default");
            let open = self.open.len();
            let depth = if is_label { open.saturating_sub(1) } else { open };
            self.out.push_str(&INDENT.repeat(depth));
            self.case = is_label;
        }
        let text = self.of(token).trim_end();
        self.out.push_str(text);
        match text {
            "{" if self.is_head() => self.open.push(Open::Block),
            "{" | "(" | "[" => self.open.push(Open::Inline),
            _ => (),
        }
    }

    /// Whether a brace would open a block here and not a value.
    fn is_head(&self) -> bool {
        self.head.is_some_and(|head| head.kind == Kind::Word || self.of(head) == ")")
    }

    fn of(&self, token: Token) -> &'a str {
        &self.text[token.span.range()]
    }

    /// What stands between two tokens.
    fn space(&mut self, before: Token, token: Token, closes_block: bool) {
        let gap = &self.text[before.span.end as usize..token.span.start as usize];
        let lines = gap.matches('\n').count();
        let (one, two) = (self.of(before), self.of(token));
        let is_inline = self.open.last() == Some(&Open::Inline);
        let opened = one == "{" && !is_inline;
        let after_line_comment = before.kind == Kind::Comment && one.starts_with("//");
        let ends_label = one == ":" && self.case;
        let new_line = if token.kind == Kind::Comment {
            lines > 0 || after_line_comment
        } else if after_line_comment || closes_block {
            true
        } else if matches!(two, ";" | "," | ":") {
            false
        } else if is_inline {
            // Who breaks a long list after a comma or its bracket has a reason.
            lines > 0 && matches!(one, "," | "(" | "[" | "{")
        } else if opened || ends_label || one == ";" {
            true
        } else {
            lines > 0 && two != "{" && !matches!(one, "," | ":" | "=")
        };
        let empty_line = lines > 1 && !opened && !closes_block && !ends_label;
        match (new_line, empty_line) {
            (true, true) => self.out.push_str("\n\n"),
            (true, false) => self.out.push('\n'),
            (false, _) if self.is_tight(before, token) => (),
            (false, _) => self.out.push(' '),
        }
    }

    fn is_tight(&self, before: Token, token: Token) -> bool {
        let (one, two) = (self.of(before), self.of(token));
        if before.kind == Kind::Comment || token.kind == Kind::Comment {
            return matches!(two, ";" | ",");
        }
        let is_path = matches!(one, "." | "/") || matches!(two, "." | "/");
        let is_import = is_path && self.open.is_empty() && self.line().starts_with(['f', 'i']);
        let block_opens = two == "{" && self.is_head();
        match (one, two) {
            _ if is_import => true,
            (_, ";" | "," | ")" | "]") | ("(" | "[", _) => true,
            ("{", _) if !block_opens && self.open.last() == Some(&Open::Inline) => true,
            ("-" | "+", _) => true,
            (_, "-") => matches!(before.kind, Kind::Number | Kind::Text),
            (_, "+") => false,
            (_, ":") => self.case,
            (_, "[") => one != "=" && one != "," && before.kind != Kind::Mark(b':'),
            (_, "(") => before.kind != Kind::Number && !matches!(one, "=" | "," | "switch" | ":"),
            (_, "}") => self.open.last() == Some(&Open::Inline),
            _ => false,
        }
    }

    /// The line that is being written.
    fn line(&self) -> &str {
        self.out.rsplit('\n').next().unwrap_or_default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where something is missing")]
mod tests {
    use super::*;

    fn formatted(text: &str) -> String {
        format(&Source { name: "x.dc".into(), text: text.into() }).unwrap()
    }

    #[test]
    fn the_usual_layout() {
        let ugly =
            "from a . b/AI import C,D\n// first\ndclass   A:B,C{ f(int8 x=- 3,string(1 - 5)y,
            int16[2]z={1,2*3})required   ram;// why\n\n\n m:f ,g; int16/10%360 ( 0-5 )w;
            };struct S{switch(uint8 k){case 1:int8 a;break;default:break;};};";
        let neat = "from a.b/AI import C, D\n// first\ndclass A : B, C {\n  \
            f(int8 x = -3, string(1-5) y,\n    int16[2] z = {1, 2 * 3}) required ram; // why\n\n  \
            m : f, g;\n  int16 / 10 % 360 (0-5) w;\n};\nstruct S {\n  switch (uint8 k) {\n  \
            case 1:\n    int8 a;\n    break;\n  default:\n    break;\n  };\n};\n";
        assert_eq!(formatted(ugly), neat);
        assert_eq!(formatted(neat), neat);
    }
}
