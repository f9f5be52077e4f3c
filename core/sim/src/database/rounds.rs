//! Several connections at once on the same objects, in rounds: after each all objects are read, and
//! what was heard must be explained by some order that ends there.

use crate::database::history::{About, Asked, History, Troubles};
use crate::database::model::Object;
use crate::database::plan::Mode;
use crate::database::run::Run;
use crate::database::schema::{self, dclasses};
use crate::database::search::{Answer, State, Tracks, explain};
use crate::database::stage::describe;
use crate::ledger::Violation;
use crate::objects::datagram::Dg;
use std::collections::{BTreeMap, BTreeSet};
use wire::database::{DatabaseMessage, DatabaseNotice};
use wire::dialect::Dialect;
use wire::ids::DoId;

/// What is there, by id.
pub type Found = BTreeMap<u32, Object>;

impl Run {
    pub(super) fn rounds(&mut self) -> Result<(), Violation> {
        let mut before = Found::new();
        for _ in 0..self.plan.rounds {
            let (history, troubles) = self.storm()?;
            let mut found = self.find_all()?;
            self.judge(&before, &history, &found, troubles)?;
            match self.plan.mode {
                Mode::Full => self.get_room(&found)?,
                Mode::Broken => found = self.repair(&history, &found)?,
                Mode::Rot => found = self.rot(&found)?,
                Mode::Sequential | Mode::Parallel | Mode::Crashes => (),
            }
            before = found;
        }
        Ok(())
    }

    /// Reads all objects, and asks for those of each class.
    pub(super) fn find_all(&mut self) -> Result<Found, Violation> {
        let (conn, found) = self.read_all()?;
        self.is_found(conn, found)
    }

    /// Everything is as it was read.
    pub(super) fn is_found(&mut self, conn: usize, found: Found) -> Result<Found, Violation> {
        self.model.objects = found.clone();
        self.check_gauge()?;
        self.check_queries(conn, &found)?;
        Ok(found)
    }

    /// Reads all objects, on a connection of its own.
    pub(super) fn read_all(&mut self) -> Result<(usize, Found), Violation> {
        let channel = self.next_channel();
        let conn = self.stage.connect_anywhere(channel, &[]);
        self.stage.settle()?;
        self.stage.take_heard();
        let mut asked = Vec::new();
        for id in self.ids.clone() {
            let dg = self.select_all(conn, id);
            self.stage.send(conn, &dg);
            asked.push((id, dg.payload[..4].to_vec()));
        }
        self.stage.settle()?;
        self.stage.release();
        let heard = std::mem::take(&mut self.stage.conns[conn].heard);
        let mut found = Found::new();
        for (id, context) in asked {
            let is_answer = |(_, dg): &&(u64, Dg)| dg.payload.starts_with(&context);
            let answers: Vec<&(u64, Dg)> = heard.iter().filter(is_answer).collect();
            let [(_, answer)] = answers[..] else {
                let what = format!("{} answers when {id} was read", answers.len());
                return Err(Violation::new("one answer", what));
            };
            found.extend(self.read(answer)?.map(|object| (id, object)));
        }
        Ok((conn, found))
    }

    /// The object that an answer tells of.
    fn read(&self, dg: &Dg) -> Result<Option<Object>, Violation> {
        let dialect = self.plan.dialect;
        let notice = DatabaseNotice::decode(dialect, dg.msgtype, &dg.payload);
        let Ok(DatabaseNotice::SelectAllResp { object, .. }) = notice else {
            let what = describe(dg, dialect);
            return Err(Violation::new("nothing else is said", what));
        };
        let Some(stored) = object else { return Ok(None) };
        let rules = &self.model.rules;
        let broken = || Violation::new("what is read is an object", describe(dg, dialect));
        let class = rules.class(stored.dclass.0.into()).ok_or_else(broken)?;
        let mut object = Object { class: class.id.0, fields: BTreeMap::new() };
        let mut rest = stored.fields;
        if dialect == Dialect::OpenOtp {
            for field in class.required.iter().map(|&id| rules.schema.field(id)) {
                let value = rules.take_value(field, &mut rest).map_err(|_| broken())?;
                if !schema::stored_parts(&rules.schema, class, field).is_empty() {
                    object.fields.insert(field.number, value.to_vec());
                }
            }
        }
        let mut take = || {
            let count = crate::database::model::Rules::take_number(&mut rest)?;
            let mistake = crate::database::model::Unstored::Mistake;
            rules.take_values(class, count, &mut rest, mistake)
        };
        let others = take().map_err(|_| broken())?;
        object.fields.extend(others);
        if rest.is_empty() { Ok(Some(object)) } else { Err(broken()) }
    }

