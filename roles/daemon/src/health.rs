//! Whether every shard turns or sleeps.
//!
//! A shard that works publishes its turns; one that sleeps publishes nothing, but its thread
//! sleeps in the kernel. One that does neither for a while hangs.

use engine::counters::Counters;
use std::fs;
use std::time::Duration;

/// How often, and how many times, a shard is looked at before it is said to hang.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const LOOKS: usize = 15;

/// Looks after the shards of one daemon.
#[derive(Clone)]
pub struct Health {
    counters: Counters,
    /// The thread of each shard, as `/proc` has it.
    threads: Vec<Option<u32>>,
}

impl Health {
    /// To be made when all shards run.
    pub fn new(counters: Counters, shards: usize) -> Health {
        Health { counters, threads: (0..shards).map(thread_of).collect() }
    }

    /// The shards that neither turn nor sleep.
    pub async fn hanging(&self) -> Vec<usize> {
        let before = self.turns();
        let mut hanging: Vec<usize> = (0..self.threads.len()).collect();
        for look in 0..LOOKS {
            let now = self.turns();
            hanging.retain(|&shard| now[shard] == before[shard] && !self.sleeps(shard));
            if hanging.is_empty() || look + 1 == LOOKS {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        hanging
    }

    fn turns(&self) -> Vec<u64> {
        self.counters.snapshot().iter().map(|snapshot| snapshot.engine.turns).collect()
    }

    fn sleeps(&self, shard: usize) -> bool {
        let Some(thread) = self.threads[shard] else { return false };
        let stat = fs::read_to_string(format!("/proc/self/task/{thread}/stat"));
        // The name, in parentheses, may contain anything; the state follows it.
        let state = stat.ok().and_then(|stat| stat.rsplit_once(") ")?.1.chars().next());
        matches!(state, Some('S' | 'D'))
    }
}

/// glommio calls a shard's thread by the name that the engine gives it and a number of its own,
/// and the helper thread that it starts later likewise.
fn thread_of(shard: usize) -> Option<u32> {
    let name = format!("shard-{shard}-");
    let tasks = fs::read_dir("/proc/self/task").ok()?;
    let named = |thread: &u32| {
        let comm = fs::read_to_string(format!("/proc/self/task/{thread}/comm"));
        comm.is_ok_and(|comm| comm.starts_with(&name))
    };
    tasks.filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok()).filter(named).min()
}
