//! The servers that are measured: how each is started, pinned, reached and ended.

use crate::nats::Nats;
use crate::resp::Resp;
use anyhow::{Context, Result, bail, ensure};
use loadtest::{Dialect, Ferris, Protocol};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Between the start of a server and its first accepted connection, at most.
const START_MAX: Duration = Duration::from_secs(5);
/// The server's CPU, unless it has several shards.
const SERVER_CPU: &str = "0";

/// Who is measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Contender {
    /// The bare router.
    Floor,
    /// `ferriswheel run` with this many shards.
    Ours(u16),
    /// `nats-server`, where it is installed.
    Nats,
    /// `redis-server`, where it is installed.
    Redis,
}

impl Contender {
    /// Its name, for tables.
    pub fn name(self) -> String {
        match self {
            Contender::Floor => "floor".to_owned(),
            Contender::Ours(1) => "ours".to_owned(),
            Contender::Ours(shards) => format!("ours, {shards} shards"),
            Contender::Nats => "nats".to_owned(),
            Contender::Redis => "redis".to_owned(),
        }
    }

    /// The wire format that it speaks.
    pub fn protocol(self) -> Arc<dyn Protocol> {
        match self {
            Contender::Floor | Contender::Ours(_) => Arc::new(Ferris { dialect: Dialect::OpenOtp }),
            Contender::Nats => Arc::new(Nats),
            Contender::Redis => Arc::new(Resp),
        }
    }

    /// Whether it can be left out where it is missing.
    pub fn is_optional(self) -> bool {
        matches!(self, Contender::Nats | Contender::Redis)
    }

    /// Its program: ours beside this one, the others' on the path.
    pub fn program(self) -> Option<PathBuf> {
        let found = match self {
            Contender::Floor => beside_this_program("floor")?,
            Contender::Ours(_) => beside_this_program("ferriswheel")?,
            Contender::Nats => on_path("nats-server")?,
            Contender::Redis => on_path("redis-server")?,
        };
        found.is_file().then_some(found)
    }

    /// Starts it with its files in `folder` and waits until it accepts connections.
    pub fn start(self, folder: &Path) -> Result<Running> {
        let missing = || format!("{} is missing: cargo build --release --workspace", self.name());
        let program = self.program().with_context(missing)?;
        let addr = free_address()?;
        let log = folder.join(format!("{}.log", self.name()));
        let mut command = self.command(&program, addr, folder)?;
        let output = fs::File::create(&log)?;
        command.stdin(Stdio::null()).stderr(output.try_clone()?).stdout(output);
        let child = command.spawn().with_context(|| format!("starting {}", program.display()))?;
        let mut running = Running { child, addr };
        running.await_start().with_context(|| tail(&log))?;
        Ok(running)
    }

    fn command(self, program: &Path, addr: SocketAddr, folder: &Path) -> Result<Command> {
        let mut command = match self {
            Contender::Ours(_) => Command::new(program),
            Contender::Floor | Contender::Nats | Contender::Redis => pinned(program),
        };
        let port = addr.port();
        match self {
            Contender::Floor => {
                command.args(["--listen", &addr.to_string(), "--dialect", "openotp"]);
            }
            Contender::Ours(shards) => {
                let file = folder.join("park.yml");
                fs::write(&file, configuration(shards, addr))?;
                command.arg("run").arg(file);
            }
            Contender::Nats => {
                let file = folder.join("nats.conf");
                let limits = "max_connections: 100000\nmax_subscriptions: 0\n";
                let times = "ping_interval: \"1h\"\nwrite_deadline: \"60s\"\n";
                let bind = format!("host: 127.0.0.1\nport: {port}\nmax_pending: 1073741824\n");
                fs::write(&file, format!("{bind}{limits}{times}"))?;
                command.arg("-c").arg(file);
            }
            Contender::Redis => {
                command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""]);
                command.args(["--appendonly", "no", "--maxclients", "15000", "--dir"]).arg(folder);
                command.args(["--client-output-buffer-limit", "pubsub 0 0 0"]);
            }
        }
        Ok(command)
    }
}

/// One shard on the server's CPU; two on the first two; more wherever the daemon puts them.
fn configuration(shards: u16, addr: SocketAddr) -> String {
    let shards = match shards {
        1 => format!("[{SERVER_CPU}]"),
        2 => "[0, 1]".to_owned(),
        more => more.to_string(),
    };
    let general = "general: {dialect: openotp}\n";
    format!("{general}shards: {shards}\nmessagedirector: {{bind: \"{addr}\"}}\n")
}

/// A server in its own process; ends with this value.
pub struct Running {
    child: Child,
    addr: SocketAddr,
}

impl Running {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn await_start(&mut self) -> Result<()> {
        let began = Instant::now();
        while TcpStream::connect(self.addr).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended at once: {status}");
            }
            ensure!(began.elapsed() < START_MAX, "it does not listen on {}", self.addr);
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// `taskset`, because a Go program counts its CPUs when it starts.
fn pinned(program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", SERVER_CPU]).arg(program);
    command
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn beside_this_program(name: &str) -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    // A test runs in `deps`, one folder below.
    own.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
}
