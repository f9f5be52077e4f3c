//! What the updated field of every object says. Text, so that strings carry it as well as blobs.
//!
//! ```text
//! +---------------------+------------------+------------------+-------------+
//! | object: 8 hex       | value: 8 hex     | run: 8 hex       | padding '.' |
//! +---------------------+------------------+------------------+-------------+
//! ```
//! `object` counts the objects of the run from 0, `value` the values that the object has had: it
//! is created with value 0. `run` is the mark of one run.

/// Bytes of a stamp: of the shortest value.
pub(crate) const STAMP_BYTES: usize = 24;
/// What follows it.
pub(crate) const PADDING: u8 = b'.';

const WORD_BYTES: usize = 8;

/// Which value of which object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) object: u32,
    pub(crate) value: u32,
    pub(crate) run: u32,
}

impl Stamp {
    /// None: those are not the bytes of a stamp.
    #[inline]
    pub(crate) fn read(bytes: &[u8; STAMP_BYTES]) -> Option<Stamp> {
        let (words, _) = bytes.as_chunks::<WORD_BYTES>();
        let [object, value, run] = words else { return None };
        Some(Stamp { object: number(object)?, value: number(value)?, run: number(run)? })
    }

    #[inline]
    pub(crate) fn bytes(&self) -> [u8; STAMP_BYTES] {
        let mut bytes = [0; STAMP_BYTES];
        let (words, _) = bytes.as_chunks_mut::<WORD_BYTES>();
        for (word, number) in words.iter_mut().zip([self.object, self.value, self.run]) {
            for (digit, shift) in word.iter_mut().zip([28, 24, 20, 16, 12, 8, 4, 0]) {
                *digit = b"0123456789abcdef"[(number >> shift & 15) as usize];
            }
        }
        bytes
    }
}

#[inline]
fn number(word: &[u8; WORD_BYTES]) -> Option<u32> {
    word.iter().try_fold(0, |number, &digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u32::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_reads_back() {
        let stamp = Stamp { object: 0xfedc_ba98, value: 0x7654_3210, run: u32::MAX };
        assert_eq!(&stamp.bytes(), b"fedcba9876543210ffffffff");
        assert_eq!(Stamp::read(&stamp.bytes()), Some(stamp));
        for at in 0..STAMP_BYTES {
            let mut bytes = stamp.bytes();
            bytes[at] = b'F';
            assert_eq!(Stamp::read(&bytes), None);
        }
    }
}
