//! What the cluster wants said when a client is gone, in the order stored.

use crate::config::Limits;
use alloc::boxed::Box;
use alloc::vec::Vec;
use wire::datagram::{self, Datagram};
use wire::dialect::Dialect;

/// The post-removes of one client.
#[derive(Default)]
pub struct PostRemoves {
    stored: Vec<Box<[u8]>>,
    bytes: usize,
}

/// A post-remove that is not stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotStored {
    /// It is no datagram, or one for nobody, or a control message.
    #[error("it is no datagram that can be routed")]
    NotADatagram,
    /// There are as many as there may be.
    #[error("there are {0} already")]
    TooMany(usize),
    /// All would be longer than they may be.
    #[error("all of them would take more than {0} bytes")]
    TooLong(usize),
}

impl PostRemoves {
    /// Stores one: a datagram without its length tag.
    pub fn add(
        &mut self,
        message: &[u8],
        dialect: Dialect,
        limits: &Limits,
    ) -> Result<(), NotStored> {
        checked(message, dialect)?;
        if self.stored.len() >= limits.post_removes_max {
            return Err(NotStored::TooMany(limits.post_removes_max));
        }
        if self.bytes + message.len() > limits.post_remove_bytes_max {
            return Err(NotStored::TooLong(limits.post_remove_bytes_max));
        }
        self.bytes += message.len();
        self.stored.push(message.into());
        Ok(())
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = PostRemoves::default();
    }

    /// All, in the order stored.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.stored.iter().map(|message| &**message)
    }
}

/// A post-remove as what it is: a datagram for somebody.
pub fn checked(message: &[u8], dialect: Dialect) -> Result<Datagram<'_>, NotStored> {
    let is_control = datagram::control_message(message, dialect.control_channel()).is_some();
    let dg = Datagram::parse(message).map_err(|_| NotStored::NotADatagram)?;
    let is_for_somebody = !is_control && dg.recipients().len() > 0;
    is_for_somebody.then_some(dg).ok_or(NotStored::NotADatagram)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where something is missing")]
mod tests {
    use super::*;
    use alloc::vec;
    use wire::framing;
    use wire::ids::{Channel, MsgType};

    fn body(to: &[Channel], bytes: usize) -> Vec<u8> {
        let mut out = vec![];
        let payload = |out: &mut Vec<u8>| out.resize(out.len() + bytes, 7);
        datagram::write_datagram(&mut out, to, Channel(5), MsgType(6), payload).unwrap();
        framing::body(&out).to_vec()
    }

    #[test]
    fn only_what_can_be_routed_is_stored() {
        for dialect in Dialect::ALL {
            let (mut stored, limits) = (PostRemoves::default(), Limits::default());
            let good = body(&[Channel(9)], 3);
            let control = body(&[dialect.control_channel()], 3);
            for bad in [&[][..], &good[..18], &body(&[], 3), &control] {
                assert_eq!(stored.add(bad, dialect, &limits), Err(NotStored::NotADatagram));
            }
            assert_eq!(stored.add(&good, dialect, &limits), Ok(()));
            assert_eq!(stored.iter().collect::<Vec<_>>(), [&good[..]]);
            stored.clear();
            assert_eq!(stored.iter().len(), 0);
        }
    }

    #[test]
    fn both_limits_hold() {
        let limits = Limits { post_removes_max: 2, post_remove_bytes_max: 60, ..Limits::default() };
        let (mut stored, dialect) = (PostRemoves::default(), Dialect::Astron);
        let message = |bytes: usize| body(&[Channel(9)], bytes - 19);
        assert_eq!(stored.add(&message(61), dialect, &limits), Err(NotStored::TooLong(60)));
        assert_eq!(stored.add(&message(30), dialect, &limits), Ok(()));
        assert_eq!(stored.add(&message(31), dialect, &limits), Err(NotStored::TooLong(60)));
        assert_eq!(stored.add(&message(30), dialect, &limits), Ok(()));
        assert_eq!(stored.add(&message(20), dialect, &limits), Err(NotStored::TooMany(2)));
        stored.clear();
        assert_eq!(stored.add(&message(60), dialect, &limits), Ok(()));
    }
}
