//! Which socket is whose: the one place where listeners get their numbers.

use crate::config::Config;
use crate::message_director::Bind;
use message_director::LISTENER;
use runtime::ListenerId;

/// The listener of the Client Agent that is number `at` in the configuration.
pub fn client_listener(at: usize) -> ListenerId {
    ListenerId(LISTENER.0 + 1 + at as u16)
}

impl Config {
    /// All listeners of participants and clients: the Message Director's first, if it has one.
    pub fn listeners(&self) -> Vec<(ListenerId, &Bind)> {
        let director = self.message_director.bind.iter().map(|bind| (LISTENER, bind));
        let agents = self.client_agents.iter().enumerate();
        let agents = agents.map(|(at, agent)| (client_listener(at), &agent.bind));
        director.chain(agents).collect()
    }
}
