//! Ours, driven as the daemon does: the caller is the shard, which has the part; the log is a
//! thread's on the same core, which commits whatever has gathered; its chores are run by two more,
//! on any core.
//!
//! What compaction asks of the part is done within commits, once the log has what is to be written, a
//! slice with each: so its time is in what is measured, and it rests while nothing is written.

use super::Engine;
use crate::objects::{Check, Object};
use crate::place::{Pinned, core_among};
use crate::scale::Scale;
use anyhow::{Context, Result, bail, ensure};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, sleep, spawn, yield_now};
use std::time::{Duration, Instant};
use store::{
    Access, Catalog, Chore, Chored, ClassKey, Committer, FieldKey, Files, Found, HOLD_NS, Heard,
    Log, Look, Options, Pace, Part, PartId, Place, Reply, Request, Stats, Ticket, Together,
};
use wire::ids::DoId;

/// Between two chores that are to be run at leisure.
const LEISURE: Duration = Duration::from_millis(100);

pub struct Ours {
    part: Part,
    keys: Keys,
    asked: Sender<Asked>,
    replies: Receiver<Reply>,
    writer: JoinHandle<Result<()>>,
    keepers: Vec<JoinHandle<()>>,
    core: usize,
    look: Look,
    began: Instant,
}

/// What the thread of the log hears.
enum Asked {
    Requests(Vec<Request>),
    Chored(Chored),
    Stats(Sender<Stats>),
    Close,
}

impl Ours {
    pub fn open(folder: &Path, scale: Scale) -> Result<Ours> {
        let (options, keys) = options(scale)?;
        let opened = Log::open(Files::open(folder, Access::Serve)?, &options)?;
        let core = core_among(&opened.log.cores())?;
        let part = opened.parts.into_iter().next().context("a store has a part")?;
        let (asked, of_writer) = channel();
        let (told, replies) = channel();
        let (urgent, urgent_chores) = channel();
        let (patient, patient_chores) = channel();
        let writer = Writer {
            log: opened.log,
            asked: of_writer,
            told,
            urgent,
            patient,
            under_way: 0,
            pace: Pace::default(),
            began: Instant::now(),
        };
        let keepers = vec![
            keeper(urgent_chores, asked.clone(), Duration::ZERO),
            keeper(patient_chores, asked.clone(), LEISURE),
        ];
        let writer = spawn(move || {
            let _core = Pinned::to(core)?;
            writer.run()
        });
        let (look, began) = (Look::for_answer(), Instant::now());
        Ok(Ours { part, keys, asked, replies, writer, keepers, core, look, began })
    }

    /// Hands over what the part wants of the log.
    fn hand_over(&mut self) -> Result<()> {
        let requests: Vec<Request> = self.part.take_requests().collect();
        if !requests.is_empty() {
            self.asked
                .send(Asked::Requests(requests))
                .ok()
                .context("the log's thread has ended")?;
        }
        Ok(())
    }

    /// Takes a reply in.
    fn hear(&mut self, reply: Reply) -> Result<()> {
        let heard = self.part.hear(reply);
        check(&heard)?;
        self.hand_over()
    }

    /// What compaction asks of the part.
    fn work(&mut self) -> Result<()> {
        if self.part.has_work() {
            self.part.work();
            self.hand_over()?;
        }
        Ok(())
    }

    /// Waits for a record that the system has dropped from memory.
    #[cold]
    fn fetch(&mut self, place: Place) -> Result<()> {
        self.part.fetch(place);
        self.hand_over()?;
        loop {
            let reply = self.replies.recv().context("the log's thread has ended")?;
            let is_it = matches!(&reply, Reply::Fetched(at, Ok(())) if *at == place);
            self.hear(reply)?;
            if is_it {
                return Ok(());
            }
        }
    }

    /// Waits for a reply as a shard does.
    fn next_reply(&mut self) -> Result<Reply> {
        while self.look.goes_on(ns_since(self.began)) {
            if let Ok(reply) = self.replies.try_recv() {
                return Ok(reply);
            }
            yield_now();
        }
        self.replies.recv().context("the log's thread has ended")
    }

