//! The daemon with two Client Agents, one plain and one encrypted, on CPU 0.

use crate::certificate::Certificate;
use anyhow::{Context, Result, bail, ensure};
use bench::contender::Contender;
use loadtest::ServerProcess;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const START_MAX: Duration = Duration::from_secs(5);

/// Through which of its listeners clients come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Door {
    /// Bytes as they are.
    Plain,
    /// TLS.
    Secure,
}

/// A running server; ends with this value.
pub struct Server {
    /// Its process.
    pub process: ServerProcess,
    child: Child,
    addresses: [SocketAddr; 2],
    folder: TempDir,
}

impl Server {
    /// Starts it and waits until both doors are open.
    pub fn start(certificate: &Certificate) -> Result<Server> {
        let program = Contender::Ours(1).program();
        let program =
            program.context("ferriswheel is missing: cargo build --release --workspace")?;
        let folder = tempfile::tempdir()?;
        certificate.write(folder.path())?;
        let addresses = [free_address()?, free_address()?];
        let file = folder.path().join("park.yml");
        fs::write(folder.path().join("bench.dc"), "dclass Nothing { setNothing(); };\n")?;
        fs::write(&file, configuration(free_address()?, addresses))?;
        let log = fs::File::create(folder.path().join("log"))?;
        let child = Command::new("taskset")
            .args(["-c", "0"])
            .arg(program)
            .arg("run")
            .arg(file)
            .stdin(Stdio::null())
            .stderr(log.try_clone()?)
            .stdout(log)
            .spawn()
            .context("starting the server")?;
        let process = ServerProcess { pid: child.id() };
        let mut server = Server { process, child, addresses, folder };
        server.await_start()?;
        Ok(server)
    }

    /// Where clients come in.
    pub fn address(&self, door: Door) -> SocketAddr {
        match door {
            Door::Plain => self.addresses[0],
            Door::Secure => self.addresses[1],
        }
    }

    fn await_start(&mut self) -> Result<()> {
        let began = Instant::now();
        while self.addresses.iter().any(|address| TcpStream::connect(address).is_err()) {
            if let Some(status) = self.child.try_wait()? {
                let log = fs::read_to_string(self.folder.path().join("log"))?;
                bail!("the server ended at once: {status}\n{log}");
            }
            ensure!(began.elapsed() < START_MAX, "the server does not listen");
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Nobody has to say who he is, and nobody is sent away for saying nothing.
fn configuration(director: SocketAddr, [plain, secure]: [SocketAddr; 2]) -> String {
    let limits = "limits: {hello_ms: 0, established_ms: 0}";
    let tls = "tls: {certificate: certificate.pem, key_file: key.pem}";
    format!(
        "general: {{dialect: astron, dc_files: [bench.dc]}}\n\
         shards: [0]\n\
         messagedirector: {{bind: \"{director}\"}}\n\
         roles:\n\
         - {{type: clientagent, bind: \"{plain}\", channels: {{min: 1000000, max: 1999999}}, {limits}}}\n\
         - {{type: clientagent, bind: \"{secure}\", channels: {{min: 2000000, max: 2999999}}, {limits}, {tls}}}\n"
    )
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
