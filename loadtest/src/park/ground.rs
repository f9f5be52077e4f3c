//! The park object, below which all zones are. Where the server's login role has not made it, the
//! tester makes it, and deletes it at the end.

use super::cluster::Cluster;
use super::plan::{Login, ParkPlan};
use super::stamp::now_ns;
use crate::protocol::Malformed;
use crate::sockets::{Sockets, connect_one};
use anyhow::{Context, Result, ensure};
use std::time::Duration;
use wire::datagram::Datagram;
use wire::dialect::Dialect;
use wire::framing;
use wire::ids::DoId;
use wire::state_server::{Location, ObjectMessage, ObjectNotice};

use super::classes::Kind;

/// The number of a part that is none: for a channel of its own.
const NO_PART: u32 = 1000;
const NAP: Duration = Duration::from_millis(5);

pub(crate) struct Ground {
    dialect: Dialect,
    patience: Duration,
    cluster: Cluster,
    sockets: Sockets,
    /// Contexts of answers that have come.
    answered: Vec<u32>,
    made: Vec<(DoId, Kind)>,
    /// An object that is there for a moment: once it answers, what was said before it has been done.
    mark: DoId,
}

impl Ground {
    pub(crate) fn connect(plan: &ParkPlan) -> Result<Ground> {
        let mut sockets = Sockets::closed(1)?;
        let socket = connect_one(plan.md, 0);
        sockets.take(0, socket.with_context(|| format!("no Message Director at {}", plan.md))?)?;
        let mut cluster = Cluster::new(&ParkPlan { ais: 1, ..plan.clone() }, NO_PART);
        cluster.subscribe(0, cluster.ai_channel(0));
        Ok(Ground {
            dialect: plan.dialect,
            patience: plan.patience,
            cluster,
            sockets,
            answered: Vec::new(),
            made: Vec::new(),
            mark: DoId(plan.do_id_base - 1),
        })
    }

    /// Makes the park, if there is none.
    pub(crate) fn prepare(&mut self, plan: &ParkPlan, kind: &Kind) -> Result<()> {
        match plan.login {
            Login::Own => self.make(plan.park, kind),
            Login::Park => Ok(()),
        }
    }

    /// Makes an object that is nowhere, if there is none of this id.
    pub(crate) fn make(&mut self, do_id: DoId, kind: &Kind) -> Result<()> {
        let [before, after] = [1, 2].map(|context| ObjectMessage::Locate { context });
        self.answered.clear();
        self.cluster.tell(0, do_id, &before);
        self.cluster.generate(0, do_id, Location::NOWHERE, kind);
        self.cluster.tell(0, do_id, &after);
        let is_there = self.wait(|ground| ground.answered.contains(&2))?;
        ensure!(
            is_there,
            "no State Server answers: object {do_id}, just created, says nothing for {:.1} s (another \
             --control? another --dc than the server's?)",
            self.patience.as_secs_f64()
        );
        if !self.answered.contains(&1) {
            self.made.push((do_id, kind.clone()));
        }
        Ok(())
    }

    /// Deletes what was made, and waits until that is done: somebody may make it again.
    pub(crate) fn clear(mut self) -> Result<()> {
        let mark = self.mark;
        for (do_id, kind) in std::mem::take(&mut self.made) {
            self.cluster.tell(0, do_id, &ObjectMessage::DeleteRam { do_id });
            self.cluster.generate(0, mark, Location::NOWHERE, &kind);
            self.cluster.tell(0, mark, &ObjectMessage::Locate { context: do_id.0 });
            self.cluster.tell(0, mark, &ObjectMessage::DeleteRam { do_id: mark });
            let is_done = self.wait(|ground| ground.answered.contains(&do_id.0))?;
            ensure!(is_done, "the State Server does not answer any more");
        }
        Ok(())
    }

    /// Turns until `is_done`; false if that takes too long.
    fn wait(&mut self, is_done: impl Fn(&Ground) -> bool) -> Result<bool> {
        let end = now_ns() + self.patience.as_nanos() as u64;
        while !is_done(self) && now_ns() < end {
            let frames = std::mem::take(&mut self.cluster.frames[0]);
            self.sockets.send(0, &frames);
            let (dialect, answered) = (self.dialect, &mut self.answered);
            for index in 0..self.sockets.poll_for(NAP)? {
                let event = self.sockets.event(index);
                if event.is_writable {
                    self.sockets.flush(event.conn);
                }
                if event.is_readable {
                    self.sockets.receive(event.conn, |bytes| answers(dialect, bytes, answered));
                }
            }
            ensure!(self.sockets.broken.is_empty(), "{}", self.sockets.all_broken());
        }
        Ok(is_done(self))
    }
}

/// The contexts of all LOCATE_RESPs in `bytes`; returns how much of these was whole frames.
fn answers(dialect: Dialect, bytes: &[u8], answered: &mut Vec<u32>) -> Result<usize, Malformed> {
    let mut at = 0;
    while let Some((frame, _)) = framing::split_frame(&bytes[at..]) {
        at += frame.len();
        let Ok(dg) = Datagram::parse(framing::body(frame)) else { continue };
        let notice = ObjectNotice::decode(dialect, dg.msgtype(), dg.payload());
        if let Ok(ObjectNotice::LocateResp { context, .. }) = notice {
            answered.push(context);
        }
    }
    Ok(at)
}