    fn hear_all(&mut self) -> Result<()> {
        while let Ok(reply) = self.replies.try_recv() {
            self.hear(reply)?;
        }
        Ok(())
    }
}

impl Engine for Ours {
    fn commit(&mut self, objects: &[Object]) -> Result<()> {
        self.hear_all()?;
        let ticket = write(&mut self.part, &self.keys, objects)?;
        self.look.begin(ns_since(self.began));
        self.hand_over()?;
        self.work()?;
        while self.part.durable() < ticket {
            let reply = self.next_reply()?;
            if let Reply::Durable(_) = &reply {
                self.look.came(ns_since(self.began));
            }
            self.hear(reply)?;
        }
        Ok(())
    }

    fn read(&mut self, ids: &[u32], check: &mut Check<'_>) -> Result<()> {
        self.hear_all()?;
        for &id in ids {
            let object = match self.part.find(DoId(id)) {
                Found::Here(object) => object,
                Found::Away(place) => {
                    self.fetch(place)?;
                    self.read(&[id], check)?;
                    continue;
                }
                found @ (Found::Absent | Found::Damaged(_)) => {
                    bail!("object {id} is missing: {found:?}")
                }
            };
            ensure!(object.class() == self.keys.class, "object {id} has another class");
            let value = object.field(self.keys.field);
            check.value(id, value.with_context(|| format!("object {id} has no value"))?);
        }
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        self.asked.send(Asked::Close).ok().context("the log's thread has ended")?;
        let closed = self.writer.join().ok().context("the log's thread has panicked")?;
        for keeper in self.keepers {
            keeper.join().ok().context("a keeper has panicked")?;
        }
        closed
    }

    fn core(&self) -> Option<usize> {
        Some(self.core)
    }

    fn moved_bytes(&self) -> Option<u64> {
        let (told, stats) = channel();
        self.asked.send(Asked::Stats(told)).ok()?;
        stats.recv().ok().map(|stats| stats.moved_bytes)
    }
}

/// The thread of the log.
struct Writer {
    log: Log,
    asked: Receiver<Asked>,
    told: Sender<Reply>,
    urgent: Sender<Chore>,
    patient: Sender<Chore>,
    /// Chores that have not come back.
    under_way: usize,
    pace: Pace,
    began: Instant,
}

impl Writer {
    fn run(mut self) -> Result<()> {
        let (mut batch, mut answers) = (Vec::new(), Vec::new());
        let mut closing = false;
        self.hand_out()?;
        while !closing {
            closing = self.gather(&mut batch, &mut answers)?;
            if !batch.is_empty() {
                let writes = batch.iter().filter(|(_, request)| request.is_write()).count();
                let began_ns = ns_since(self.began);
                self.log.commit(&mut batch, &mut answers);
                if writes > 0 {
                    self.pace.committed(writes, began_ns, ns_since(self.began));
                }
            }
            for (_, reply) in answers.drain(..) {
                // Whoever closes the store does not listen any more.
                self.told.send(reply).unwrap_or_default();
            }
            self.hand_out()?;
        }
        self.close()
    }

    /// What is committed next, as the daemon's thread gathers it; whether the store is to be closed.
    /// There is one client, so nobody else is waited for.
    fn gather(
        &mut self,
        batch: &mut Vec<(PartId, Request)>,
        answers: &mut Vec<(PartId, Reply)>,
    ) -> Result<bool> {
        let (mut closing, mut until, chores) = (false, None, self.under_way);
        loop {
            while let Ok(asked) = self.asked.try_recv() {
                closing |= self.take(asked, batch, answers);
            }
            if closing || !answers.is_empty() || batch.iter().any(|(_, it)| !it.may_wait()) {
                if batch.iter().any(|(_, request)| request.is_write()) {
                    self.pace.came(ns_since(self.began));
                }
                return Ok(closing);
            }
            if batch.is_empty() && self.under_way < chores {
                return Ok(closing); // there may be another one
            }
            if self.pace.looks(ns_since(self.began)) {
                yield_now();
            } else if batch.is_empty() {
                let asked = self.asked.recv().context("the store was not closed")?;
                closing |= self.take(asked, batch, answers);
            } else {
                let hold = || Instant::now() + Duration::from_nanos(HOLD_NS);
                let left = until.get_or_insert_with(hold).duration_since(Instant::now());
                let Ok(asked) = self.asked.recv_timeout(left) else { return Ok(closing) };
                closing |= self.take(asked, batch, answers);
            }
        }
    }

