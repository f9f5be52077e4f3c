//! The Client Agent role: the gate that lets clients in and trusts none of them (`openotp.md`,
//! Client Agent and client protocol; `astron` sections 3 and 4).
//!
//! Every shard has an instance, which has the clients that are connected to the shard. What a client
//! may do is looked at here, what it sees is its [`view`], and what the instances must agree about,
//! whose channel is where, they tell each other ([`told`]). A client hears channels that the role
//! hears for it ([`sessions`]).
//!
//! What a client says is checked before anything is done, and who says what it may not is ejected
//! ([`ejection`]). What the cluster says of a client is believed; it is refused only where it is no
//! sense or over a limit ([`refusal`]).
//!
//! What is done is written once; where the dialects differ in more than numbers and layouts, the
//! difference stands where the thing is done. No message number stands here.
#![no_std]

extern crate alloc;

mod arrival;
mod config;
mod deadlines;
mod departure;
mod ejection;
pub mod entry;
mod events;
mod grants;
mod hands;
mod leases;
mod messages;
mod notices;
mod post_removes;
mod refusal;
mod rules;
mod session;
mod sessions;
mod told;
mod update;
pub mod view;

pub use config::{Config, InterestPermission, Limits, Uberdog};

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use deadlines::{Alarm, Deadlines};
use ejection::Offence;
use entry::Shown;
use leases::{LESSOR, Leases, Lessor};
use rules::Rules;
use runtime::{ConnId, Input, Now, Objects, Outbox, Placing, Role, RoleId, Split};
use sessions::Sessions;
use smallvec::SmallVec;
use told::Told;
use view::Terms;
use wire::dialect::Dialect;
use wire::ids::{DoId, MsgType};

/// The role instance of one shard.
pub struct ClientAgent {
    me: RoleId,
    rules: Rules,
    /// What all views have in common, and what objects look like to them. The dialect is known when
    /// the shard begins.
    terms: Terms,
    shown: Shown,
    sessions: Sessions,
    leases: Leases,
    /// On the shard of the lessor.
    lessor: Option<Lessor>,
    /// Who waits for a channel, in the order in which they came; some may have left.
    waiting: VecDeque<ConnId>,
    /// The frames of those that wait.
    held: BTreeMap<ConnId, Vec<u8>>,
    clocks: Clocks,
    /// Memory for those that a datagram reaches.
    reached: Vec<ConnId>,
    /// Memory for an entry as it is shown.
    scratch: Vec<u8>,
    /// The time of the present input.
    now: Now,
}

/// Who must do what until when.
struct Clocks {
    hello: Deadlines,
    established: Deadlines,
    heartbeat: Deadlines,
    /// Whose view waits for an answer.
    interest: Alarm,
    /// When the next wake-up comes that was asked for.
    woken_at: Option<Now>,
}

impl ClientAgent {
    /// The instance `me` of a shard.
    pub fn new(me: RoleId, config: Config) -> ClientAgent {
        let [a, b, c, d] = config.hash_seeds;
        let limits = config.limits;
        ClientAgent {
            me,
            terms: Terms::new(Dialect::OpenOtp, &config),
            shown: Shown::new(Dialect::OpenOtp, config.schema.clone()),
            sessions: Sessions::new(me, ahash::RandomState::with_seeds(a, b, c, d)),
            leases: Leases::new(config.leasing()),
            lessor: None,
            waiting: VecDeque::new(),
            held: BTreeMap::new(),
            clocks: Clocks {
                hello: Deadlines::after_ms(limits.hello_ms),
                established: Deadlines::after_ms(limits.established_ms),
                heartbeat: Deadlines::after_ms(config.heartbeat_ms),
                interest: Alarm::default(),
                woken_at: None,
            },
            reached: Vec::new(),
            scratch: Vec::new(),
            now: Now(0),
            rules: Rules::new(config),
        }
    }

    /// What is placed to a Client Agent: the channels of its clients, and nothing else.
    pub fn placing(config: &Config) -> Placing {
        let clients = Some(config.leasing());
        let (controls, split, objects) = (SmallVec::new(), no_control as Split, Objects::None);
        Placing { controls, split, objects, clients, store: None }
    }
}

