//! Where a workload takes place: the connections of its clients and of its AI, the park that it
//! makes and clears away, and the server whose CPU time is read.

use super::super::ground::Ground;
use super::super::outbox::Step;
use super::super::plan::ParkPlan;
use super::super::stamp::now_ns;
use super::cast::{Avatars, Cast, Deaf, Hearing, Standing};
use crate::server::ServerProcess;
use crate::sockets::{Broken, CONNECTIONS_PER_SOURCE, Ending, Sockets, connect_one};
use anyhow::{Context, Result, bail, ensure};
use std::time::Duration;
use wire::ids::DoId;
use wire::state_server::ObjectMessage;

const NAP: Duration = Duration::from_millis(5);

/// For how long nothing has been heard.
pub(crate) struct Patience {
    heard: u64,
    since_ns: u64,
}

impl Patience {
    pub(crate) fn new(stage: &Stage<'_>) -> Patience {
        Patience { heard: stage.cast.heard, since_ns: now_ns() }
    }

    /// An error if it is too long.
    pub(crate) fn check(&mut self, stage: &Stage<'_>, what: &str) -> Result<()> {
        if stage.cast.heard != self.heard || stage.sockets.is_blocked(stage.ai) {
            *self = Patience::new(stage);
        }
        let waited = Duration::from_nanos(now_ns() - self.since_ns);
        let (inside, all) = (stage.cast.inside, stage.ai);
        ensure!(waited < stage.plan.patience, "{what} ({inside} of {all} clients are in)");
        Ok(())
    }
}

pub(crate) struct Stage<'p> {
    pub(crate) plan: &'p ParkPlan,
    pub(crate) cast: Cast,
    pub(crate) server: ServerProcess,
    sockets: Sockets,
    ground: Ground,
    /// The AI's connection, behind those of all clients.
    ai: u32,
}

impl<'p> Stage<'p> {
    pub(crate) fn new(plan: &'p ParkPlan, clients: u32, avatars: Avatars) -> Result<Stage<'p>> {
        let Some(pid) = plan.server_pid else { bail!("the server's process is not known: --pid") };
        let cast = Cast::new(plan, clients, avatars)?;
        let mut ground = Ground::connect(plan)?;
        ground.make(plan.park, &cast.classes.park)?;
        let mut sockets = Sockets::closed(clients + 1)?;
        sockets.take(clients, connect_one(plan.md, 0).context("the Message Director")?)?;
        let server = ServerProcess { pid };
        let mut stage = Stage { plan, cast, server, sockets, ground, ai: clients };
        stage.settle(plan.park)?;
        Ok(stage)
    }

    /// Waits until an object answers: what was sent before has been done.
    pub(crate) fn settle(&mut self, do_id: DoId) -> Result<()> {
        let wanted = self.cast.located + 1;
        self.cast.cluster.locate(0, do_id);
        self.wait(&mut Deaf, "an object does not answer", |cast, _| cast.located >= wanted)
    }

    /// Lets all clients in.
    pub(crate) fn let_all_in(&mut self) -> Result<()> {
        (0..self.ai).for_each(|client| self.cast.invite(client));
        let all = self.ai;
        self.wait(&mut Deaf, "clients are not let in", |cast, _| cast.inside == all)
    }

    /// One round: lets clients in, sends, waits at most so long, receives.
    pub(crate) fn turn(&mut self, hearing: &mut dyn Hearing, nap: Duration) -> Result<()> {
        self.cast.admit();
        self.send()?;
        for index in 0..self.sockets.poll_for(nap)? {
            let event = self.sockets.event(index);
            if event.is_writable {
                self.sockets.flush(event.conn);
            }
            if event.is_readable {
                let (cast, now, ai) = (&mut self.cast, now_ns(), self.ai);
                self.sockets.receive(event.conn, |bytes| match event.conn == ai {
                    true => cast.ai_received(bytes),
                    false => cast.client_received(event.conn, bytes, now, hearing),
                });
            }
        }
        self.send()?;
        if let Some(Broken { conn, why }) = self.sockets.broken.pop() {
            bail!("client {conn} of {}: {why}", self.ai);
        }
        self.cast.wrong.take().map_or(Ok(()), |wrong| bail!(wrong))
    }

    fn send(&mut self) -> Result<()> {
        let Stage { sockets, cast, ai, plan, .. } = self;
        cast.out.take(|client, step| {
            match step {
                Step::Connect => {
                    let source = 1 + client / CONNECTIONS_PER_SOURCE;
                    let opened = sockets.open(client, plan.agent, source, plan.tls.as_ref());
                    return opened.with_context(|| format!("client {client}"));
                }
                Step::Say(bytes) => sockets.send(client, bytes),
                Step::End(ending) => sockets.close(client, ending),
            }
            Ok(())
        })?;
        let frames = &mut cast.cluster.frames[0];
        if !frames.is_empty() {
            sockets.send(*ai, frames);
            frames.clear();
        }
        Ok(())
    }

    /// Turns until `is_done`; an error if nothing is heard for too long.
    pub(crate) fn wait<H: Hearing>(
        &mut self,
        hearing: &mut H,
        what: &str,
        is_done: impl Fn(&Cast, &H) -> bool,
    ) -> Result<()> {
        let mut patience = Patience::new(self);
        while !is_done(&self.cast, hearing) {
            self.turn(hearing, NAP)?;
            patience.check(self, what)?;
        }
        Ok(())
    }

    /// Ends all connections and deletes all that was made.
    pub(crate) fn clear(mut self) -> Result<()> {
        for client in 0..self.ai {
            self.sockets.close(client, Ending::Reset);
            self.cast.standings[client as usize] = Standing::Outside;
        }
        let made = std::mem::take(&mut self.cast.made);
        for do_id in made {
            self.cast.cluster.tell(0, do_id, &ObjectMessage::DeleteRam { do_id });
        }
        self.settle(self.plan.park)?;
        self.ground.clear()
    }
}
