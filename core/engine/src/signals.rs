//! SIGTERM and SIGINT: the first stops in order, the second ends the process at once. SIGHUP: files
//! are read again; if it comes before there is an engine, as soon as there is one.

use crate::stop::Stop;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, iterator::Signals};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::{io, process, thread};
use tracing::{info, warn};

/// Whether SIGHUP has come, once somebody wants to know.
static HUNG_UP: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From now on a SIGHUP does not end the process; one that comes before the engine has started counts
/// when it has.
pub fn expect_hangups() -> io::Result<()> {
    let hung_up = Arc::clone(HUNG_UP.get_or_init(Arc::default));
    flag::register(SIGHUP, hung_up).map(drop)
}

/// Takes over these signals for the rest of the process.
pub fn handle(stop: Stop, on_hangup: impl Fn() + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let is_early = HUNG_UP.get().is_some_and(|hung_up| hung_up.load(Ordering::Acquire));
    let wait = move || {
        if is_early {
            info!("SIGHUP: files are read again");
            on_hangup();
        }
        for signal in signals.forever() {
            if signal == SIGHUP {
                info!("SIGHUP: files are read again");
                on_hangup();
                continue;
            }
            if stop.is_asked() {
                warn!(signal, "second signal: ended at once");
                process::exit(1);
            }
            info!(signal, "stopping");
            stop.ask();
        }
    };
    thread::Builder::new().name("signals".into()).spawn(wait)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn a_hangup_that_comes_early_counts_later() -> io::Result<()> {
        expect_hangups()?;
        signal_hook::low_level::raise(SIGHUP)?;
        let (done, was_done) = mpsc::channel();
        handle(Stop::new(Arc::new([])), move || done.send(()).unwrap_or_default())?;
        was_done.recv_timeout(Duration::from_secs(60)).map_err(io::Error::other)?;
        signal_hook::low_level::raise(SIGHUP)?;
        was_done.recv_timeout(Duration::from_secs(60)).map_err(io::Error::other)
    }
}