    /// Queries find what there is, with indexes and without.
    fn check_queries(&mut self, conn: usize, found: &Found) -> Result<(), Violation> {
        if self.plan.dialect == Dialect::Astron {
            return Ok(());
        }
        for dg in self.class_queries(conn) {
            self.stage.send(conn, &dg);
            self.stage.settle()?;
            let heard = self.stage.take_heard()[conn].drain(..).map(|(_, dg)| dg).next();
            let heard = heard.map(|dg| self.tampered(dg));
            let notice = heard
                .as_ref()
                .map(|dg| DatabaseNotice::decode(self.plan.dialect, dg.msgtype, &dg.payload));
            let Some(Ok(DatabaseNotice::SelectQueryResp { do_ids, .. })) = notice else {
                return Err(Violation::new("one answer", describe(&dg, self.plan.dialect)));
            };
            let rules = &self.model.rules;
            let meets = |(&id, object): (&u32, &Object)| {
                rules.ask(id, Some(object), &dg).meets.then_some(id)
            };
            let wanted: Vec<u32> = found.iter().filter_map(meets).collect();
            let heard: Vec<u32> = do_ids.iter().map(|id| id.0).collect();
            if wanted != heard {
                let dg = describe(&dg, self.plan.dialect);
                let what = format!("found were {heard:?}, there are {wanted:?}: {dg}");
                return Err(Violation::new("queries find what there is", what));
            }
        }
        Ok(())
    }

    pub(super) fn select_all(&mut self, conn: usize, id: u32) -> Dg {
        let (context, do_id) = (self.next_context(), DoId(id));
        self.message(conn, &DatabaseMessage::SelectAll { context, do_id })
    }

    pub(super) fn message(&self, conn: usize, message: &DatabaseMessage<'_>) -> Dg {
        let dialect = self.plan.dialect;
        let mut payload = Vec::new();
        message.write(dialect, &mut payload);
        let msgtype = message.msgtype(dialect).expect("the dialect has it");
        let sender = self.stage.conns[conn].channel;
        Dg { to: vec![self.plan.control], sender, msgtype, payload }
    }

    /// Questions for all objects of each class, and for those of some values.
    pub(super) fn class_queries(&mut self, conn: usize) -> Vec<Dg> {
        let schema = schema::load();
        let mut asked: Vec<(dc::ClassId, Vec<u8>)> =
            dclasses(&schema).into_iter().map(|class| (class, Vec::new())).collect();
        for object in self.model.objects.values().take(6) {
            let class = schema.class(dc::ClassId(object.class));
            for (number, value) in &object.fields {
                let id = class.field_by_number(*number).expect("it is one of its fields");
                let is_indexed =
                    |(of, name): &(&str, &str)| *of == class.name && *name == schema.field(id).name;
                if schema::INDEXED.iter().any(is_indexed) {
                    let comparison = [&[0], &number.to_le_bytes()[..], value].concat();
                    asked.push((class.id, comparison));
                }
            }
        }
        let ask = |(class, comparison): (dc::ClassId, Vec<u8>)| {
            let (context, dclass) = (self.next_context(), u32::from(class.0));
            let (count, comparisons) = (u16::from(!comparison.is_empty()), comparison.as_slice());
            let select = DatabaseMessage::SelectQuery { context, dclass, count, comparisons };
            self.message(conn, &select)
        };
        asked.into_iter().map(ask).collect()
    }

    /// Whether what was heard agrees with what was there before and is there now.
    fn judge(
        &mut self,
        before: &Found,
        history: &History,
        found: &Found,
        troubles: Troubles,
    ) -> Result<(), Violation> {
        if !troubles.lost {
            history.check_complete(&self.model.rules)?;
        }
        let created = self.check_creates(history, troubles)?;
        let open = history.open_creates(&self.model.rules);
        self.open_creates += open.len();
        self.explain_all(before, history, found, troubles, &created, &open)?;
        self.given.extend(created.keys().chain(found.keys()));
        Ok(())
    }

