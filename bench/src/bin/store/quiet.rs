//! Waits until the background threads of all engines rest and what they wrote is on the disk, so that
//! nobody pays for another's compaction.

use rustix::time::{ClockId, clock_gettime};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long it is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// CPU time within a look that does not count.
const REST: Duration = Duration::from_millis(5);

/// False if they did not come to rest within `patience`.
pub fn wait(patience: Duration) -> bool {
    let began = Instant::now();
    while began.elapsed() < patience {
        let before = cpu_time();
        sleep(LOOK);
        if cpu_time() - before < REST {
            rustix::fs::sync();
            return true;
        }
    }
    false
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
