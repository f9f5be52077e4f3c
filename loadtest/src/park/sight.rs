//! What one visitor has been shown, and whether that is as the model says: nothing outside of his
//! interest, nothing of what he was not shown, every update once and in order, and before the end
//! of an answer all that was there.
//!
//! A zone that he has asked for is opening until it has been answered to the end, and one that he
//! gives up is closing until then: in between objects may be shown or not, each at its own time.

use super::model::Model;
use super::thing::{Position, Step};
use crate::faults::Fault;
use std::collections::BTreeMap;
use wire::ids::{DoId, Zone};

/// What is wrong with what a visitor heard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Complaint {
    pub(crate) fault: Fault,
    pub(crate) count: u32,
    pub(crate) what: String,
}

type Verdict = Result<(), Complaint>;

fn complain(fault: Fault, what: String) -> Verdict {
    Err(Complaint { fault, count: 1, what })
}

fn unexpected(what: String) -> Verdict {
    complain(Fault::Unexpected, what)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Openness {
    Opening,
    Open,
    Closing,
}

/// An object that he has been shown and that has not left.
#[derive(Clone, Copy, Debug)]
struct Seen {
    zone: Zone,
    known: Known,
}

#[derive(Clone, Copy, Debug)]
enum Known {
    /// Of this run.
    Ours {
        object: u32,
        /// What he has heard of it.
        position: Position,
        /// Nothing since it was shown to him who had not seen it come.
        is_fresh: bool,
        /// The position is a guess.
        is_loose: bool,
    },
    /// Somebody else's. `number`: of the last update, where it is of another part of this run.
    Foreign { number: Option<u16>, is_fresh: bool },
}

/// An object as he is shown it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    pub(crate) do_id: DoId,
    pub(crate) zone: Zone,
    /// Of its last update, if it is of a class of ours.
    pub(crate) number: Option<u16>,
}

#[derive(Default)]
pub(crate) struct Sight {
    zones: Vec<(Zone, Openness)>,
    seen: BTreeMap<DoId, Seen>,
    pub(crate) avatar: Option<DoId>,
}

/// Who judges: the visitor and the time in ns.
#[derive(Clone, Copy)]
pub(crate) struct Witness {
    pub(crate) visitor: u32,
    pub(crate) now: u64,
}

impl Sight {
    fn openness(&self, zone: Zone) -> Option<Openness> {
        self.zones.iter().find(|(other, _)| *other == zone).map(|(_, openness)| *openness)
    }

    pub(crate) fn sees(&self, do_id: DoId) -> bool {
        self.seen.contains_key(&do_id)
    }

    /// Objects that he sees.
    pub(crate) fn count(&self) -> usize {
        self.seen.len()
    }

    /// He asks for these zones and gives up all others.
    pub(crate) fn turn_to(&mut self, model: &mut Model, visitor: u32, wanted: &[Zone]) {
        for (zone, openness) in &mut self.zones {
            if !wanted.contains(zone) {
                if *openness == Openness::Open {
                    model.unwatch(*zone, visitor);
                }
                *openness = Openness::Closing;
            }
        }
        for zone in wanted {
            if self.openness(*zone).is_none() {
                self.zones.push((*zone, Openness::Opening));
            }
        }
    }

    /// He has gone: he sees nothing any more.
    pub(crate) fn end(&mut self, model: &mut Model, visitor: u32) {
        self.turn_to(model, visitor, &[]);
        *self = Sight::default();
    }

    /// What he asked for at `asked_ns` has been answered to the end.
    pub(crate) fn answered(&mut self, model: &mut Model, me: Witness, asked_ns: u64) -> Verdict {
        let mut missing = Vec::new();
        for (zone, openness) in &mut self.zones {
            if *openness == Openness::Opening {
                *openness = Openness::Open;
                let there = model.objects_in(*zone).filter(|(_, thing)| {
                    thing.is_known_since(asked_ns) && thing.owner != Some(me.visitor)
                });
                let unseen = there.filter(|(_, thing)| !self.seen.contains_key(&thing.do_id));
                missing.extend(unseen.map(|(_, thing)| (thing.do_id, *zone)));
                model.watch(*zone, me.visitor);
            }
        }
        self.zones.retain(|(_, openness)| *openness != Openness::Closing);
        if let Some((do_id, zone)) = missing.first() {
            let count = missing.len() as u32;
            let what = format!(
                "the end of the answer, but not object {do_id} of zone {zone}{}",
                and_more(count)
            );
            return Err(Complaint { fault: Fault::Lost, count, what });
        }
        let outside = self.seen.iter().find(|(_, seen)| self.openness(seen.zone).is_none());
        if let Some((do_id, Seen { zone, .. })) = outside {
            let (do_id, zone) = (*do_id, *zone);
            self.seen.remove(&do_id);
            return unexpected(format!(
                "the end of the answer, and still has object {do_id} of zone {zone}, given up"
            ));
        }
        Ok(())
    }

