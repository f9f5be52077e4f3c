//! The connections of one part of a run: clients first, then the AIs. Moves bytes and time between
//! them and the crowd, which decides.

use super::crowd::{Crowd, Stage};
use super::outbox::Step;
use super::part::Part;
use super::plan::{Login, Mover, ParkPlan};
use super::stamp::now_ns;
use crate::sockets::{Broken, CONNECTIONS_PER_SOURCE, Ending, Sockets, connect_one};
use anyhow::{Context, Result, bail, ensure};
use std::time::Duration;
use wire::ids::Channel;

/// The longest sleep.
const NAP: Duration = Duration::from_millis(5);

pub(crate) struct Session<'a> {
    pub(crate) plan: &'a ParkPlan,
    part: Part,
    pub(crate) crowd: Crowd,
    sockets: Sockets,
    /// The connection of the first AI: the others follow it.
    first_ai: u32,
    /// How far the crowd had heard, and for how long it has heard nothing more.
    heard: u64,
    silence: Duration,
    /// Called in every round, with the time in ns.
    watch: &'a mut dyn FnMut(&Crowd, u64),
}

impl<'a> Session<'a> {
    pub(crate) fn connect(
        plan: &'a ParkPlan,
        part: Part,
        watch: &'a mut dyn FnMut(&Crowd, u64),
    ) -> Result<Session<'a>> {
        let now = now_ns();
        let crowd = Crowd::new(plan, part, now)?;
        let first_ai = crowd.visitors.len() as u32;
        let mut sockets = Sockets::closed(first_ai + plan.ais)?;
        for ai in 0..plan.ais {
            let socket = connect_one(plan.md, 0);
            let socket = socket.with_context(|| format!("no Message Director at {}", plan.md))?;
            sockets.take(first_ai + ai, socket)?;
        }
        Ok(Session {
            plan,
            part,
            crowd,
            sockets,
            first_ai,
            heard: 0,
            silence: Duration::ZERO,
            watch,
        })
    }

    /// Subscribes, finds the park or makes it, and makes the NPCs.
    pub(crate) fn set_up(&mut self) -> Result<()> {
        for ai in 0..self.plan.ais {
            let channel = self.crowd.cluster.ai_channel(ai);
            self.crowd.cluster.subscribe(ai, channel);
        }
        if self.plan.login == Login::Own {
            let gate = self.crowd.gate_channel();
            self.crowd.cluster.subscribe(0, gate);
        }
        if self.plan.mover == Mover::Ai {
            for zone in self.part.all_zones(self.plan) {
                let channel = Channel::location(self.plan.park, zone);
                self.crowd.cluster.subscribe(0, channel);
            }
        }
        let last = self.crowd.make_npcs();
        for (ai, do_id) in last.iter().chain(&[(0, self.plan.park)]) {
            self.crowd.cluster.locate(*ai, *do_id);
        }
        let wanted = last.len() + 1;
        let is_answered = self.wait(|crowd| crowd.located.len() >= wanted)?;
        ensure!(
            is_answered || self.crowd.located.contains(&self.plan.park),
            "no object {} answers at the Message Director within {:.1} s: there is no park to walk \
             in (--login own makes one)",
            self.plan.park,
            self.plan.patience.as_secs_f64()
        );
        ensure!(is_answered, "the NPCs do not answer: another --control? another --dc?");
        Ok(())
    }

    /// One round: does what is due, sends, waits for something to happen, receives.
    pub(crate) fn turn(&mut self) -> Result<()> {
        let began = now_ns();
        self.crowd.act(began);
        self.crowd.admit_more(began);
        self.send()?;
        let nap = self
            .crowd
            .agenda
            .next_ns()
            .map_or(NAP, |due| Duration::from_nanos(due.saturating_sub(now_ns())).min(NAP));
        for index in 0..self.sockets.poll_for(nap)? {
            let event = self.sockets.event(index);
            if event.is_writable {
                self.sockets.flush(event.conn);
            }
            if event.is_readable {
                self.receive(event.conn);
                self.send()?;
            }
        }
        for Broken { conn, why } in std::mem::take(&mut self.sockets.broken) {
            ensure!(conn < self.first_ai, "an AI's connection to {}: {why}", self.plan.md);
            self.crowd.broke(conn, &why, now_ns());
        }
        let now = now_ns();
        self.listen(Duration::from_nanos(now - began));
        (self.watch)(&self.crowd, now);
        Ok(())
    }

    /// Takes note of a round that lasted so long.
    fn listen(&mut self, round: Duration) {
        // A machine that stood still for seconds has not waited: one round counts as two naps at
        // most.
        self.silence += round.min(2 * NAP);
        if self.crowd.heard != self.heard {
            (self.heard, self.silence) = (self.crowd.heard, Duration::ZERO);
        }
    }

    fn receive(&mut self, conn: u32) {
        let Session { sockets, crowd, first_ai, .. } = self;
        let now = now_ns();
        sockets.receive(conn, |bytes| match conn < *first_ai {
            true => crowd.client_received(conn, bytes, now),
            false => crowd.ai_received(bytes),
        });
    }

    fn send(&mut self) -> Result<()> {
        let Session { sockets, crowd, first_ai, plan, .. } = self;
        crowd.out.take(|client, step| {
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
        for (conn, frames) in (*first_ai..).zip(&mut crowd.cluster.frames) {
            if !frames.is_empty() {
                sockets.send(conn, frames);
                frames.clear();
            }
        }
        Ok(())
    }

    /// For how long nothing has been heard.
    pub(crate) fn silence(&self) -> Duration {
        self.silence
    }

    /// Turns until `is_done`; false if nothing more was heard for too long.
    pub(crate) fn wait(&mut self, is_done: impl Fn(&Crowd) -> bool) -> Result<bool> {
        self.silence = Duration::ZERO;
        while !is_done(&self.crowd) {
            self.turn()?;
            if self.silence >= self.plan.patience {
                return Ok(is_done(&self.crowd));
            }
        }
        Ok(true)
    }

    /// Turns for so long.
    pub(crate) fn turn_for(&mut self, duration: Duration) -> Result<()> {
        let end = now_ns() + duration.as_nanos() as u64;
        while now_ns() < end {
            self.turn()?;
        }
        Ok(())
    }

    /// Closes clients that the server was to close.
    pub(crate) fn close_departed(&mut self) {
        for client in 0..self.first_ai {
            if self.crowd.visitors[client as usize].stage == Stage::Departing {
                self.sockets.close(client, Ending::Closed);
            }
        }
    }

    /// Gets rid of what AIs have still to send.
    pub(crate) fn flush_ais(&mut self) -> Result<()> {
        let began = now_ns();
        self.send()?;
        while (self.first_ai..self.first_ai + self.plan.ais).any(|ai| self.sockets.is_blocked(ai)) {
            self.turn()?;
            if now_ns() - began > self.plan.patience.as_nanos() as u64 {
                bail!("the Message Director reads no more");
            }
        }
        Ok(())
    }
}
