//! `messagedirector`: the listener, who may join, the link upwards, the limits.

use crate::address::{MD_PORT, Outside, dialled, network, resolved};
use crate::limits::{self, Limits};
use crate::problem::Place;
use crate::section::Section;
use crate::value::boolean;
use message_director::Allow;
use std::net::SocketAddr;

/// What the section says.
#[derive(Clone, Debug)]
pub struct MessageDirector {
    /// Where it listens, if anywhere.
    pub bind: Option<Bind>,
    /// Who may join.
    pub allow: Allow,
    /// The Message Director above, as `host:port`.
    pub connect: Option<String>,
    /// Astron's key; every role runs on every core here, whatever it says.
    pub threaded: bool,
    /// What grows no further.
    pub limits: Limits,
}

/// An address to listen on, and where the file says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    /// The address.
    pub address: SocketAddr,
    /// Where it stands, for the message should it be taken.
    pub place: Place,
}

impl Default for MessageDirector {
    fn default() -> Self {
        MessageDirector {
            bind: None,
            allow: Allow::Everyone,
            connect: None,
            threaded: true,
            limits: Limits::default(),
        }
    }
}

impl MessageDirector {
    /// Reads the section.
    pub fn read(section: &mut Section<'_>, outside: &dyn Outside) -> MessageDirector {
        let address = section.get("bind", resolved(outside, MD_PORT));
        let bind = address.map(|address| Bind { address, place: section.place_of("bind") });
        let allow = section.list("allow", network);
        let connect = section.get("connect", dialled(MD_PORT));
        let threaded = section.get("threaded", boolean).unwrap_or(true);
        let limits = section.section("limits", limits::read).unwrap_or_default();
        warn_of_open_door(section, bind.as_ref(), allow.is_some());
        let allow = allow.map_or(Allow::Everyone, Allow::Networks);
        MessageDirector { bind, allow, connect, threaded, limits }
    }
}

/// Astron has no `allow`, so a file without it must go on to work; but it should not stay so.
fn warn_of_open_door(section: &Section<'_>, bind: Option<&Bind>, allow: bool) {
    if let Some(Bind { address, .. }) = bind
        && !address.ip().to_canonical().is_loopback()
        && !allow
    {
        section.warning_at(
            "bind",
            format!(
                "whoever reaches {address} may join, and owns the cluster; \
                 say who may with messagedirector.allow"
            ),
        );
    }
}
