//! What was asked and what was heard in one stretch of a run, and what one object has seen of it.

use crate::database::model::{Object, Rules};
use crate::database::search::{Answer, Tracks, Turn};
use crate::database::stage::describe;
use crate::ledger::Violation;
use crate::objects::datagram::Dg;
use std::collections::{BTreeMap, BTreeSet};
use wire::database::{DatabaseMessage, DatabaseNotice};
use wire::dialect::BAD_DO_ID;

/// What a request is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum About {
    /// It cannot be read, or is no sound query: it is only answered.
    Nothing,
    /// A new object.
    Create,
    /// An object.
    Object(u32),
    /// The objects of a class.
    Class(u16),
}

/// A request that was sent.
#[derive(Clone, Debug)]
pub struct Asked {
    /// By which connection.
    pub conn: usize,
    /// The request.
    pub dg: Dg,
    /// What it is about.
    pub about: About,
    /// When it was sent.
    pub sent: u64,
    /// Its failure, if it has an answer.
    failure: Option<Dg>,
    /// Its answer, and when it was heard.
    pub answer: Option<(u64, Dg)>,
}

/// What may have gone wrong in a stretch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Troubles {
    /// Something was lost: requests, answers, or what was not durable.
    pub lost: bool,
    /// Writes may have been refused, as the disk was full or failed.
    pub refused: bool,
}

/// One stretch of a run.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// What was asked, in order.
    pub asked: Vec<Asked>,
    /// What was said of each object, in order.
    pub announced: BTreeMap<u32, Vec<Dg>>,
    by_context: BTreeMap<u32, usize>,
    /// The last request of a connection about an object that was answered.
    last: BTreeMap<(usize, u32), usize>,
}

fn context_of(payload: &[u8]) -> Option<u32> {
    payload.first_chunk().map(|context| u32::from_le_bytes(*context))
}

impl History {
    /// A connection asks for something.
    pub fn sent(&mut self, rules: &Rules, conn: usize, dg: &Dg, now: u64) {
        let dialect = rules.dialect;
        let message = DatabaseMessage::decode(dialect, dg.msgtype, &dg.payload);
        let answer = |notice: DatabaseNotice<'_>| rules.answer(dg.sender, &notice);
        let failure = match &message {
            Ok(message) => message.failure(dialect, wire::database::ret_code::INVALID),
            Err(_) => wire::database::refusal(dialect, dg.msgtype, &dg.payload),
        };
        let failure = failure.map(answer);
        let about = match &message {
            Err(_) => About::Nothing,
            Ok(DatabaseMessage::Create { .. }) => About::Create,
            Ok(
                DatabaseMessage::SelectQuery { .. }
                | DatabaseMessage::UpdateQuery { .. }
                | DatabaseMessage::DeleteQuery { .. },
            ) => rules.class_of_query(dg).map_or(About::Nothing, About::Class),
            Ok(_) => {
                let id = wire::database::split(dialect, dg.msgtype, &dg.payload);
                About::Object(id.expect("all others are about an object").0)
            }
        };
        if let Some(context) = failure.as_ref().and_then(|dg| context_of(&dg.payload)) {
            self.by_context.insert(context, self.asked.len());
        }
        let dg = dg.clone();
        self.asked.push(Asked { conn, dg, about, sent: now, failure, answer: None });
    }

    /// A connection hears something on its own channel.
    pub fn answered(
        &mut self,
        rules: &Rules,
        conn: usize,
        dg: &Dg,
        now: u64,
        in_order: bool,
    ) -> Result<(), Violation> {
        let what = || format!("conn {conn} heard {}", describe(dg, rules.dialect));
        let nth = context_of(&dg.payload).and_then(|context| self.by_context.get(&context));
        let Some(&nth) = nth else {
            return Err(Violation::new("nothing else is said", what()));
        };
        let asked = &mut self.asked[nth];
        let is_answer = asked.failure.as_ref().is_some_and(|failure| {
            failure.msgtype == dg.msgtype && failure.to == dg.to && failure.sender == dg.sender
        });
        if !is_answer || asked.conn != conn {
            return Err(Violation::new("nothing else is said", what()));
        }
        if asked.about == About::Nothing && asked.failure.as_ref() != Some(dg) {
            return Err(Violation::new("what is wrong fails", what()));
        }
        if asked.answer.replace((now, dg.clone())).is_some() {
            return Err(Violation::new("one answer", what()));
        }
        if let (About::Object(id), true) = (asked.about, in_order) {
            let last = self.last.entry((conn, id)).or_default();
            if *last > nth {
                return Err(Violation::new("answers of an object come in order", what()));
            }
            *last = nth;
        }
        Ok(())
    }

    /// Everything that has an answer was answered.
    pub fn check_complete(&self, rules: &Rules) -> Result<(), Violation> {
        let open = |asked: &&Asked| asked.failure.is_some() && asked.answer.is_none();
        match self.asked.iter().find(open) {
            Some(asked) => {
                let what = format!("none to {}", describe(&asked.dg, rules.dialect));
                Err(Violation::new("one answer", what))
            }
            None => Ok(()),
        }
    }

    /// The objects whose creation was answered, with the request of each.
    pub fn created(&self, rules: &Rules) -> Vec<(u32, usize)> {
        let creates = self.asked.iter().enumerate();
        let creates = creates.filter(|(_, asked)| asked.about == About::Create);
        let id = |(nth, asked): (usize, &Asked)| {
            let (_, dg) = asked.answer.as_ref()?;
            match DatabaseNotice::decode(rules.dialect, dg.msgtype, &dg.payload) {
                Ok(DatabaseNotice::CreateResp { do_id, .. }) if do_id != BAD_DO_ID => {
                    Some((do_id.0, nth))
                }
                Ok(_) | Err(_) => None,
            }
        };
        creates.filter_map(id).collect()
    }

