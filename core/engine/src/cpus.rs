//! Which cores the shards run on.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::io;

/// What `shards:` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShardCpus {
    /// One shard per core that the process may use.
    Auto,
    /// So many shards, on the first cores that the process may use.
    Count(usize),
    /// One shard on each of these cores.
    List(Vec<usize>),
}

/// Cores that were asked for and cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum CpusError {
    /// The kernel does not say which cores there are.
    #[error("cannot read which cores this process may use: {0}")]
    Unknown(#[from] io::Error),
    /// A core that this process may not use.
    #[error("shards: this process may not run on core {cpu}; it may on {allowed:?}")]
    Forbidden {
        /// The core asked for.
        cpu: usize,
        /// The cores that may be used.
        allowed: Vec<usize>,
    },
}

/// From now on the thread that calls this runs on this core only.
pub fn stay_on(cpu: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    Ok(sched_setaffinity(None, &set)?)
}

impl ShardCpus {
    /// The core of each shard. More shards than cores share them in turn.
    pub fn resolve(&self) -> Result<Vec<usize>, CpusError> {
        let set = sched_getaffinity(None).map_err(io::Error::from)?;
        let allowed: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect();
        match self {
            ShardCpus::Auto => Ok(allowed.into_iter().take(64).collect()),
            ShardCpus::Count(count) => Ok(allowed.iter().copied().cycle().take(*count).collect()),
            ShardCpus::List(cpus) => match cpus.iter().find(|cpu| !allowed.contains(cpu)) {
                Some(&cpu) => Err(CpusError::Forbidden { cpu, allowed }),
                None => Ok(cpus.clone()),
            },
        }
    }
}