    /// Whether the history of each object leads from what was there to what is.
    fn explain_all(
        &self,
        before: &Found,
        history: &History,
        found: &Found,
        troubles: Troubles,
        created: &BTreeMap<u32, usize>,
        open: &[usize],
    ) -> Result<(), Violation> {
        let rules = &self.model.rules;
        let mut strangers = 0;
        let mut may_begin = open.to_vec();
        if troubles.refused {
            may_begin.extend(history.failed_creates(rules));
        }
        for id in self.ids.iter().copied().chain(history.foreign_ids(&self.ids)) {
            let (begun, was_given) = (created.get(&id), self.given.contains(&id));
            let is_stranger = begun.is_none() && !was_given && self.ids.contains(&id);
            strangers += usize::from(is_stranger && found.contains_key(&id));
            let creates: Vec<usize> = match begun {
                Some(&nth) => vec![nth],
                None if is_stranger && (troubles.lost || history.announced.contains_key(&id)) => {
                    may_begin.clone()
                }
                None => Vec::new(),
            };
            let begun = creates.iter().filter_map(|&nth| rules.conceive(&history.asked[nth].dg));
            let classes = before.get(&id).cloned().into_iter().chain(begun);
            let classes = classes.map(|object| object.class).collect();
            let tracks = history.tracks(rules, id, &creates, &classes, troubles);
            let from = State { born: was_given, object: before.get(&id).cloned() };
            self.check_object(id, from, &tracks, found.get(&id))?;
        }
        if strangers > open.len() {
            let what = format!("{strangers} objects of {} creates", open.len());
            return Err(Violation::new("objects begin once", what));
        }
        Ok(())
    }

    /// After a restart of what had failed: nothing has changed but by what had not been stored.
    fn check_repaired(
        &mut self,
        before: &Found,
        history: &History,
        found: &Found,
    ) -> Result<(), Violation> {
        let lost = history.not_stored(&self.model.rules);
        let troubles = Troubles { lost: true, refused: false };
        let open = lost.open_creates(&self.model.rules);
        self.explain_all(before, &lost, found, troubles, &BTreeMap::new(), &open)?;
        self.open_creates += open.len();
        self.given.extend(found.keys());
        Ok(())
    }

    pub(super) fn check_object(
        &self,
        id: u32,
        from: State,
        tracks: &Tracks,
        found: Option<&Object>,
    ) -> Result<(), Violation> {
        let before = from.object.clone();
        let is_idle = tracks.tracks.iter().flatten().all(|turn| turn.creates && turn.optional);
        if is_idle && tracks.announced.is_empty() && before.as_ref() == found {
            return Ok(());
        }
        let rule = "what was heard has an explanation";
        let tell = |at: Option<&[u16]>| {
            let mut text = format!("object {id}: before {before:?}; now {found:?}");
            for (nth, track) in tracks.tracks.iter().enumerate() {
                let done = at.and_then(|at| at.get(nth)).copied().unwrap_or(0);
                text += &format!("\n  track {nth}, {done} done:");
                for turn in track {
                    let dg = describe(&turn.dg, self.plan.dialect);
                    let answer = match &turn.answer {
                        Answer::Said(Some(dg)) => describe(dg, self.plan.dialect),
                        answer @ (Answer::Said(None) | Answer::Unknown | Answer::Found(_)) => {
                            format!("{answer:?}")
                        }
                    };
                    text += &format!("\n    {dg} -> {answer} (optional: {})", turn.optional);
                }
            }
            for dg in &tracks.announced {
                text += &format!("\n  announced {}", describe(dg, self.plan.dialect));
            }
            text
        };
        match explain(&self.model.rules, id, &BTreeSet::from([from]), tracks) {
            Err(furthest) => Err(Violation::new(rule, tell(Some(&furthest)))),
            Ok(Some(ends)) if !ends.iter().any(|end| end.object.as_ref() == found) => {
                let what = format!("{}\n  it could be {ends:?}", tell(None));
                Err(Violation::new("what was acknowledged stays", what))
            }
            Ok(_) => Ok(()),
        }
    }

    /// Ids are given once, and only where there is something to begin.
    fn check_creates(
        &self,
        history: &History,
        troubles: Troubles,
    ) -> Result<BTreeMap<u32, usize>, Violation> {
        let rules = &self.model.rules;
        let is_sound = |asked: &Asked| rules.conceive(&asked.dg).is_some();
        let mut created = BTreeMap::new();
        for (id, nth) in history.created(rules) {
            let is_new = !self.given.contains(&id) && self.ids.contains(&id);
            if created.insert(id, nth).is_some() || !is_new {
                return Err(Violation::new("ids are given once", format!("{id} is given again")));
            }
            if !is_sound(&history.asked[nth]) {
                let what = describe(&history.asked[nth].dg, self.plan.dialect);
                return Err(Violation::new("what is wrong fails", what));
            }
        }
        let used = self.given.len() + created.len() + self.open_creates;
        // After a restart the last of all ids is not given any more.
        let last = usize::from(self.ids.last() == Some(&u32::MAX));
        let is_used_up = used + history.open_creates(rules).len() + last >= self.ids.len();
        let done: BTreeSet<usize> = created.values().copied().collect();
        let failed = history.asked.iter().enumerate().find(|(nth, asked)| {
            let is_create = asked.about == About::Create && asked.answer.is_some();
            is_create && !done.contains(nth) && is_sound(asked)
        });
        match failed {
            Some((_, asked)) if !is_used_up && !troubles.refused => {
                let what = describe(&asked.dg, self.plan.dialect);
                Err(Violation::new("what is right is done", what))
            }
            Some(_) | None => Ok(created),
        }
    }

