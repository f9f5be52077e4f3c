//! What a listener is, and what it asks of those who come before the shard hears of them:
//! admission, a PROXY header, a TLS handshake, in this order.

use crate::tls::TlsAcceptor;
use runtime::{Admission, ListenerId, Network};
use std::net::{IpAddr, SocketAddr};

/// What to listen on, and how.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Its name among the listeners of the roles.
    pub id: ListenerId,
    /// The address; port 0 lets the kernel choose one.
    pub address: SocketAddr,
    /// How connections come in.
    pub transport: Transport,
}

impl Listener {
    /// Plain connections, any number of them.
    pub fn plain(id: ListenerId, address: SocketAddr) -> Listener {
        Listener { id, address, transport: Transport::default() }
    }
}

/// How connections come in. By default plain, any number of them.
#[derive(Clone, Debug, Default)]
pub struct Transport {
    /// How many, and how long they may take to come in. Times count only where there is something
    /// to wait for: a PROXY header, a handshake.
    pub admission: Admission,
    /// Whether they come through a proxy that says first for whom (PROXY protocol, versions 1 and
    /// 2). Then the header is mandatory; it comes before TLS.
    pub proxy: Option<ProxyPolicy>,
    /// Whether they are encrypted, and by which certificates.
    pub tls: Option<TlsAcceptor>,
}

impl Transport {
    /// Whether nothing is said to who comes before it has said something.
    pub(crate) fn client_speaks_first(&self) -> bool {
        self.proxy.is_some() || self.tls.is_some()
    }
}

/// Which proxies are believed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ProxyPolicy {
    /// Their networks; none: whoever connects.
    pub trusted: Vec<Network>,
}

impl ProxyPolicy {
    /// Whether the proxy at `address` is believed.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.is_empty() || self.trusted.iter().any(|network| network.contains(address))
    }
}
