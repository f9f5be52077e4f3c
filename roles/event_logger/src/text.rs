//! What in the bytes of a text may stand in a line as it is, and what would break the line, hide
//! some of it, or is no text at all. Both formats write the same pieces, each in its own way.

/// A part of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece<'a> {
    /// Text that shows as it is.
    Plain(&'a str),
    /// A character that ends a line, moves the cursor or turns the direction of the text.
    Unseen(char),
    /// A byte that is no UTF-8.
    Broken(u8),
}

/// Says the parts of `bytes`, in order.
pub fn pieces(bytes: &[u8], mut say: impl FnMut(Piece<'_>)) {
    for chunk in bytes.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(at) = rest.find(is_unseen) {
            let (plain, unseen) = rest.split_at(at);
            if !plain.is_empty() {
                say(Piece::Plain(plain));
            }
            let mut unseen = unseen.chars();
            unseen.next().into_iter().for_each(|unseen| say(Piece::Unseen(unseen)));
            rest = unseen.as_str();
        }
        if !rest.is_empty() {
            say(Piece::Plain(rest));
        }
        chunk.invalid().iter().for_each(|&byte| say(Piece::Broken(byte)));
    }
}

/// Control characters, the two separators of lines, and what changes the direction. All of them are
/// in the first 65,536 characters.
fn is_unseen(character: char) -> bool {
    let turns = '\u{202a}'..='\u{202e}';
    let isolates = '\u{2066}'..='\u{2069}';
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}')
        || turns.contains(&character)
        || isolates.contains(&character)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: &[Piece<'_>]) {
        let mut at = 0;
        pieces(bytes, |piece| {
            assert_eq!(Some(&piece), expected.get(at), "piece {at} of {bytes:x?}");
            at += 1;
        });
        assert_eq!(at, expected.len(), "pieces of {bytes:x?}");
    }

    #[test]
    fn text_falls_into_pieces() {
        use Piece::{Broken, Plain, Unseen};
        check(b"", &[]);
        check("Zoé \u{1f3a1}".as_bytes(), &[Plain("Zoé \u{1f3a1}")]);
        check(b"a\nb", &[Plain("a"), Unseen('\n'), Plain("b")]);
        check(
            "\u{1b}\u{9b}\u{7f}".as_bytes(),
            &[Unseen('\u{1b}'), Unseen('\u{9b}'), Unseen('\u{7f}')],
        );
        check(
            "\u{2028}\u{202e}\u{2069}".as_bytes(),
            &[Unseen('\u{2028}'), Unseen('\u{202e}'), Unseen('\u{2069}')],
        );
        check(
            b"a\xffb\xe2\x82",
            &[Plain("a"), Broken(0xff), Plain("b"), Broken(0xe2), Broken(0x82)],
        );
    }
}
