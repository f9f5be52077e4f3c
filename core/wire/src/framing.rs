//! Frames on a TCP stream, parsed in place (seed protocol section 1, `astron` section 1).
//!
//! ```text
//! +--------+--------+------------------------+
//! | length (u16 LE) | body: `length` bytes    |     length does not count itself
//! +--------+--------+------------------------+
//! ```
//!
//! This module only splits; what a body means is [`crate::datagram`]'s business. A body may be
//! empty here (it is the datagram parser that refuses it).

use alloc::vec::Vec;

/// Bytes of the length tag in front of every body.
pub const LENGTH_BYTES: usize = 2;
/// The longest body that the length tag can announce, in bytes.
pub const BODY_BYTES_MAX: usize = u16::MAX as usize;
/// The longest frame, tag and body, in bytes.
pub const FRAME_BYTES_MAX: usize = LENGTH_BYTES + BODY_BYTES_MAX;

/// Splits the first whole frame off `bytes`: `(frame with its length tag, rest)`; `None` while
/// the frame is not complete.
#[inline]
pub fn split_frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (tag, _) = bytes.split_first_chunk::<LENGTH_BYTES>()?;
    let end = LENGTH_BYTES + u16::from_le_bytes(*tag) as usize;
    bytes.split_at_checked(end)
}

/// The body of a whole frame as [`split_frame`] returns it.
#[inline]
pub fn body(frame: &[u8]) -> &[u8] {
    frame.get(LENGTH_BYTES..).unwrap_or_default()
}

/// Starts a frame in `out`; [`finish_frame`] fills in its length. Returns where it starts.
pub fn begin_frame(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    start
}

/// Fills in the length of the frame that [`begin_frame`] started at `start`.
///
/// A body over [`BODY_BYTES_MAX`] is taken out of `out` again and reported as an error.
pub fn finish_frame(out: &mut Vec<u8>, start: usize) -> Result<(), BodyTooLong> {
    let bytes = out.len() - start - LENGTH_BYTES;
    let Ok(length) = u16::try_from(bytes) else {
        out.truncate(start);
        return Err(BodyTooLong { bytes });
    };
    out[start..start + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// A body that no length tag can announce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a body of {bytes} bytes, {BODY_BYTES_MAX} at most")]
pub struct BodyTooLong {
    /// Its length in bytes.
    pub bytes: usize,
}

/// The begun frame of one connection, between two reads. Holds no memory between whole frames.
#[derive(Debug, Default)]
pub struct Assembly {
    partial: Vec<u8>,
}

impl Assembly {
    /// Whether a frame was begun and is not complete.
    pub fn is_empty(&self) -> bool {
        self.partial.is_empty()
    }

    /// Bytes held for the begun frame.
    pub fn len(&self) -> usize {
        self.partial.len()
    }

    /// Takes from the head of `bytes` what the begun frame lacks and returns how much that was,
    /// with the frame once it is whole. To be called only while a frame is begun.
    pub fn complete(&mut self, bytes: &[u8]) -> (usize, Option<Vec<u8>>) {
        let mut taken = 0;
        if self.partial.len() < LENGTH_BYTES {
            taken = bytes.len().min(LENGTH_BYTES - self.partial.len());
            self.partial.extend_from_slice(&bytes[..taken]);
        }
        let Some((tag, have)) = self.partial.split_first_chunk::<LENGTH_BYTES>() else {
            return (taken, None);
        };
        let lacking = u16::from_le_bytes(*tag) as usize - have.len();
        let more = lacking.min(bytes.len() - taken);
        self.partial.extend_from_slice(&bytes[taken..taken + more]);
        let whole = (more == lacking).then(|| core::mem::take(&mut self.partial));
        (taken + more, whole)
    }

    /// Keeps the tail of a read: the begin of a frame, shorter than the frame.
    pub fn begin(&mut self, tail: &[u8]) {
        debug_assert!(self.partial.is_empty() && split_frame(tail).is_none());
        self.partial.extend_from_slice(tail);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn frame(body_bytes: usize, seed: u8) -> Vec<u8> {
        let mut out = Vec::new();
        let start = begin_frame(&mut out);
        out.extend((0..body_bytes).map(|i| seed.wrapping_add(i as u8)));
        finish_frame(&mut out, start).unwrap();
        out
    }

    /// Feeds `stream` in reads that end at `cuts` and returns the frames that come out.
    fn frames(stream: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
        let (mut out, mut assembly, mut from) = (Vec::new(), Assembly::default(), 0);
        for &to in cuts.iter().chain([&stream.len()]) {
            let mut bytes = &stream[from..to];
            from = to;
            if !assembly.is_empty() {
                let (taken, whole) = assembly.complete(bytes);
                out.extend(whole);
                bytes = &bytes[taken..];
            }
            while let Some((frame, rest)) = split_frame(bytes) {
                out.push(frame.to_vec());
                bytes = rest;
            }
            if !bytes.is_empty() {
                assembly.begin(bytes);
            }
        }
        assert!(assembly.is_empty());
        out
    }

    #[test]
    fn split_at_every_byte() {
        let wanted = [frame(0, 0), frame(1, 7), frame(300, 9), frame(0, 0), frame(64, 1)];
        let stream = wanted.concat();
        for cut in 0..stream.len() {
            assert_eq!(frames(&stream, &[cut]), wanted, "cut at {cut}");
        }
        let every: Vec<usize> = (0..stream.len()).collect();
        assert_eq!(frames(&stream, &every), wanted);
    }

    #[test]
    fn the_longest_frame_in_pieces() {
        let wanted = vec![frame(BODY_BYTES_MAX, 3), frame(2, 1)];
        let stream = wanted.concat();
        for cuts in [vec![1], vec![2], vec![1, 2, 3], vec![FRAME_BYTES_MAX - 1], vec![16384, 32768]]
        {
            assert_eq!(frames(&stream, &cuts), wanted, "{cuts:?}");
        }
    }

    #[test]
    fn a_body_too_long_leaves_nothing_behind() {
        let mut out = frame(3, 3);
        let start = begin_frame(&mut out);
        out.resize(out.len() + BODY_BYTES_MAX + 1, 0);
        let bytes = BODY_BYTES_MAX + 1;
        assert_eq!(finish_frame(&mut out, start), Err(BodyTooLong { bytes }));
        assert_eq!(out, frame(3, 3));
    }
}
