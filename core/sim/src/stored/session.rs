//! An open store in a run: its log, its parts, and what is under way between them.
//!
//! What a daemon does with threads is done here one thing after the other, in the order that the
//! run chooses: parts ask, the log commits, answers are heard, chores are run. Every answer is
//! given to [`Promises`] in the moment in which the log gives it, and to [`Views`] when the part
//! hears it.

use super::body::{Body, Content};
use super::names::Names;
use super::promises::Promises;
use super::views::Views;
use crate::chance::Chance;
use crate::ledger::Violation;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use store::{
    Chore, Chored, Committer, Found, Heard, Part, PartId, Place, Reply, Request, WriteError,
};
use wire::ids::DoId;

/// Rounds after which all must have come to rest.
const ROUNDS_MAX: usize = 3_000;
/// How often a record that is not in memory is asked for before it must have come.
const FETCHES_MAX: usize = 60;

/// An open store.
pub struct Session {
    /// What it has promised, in this life and before.
    pub promises: Promises,
    /// What its parts show.
    pub views: Views,
    /// Writes that were refused in this life, as the disk was full.
    pub refused: u64,
    /// Objects that were found damaged.
    pub damaged: BTreeSet<u32>,
    /// Whether the log said that it does not write any more.
    pub is_failed: bool,
    /// Whether calls of the disk may fail.
    pub may_fail: bool,
    log: Box<dyn Committer>,
    parts: Vec<Part>,
    names: Names,
    requests: Vec<VecDeque<Request>>,
    replies: Vec<VecDeque<(Reply, usize)>>,
    chores: VecDeque<Chore>,
    chored: VecDeque<Chored>,
    has_heard_failure: Vec<bool>,
}

/// Which of `parts` parts an object belongs to.
pub fn place(do_id: DoId, parts: usize) -> usize {
    (do_id.0 as usize / 3) % parts
}

impl Session {
    /// What was opened just now. Looks at everything that is there.
    pub fn new(
        log: Box<dyn Committer>,
        parts: Vec<Part>,
        promises: Promises,
        names: Names,
    ) -> Result<Session, Violation> {
        let count = parts.len();
        let mut session = Session {
            promises,
            views: Views::default(),
            refused: 0,
            damaged: BTreeSet::new(),
            is_failed: false,
            may_fail: false,
            log,
            parts,
            names,
            requests: (0..count).map(|_| VecDeque::new()).collect(),
            replies: (0..count).map(|_| VecDeque::new()).collect(),
            chores: VecDeque::new(),
            chored: VecDeque::new(),
            has_heard_failure: vec![false; count],
        };
        session.names.learn(session.parts[0].catalog())?;
        let found = session.find_all()?;
        session.promises.opened(count, &found)?;
        session.views = Views::new(count, &found);
        Ok(session)
    }

    /// All that is under way is handed back, and the log puts itself in order.
    pub fn close(&mut self) -> Result<(), Violation> {
        while self.run_chore() {}
        while self.hand_chored()? {}
        match self.log.close() {
            Ok(()) => Ok(()),
            Err(_) if self.is_failed || self.may_fail => Ok(()),
            Err(error) => Err(Violation::new("a store closes", error.to_string())),
        }
    }

    /// The run goes on without it.
    pub fn end(mut self) -> (Promises, Names) {
        let durable = self.promises.all().filter_map(|(_, content)| content.as_ref());
        durable.for_each(|body| self.names.note_used(body));
        (self.promises, self.names)
    }

    /// What the names of a run are here.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The log.
    pub fn log(&mut self) -> &mut dyn Committer {
        &mut *self.log
    }

