//! The Event Loggers of a configuration. They start before anything that has events to tell and stop
//! after it, so none of this daemon's own is lost on the way.

use crate::figures::{self, Row, Thing, counter};
use crate::run::Failure;
use event_logger::{Counts, EventLogger, Rotate, Running, StartError};
use park::Config;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// All of them, running. If they are dropped, they stop in order first.
pub struct EventLoggers(Vec<Running>);

impl EventLoggers {
    /// Starts them, or says what is wrong with one. Then none runs.
    pub fn start(config: &Config) -> Result<EventLoggers, Failure> {
        let start = |logger: &park::EventLogger| {
            EventLogger::start(&logger.config).map_err(|error| {
                let place = match &error {
                    StartError::Bind { .. } => &logger.bind_place,
                    StartError::Open(_) => &logger.output_place,
                    StartError::System { .. } => return Failure::Other(error.into()),
                };
                Failure::Config(vec![config.problem(place, error.to_string())])
            })
        };
        let running: Result<_, Failure> = config.event_loggers.iter().map(start).collect();
        Ok(EventLoggers(running?))
    }

    /// Where each receives, in the order of the configuration.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.0.iter().map(|running| running.address).collect()
    }

    /// Makes all of them begin new files.
    pub fn rotates(&self) -> Vec<Rotate> {
        self.0.iter().map(|running| running.rotate.clone()).collect()
    }

    /// What they count.
    pub fn figures(&self) -> Figures {
        let of = |running: &Running| (running.address.to_string(), Arc::clone(&running.counts));
        Figures(self.0.iter().map(of).collect())
    }

    /// Lets them write down what has come, and ends them.
    pub fn stop(self) {
        self.0.iter().for_each(Running::tell_to_stop);
        self.0.into_iter().for_each(Running::stop);
    }
}

/// The part of `/metrics` that is about Event Loggers, by address.
pub struct Figures(Vec<(String, Arc<Counts>)>);

const ROWS: [Row<Counts>; 7] = [
    (counter("event_packets", "Packets that an Event Logger received."), |counts| {
        counts.received.get()
    }),
    (counter("event_lines", "Lines that it wrote."), |counts| counts.written.get()),
    (counter("event_malformed", "Packets that were no event."), |counts| counts.malformed.get()),
    (counter("event_unwritten", "Events lost since its file could not be written."), |counts| {
        counts.lost.get()
    }),
    (counter("event_overflowed", "Packets that its socket had no room for."), |counts| {
        counts.overflowed.get()
    }),
    (counter("event_bytes", "Bytes that it wrote."), |counts| counts.bytes.get()),
    (counter("event_files", "Files that it began after the first."), |counts| {
        counts.rotations.get()
    }),
];

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventLoggers")
    }
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let loggers = self.0.iter();
        let things: Vec<Thing> =
            loggers.map(|(address, counts)| Thing::read(address, &ROWS, counts)).collect();
        let metrics = ROWS.into_iter().map(|(metric, _)| metric);
        figures::encode(&mut encoder, metrics, "address", &things)
    }
}