    pub(crate) fn entered(&mut self, model: &mut Model, me: Witness, shown: Shown) -> Verdict {
        let Shown { do_id, zone, number } = shown;
        if self.avatar == Some(do_id) {
            return Ok(());
        }
        let Some(openness) = self.openness(zone) else {
            return unexpected(format!("object {do_id} enter zone {zone}, which is not open"));
        };
        // It may have been there for long; else it has just come.
        let is_fresh = openness == Openness::Opening;
        if self.seen.contains_key(&do_id) {
            return complain(Fault::Doubled, format!("object {do_id} enter zone {zone} again"));
        }
        let foreign = Known::Foreign { number, is_fresh };
        let known = match (model.object(do_id), number) {
            (Some(object), Some(number)) => match model.thing(object).find(zone, number) {
                Some((position, is_sole)) => {
                    model.witness(object, position, me.now);
                    model.shown(me.visitor, object, zone, position);
                    Known::Ours { object, position, is_fresh, is_loose: !is_sole }
                }
                // Its visitor is on his way in and has not heard of it himself.
                None if model.thing(object).zone().is_none() => foreign,
                None => {
                    self.seen.insert(do_id, Seen { zone, known: foreign });
                    return unexpected(format!(
                        "object {do_id} enter zone {zone} with update {number}, as it never was"
                    ));
                }
            },
            (None, _) | (_, None) => foreign,
        };
        self.seen.insert(do_id, Seen { zone, known });
        Ok(())
    }

    /// An update of this number; false: of somebody else's object, which cannot be judged.
    pub(crate) fn updated(
        &mut self,
        model: &mut Model,
        me: Witness,
        do_id: DoId,
        number: u16,
    ) -> Result<bool, Complaint> {
        if self.avatar == Some(do_id) {
            let what = format!("update {number} of his own avatar {do_id}");
            return Err(Complaint { fault: Fault::Unexpected, count: 1, what });
        }
        let seen = self.seen_of(model, do_id, || format!("update {number}"))?;
        match &mut seen.known {
            Known::Ours { object, position, is_fresh, is_loose } => {
                let step = model.thing(*object).updated(*position, *is_fresh, number);
                if let Step::Next(next) | Step::Over(next, _) = step {
                    (*position, *is_fresh) = (next, false);
                    model.witness(*object, next, me.now);
                }
                let is_guess = std::mem::take(is_loose);
                judge(step, is_guess, || format!("update {number} of object {do_id}"))
                    .map(|()| true)
            }
            Known::Foreign { number: last, is_fresh } => {
                let Some(before) = last.replace(number) else { return Ok(false) };
                let is_fresh = std::mem::take(is_fresh);
                foreign_step(number.wrapping_sub(before), is_fresh, number, do_id).map(|()| true)
            }
        }
    }

    pub(crate) fn located(
        &mut self,
        model: &mut Model,
        me: Witness,
        do_id: DoId,
        zone: Zone,
    ) -> Verdict {
        let is_open = self.openness(zone).is_some();
        let seen = self.seen_of(model, do_id, || format!("a move to zone {zone}"))?;
        seen.zone = zone;
        if !is_open {
            self.seen.remove(&do_id);
            return unexpected(format!("object {do_id} move to zone {zone}, which is not open"));
        }
        let Known::Ours { object, position, is_fresh, is_loose } = &mut seen.known else {
            return Ok(());
        };
        let step = model.thing(*object).moved(*position, *is_fresh, zone);
        if let Step::Next(next) | Step::Over(next, _) = step {
            (*position, *is_fresh) = (next, false);
            let (object, next) = (*object, next);
            let is_guess = std::mem::take(is_loose);
            model.witness(object, next, me.now);
            model.shown(me.visitor, object, zone, next);
            return judge(step, is_guess, || format!("object {do_id} move to zone {zone}"));
        }
        judge(step, *is_loose, || format!("object {do_id} move to zone {zone}"))
    }

