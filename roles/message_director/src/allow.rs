//! Who may join, by address (`messagedirector.allow`).

use alloc::vec::Vec;
use core::net::IpAddr;
use runtime::Network;

/// Who may join. Loopback always may.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Allow {
    /// Every address.
    Everyone,
    /// These networks.
    Networks(Vec<Network>),
}

impl Allow {
    /// Whether `address` may join.
    pub fn admits(&self, address: IpAddr) -> bool {
        address.to_canonical().is_loopback()
            || match self {
                Allow::Everyone => true,
                Allow::Networks(networks) => networks.iter().any(|net| net.contains(address)),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_may_always_join() {
        let nobody = Allow::Networks(Vec::new());
        for (address, may) in [("127.0.0.9", true), ("::1", true), ("10.0.0.1", false)] {
            assert_eq!(nobody.admits(address.parse().unwrap()), may, "{address}");
        }
        assert!(Allow::Everyone.admits("10.0.0.1".parse().unwrap()));
    }
}