    /// There is room on the disk again: what is written is stored again.
    fn get_room(&mut self, found: &Found) -> Result<(), Violation> {
        self.stage.disk.set_bytes_max(None);
        self.stage.settle_for_good()?;
        let Some(&id) = found.keys().next() else { return Ok(()) };
        let channel = self.next_channel();
        let conn = self.stage.connect_anywhere(channel, &[]);
        let (context, do_id, count) = (self.next_context(), DoId(id), 0);
        let update = DatabaseMessage::UpdateIfEquals { context, do_id, count, conditions: &[] };
        let dg = self.message(conn, &update);
        self.stage.send(conn, &dg);
        self.stage.settle()?;
        let heard = self.stage.take_heard()[conn].pop().map(|(_, dg)| dg);
        if heard != self.model.rules.ask(id, found.get(&id), &dg).answer {
            let what = format!("it was answered {heard:?}");
            return Err(Violation::new("with room there are writes again", what));
        }
        self.restart()?;
        let after = self.find_all()?;
        if after != *found {
            let what = format!("there was {found:?}, and now is {after:?}");
            return Err(Violation::new("what was acknowledged stays", what));
        }
        Ok(())
    }

    /// The disk that failed is another one now, and the daemons start again.
    fn repair(&mut self, history: &History, found: &Found) -> Result<Found, Violation> {
        self.stage.disk.spare();
        self.restart()?;
        let after = self.find_all()?;
        self.check_repaired(found, history, &after)?;
        Ok(after)
    }

    /// While nobody runs, bits of some objects turn over: these cannot be read then, or are as they
    /// were, and all others live.
    fn rot(&mut self, found: &Found) -> Result<Found, Violation> {
        // What was written last gets a footer when the store is opened.
        self.stage.settle_for_good()?;
        self.restart()?;
        self.stage.settle_for_good()?;
        self.stage.cut_all();
        (0..self.plan.daemons).for_each(|daemon| self.stage.crash(daemon));
        let mut rotten = BTreeSet::new();
        for _ in 0..self.chance.between(1, 3) {
            rotten.extend(self.flip(found).into_iter().flatten());
        }
        (0..self.plan.daemons).for_each(|daemon| self.stage.start(daemon));
        self.stage.settle_for_good()?;
        let (conn, after) = self.read_all()?;
        for (id, object) in found {
            match after.get(id) {
                Some(now) if now == object => (),
                None if rotten.contains(id) => {
                    self.damaged.insert(*id);
                }
                now => {
                    let what = format!("object {id} was {object:?}, and is {now:?}");
                    return Err(Violation::new("what is sound lives on", what));
                }
            }
        }
        if let Some(id) = after.keys().find(|id| !found.contains_key(id)) {
            return Err(Violation::new("the dead stay dead", format!("object {id} is back")));
        }
        self.is_found(conn, after)
    }

    /// Turns a bit over in some version of an object; the objects that it may have been.
    fn flip(&mut self, found: &Found) -> Option<Vec<u32>> {
        let ids: Vec<u32> = found.keys().copied().collect();
        let id = self.chance.pick(&ids)?;
        let value = found[&id].fields.values().max_by_key(|value| value.len())?;
        if value.len() < ROT_BYTES_MIN {
            return None;
        }
        let mut places = Vec::new();
        for segment in self.stage.disk.segments() {
            let image = self.stage.disk.image(segment);
            // Without a footer it would be taken for damage of the log itself.
            if !contains(&image, FOOTER) {
                continue;
            }
            let at = image.windows(value.len()).enumerate();
            let at = at.filter(|(_, bytes)| *bytes == value.as_slice());
            places.extend(at.map(|(at, _)| (segment, at)));
        }
        let (segment, at) = self.chance.pick(&places)?;
        let offset = (at + self.chance.index(value.len())) as u32;
        let is_flipped = self.stage.disk.flip(segment, offset, self.chance.below(8) as u8);
        let holds = |object: &Object| object.fields.values().any(|other| contains(other, value));
        let like = found.iter().filter(|(_, object)| holds(object)).map(|(id, _)| *id);
        is_flipped.then(|| like.collect())
    }
}

fn contains(long: &[u8], short: &[u8]) -> bool {
    !short.is_empty() && long.windows(short.len()).any(|part| part == short)
}

/// What a footer begins with.
const FOOTER: &[u8] = b"FWFOOTER";

/// Shorter values may stand elsewhere than in a record.
const ROT_BYTES_MIN: usize = 6;