    pub(crate) fn left(&mut self, model: &mut Model, me: Witness, do_id: DoId) -> Verdict {
        if self.avatar == Some(do_id) {
            return Ok(());
        }
        let Seen { zone, known } = *self.seen_of(model, do_id, || "the leaving".to_owned())?;
        self.seen.remove(&do_id);
        let Known::Ours { object, position, is_fresh, is_loose } = known else { return Ok(()) };
        // From a zone that is being opened it may leave only to be shown anew.
        if matches!(self.openness(zone), Some(Openness::Opening | Openness::Closing)) {
            return Ok(());
        }
        let keeps = |zone| self.openness(zone) == Some(Openness::Open);
        let step = model.thing(object).left(position, is_fresh, keeps);
        if let Step::Next(next) | Step::Over(next, _) = step {
            model.witness(object, next, me.now);
        }
        judge(step, is_loose, || format!("object {do_id} leave zone {zone}"))
    }

    /// What he sees of `do_id`. What was a stranger's and has become known is looked up.
    fn seen_of(
        &mut self,
        model: &Model,
        do_id: DoId,
        what: impl FnOnce() -> String,
    ) -> Result<&mut Seen, Complaint> {
        let Some(seen) = self.seen.get_mut(&do_id) else {
            let what = format!("{} of object {do_id}, which he was not shown", what());
            return Err(Complaint { fault: Fault::Unexpected, count: 1, what });
        };
        if let Known::Foreign { number: Some(number), is_fresh } = seen.known
            && let Some(object) = model.object(do_id)
            && let Some((position, _)) = model.thing(object).find(seen.zone, number)
        {
            seen.known = Known::Ours { object, position, is_fresh, is_loose: true };
        }
        Ok(seen)
    }

    /// What he sees differently from what there is, once nothing is under way any more.
    pub(crate) fn differences(&self, model: &Model, visitor: u32) -> Vec<Complaint> {
        let mut all = Vec::new();
        for (zone, openness) in &self.zones {
            if *openness == Openness::Open {
                let others = model.objects_in(*zone).filter(|(_, t)| t.owner != Some(visitor));
                all.extend(others.filter_map(|(object, _)| self.difference(model, object, *zone)));
            }
        }
        for (do_id, seen) in &self.seen {
            if let Known::Ours { object, .. } = seen.known
                && model.thing(object).zone() != Some(seen.zone)
            {
                let what = format!("has object {do_id} in zone {}, where it is not", seen.zone);
                all.push(Complaint { fault: Fault::Unexpected, count: 1, what });
            }
        }
        all
    }

    fn difference(&self, model: &Model, object: u32, zone: Zone) -> Option<Complaint> {
        let thing = model.thing(object);
        let do_id = thing.do_id;
        let lost = |count, what| Some(Complaint { fault: Fault::Lost, count, what });
        match self.seen.get(&do_id).map(|seen| seen.known) {
            None => lost(1, format!("was not shown object {do_id} of zone {zone}")),
            Some(Known::Foreign { .. } | Known::Ours { is_loose: true, .. }) => None,
            Some(Known::Ours { position, is_fresh, .. }) => {
                match thing.left_over(position, is_fresh) {
                    0 => None,
                    left => lost(left, format!("did not hear {left} updates of object {do_id}")),
                }
            }
        }
    }
}

fn judge(step: Step, is_guess: bool, what: impl FnOnce() -> String) -> Verdict {
    if is_guess {
        return Ok(());
    }
    match step {
        Step::Next(_) => Ok(()),
        Step::Over(_, count) => {
            let what = format!("{}, but not {count} before it", what());
            Err(Complaint { fault: Fault::Lost, count, what })
        }
        Step::Back => complain(Fault::Doubled, format!("{} again", what())),
        Step::Never => unexpected(format!("{}, which nobody caused", what())),
    }
}

/// An update that is so many after the last one, of an object of another part of the run.
fn foreign_step(step: u16, is_fresh: bool, number: u16, do_id: DoId) -> Verdict {
    let what = || format!("update {number} of object {do_id}");
    match step {
        1 => Ok(()),
        0 => complain(Fault::Doubled, format!("{} again", what())),
        2..0x8000 if is_fresh => Ok(()),
        2..0x8000 => {
            let what = format!("{}, but not {} before it", what(), step - 1);
            Err(Complaint { fault: Fault::Lost, count: u32::from(step - 1), what })
        }
        0x8000.. => complain(Fault::OutOfOrder, format!("{} late", what())),
    }
}

fn and_more(count: u32) -> String {
    if count > 1 { format!(" and {} more", count - 1) } else { String::new() }
}