    /// The parts.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Asks for a new value of an object, or for its deletion.
    pub fn ask(&mut self, do_id: u32, body: Option<Body>) -> Result<(), Violation> {
        let part = place(DoId(do_id), self.parts.len());
        let names = &self.names;
        let asked = match &body {
            None => self.parts[part].delete(DoId(do_id)),
            Some(body) => {
                let key = |(field, value): (&usize, &Vec<u8>)| (names.field(*field), value.clone());
                let mut fields: Vec<_> = body.fields.iter().map(key).collect();
                fields.sort();
                let fields: Vec<_> =
                    fields.iter().map(|(key, value)| (*key, value.as_slice())).collect();
                self.parts[part].write(DoId(do_id), names.class(body.class), &fields)
            }
        };
        match asked {
            Ok(ticket) => {
                let content = body.map(Rc::new);
                self.promises.asked(part, do_id, content.clone());
                self.views.asked(part, ticket, do_id, content);
                Ok(())
            }
            Err(WriteError::ReadOnly(_)) if self.has_heard_failure[part] => Ok(()),
            Err(WriteError::Damaged(_)) if self.damaged.contains(&do_id) => Ok(()),
            Err(WriteError::Absent) if body.is_none() && self.views.content(do_id).is_none() => {
                Ok(())
            }
            Err(error) => {
                let what = format!("object {do_id}: {error}");
                Err(Violation::new("a write is taken", what))
            }
        }
    }

    /// Takes what parts ask for, of each as much as chance says, and hands it to the log.
    pub fn commit(&mut self, chance: &mut Chance) -> Result<(), Violation> {
        self.take_requests();
        let mut left: Vec<usize> =
            self.requests.iter().map(|queue| chance.index(queue.len() + 1)).collect();
        if chance.one_in(2) {
            left = self.requests.iter().map(VecDeque::len).collect();
        }
        let mut batch = Vec::new();
        loop {
            let parts: Vec<usize> = (0..left.len()).filter(|&part| left[part] > 0).collect();
            let Some(part) = chance.pick(&parts) else { break };
            left[part] -= 1;
            let request = self.requests[part].pop_front().expect("no more than there are is left");
            batch.push((PartId(part as u16), request));
        }
        self.commit_batch(batch)
    }

    /// Everything that parts ask for now.
    pub fn commit_all(&mut self) -> Result<(), Violation> {
        self.take_requests();
        let queues = self.requests.iter_mut().zip(0..);
        let batch = queues
            .flat_map(|(queue, part)| queue.drain(..).map(move |request| (PartId(part), request)))
            .collect();
        self.commit_batch(batch)
    }

    fn commit_batch(&mut self, mut batch: Vec<(PartId, Request)>) -> Result<(), Violation> {
        if batch.is_empty() {
            return Ok(());
        }
        for (part, request) in &batch {
            if let Request::Append(append) = request
                && !self.is_failed
            {
                self.promises.sent(usize::from(part.0), append)?;
            }
        }
        let mut out = Vec::new();
        self.log.commit(&mut batch, &mut out);
        self.take_answers(out)?;
        if !self.is_failed && !self.promises.all_answered() {
            let what = "a commit leaves appends without an answer".into();
            return Err(Violation::new("one answer for an append", what));
        }
        Ok(())
    }

    /// Whether parts ask for something that the log was not given.
    pub fn has_requests(&self) -> bool {
        self.parts.iter().any(Part::has_requests)
            || self.requests.iter().any(|queue| !queue.is_empty())
    }

    fn take_requests(&mut self) {
        for (part, queue) in self.parts.iter_mut().zip(&mut self.requests) {
            queue.extend(part.take_requests());
        }
    }

    fn take_answers(&mut self, out: Vec<(PartId, Reply)>) -> Result<(), Violation> {
        for (part, reply) in out {
            let part = usize::from(part.0);
            if self.is_failed && matches!(reply, Reply::Durable(_) | Reply::Refused) {
                let what = format!("part {part} gets {reply:?} from a log that has failed");
                return Err(Violation::new("a failure is final", what));
            }
            let writes = self.promises.answered(part, &reply)?;
            self.replies[part].push_back((reply, writes));
        }
        let has_failed = |queue: &VecDeque<(Reply, usize)>| {
            queue.iter().any(|(reply, _)| matches!(reply, Reply::ReadOnly(_)))
        };
        let failed = self.replies.iter().filter(|queue| has_failed(queue)).count();
        if failed > 0 && !self.is_failed {
            self.is_failed = true;
            self.promises.interrupted();
            if failed < self.parts.len() {
                let what = format!("{failed} of {} parts hear of it", self.parts.len());
                return Err(Violation::new("all parts hear of a failure", what));
            }
        }
        Ok(())
    }