impl ClientAgent {
    /// Whether nothing is left of any client: what tests see when all have gone.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
            && self.waiting.is_empty()
            && self.held.is_empty()
            && self.clocks.next().is_none()
    }
}

impl Role for ClientAgent {
    fn step(&mut self, now: Now, input: Input<'_>, out: &mut Outbox) {
        self.now = now;
        match input {
            Input::Frame { conn, frame } => self.frame(conn, frame, out),
            Input::Datagram { frame, .. } => self.datagram(frame, out),
            Input::Accepted { conn, arrival, .. } => self.accepted(conn, &arrival, out),
            Input::Refused { peer, why, .. } => self.turned_away(peer, why, out),
            Input::Closed { conn, reason } => self.closed(conn, reason, out),
            // What clients say goes on as this role's: their rates hold them back.
            Input::Paused { .. } => (),
            Input::Told { from, message } => {
                let told = Told::read(message);
                self.hear(from, told.expect("instances of this role write what they read"), out);
            }
            Input::Wake { .. } => self.wake(out),
            Input::Started => self.started(out),
            Input::Stopping => self.stopping(out),
            Input::Connected { .. } | Input::ConnectFailed { .. } => {
                unreachable!("a Client Agent connects to nobody")
            }
            Input::Stored(_) => unreachable!("a Client Agent has no store"),
        }
        self.ask_to_be_woken(out);
    }
}

impl ClientAgent {
    fn started(&mut self, out: &mut Outbox) {
        let dialect = out.dialect();
        self.terms.dialect = dialect;
        self.shown = Shown::new(dialect, self.rules.config.schema.clone());
        if out.me() == LESSOR {
            self.lessor = Some(Lessor::new(&self.rules.config.leasing()));
        }
        if let Some(channel) = dialect.all_clients() {
            let heard = out.subscribe(self.me.into(), channel);
            heard.expect("a role may hear a channel before it has clients");
            self.sessions.reach_all_on(channel);
        }
        self.ask_lessor(0, out);
    }

    /// The first of all that is due, if it was not asked for yet.
    fn ask_to_be_woken(&mut self, out: &mut Outbox) {
        let Some(next) = self.clocks.next() else { return };
        if self.clocks.woken_at.is_none_or(|at| next < at) {
            self.clocks.woken_at = Some(next);
            out.wake_at(self.me, next, 0);
        }
    }

    fn wake(&mut self, out: &mut Outbox) {
        let now = self.now;
        if self.clocks.woken_at.is_some_and(|at| at <= now) {
            self.clocks.woken_at = None;
        }
        while !out.is_full()
            && let Some(conn) = self.clocks.interest.pop(now)
        {
            self.expire_questions(conn, out);
        }
        while !out.is_full()
            && let Some((conn, offence)) = self.clocks.pop(now)
        {
            self.eject(conn, &offence, out);
        }
    }
}

impl Clocks {
    fn next(&self) -> Option<Now> {
        let all = [&self.hello, &self.established, &self.heartbeat];
        all.into_iter().filter_map(Deadlines::next).chain(self.interest.next()).min()
    }

    /// Somebody who has not done something in time.
    fn pop(&mut self, now: Now) -> Option<(ConnId, Offence<'static>)> {
        if let Some(conn) = self.hello.pop(now) {
            return Some((conn, Offence::TooLate { what: "no HELLO", ms: self.hello.ms() }));
        }
        if let Some(conn) = self.established.pop(now) {
            let ms = self.established.ms();
            return Some((conn, Offence::TooLate { what: "not established", ms }));
        }
        let conn = self.heartbeat.pop(now)?;
        Some((conn, Offence::NoHeartbeat(self.heartbeat.ms())))
    }

    fn end_all(&mut self, conn: ConnId) {
        self.hello.end(conn);
        self.established.end(conn);
        self.heartbeat.end(conn);
    }
}

/// It has no control channel, so nothing is asked.
fn no_control(_: Dialect, _: MsgType, _: &[u8]) -> Option<DoId> {
    None
}
