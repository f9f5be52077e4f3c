//! Shards on cores: glommio, io_uring sockets, inboxes, timers, signals.
//!
//! The only place that touches the operating system. It knows [`Shard`], never a role. Each shard
//! is one glommio executor pinned to a core, on which one task turns: no task, waker or allocation
//! per message or per idle connection. The architecture page of the README has the order of a
//! turn and why it is so.

mod connect;
pub mod counters;
mod cpus;
mod door;
mod entrance;
mod handshakes;
mod hangup;
mod listen;
pub mod preflight;
mod records;
mod ring;
mod send;
mod signals;
mod slots;
mod stop;
mod stores;
mod tls;
mod transport;
mod turn;
mod wake;

pub use cpus::{CpusError, ShardCpus};
pub use hangup::Hangup;
pub use signals::expect_hangups;
pub use stop::Stop;
pub use stores::StoreStats;
pub use tls::{TlsAcceptor, TlsError, TlsFiles};
pub use transport::{Listener, ProxyPolicy, Transport};

use counters::Counters;
use door::Door;
use glommio::{ExecutorJoinHandle, LocalExecutorBuilder, Placement};
use handshakes::Workers;
use preflight::PreflightError;
use ring::{Ring, RingSizes};
use runtime::{Batch, ListenerId, Shard, ShardId};
use rustix::rand::{GetRandomFlags, getrandom};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{io, mem, panic, process};
use store::Committer;
use stores::Stores;
use tracing::{error, info};
use turn::{Parts, TurnLoop, Turned};
use wake::Waker;

/// glommio registers this much memory on each of its three rings; it does no I/O of ours yet.
const GLOMMIO_IO_BYTES: usize = 64 << 10;
const GLOMMIO_RING_DEPTH: usize = 128;

/// What an engine is to run.
#[derive(Clone, Debug)]
pub struct Config {
    /// The cores.
    pub cpus: ShardCpus,
    /// What to listen on.
    pub listeners: Vec<Listener>,
    /// Threads that do TLS handshakes, if a listener has TLS; `None`: one per core, two at most.
    pub tls_workers: Option<usize>,
    /// What SIGHUP causes, beside the reload of all certificates.
    pub on_hangup: Hangup,
    /// Where events go, as UDP datagrams.
    pub eventlogger: Option<SocketAddr>,
    /// How long a shard looks for work before it sleeps, in microseconds.
    pub spin_us: u64,
    /// Bytes that may lie in one inbox between shards before sockets are no longer read.
    pub inflight_bytes_max: usize,
    /// Receive buffers of a shard, a power of two, and bytes of each. Together they fit into a
    /// core's cache: the kernel fills them in turn, and what it fills is read at once.
    pub buffers: (u16, usize),
}

impl Default for Config {
    fn default() -> Self {
        Config {
            cpus: ShardCpus::Auto,
            listeners: Vec::new(),
            tls_workers: None,
            on_hangup: Hangup::default(),
            eventlogger: None,
            spin_us: 0,
            inflight_bytes_max: 8 << 20,
            buffers: (128, 4 << 10),
        }
    }
}

/// Why an engine could not start. Nothing runs then.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The machine does not allow it.
    #[error(transparent)]
    Preflight(#[from] PreflightError),
    /// The cores cannot be had.
    #[error(transparent)]
    Cpus(#[from] CpusError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Bind {
        /// Which listener.
        listener: ListenerId,
        /// Its address.
        address: SocketAddr,
        /// What the kernel said.
        error: io::Error,
    },
    /// A shard could not begin.
    #[error("shard {shard} cannot start: {why}")]
    Shard {
        /// Which.
        shard: usize,
        /// Why.
        why: String,
    },
    /// Something else that the system refused.
    #[error("{what}: {error}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        error: io::Error,
    },
}

/// A running engine. If it is dropped, all shards stop in order first.
pub struct Running {
    /// The core of each shard.
    pub cpus: Vec<usize>,
    /// The addresses listened on.
    pub local_addrs: Vec<(ListenerId, SocketAddr)>,
    /// Descriptors that the process may open.
    pub nofile: u64,
    /// What the shards count.
    pub counters: Counters,
    /// Stops it.
    pub stop: Stop,
    shards: Vec<ExecutorJoinHandle<io::Result<()>>>,
    stores: Stores,
    /// Those who do handshakes; they end after the shards.
    _workers: Option<Workers>,
}

