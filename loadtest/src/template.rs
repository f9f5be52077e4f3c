//! Packed bytes in which a stamp stands at a known place.

use crate::stamp::{STAMP_BYTES, Stamp};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    stamp_at: Option<usize>,
}

/// What bytes are, compared with a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// The template, with this stamp.
    Stamped(Stamp),
    /// The template, which has no stamp.
    Unstamped,
    /// Something else.
    Other,
}

impl Template {
    pub(crate) fn new(bytes: Vec<u8>, stamp_at: Option<usize>) -> Template {
        let fits = stamp_at.is_none_or(|at| at + STAMP_BYTES <= bytes.len());
        assert!(fits, "the stamp stands within the bytes");
        Template { bytes, stamp_at }
    }

    pub(crate) fn has_stamp(&self) -> bool {
        self.stamp_at.is_some()
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes with this stamp.
    #[inline]
    pub(crate) fn stamped(&mut self, stamp: Stamp) -> &[u8] {
        if let Some(at) = self.stamp_at {
            self.bytes[at..at + STAMP_BYTES].copy_from_slice(&stamp.bytes());
        }
        &self.bytes
    }

    #[inline]
    pub(crate) fn read(&self, bytes: &[u8]) -> Content {
        let Some(at) = self.stamp_at else {
            return if bytes == self.bytes { Content::Unstamped } else { Content::Other };
        };
        let end = at + STAMP_BYTES;
        if bytes.len() != self.bytes.len()
            || bytes[..at] != self.bytes[..at]
            || bytes[end..] != self.bytes[end..]
        {
            return Content::Other;
        }
        let stamp = bytes[at..].first_chunk().and_then(Stamp::read);
        stamp.map_or(Content::Other, Content::Stamped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_counts() {
        let stamp = Stamp { object: 1, value: 2, run: 3 };
        let mut template = Template::new(vec![7; 40], Some(5));
        let bytes = template.stamped(stamp).to_vec();
        assert_eq!(template.read(&bytes), Content::Stamped(stamp));
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] = b'?';
            assert_eq!(template.read(&bytes), Content::Other);
            assert_eq!(template.read(&bytes[..at]), Content::Other);
        }
        let plain = Template::new(vec![7; 4], None);
        assert_eq!(plain.read(&[7; 4]), Content::Unstamped);
        assert_eq!(plain.read(&[7; 5]), Content::Other);
    }
}