    /// A part hears the next thing that the log said to it; whether there was something.
    pub fn hear(&mut self, part: usize) -> Result<bool, Violation> {
        let Some((reply, writes)) = self.replies[part].pop_front() else { return Ok(false) };
        let told = format!("{reply:?}");
        let must = match &reply {
            Reply::Durable(_) => {
                self.views.durable(part, writes)?;
                Some(Heard::Durable(self.views.fate(part)))
            }
            Reply::Refused if writes == 0 => Some(Heard::Nothing),
            Reply::Refused => {
                self.refused += 1;
                let (ticket, do_id) = self.views.refused(part)?;
                Some(Heard::Refused { ticket, do_id: DoId(do_id) })
            }
            Reply::ReadOnly(why) => {
                self.views.failed(part);
                self.has_heard_failure[part] = true;
                self.requests[part].clear();
                Some(Heard::Failed(why.clone()))
            }
            Reply::Fetched(place, result) => {
                if result.is_err() && self.may_fail {
                    let stands_there = |id: &DoId| self.parts[part].place_of(*id) == Some(*place);
                    self.damaged.extend(self.parts[part].ids().filter(stands_there).map(|id| id.0));
                }
                Some(Heard::Fetched(*place, result.clone()))
            }
            Reply::Damaged(do_id, place) => {
                self.damaged.insert(do_id.0);
                Some(Heard::Damaged(*do_id, *place))
            }
            Reply::Sealed(..) | Reply::Sweep(_) | Reply::Removed(_) => Some(Heard::Nothing),
        };
        let heard = self.parts[part].hear(reply);
        if must.as_ref() != Some(&heard) || self.parts[part].durable() != self.views.fate(part) {
            let what = format!("part {part} makes {heard:?} of {told}, not {must:?}");
            return Err(Violation::new("a part knows the fate of its writes", what));
        }
        Ok(true)
    }

    /// Takes the next thing that the log wants to be done beside.
    pub fn take_chore(&mut self) -> bool {
        let chore = self.log.next_chore();
        let has_one = chore.is_some();
        self.chores.extend(chore);
        has_one
    }

    /// Does one of them.
    pub fn run_chore(&mut self) -> bool {
        let chore = self.chores.pop_front();
        let has_one = chore.is_some();
        self.chored.extend(chore.map(Chore::run));
        has_one
    }

    /// Tells the log what came of one.
    pub fn hand_chored(&mut self) -> Result<bool, Violation> {
        let Some(done) = self.chored.pop_front() else { return Ok(false) };
        let mut out = Vec::new();
        self.log.chored(done, &mut out);
        self.take_answers(out)?;
        Ok(true)
    }

    /// A slice of what a part has to do beside.
    pub fn work(&mut self, part: usize) -> bool {
        let has_work = self.parts[part].has_work();
        if has_work {
            self.parts[part].work();
        }
        has_work
    }

    /// One round of everything that is under way; whether there was something.
    pub fn round(&mut self) -> Result<bool, Violation> {
        let mut is_busy = self.has_requests();
        self.commit_all()?;
        is_busy |= self.take_chore();
        is_busy |= self.run_chore();
        is_busy |= self.hand_chored()?;
        for part in 0..self.parts.len() {
            while self.hear(part)? {
                is_busy = true;
            }
            is_busy |= self.work(part);
        }
        Ok(is_busy)
    }

    /// All that is under way comes to its end.
    pub fn settle(&mut self) -> Result<(), Violation> {
        for _ in 0..ROUNDS_MAX {
            if !self.round()? {
                return if self.views.is_quiet() {
                    Ok(())
                } else {
                    let what = "writes are left without a fate".into();
                    Err(Violation::new("every write has a fate", what))
                };
            }
        }
        let what = format!("{ROUNDS_MAX} rounds were not enough");
        Err(Violation::new("all comes to rest", what))
    }

