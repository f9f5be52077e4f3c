//! The LoginManagers of a configuration. They start when the Message Director listens, which they
//! join as anybody else would, and stop after it.

use crate::figures::{self, Thing};
use crate::run::Failure;
use login::{Counts, Running, StartError};
use park::{Config, Login};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// Who connects when the daemon says that it runs is heard. What a LoginManager needs may be in
/// another daemon, so it is waited for only so long.
const BEGINNING: Duration = Duration::from_secs(1);

/// All of them, running.
pub struct Logins(Vec<(Login, Running)>);

impl Logins {
    /// Starts them, or says what is wrong with one. `md` is where the Message Director listens.
    pub fn start(config: &Config, md: Option<SocketAddr>) -> Result<Logins, Failure> {
        let start = |login: &Login| {
            let schema = config.general.classes.schema.clone();
            let schema = schema.expect("a LoginManager without classes is refused");
            let md = md.expect("a LoginManager without a Message Director is refused");
            let started = login::start(login.config(md, schema));
            let running = started.map_err(|error| match &error {
                StartError::Unsuitable(_) | StartError::Hashing(_) => {
                    Failure::Config(vec![config.problem(&login.place, error.to_string())])
                }
                StartError::Thread(_) => Failure::Other(error.into()),
            })?;
            Ok((login.clone(), running))
        };
        let running: Result<Vec<_>, Failure> = config.logins.iter().map(start).collect();
        let running = running?;
        running.iter().for_each(|(_, login)| login.wait_until_linked(BEGINNING));
        Ok(Logins(running))
    }

    /// What they count.
    pub fn figures(&self) -> Figures {
        let of =
            |(login, running): &(Login, Running)| (login.uberdog.0.to_string(), running.figures());
        Figures(self.0.iter().map(of).collect())
    }

    /// Ends them.
    pub fn stop(self) {
        self.0.into_iter().for_each(|(_, running)| running.stop());
    }
}

/// The part of `/metrics` that is about LoginManagers, by UberDOG.
#[derive(Clone, Debug)]
pub struct Figures(Vec<(String, login::Figures)>);

impl Figures {
    /// The UberDOGs that do not hear anybody.
    pub fn unlinked(&self) -> Vec<&str> {
        let unlinked = self.0.iter().filter(|(_, figures)| figures.snapshot().linked == 0);
        unlinked.map(|(uberdog, _)| uberdog.as_str()).collect()
    }
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let thing = |(uberdog, figures): &(String, login::Figures)| {
            let values = figures.snapshot().values().to_vec();
            Thing { which: uberdog.clone(), values }
        };
        let things: Vec<Thing> = self.0.iter().map(thing).collect();
        figures::encode(&mut encoder, Counts::METRICS.into_iter(), "uberdog", &things)
    }
}
