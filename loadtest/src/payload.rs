//! What stands in every payload that the generator sends.
//!
//! ```text
//! +-------------+----------+---------------------+-------------+----------------+
//! | stream: u32 | seq: u32 | intended send: u64  | run: u64    | padding (zero) |
//! +-------------+----------+---------------------+-------------+----------------+
//! ```
//! `run` is the mark of one run: what carries another one is not ours. All little endian.

/// Bytes of the shortest payload: the stamp alone.
pub(crate) const PAYLOAD_BYTES_MIN: usize = 24;
/// The sequence number of a probe; its time field carries the probe's round.
pub(crate) const PROBE_SEQ: u32 = u32::MAX;

/// The head of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) stream: u32,
    pub(crate) seq: u32,
    /// When the message was to be sent, ns on the generator's clock.
    pub(crate) intended_ns: u64,
    pub(crate) run: u64,
}

impl Stamp {
    #[inline]
    pub(crate) fn read(payload: &[u8]) -> Option<Stamp> {
        let (words, _) = payload.first_chunk::<PAYLOAD_BYTES_MIN>()?.as_chunks::<8>();
        let [head, time, run] = words else { return None };
        let head = u64::from_le_bytes(*head);
        Some(Stamp {
            stream: head as u32,
            seq: (head >> 32) as u32,
            intended_ns: u64::from_le_bytes(*time),
            run: u64::from_le_bytes(*run),
        })
    }

    /// A payload of `bytes` bytes that begins with this stamp.
    pub(crate) fn payload(&self, bytes: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes);
        out.extend_from_slice(&self.stream.to_le_bytes());
        out.extend_from_slice(&self.seq.to_le_bytes());
        out.extend_from_slice(&self.intended_ns.to_le_bytes());
        out.extend_from_slice(&self.run.to_le_bytes());
        out.resize(bytes.max(PAYLOAD_BYTES_MIN), 0);
        out
    }

    /// Overwrites sequence number and time of the payload that begins at `payload[0]`.
    #[inline]
    pub(crate) fn patch(payload: &mut [u8], seq: u32, intended_ns: u64) {
        if let Some((_, rest)) = payload.split_first_chunk_mut::<4>()
            && let Some((seq_bytes, rest)) = rest.split_first_chunk_mut::<4>()
            && let Some((time_bytes, _)) = rest.split_first_chunk_mut::<8>()
        {
            *seq_bytes = seq.to_le_bytes();
            *time_bytes = intended_ns.to_le_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patched_payload_reads_back() {
        let stamp = Stamp { stream: 7, seq: 0, intended_ns: 0, run: 99 };
        let mut payload = stamp.payload(64);
        assert_eq!(payload.len(), 64);
        Stamp::patch(&mut payload, 0xfedc_ba98, u64::MAX - 5);
        let wanted = Stamp { seq: 0xfedc_ba98, intended_ns: u64::MAX - 5, ..stamp };
        assert_eq!(Stamp::read(&payload), Some(wanted));
        assert!(payload[PAYLOAD_BYTES_MIN..].iter().all(|byte| *byte == 0));
        assert_eq!(Stamp::read(&payload[..PAYLOAD_BYTES_MIN - 1]), None);
    }
}
