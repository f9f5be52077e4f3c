//! What every update of a visitor or of an NPC says: which one of its sender's it is, and when it
//! was to be sent. It stands where a player's place and direction stand, or at the head of what
//! somebody says, so that whoever hears it needs nothing else to judge it; also in another process.
//!
//! ```text
//! setXYH   x: i16          y: i16    h: i16 (0 to 3599)
//!          time, low 16    number    time, high 11
//! say      number: 4 hex   time: 7 hex   padding '.'
//! ```
//! The time counts in µs and begins again after 134 s; the number begins again after 65535. Who has
//! just been created stands at 0, 0, 0: number 0.

use rustix::time::{ClockId, clock_gettime};

/// Bytes of a place and a direction.
pub(crate) const XYH_BYTES: usize = 6;
/// Bytes of the shortest words.
pub(crate) const WORDS_BYTES_MIN: usize = NUMBER_DIGITS + TIME_DIGITS;

const NUMBER_DIGITS: usize = 4;
const TIME_DIGITS: usize = 7;
const TIME_BITS: u32 = 27;
const TIME_MASK: u32 = (1 << TIME_BITS) - 1;

/// Nanoseconds of a clock that all processes of this machine share.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Which update, and when it was to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stamp {
    pub(crate) number: u16,
    time_us: u32,
}

impl Stamp {
    pub(crate) fn new(number: u16, intended_ns: u64) -> Stamp {
        Stamp { number, time_us: (intended_ns / 1000) as u32 & TIME_MASK }
    }

    /// How long ago it was to be sent, if that was less than two minutes ago.
    pub(crate) fn age_ns(self, now_ns: u64) -> u64 {
        let age_us = ((now_ns / 1000) as u32).wrapping_sub(self.time_us) & TIME_MASK;
        u64::from(age_us) * 1000
    }

    /// As a place and a direction.
    pub(crate) fn xyh(self) -> [u8; XYH_BYTES] {
        let [x, y, h] = [self.time_us as u16, self.number, (self.time_us >> 16) as u16];
        let ([x0, x1], [y0, y1], [h0, h1]) = (x.to_le_bytes(), y.to_le_bytes(), h.to_le_bytes());
        [x0, x1, y0, y1, h0, h1]
    }

    /// The stamp of a place and a direction. None: they are none of ours.
    pub(crate) fn of_xyh(value: &[u8]) -> Option<Stamp> {
        let (words, []) = value.as_chunks::<2>() else { return None };
        let [x, y, h] = words else { return None };
        let [x, number, h] = [x, y, h].map(|word| u16::from_le_bytes(*word));
        let time_us = u32::from(h) << 16 | u32::from(x);
        (time_us <= TIME_MASK).then_some(Stamp { number, time_us })
    }

    /// As so many bytes of words.
    pub(crate) fn words(self, bytes: usize) -> Vec<u8> {
        let mut words = format!("{:04x}{:07x}", self.number, self.time_us).into_bytes();
        words.resize(bytes.max(WORDS_BYTES_MIN), b'.');
        words
    }

    /// The stamp of words. None: they are none of ours.
    pub(crate) fn of_words(words: &[u8]) -> Option<Stamp> {
        let (number, rest) = words.split_at_checked(NUMBER_DIGITS)?;
        let (time, padding) = rest.split_at_checked(TIME_DIGITS)?;
        let is_ours = padding.iter().all(|byte| *byte == b'.');
        let (number, time_us) = (hex(number)?, hex(time)?);
        is_ours.then_some(Stamp { number: number as u16, time_us }).filter(|_| time_us <= TIME_MASK)
    }
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| {
        Some(
            number << 4
                | char::from(*digit).to_digit(16).filter(|_| !digit.is_ascii_uppercase())?,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_reads_back() {
        for (number, time) in [(0, 0), (1, 1_000), (65_535, 134_217_727_000), (7, 99_999_999_000)] {
            let stamp = Stamp::new(number, time);
            assert_eq!(Stamp::of_xyh(&stamp.xyh()), Some(stamp));
            assert!((0..3600).contains(&i16::from_le_bytes([stamp.xyh()[4], stamp.xyh()[5]])));
            for bytes in [0, 11, 40, 200] {
                let words = stamp.words(bytes);
                assert_eq!(words.len(), bytes.max(11));
                assert_eq!(Stamp::of_words(&words), Some(stamp));
            }
            assert_eq!(stamp.age_ns(time + 5_000_000), 5_000_000);
        }
    }

    #[test]
    fn ages_go_on_when_the_time_begins_again() {
        let lap = 1000 * (1u64 << TIME_BITS);
        let stamp = Stamp::new(3, 7 * lap - 1_000_000);
        assert_eq!(stamp.age_ns(7 * lap + 1_000_000), 2_000_000);
    }

    #[test]
    fn what_is_not_ours_is_none() {
        assert_eq!(Stamp::of_xyh(&[0; 5]), None);
        assert_eq!(Stamp::of_xyh(&[0, 0, 0, 0, 0, 8]), None);
        assert_eq!(Stamp::of_words(b"hello, you!"), None);
        assert_eq!(Stamp::of_words(b"00010000001hello"), None);
        assert_eq!(Stamp::of_words(b"0001000000"), None);
    }
}