    /// What the create of an answer was to begin.
    pub fn create_of(&self, rules: &Rules, answer: &Dg) -> Option<Object> {
        let nth = self.by_context.get(&context_of(&answer.payload)?)?;
        rules.conceive(&self.asked[*nth].dg)
    }

    /// Creates that are sound and whose fate is not known.
    pub fn open_creates(&self, rules: &Rules) -> Vec<usize> {
        let is_open = |asked: &Asked| {
            let is_create = asked.about == About::Create && asked.answer.is_none();
            is_create && rules.conceive(&asked.dg).is_some()
        };
        let all = self.asked.iter().enumerate();
        all.filter(|(_, asked)| is_open(asked)).map(|(nth, _)| nth).collect()
    }

    /// Creates that are sound and failed: a delete may have found the object meanwhile, and was
    /// carried out though the create was not.
    pub fn failed_creates(&self, rules: &Rules) -> Vec<usize> {
        let done: Vec<usize> = self.created(rules).into_iter().map(|(_, nth)| nth).collect();
        let has_failed = |&(nth, asked): &(usize, &Asked)| {
            let is_create = asked.about == About::Create && asked.answer.is_some();
            is_create && !done.contains(&nth) && rules.conceive(&asked.dg).is_some()
        };
        self.asked.iter().enumerate().filter(has_failed).map(|(nth, _)| nth).collect()
    }

    /// Ids that were asked for and are none of `ids`, each once.
    pub fn foreign_ids(&self, ids: &[u32]) -> BTreeSet<u32> {
        let id = |asked: &Asked| match asked.about {
            About::Object(id) if !ids.contains(&id) => Some(id),
            About::Object(_) | About::Nothing | About::Create | About::Class(_) => None,
        };
        self.asked.iter().filter_map(id).collect()
    }

    /// What of it may not have been stored, as if nothing had been heard of it.
    pub fn not_stored(&self, rules: &Rules) -> History {
        let open = self.asked.iter().filter(|asked| asked.was_not_stored(rules));
        let asked = open.map(|asked| Asked { answer: None, ..asked.clone() });
        History { asked: asked.collect(), ..History::default() }
    }

    /// What an object has seen of it. `creates`: those that may have begun it; `classes`: what it
    /// may be. Queries of other classes do not wait for what was asked of it before, and tell of it
    /// only by finding it.
    pub fn tracks(
        &self,
        rules: &Rules,
        id: u32,
        creates: &[usize],
        classes: &BTreeSet<u16>,
        troubles: Troubles,
    ) -> Tracks {
        let mut conns: BTreeMap<usize, usize> = BTreeMap::new();
        let lost_creates = if troubles.refused { self.failed_creates(rules) } else { Vec::new() };
        let mut tracks: Vec<Vec<Turn>> = Vec::new();
        for (nth, asked) in self.asked.iter().enumerate() {
            let turn = |after| Turn {
                dg: asked.dg.clone(),
                creates: asked.about == About::Create,
                answer: asked.heard(rules, id),
                optional: troubles.lost && asked.answer.is_none() || lost_creates.contains(&nth),
                refusable: troubles.refused,
                sent: asked.sent,
                answered: asked.answer.as_ref().map(|(at, _)| *at),
                after,
            };
            match asked.about {
                About::Object(of) if of == id => {
                    let track = *conns.entry(asked.conn).or_insert_with(|| {
                        tracks.push(Vec::new());
                        tracks.len() - 1
                    });
                    if troubles.refused && asked.failure.is_some() {
                        // What it rested on may not have been stored: then it is dealt with once
                        // more, perhaps behind what its connection has asked since.
                        let after = Some((track, tracks[track].len()));
                        tracks.push(vec![turn(after)]);
                    } else {
                        tracks[track].push(turn(None));
                    }
                }
                About::Class(class)
                    if classes.contains(&class)
                        || asked.heard(rules, id) == Answer::Found(true) =>
                {
                    let track = conns.get(&asked.conn);
                    let after = track.map(|&track| (track, tracks[track].len()));
                    tracks.push(vec![turn(after)]);
                }
                About::Create if creates.contains(&nth) => tracks.push(vec![turn(None)]),
                About::Nothing | About::Create | About::Class(_) | About::Object(_) => (),
            }
        }
        let announced = self.announced.get(&id).cloned().unwrap_or_default();
        Tracks { tracks, announced, deaf: troubles.lost }
    }
}

impl Asked {
    /// What was heard of it, as far as it concerns one object.
    fn heard(&self, rules: &Rules, id: u32) -> Answer {
        if self.failure.is_none() {
            return Answer::Said(None);
        }
        let Some((_, dg)) = &self.answer else { return Answer::Unknown };
        match DatabaseNotice::decode(rules.dialect, dg.msgtype, &dg.payload) {
            Ok(DatabaseNotice::SelectQueryResp { do_ids, .. }) => {
                Answer::Found(do_ids.iter().any(|found| found.0 == id))
            }
            Ok(_) | Err(_) => Answer::Said(Some(dg.clone())),
        }
    }

    /// Whether it was not done, as far as the one who asked knows.
    fn was_not_stored(&self, rules: &Rules) -> bool {
        match &self.answer {
            Some((_, dg)) => rules.not_stored(&self.dg).as_ref() == Some(dg),
            None => true,
        }
    }
}
