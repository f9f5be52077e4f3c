//! A listening socket of one shard, with what it asks of those who come, and the passes of those
//! whom it has let in.
//!
//! The shards of a daemon share the counts behind one lock for each listener, which is taken when
//! somebody comes or goes and a handshake begins or ends; not at all where nothing is counted.

use crate::slots::Token;
use crate::transport::{Listener, Transport};
use runtime::admission::Gate;
use runtime::{ListenerId, Refusal};
use socket2::Socket;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The counts of a listener.
pub type SharedGate = Arc<Mutex<Gate>>;

/// One shard's door.
pub struct Door {
    /// Which listener it is.
    pub id: ListenerId,
    /// Its socket.
    pub socket: Socket,
    /// What it asks.
    pub transport: Transport,
    gate: Option<SharedGate>,
    /// When it is to accept (again).
    pub accept_at: Option<Instant>,
    /// By when those who are on their way must have come in; some have, or have gone.
    pub deadlines: VecDeque<(Instant, Token)>,
}

impl Door {
    /// The gate of a listener, if it counts anything.
    pub fn gate(listener: &Listener, hash_seeds: [u64; 4]) -> Option<SharedGate> {
        let Transport { admission, tls, .. } = &listener.transport;
        let counts = admission.counts_connections() || tls.is_some();
        counts.then(|| Arc::new(Mutex::new(Gate::new(*admission, hash_seeds))))
    }

    /// The door of a shard, which shares `gate` with those of others.
    pub fn new(listener: &Listener, socket: Socket, gate: Option<SharedGate>) -> Door {
        let (id, transport) = (listener.id, listener.transport.clone());
        Door {
            id,
            socket,
            transport,
            gate,
            accept_at: Some(Instant::now()),
            deadlines: VecDeque::new(),
        }
    }

    /// Whether who is admitted is a connection at once.
    pub fn is_open(&self) -> bool {
        !self.transport.client_speaks_first()
    }

    /// Lets somebody in, if there is room; a proxy, if it is trusted.
    pub fn admit(&self, peer: SocketAddr) -> Result<Option<Box<Pass>>, Refusal> {
        let proxy = &self.transport.proxy;
        if proxy.as_ref().is_some_and(|policy| !policy.trusts(peer.ip())) {
            return Err(Refusal::ProxyNotTrusted);
        }
        let Some(gate) = &self.gate else { return Ok(None) };
        locked(gate).enter()?;
        let mut pass = Box::new(Pass { gate: Arc::clone(gate), address: None, shakes: false });
        if proxy.is_none() {
            pass.name(peer.ip())?;
        }
        Ok(Some(pass))
    }
}

/// Somebody's place among those who are counted. Given back when it is dropped.
pub struct Pass {
    gate: SharedGate,
    address: Option<IpAddr>,
    shakes: bool,
}

impl Pass {
    /// Its address is known.
    pub fn name(&mut self, address: IpAddr) -> Result<(), Refusal> {
        locked(&self.gate).name(address)?;
        self.address = Some(address);
        Ok(())
    }

    /// Its handshake begins, if it has not begun.
    pub fn begin_handshake(&mut self) -> Result<(), Refusal> {
        if !self.shakes {
            locked(&self.gate).begin_handshake()?;
            self.shakes = true;
        }
        Ok(())
    }

    /// Its handshake has ended.
    pub fn end_handshake(&mut self) {
        if std::mem::take(&mut self.shakes) {
            locked(&self.gate).end_handshake();
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.end_handshake();
        locked(&self.gate).leave(self.address);
    }
}

fn locked(gate: &SharedGate) -> MutexGuard<'_, Gate> {
    gate.lock().unwrap_or_else(PoisonError::into_inner)
}
