//! Idle connections: in this process as far as its descriptors go, the rest in processes that do
//! nothing but hold them ("holders"). Connections that send or receive are never moved out: the
//! window of the closed loop and the order are kept in one place.
//!
//! A holder is the same program, started as `PROGRAM hold-idle ADDR COUNT SOURCE`. It says
//! `held` once all connections stand, waits for the end of its input, and then says how many of
//! them the server had closed.

use crate::plan::Plan;
use crate::sockets::{CONNECTIONS_PER_SOURCE, connect_one};
use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Resource, getrlimit, setrlimit};
use socket2::Socket;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

const COMMAND: &str = "hold-idle";
/// Descriptors for all that is not a connection.
const RESERVE: u64 = 64;

/// To be called first in `main` of a program that runs plans with many idle connections: if the
/// program was started as a holder, this does the holding and does not return.
pub fn serve_if_asked() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [command, addr, count] = arguments.as_slice() else { return };
    if command == COMMAND {
        let code = match hold(addr, count) {
            Ok(()) => 0,
            Err(error) => {
                println!("{error:#}");
                1
            }
        };
        std::process::exit(code);
    }
}

fn hold(addr: &str, count: &str) -> Result<()> {
    let addr: SocketAddr = addr.parse()?;
    raise_descriptors()?;
    let held = connect_all(&[addr], count.parse()?)?;
    println!("held");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    println!("{}", closed(&held));
    Ok(())
}

fn connect_all(addrs: &[SocketAddr], count: u32) -> Result<Vec<Socket>> {
    let connect = |(index, addr): (u32, &SocketAddr)| {
        connect_one(*addr, 1 + index / CONNECTIONS_PER_SOURCE)
            .with_context(|| format!("idle connection {index} of {count} to {addr}"))
    };
    (0..count).zip(addrs.iter().cycle()).map(connect).collect()
}

/// How many of `held` the server has closed.
fn closed(held: &[Socket]) -> usize {
    let is_closed = |socket: &&Socket| {
        let mut buffer = [0; 256];
        loop {
            match (&mut &**socket).read(&mut buffer) {
                Ok(0) => return true,
                Ok(_) => (),
                Err(error) => return error.kind() != std::io::ErrorKind::WouldBlock,
            }
        }
    };
    held.iter().filter(is_closed).count()
}

/// Raises the soft limit of descriptors to the hard one and returns it.
pub(crate) fn raise_descriptors() -> Result<u64> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        setrlimit(Resource::Nofile, limit).context("raising the limit of descriptors")?;
    }
    Ok(limit.current.unwrap_or(u64::MAX))
}

/// All idle connections of a run.
pub(crate) struct IdleConnections {
    here: Vec<Socket>,
    holders: Vec<Holder>,
}

struct Holder {
    process: Child,
    answers: BufReader<ChildStdout>,
}

impl IdleConnections {
    /// Connects `plan.idle` times beside `active` other connections of this process.
    pub(crate) fn open(plan: &Plan, active: u64) -> Result<IdleConnections> {
        let descriptors = raise_descriptors()?;
        let most = plan.connections_per_process.map_or(u64::MAX, u64::from);
        let room = descriptors.saturating_sub(RESERVE).min(most);
        ensure!(active <= room, "{active} active connections in one process, {room} at most");
        let here = u64::from(plan.idle).min(room - active) as u32;
        let mut left = plan.idle - here;
        let mut holders = Vec::new();
        for addr in plan.addrs.iter().cycle() {
            if left == 0 {
                break;
            }
            let count = left.min(room as u32);
            holders.push(Holder::start(plan, *addr, count)?);
            left -= count;
        }
        let here = connect_all(&plan.addrs, here)?;
        let mut connections = IdleConnections { here, holders };
        for holder in &mut connections.holders {
            let answer = holder.answer()?;
            ensure!(answer == "held", "holding idle connections: {answer}");
        }
        Ok(connections)
    }

    /// Ends them and returns how many the server had closed before.
    pub(crate) fn close(mut self) -> Result<usize> {
        let mut sum = closed(&self.here);
        for holder in &mut self.holders {
            drop(holder.process.stdin.take());
            let answer = holder.answer()?;
            sum += answer.parse::<usize>().with_context(|| format!("a holder said {answer}"))?;
            holder.process.wait()?;
        }
        self.holders.clear();
        Ok(sum)
    }
}

impl Holder {
    fn start(plan: &Plan, addr: SocketAddr, count: u32) -> Result<Holder> {
        let program = match &plan.holder {
            Some(program) => program.clone(),
            None => std::env::current_exe().context("which program this is")?,
        };
        let mut process = Command::new(program)
            .args([COMMAND, &addr.to_string(), &count.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting a holder of idle connections")?;
        let Some(out) = process.stdout.take() else { bail!("a holder without output") };
        Ok(Holder { process, answers: BufReader::new(out) })
    }

    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line).context("a holder of idle connections")?;
        Ok(line.trim_end().to_owned())
    }
}