    /// Whether the store is to be closed.
    fn take(
        &mut self,
        asked: Asked,
        batch: &mut Vec<(PartId, Request)>,
        answers: &mut Vec<(PartId, Reply)>,
    ) -> bool {
        match asked {
            Asked::Requests(requests) => {
                batch.extend(requests.into_iter().map(|request| (PartId(0), request)));
            }
            Asked::Chored(done) => self.chored(done, answers),
            // Who asked may have gone.
            Asked::Stats(told) => told.send(self.log.stats()).unwrap_or_default(),
            Asked::Close => return true,
        }
        false
    }

    fn hand_out(&mut self) -> Result<()> {
        while let Some(chore) = self.log.next_chore() {
            self.under_way += 1;
            let queue = if chore.is_patient() { &self.patient } else { &self.urgent };
            queue.send(chore).ok().context("a keeper has ended")?;
        }
        Ok(())
    }

    fn chored(&mut self, done: Chored, answers: &mut Vec<(PartId, Reply)>) {
        self.under_way -= 1;
        self.log.chored(done, answers);
    }

    fn close(mut self) -> Result<()> {
        while self.under_way > 0 {
            let asked = self.asked.recv().context("a keeper has ended")?;
            if let Asked::Chored(done) = asked {
                self.chored(done, &mut Vec::new());
            }
        }
        Ok(self.log.close()?)
    }
}

fn ns_since(began: Instant) -> u64 {
    began.elapsed().as_nanos() as u64
}

fn keeper(chores: Receiver<Chore>, done: Sender<Asked>, leisure: Duration) -> JoinHandle<()> {
    spawn(move || {
        for chore in chores {
            // The log's thread waits for all chores before it ends.
            done.send(Asked::Chored(chore.run())).unwrap_or_default();
            sleep(leisure);
        }
    })
}

/// The same store in one thread: what the log itself takes, without the way to its thread.
pub struct Alone {
    store: Together,
    keys: Keys,
}

impl Alone {
    pub fn open(folder: &Path, scale: Scale) -> Result<Alone> {
        let (options, keys) = options(scale)?;
        let (store, _) = Together::open(Files::open(folder, Access::Serve)?, &options)?;
        Ok(Alone { store, keys })
    }

    pub fn commit(&mut self, objects: &[Object]) -> Result<()> {
        let part = self.store.part(0);
        let ticket = write(part, &self.keys, objects)?;
        self.store.commit();
        self.store.heard.drain(..).try_for_each(|(_, heard)| check(&heard))?;
        ensure!(self.store.part(0).durable() >= ticket, "a commit was not carried out");
        Ok(())
    }

    /// What other threads would do.
    pub fn settle(&mut self) {
        self.store.settle();
    }
}

struct Keys {
    class: ClassKey,
    field: FieldKey,
}

fn options(scale: Scale) -> Result<(Options, Keys)> {
    let mut catalog = Catalog::default();
    let class = catalog.class("Object")?;
    // One field, as the others get one value.
    let keys = Keys { class, field: catalog.field("value", "blob")? };
    let options = Options {
        segment_bytes: scale.segment_bytes,
        catalog,
        hash_seeds: [1, 2, 3, 4],
        ..Options::default()
    };
    Ok((options, keys))
}

fn write(part: &mut Part, keys: &Keys, objects: &[Object]) -> Result<Ticket> {
    let mut ticket = part.durable();
    for object in objects {
        let fields = [(keys.field, &object.value[..])];
        ticket = part.write(DoId(object.id), keys.class, &fields)?;
    }
    Ok(ticket)
}

fn check(heard: &Heard) -> Result<()> {
    match heard {
        Heard::Nothing | Heard::Durable(_) | Heard::Fetched(_, Ok(())) => Ok(()),
        Heard::Refused { .. }
        | Heard::Failed(_)
        | Heard::Fetched(_, Err(_))
        | Heard::Damaged(..) => {
            bail!("the store says {heard:?}")
        }
    }
}
