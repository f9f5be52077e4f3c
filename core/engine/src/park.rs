//! When a shard turns and when it sleeps.

use crate::ring;
use crate::turn::{TurnLoop, Turned};
use futures_lite::future;
use glommio::io::ReadResult;
use glommio::timer::Timer;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::{Duration, Instant};

type Event<'a> = Pin<Box<dyn Future<Output = glommio::Result<ReadResult, ()>> + 'a>>;

/// Turns until the shard has stopped.
pub async fn run(mut turns: TurnLoop, spin_us: u64) -> io::Result<()> {
    use rustix::fd::AsFd;
    turns.ring().register_event(turns.event().as_fd())?;
    turns.wake_up();
    let file = ring::event_file(turns.event())?;
    let spin = Duration::from_micros(spin_us);
    let mut event: Option<Event<'_>> = None;
    let mut idle_since: Option<Instant> = None;
    loop {
        match turns.turn()? {
            Turned::Stopped => return Ok(()),
            Turned::Busy => {
                idle_since = None;
                continue;
            }
            Turned::Idle => (),
        }
        if !spin.is_zero() && idle_since.get_or_insert_with(Instant::now).elapsed() < spin {
            std::hint::spin_loop();
            continue;
        }
        if turns.fall_asleep()? {
            let wake = event.get_or_insert_with(|| Box::pin(file.read_at(0, 8)));
            let woken = match turns.sleep_at_most() {
                Some(time) => {
                    let timer = async {
                        Timer::new(time).await;
                        None
                    };
                    future::or(async { Some(wake.await) }, timer).await
                }
                None => Some(wake.await),
            };
            if let Some(read) = woken {
                read.map_err(io::Error::from)?;
                event = None;
            }
            turns.wake_up();
        }
    }
}