/// Starts one shard per core, and the logs of `stores`, in the order of their ids. `make` is called
/// on each shard's own thread with its number and how many there are.
pub fn start(
    config: &Config,
    stores: Vec<Box<dyn Committer>>,
    make: impl Fn(ShardId, usize) -> Shard + Send + Sync + 'static,
) -> Result<Running, StartError> {
    let cpus = config.cpus.resolve()?;
    let nofile = preflight::check(cpus.len())?;
    let system = |what| move |error| StartError::System { what, error };
    let (local_addrs, doors) = bind_all(config, cpus.len())?;
    let wakers: io::Result<Arc<[Waker]>> = cpus.iter().map(|_| Waker::new()).collect();
    let wakers = wakers.map_err(system("cannot make an eventfd"))?;
    let (stop, counters) = (Stop::new(Arc::clone(&wakers)), Counters::new(cpus.len()));
    let ports = inbox::mesh::<Batch>(cpus.len(), config.inflight_bytes_max);
    let make = Arc::new(make);
    abort_on_panic();
    let stores = Stores::start(stores, &wakers, &cpus);
    let (stores, links) = stores.map_err(system("cannot start the threads of a store"))?;
    let has_tls = config.listeners.iter().any(|listener| listener.transport.tls.is_some());
    let workers = has_tls.then(|| Workers::start(config.tls_workers, &wakers)).transpose();
    let (workers, handshakes) =
        workers.map_err(system("cannot start the threads for handshakes"))?.unzip();
    let (ready, readies) = mpsc::channel();
    let count = cpus.len();
    // From here on whatever fails drops this, which stops the shards that run already.
    let shards = Vec::new();
    let mut running =
        Running { cpus, local_addrs, nofile, counters, stop, shards, stores, _workers: workers };
    // Dropped before it: the workers end when nobody can send to them any more.
    let mut handshakes = handshakes.into_iter().flatten();
    for (me, ((port, stores), doors)) in ports.into_iter().zip(links).zip(doors).enumerate() {
        let events = config.eventlogger.map(event_socket).transpose();
        let events = events.map_err(system("cannot make a socket for the event logger"))?;
        let parts = Parts {
            me,
            port,
            doors,
            handshakes: handshakes.next(),
            wakers: Arc::clone(&wakers),
            stop: running.stop.clone(),
            counters: running.counters.clone(),
            events,
            stores,
        };
        let (make, ready, config) = (Arc::clone(&make), ready.clone(), config.clone());
        let run = move || async move { run_shard(&config, parts, |me| make(me, count), ready) };
        let executor = LocalExecutorBuilder::new(Placement::Fixed(running.cpus[me]))
            .io_memory(GLOMMIO_IO_BYTES)
            .ring_depth(GLOMMIO_RING_DEPTH)
            .name(&format!("shard-{me}"))
            .spawn(run);
        let failed = |error: glommio::GlommioError<()>| StartError::Shard {
            shard: me,
            why: error.to_string(),
        };
        running.shards.push(executor.map_err(failed)?);
    }
    drop(ready);
    if readies.iter().take(count).count() < count {
        running.stop.ask();
        return Err(first_failure(mem::take(&mut running.shards)));
    }
    signals::handle(running.stop.clone(), reloads(config))
        .map_err(system("cannot handle signals"))?;
    Ok(running)
}

/// One shard, from its beginning to its end, on its own thread.
fn run_shard(
    config: &Config,
    parts: Parts,
    make: impl FnOnce(ShardId) -> Shard,
    ready: mpsc::Sender<usize>,
) -> io::Result<()> {
    let (buffers, buffer_bytes) = config.buffers;
    let sizes = RingSizes { entries: 1024, buffers, buffer_bytes };
    // The others do not wait for what this one has to say.
    let ring = Ring::new(sizes).inspect_err(|_| parts.stop.shard_has_spoken())?;
    let me = parts.me;
    let turn_loop = TurnLoop::new(make(ShardId(me as u16)), parts, ring);
    ready.send(me).map_err(|_| io::ErrorKind::BrokenPipe)?;
    drop(ready);
    let ended = run(turn_loop, Duration::from_micros(config.spin_us));
    if let Err(error) = &ended {
        error!(shard = me, %error, "a shard has failed; the process is aborted");
        process::abort();
    }
    ended
}

/// What SIGHUP causes: certificates are read again, then the hooks run.
fn reloads(config: &Config) -> impl Fn() + Send + 'static {
    let acceptors = config.listeners.iter().filter_map(|listener| listener.transport.tls.clone());
    let (acceptors, hangup) = (acceptors.collect::<Vec<_>>(), config.on_hangup.clone());
    move || {
        for acceptor in &acceptors {
            let certificate = acceptor.files().certificate.display();
            match acceptor.reload() {
                Ok(()) => info!(%certificate, "read again"),
                Err(error) => {
                    error!(%error, "certificates cannot be read again; the old ones stay")
                }
            }
        }
        hangup.run();
    }
}

