//! Networks of addresses, as a configuration names them.

use core::net::IpAddr;

/// An address with the number of its leading bits that count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    /// The address.
    pub address: IpAddr,
    /// Leading bits that must be equal: at most 32 or 128.
    pub prefix: u8,
}

impl Network {
    /// Whether `address` is in it. IPv4 addresses and networks written as IPv6 count as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let Network { address: ours, prefix } = self.canonical();
        let (bits, ours, theirs) = match (ours, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                (32, ours.to_bits() as u128, theirs.to_bits() as u128)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => (128, ours.to_bits(), theirs.to_bits()),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
        };
        // No bit counts, and the shift is as wide as the number: all are inside.
        let differ = (ours ^ theirs).checked_shr(bits - prefix as u32);
        differ.unwrap_or(0) == 0
    }

    fn canonical(self) -> Network {
        match self.address.to_canonical() {
            address if self.address.is_ipv6() && address.is_ipv4() && self.prefix >= 96 => {
                Network { address, prefix: self.prefix - 96 }
            }
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_its_addresses() {
        for (network, prefix, address, inside) in [
            ("10.0.0.0", 8, "10.255.1.2", true),
            ("10.0.0.0", 8, "11.0.0.1", false),
            ("10.0.0.7", 32, "10.0.0.7", true),
            ("10.0.0.7", 32, "10.0.0.6", false),
            ("0.0.0.0", 0, "203.0.113.9", true),
            ("0.0.0.0", 0, "2001:db8::1", false),
            ("10.0.0.0", 8, "::ffff:10.1.1.1", true),
            ("2001:db8::", 32, "2001:db8:1::1", true),
            ("2001:db8::", 32, "2001:db9::1", false),
            ("::", 0, "2001:db9::1", true),
            ("::ffff:10.0.0.7", 128, "10.0.0.7", true),
            ("::ffff:10.0.0.7", 128, "10.0.0.8", false),
            ("::ffff:10.0.0.0", 104, "10.9.9.9", true),
            ("::ffff:10.0.0.0", 104, "11.0.0.1", false),
            ("::ffff:0.0.0.0", 96, "203.0.113.9", true),
            ("::ffff:0.0.0.0", 90, "203.0.113.9", false),
        ] {
            let network = Network { address: network.parse().unwrap(), prefix };
            assert_eq!(network.contains(address.parse().unwrap()), inside, "{network:?} {address}");
        }
    }
}
