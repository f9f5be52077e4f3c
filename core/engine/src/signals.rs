//! SIGTERM and SIGINT: the first stops in order, the second ends the process at once. SIGHUP: files
//! are read again.

use crate::stop::Stop;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::{io, process, thread};
use tracing::{info, warn};

/// Takes over these signals for the rest of the process.
pub fn handle(stop: Stop, on_hangup: impl Fn() + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let wait = move || {
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