    /// What is shown of an object; `Err`: it is damaged.
    pub fn find(&self, do_id: u32) -> Result<Result<Content, Place>, Violation> {
        let part = place(DoId(do_id), self.parts.len());
        for _ in 0..FETCHES_MAX {
            match self.parts[part].find(DoId(do_id)) {
                Found::Absent => return Ok(Ok(None)),
                Found::Damaged(place) => return Ok(Err(place)),
                Found::Here(object) => {
                    if object.do_id() != DoId(do_id) {
                        let what = format!("{:?} is found for {do_id}", object.do_id());
                        return Err(Violation::new("no value but the last one", what));
                    }
                    let body = self.names.body(object.class(), object.fields())?;
                    return Ok(Ok(Some(Rc::new(body))));
                }
                Found::Away(_) => {}
            }
        }
        let what = format!("object {do_id} is away for ever");
        Err(Violation::new("what is fetched comes", what))
    }

    /// Asks for the record of an object, if it is away.
    pub fn fetch(&mut self, do_id: u32) {
        let part = place(DoId(do_id), self.parts.len());
        if let Found::Away(place) = self.parts[part].find(DoId(do_id)) {
            self.parts[part].fetch(place);
        }
    }

    /// Looks at one object.
    pub fn check(&mut self, do_id: u32) -> Result<(), Violation> {
        match self.find(do_id)? {
            Ok(content) => self.views.check(do_id, &content)?,
            Err(place) => {
                if self.damaged.insert(do_id) {
                    let what = format!("object {do_id} is damaged at {place}");
                    return Err(Violation::new("nothing is damaged by itself", what));
                }
            }
        }
        let part = place(DoId(do_id), self.parts.len());
        let (exposed, must) = (self.parts[part].exposed(DoId(do_id)), self.views.exposed(do_id));
        if exposed != must {
            let what = format!("object {do_id} exposes {exposed:?}, not {must:?}");
            return Err(Violation::new("a part knows what is not durable", what));
        }
        Ok(())
    }

    /// Looks at all objects that there ever were, and at the lists of the classes.
    pub fn check_all(&mut self) -> Result<(), Violation> {
        let ids: Vec<u32> = self.views.ids().collect();
        ids.iter().try_for_each(|&do_id| self.check(do_id))?;
        self.check_lists()
    }

    fn check_lists(&self) -> Result<(), Violation> {
        let broken = |what: String| Err(Violation::new("a class has its objects", what));
        for (part_at, part) in self.parts.iter().enumerate() {
            for (key, name) in part.catalog().classes() {
                let listed = part.objects_of(key);
                if !listed.is_sorted_by(|a, b| a < b) {
                    return broken(format!("part {part_at}, {name}: {listed:?} does not ascend"));
                }
            }
        }
        for do_id in self.views.living() {
            let part = place(DoId(do_id), self.parts.len());
            let content = self.views.content(do_id).expect("it lives");
            let listed = self.parts[part].objects_of(self.names.class(content.class));
            if listed.binary_search(&DoId(do_id)).is_err() {
                return broken(format!("object {do_id} is missing in {listed:?}"));
            }
        }
        if self.views.is_quiet() {
            let (is, must): (usize, usize) =
                (self.parts.iter().map(Part::len).sum(), self.views.living().count());
            if is != must {
                return broken(format!("{is} objects are counted, not {must}"));
            }
        }
        Ok(())
    }

    fn find_all(&mut self) -> Result<BTreeMap<u32, Content>, Violation> {
        let mut ids: BTreeSet<u32> = self.promises.all().map(|(do_id, _)| do_id).collect();
        for part in &self.parts {
            ids.extend(part.ids().map(|do_id| do_id.0));
        }
        let mut found = BTreeMap::new();
        for do_id in ids {
            match self.find(do_id)? {
                Ok(content) => found.insert(do_id, content),
                Err(_) => {
                    self.damaged.insert(do_id);
                    // It is what it was, as far as one can tell.
                    found.insert(do_id, self.promises.durable(do_id))
                }
            };
        }
        Ok(found)
    }
}
