//! Checks before anything starts: what the kernel must allow, and what to change where it does
//! not.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;

/// What glommio asks for per executor.
const MEMLOCK_BYTES_PER_SHARD: u64 = 512 << 10;
/// The oldest kernel with what the rings need.
const KERNEL_MIN: (u32, u32) = (6, 1);

/// Why the daemon cannot run here, and what to change.
#[derive(Debug, thiserror::Error)]
pub enum PreflightError {
    /// The kernel is too old.
    #[error("this kernel is {found}; Linux {}.{} or newer is needed", KERNEL_MIN.0, KERNEL_MIN.1)]
    Kernel {
        /// Its release.
        found: String,
    },
    /// io_uring is switched off.
    #[error(
        "io_uring is not permitted ({error}): set sysctl kernel.io_uring_disabled=0, or in a \
         container allow io_uring_setup, io_uring_enter and io_uring_register in its seccomp profile"
    )]
    Forbidden {
        /// What the kernel said.
        error: io::Error,
    },
    /// Too little memory may be locked.
    #[error(
        "RLIMIT_MEMLOCK is {have} bytes and {need} are needed for {shards} shards: raise it \
         (ulimit -l, LimitMEMLOCK=infinity in the systemd unit)"
    )]
    Memlock {
        /// The hard limit.
        have: u64,
        /// What is needed.
        need: u64,
        /// For how many shards.
        shards: usize,
    },
}

/// Checks the kernel, raises the limits that may be raised. Returns how many descriptors the
/// process may open.
pub fn check(shards: usize) -> Result<u64, PreflightError> {
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy().into_owned();
    if kernel_version(&release).is_some_and(|version| version < KERNEL_MIN) {
        return Err(PreflightError::Kernel { found: release });
    }
    io_uring::IoUring::new(2).map_err(|error| PreflightError::Forbidden { error })?;
    let need = MEMLOCK_BYTES_PER_SHARD * shards as u64;
    let have = raise(Resource::Memlock);
    if have < need {
        return Err(PreflightError::Memlock { have, need, shards });
    }
    Ok(raise(Resource::Nofile))
}

/// Raises the soft limit to the hard one; returns what holds then.
fn raise(resource: Resource) -> u64 {
    let limit = getrlimit(resource);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let holds = if setrlimit(resource, raised).is_ok() { limit.maximum } else { limit.current };
    holds.unwrap_or(u64::MAX)
}

fn kernel_version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read() {
        for (release, version) in [
            ("6.1.0-18-amd64", Some((6, 1))),
            ("5.15.0", Some((5, 15))),
            ("6.18.44-fc-v669", Some((6, 18))),
            ("unknown", None),
        ] {
            assert_eq!(kernel_version(release), version, "{release}");
        }
    }

    #[test]
    fn this_machine_passes() {
        assert!(check(1).unwrap() > 0);
    }
}