/// Turns until the shard has stopped; sleeps when there was nothing to do for `spin` and no answer of
/// a store is to be expected. It sleeps in
/// its own ring and not in glommio's: of what glommio does on this thread nothing else is needed
/// yet, and a wake-up costs one system call instead of eight.
fn run(mut turns: TurnLoop, spin: Duration) -> io::Result<()> {
    let mut idle_since: Option<Instant> = None;
    loop {
        match turns.turn()? {
            Turned::Stopped => return Ok(()),
            Turned::Busy => idle_since = None,
            Turned::Idle if turns.looks_for_answer() => std::thread::yield_now(),
            Turned::Idle if spin.is_zero() => turns.sleep()?,
            Turned::Idle if idle_since.get_or_insert_with(Instant::now).elapsed() < spin => {
                std::hint::spin_loop();
            }
            Turned::Idle => turns.sleep()?,
        }
    }
}

impl Running {
    /// What the stores hold and have done.
    pub fn store_stats(&self) -> StoreStats {
        self.stores.stats.clone()
    }

    /// Waits until all shards have stopped, then closes the stores.
    pub fn wait(mut self) -> Result<(), StartError> {
        let mut result = Ok(());
        for (shard, handle) in mem::take(&mut self.shards).into_iter().enumerate() {
            if let Some(why) = failure(handle) {
                self.stop.ask();
                result = Err(StartError::Shard { shard, why });
            }
        }
        result
    }
}

impl Drop for Running {
    /// The stores go after the shards, which would ask them in vain.
    fn drop(&mut self) {
        if self.shards.is_empty() {
            return;
        }
        // Those that were never started have nothing to say.
        (self.shards.len()..self.cpus.len()).for_each(|_| self.stop.shard_has_spoken());
        self.stop.ask();
        for (shard, handle) in self.shards.drain(..).enumerate() {
            if let Some(why) = failure(handle) {
                error!(shard, %why, "a shard did not stop in order");
            }
        }
    }
}

type Bound = (Vec<(ListenerId, SocketAddr)>, Vec<Vec<Door>>);

/// Listens on all addresses: each shard has a door of its own at each of them.
fn bind_all(config: &Config, shards: usize) -> Result<Bound, StartError> {
    let (mut addrs, mut doors) = (Vec::new(), Vec::new());
    doors.resize_with(shards, Vec::new);
    for listener in &config.listeners {
        let &Listener { id, address, .. } = listener;
        let bound = listen::bind(address, shards, listener.transport.client_speaks_first());
        let failed = |error| StartError::Bind { listener: id, address, error };
        let (address, sockets) = bound.map_err(failed)?;
        addrs.push((id, address));
        let gate = Door::gate(listener, hash_seeds()?);
        for (socket, doors) in sockets.into_iter().zip(&mut doors) {
            doors.push(Door::new(listener, socket, gate.clone()));
        }
    }
    Ok((addrs, doors))
}

/// Random, so that nobody can choose addresses that collide.
fn hash_seeds() -> Result<[u64; 4], StartError> {
    let mut seeds = [[0; 8]; 4];
    let filled = getrandom(seeds.as_flattened_mut(), GetRandomFlags::empty());
    filled.map_err(|error| StartError::System { what: "no randomness", error: error.into() })?;
    Ok(seeds.map(u64::from_ne_bytes))
}

fn event_socket(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0u16; 8], 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Why a shard ended, if it did not end in order.
fn failure(shard: ExecutorJoinHandle<io::Result<()>>) -> Option<String> {
    match shard.join() {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(error) => Some(error.to_string()),
    }
}

fn first_failure(shards: Vec<ExecutorJoinHandle<io::Result<()>>>) -> StartError {
    let failed =
        shards.into_iter().map(failure).enumerate().find_map(|(shard, why)| Some((shard, why?)));
    let (shard, why) = failed.unwrap_or((0, "it ended before it began".into()));
    StartError::Shard { shard, why }
}

/// A panic on a shard, like a failure of its ring, breaks an invariant of state that all share: a
/// wrong world is worse than a restart (I6).
fn abort_on_panic() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        before(info);
        let is_ours = |name: &str| ["shard-", "store-"].iter().any(|ours| name.starts_with(ours));
        if std::thread::current().name().is_some_and(is_ours) {
            error!("a shard or a store has panicked; the process is aborted");
            process::abort();
        }
    }));
}
