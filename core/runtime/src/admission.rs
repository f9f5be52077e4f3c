//! How many may be connected to a listener, or on their way: in all, from one address, in
//! handshakes.
//!
//! Pure: whoever drives it keeps one [`Gate`] per listener, asks it before anybody is a connection
//! and tells it who has gone. Addresses of IPv6 count by their first 64 bits, which is what one
//! customer of a provider has.

use crate::role::Refusal;
use core::net::IpAddr;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

/// What a listener admits. Times in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Admission {
    /// Connections in all, those included that are on their way; the next one is turned away.
    pub connections_max: usize,
    /// Connections of one address (IPv6: of one /64); the next one is turned away. Behind a proxy
    /// those addresses count that the proxy names.
    pub per_address_max: usize,
    /// TLS handshakes under way, counted from the first whole record; the next one is turned away.
    pub handshakes_max: usize,
    /// How long somebody may take for its PROXY header and its TLS handshake together.
    pub handshake_ms: u64,
}

impl Default for Admission {
    /// Any number of connections; 1024 handshakes at a time, of 10 s at most.
    fn default() -> Self {
        Admission {
            connections_max: usize::MAX,
            per_address_max: usize::MAX,
            handshakes_max: 1024,
            handshake_ms: 10_000,
        }
    }
}

impl Admission {
    /// Whether connections are counted at all.
    pub fn counts_connections(&self) -> bool {
        self.connections_max < usize::MAX || self.per_address_max < usize::MAX
    }
}

/// Who is connected to one listener.
pub struct Gate {
    admission: Admission,
    connections: usize,
    handshakes: usize,
    /// Connections by address; none has zero.
    addresses: HashMap<u128, usize, ahash::RandomState>,
}

impl Gate {
    /// Nobody is there. The keys of the hash are random where others choose the addresses.
    pub fn new(admission: Admission, hash_seeds: [u64; 4]) -> Gate {
        let [a, b, c, d] = hash_seeds;
        let addresses = HashMap::with_hasher(ahash::RandomState::with_seeds(a, b, c, d));
        Gate { admission, connections: 0, handshakes: 0, addresses }
    }

    /// Somebody comes whose address is not known yet (behind a proxy): it counts in all.
    pub fn enter(&mut self) -> Result<(), Refusal> {
        if self.connections >= self.admission.connections_max {
            return Err(Refusal::TooMany);
        }
        self.connections += 1;
        Ok(())
    }

    /// The address of somebody who has entered is known.
    pub fn name(&mut self, address: IpAddr) -> Result<(), Refusal> {
        let key = key(address);
        if self.addresses.get(&key).copied().unwrap_or(0) >= self.admission.per_address_max {
            return Err(Refusal::TooManyOfAddress);
        }
        *self.addresses.entry(key).or_default() += 1;
        Ok(())
    }

    /// Somebody who had entered has gone; its address, if that was counted.
    pub fn leave(&mut self, address: Option<IpAddr>) {
        self.connections -= 1;
        let Some(address) = address else { return };
        match self.addresses.entry(key(address)) {
            Entry::Occupied(entry) if *entry.get() == 1 => drop(entry.remove()),
            Entry::Occupied(mut entry) => *entry.get_mut() -= 1,
            Entry::Vacant(_) => unreachable!("who leaves has been counted"),
        }
    }

    /// A handshake begins.
    pub fn begin_handshake(&mut self) -> Result<(), Refusal> {
        if self.handshakes >= self.admission.handshakes_max {
            return Err(Refusal::TooManyHandshakes);
        }
        self.handshakes += 1;
        Ok(())
    }

    /// A handshake has ended, however.
    pub fn end_handshake(&mut self) {
        self.handshakes -= 1;
    }
}

/// What addresses are counted by: IPv4 as it is, of IPv6 the network.
fn key(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits() | u128::from(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(admission: Admission) -> Gate {
        Gate::new(admission, [1, 2, 3, 4])
    }

    fn comes(gate: &mut Gate, address: &str) -> Result<(), Refusal> {
        let address = address.parse().unwrap();
        gate.enter()?;
        gate.name(address).inspect_err(|_| gate.leave(None))
    }

    #[test]
    fn addresses_count_by_themselves_and_networks_of_ipv6_as_one() {
        let mut gate = gate(Admission { per_address_max: 2, ..Admission::default() });
        for (address, wanted) in [
            ("10.0.0.1", Ok(())),
            ("::ffff:10.0.0.1", Ok(())),
            ("10.0.0.1", Err(Refusal::TooManyOfAddress)),
            ("10.0.0.2", Ok(())),
            ("2001:db8::1", Ok(())),
            ("2001:db8::ffff:1", Ok(())),
            ("2001:db8::2", Err(Refusal::TooManyOfAddress)),
            ("2001:db8:0:1::2", Ok(())),
        ] {
            assert_eq!(comes(&mut gate, address), wanted, "{address}");
        }
        gate.leave(Some("2001:db8::9".parse().unwrap()));
        assert_eq!(comes(&mut gate, "2001:db8::2"), Ok(()));
    }

    #[test]
    fn who_leaves_makes_room_and_leaves_nothing_behind() {
        let mut gate = gate(Admission { connections_max: 2, ..Admission::default() });
        for _ in 0..3 {
            assert_eq!(comes(&mut gate, "10.0.0.1"), Ok(()));
            assert_eq!(gate.enter(), Ok(()));
            assert_eq!(comes(&mut gate, "10.0.0.2"), Err(Refusal::TooMany));
            gate.leave(None);
            gate.leave(Some("10.0.0.1".parse().unwrap()));
            assert!(gate.addresses.is_empty());
        }
    }

    #[test]
    fn handshakes_count_while_they_last() {
        let mut gate = gate(Admission { handshakes_max: 1, ..Admission::default() });
        assert_eq!(gate.begin_handshake(), Ok(()));
        assert_eq!(gate.begin_handshake(), Err(Refusal::TooManyHandshakes));
        gate.end_handshake();
        assert_eq!(gate.begin_handshake(), Ok(()));
    }
}
