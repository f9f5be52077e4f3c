//! The park: the object below which everybody is. It is created; if it is there already, the State
//! Server refuses that, and it answers all the same. After another link it is looked for first, since
//! then it should be there, and may have another AI by now.

use crate::classes::Classes;
use crate::config::Config;
use crate::outgoing::Outgoing;
use tracing::{info, warn};
use wire::ids::{Channel, DoId};
use wire::state_server::{Entry, Location, ObjectMessage, StateServerMessage};

/// How long the park has to answer before it is taken to be missing, in ms.
const SILENCE_MS: u64 = 250;
/// How long a park that was just created has to answer, in ms; then it is created again, since its
/// State Server may not have been there.
const CREATED_MS: u64 = 1000;

/// Whether the park is there.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ParkObject {
    state: State,
    has_stood: bool,
    /// It was said that nobody answers for it.
    is_missed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    /// There is no link over which to ask.
    #[default]
    Unknown,
    /// It has been asked where it is, and has until then.
    Asked { until_ms: u64, is_created: bool },
    /// It is there.
    Stands,
}

impl ParkObject {
    /// The link has come up.
    pub(crate) fn look_for(
        &mut self,
        now_ms: u64,
        config: &Config,
        classes: &Classes,
        out: &mut Outgoing,
    ) {
        if self.has_stood {
            ask(config, out);
            self.state = State::Asked { until_ms: now_ms + SILENCE_MS, is_created: false };
        } else {
            self.create(now_ms, config, classes, out);
        }
    }

    /// The link is gone.
    pub(crate) fn forget(&mut self) {
        self.state = State::Unknown;
    }

    pub(crate) fn stands(self) -> bool {
        self.state == State::Stands
    }

    /// Somebody says where he is: true if now the park is known to be there.
    pub(crate) fn located(&mut self, do_id: DoId, config: &Config) -> bool {
        if do_id != config.park || !matches!(self.state, State::Asked { .. }) {
            return false;
        }
        (self.state, self.has_stood) = (State::Stands, true);
        if std::mem::take(&mut self.is_missed) {
            info!("the park {do_id} is there");
        }
        true
    }

    pub(crate) fn tick(
        &mut self,
        now_ms: u64,
        config: &Config,
        classes: &Classes,
        out: &mut Outgoing,
    ) {
        match self.state {
            State::Asked { until_ms, is_created } if until_ms <= now_ms => {
                if is_created && !std::mem::replace(&mut self.is_missed, true) {
                    let (park, control) = (config.park, config.state_server);
                    warn!(
                        "no State Server on channel {control} answers for the park {park}: nobody can \
                         be let in until one does"
                    );
                }
                self.create(now_ms, config, classes, out);
            }
            State::Asked { .. } | State::Unknown | State::Stands => (),
        }
    }

    fn create(&mut self, now_ms: u64, config: &Config, classes: &Classes, out: &mut Outgoing) {
        create(config, classes, out);
        ask(config, out);
        self.state = State::Asked { until_ms: now_ms + CREATED_MS, is_created: true };
    }
}

fn ask(config: &Config, out: &mut Outgoing) {
    out.object(config.uberdog, config.park, &ObjectMessage::Locate { context: 0 });
}

fn create(config: &Config, classes: &Classes, out: &mut Outgoing) {
    let required = classes.defaults(&config.schema, classes.park);
    let entry = Entry {
        do_id: config.park,
        location: Location::NOWHERE,
        dclass: classes.park,
        has_other: false,
        fields: &required,
    };
    out.state_server(config.uberdog, config.state_server, &StateServerMessage::Generate(entry));
    let ai = Channel::object(config.uberdog);
    out.object(config.uberdog, config.park, &ObjectMessage::SetAi { do_id: Some(config.park), ai });
}
