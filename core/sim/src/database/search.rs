//! Whether what was heard of one object can have come about: some order of the requests, each
//! connection's in its own, must explain every answer and every announcement.

use crate::database::model::{Object, Rules};
use crate::objects::datagram::Dg;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// What the one who asked has heard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Nothing that is known.
    Unknown,
    /// This; `None`: there is no answer to such a request.
    Said(Option<Dg>),
    /// The object was among those that a query found, or not.
    Found(bool),
}

/// A request, as one object sees it.
#[derive(Clone, Debug)]
pub struct Turn {
    /// The request.
    pub dg: Dg,
    /// Whether it is to create the object.
    pub creates: bool,
    /// What came back.
    pub answer: Answer,
    /// It may have been lost, or taken back by a crash.
    pub optional: bool,
    /// The disk may not have taken it.
    pub refusable: bool,
    /// When it was sent.
    pub sent: u64,
    /// When its answer was heard.
    pub answered: Option<u64>,
    /// The first turns of a track that must come before.
    pub after: Option<(usize, usize)>,
}

/// The history of one object.
#[derive(Clone, Debug, Default)]
pub struct Tracks {
    /// Turns of each connection in order, and others that come when they like.
    pub tracks: Vec<Vec<Turn>>,
    /// What was said of it, in order.
    pub announced: Vec<Dg>,
    /// Whether not all that was said of it may have been heard.
    pub deaf: bool,
}

/// What an object may be: nothing any more or not yet, or this.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct State {
    /// Whether it has begun.
    pub born: bool,
    /// What it is.
    pub object: Option<Object>,
}

/// So many states are looked at, at most; then whatever was found counts, and nothing is wrong.
const LOOKED_AT_MAX: usize = 20_000;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Spot {
    at: Vec<u16>,
    heard: u16,
    state: u32,
}

/// What comes of a turn in one state.
struct Known {
    next: u32,
    announced: Option<Dg>,
    stores: bool,
    /// Whether that is what was heard.
    fits: bool,
    /// Whether what was heard is that it was not stored.
    may_be_refused: bool,
}

struct Search<'a> {
    rules: &'a Rules,
    id: u32,
    tracks: &'a Tracks,
    states: Vec<State>,
    numbers: BTreeMap<State, u32>,
    known: BTreeMap<(u32, usize, u16), Rc<Known>>,
    seen: BTreeSet<Spot>,
    open: Vec<Spot>,
    ends: BTreeSet<State>,
    /// How far the best attempt came, for a reader.
    furthest: Vec<u16>,
}

/// The states in which an object can be after its history; `Err`: there is no explanation, and how
/// far the best attempt came.
pub fn explain(
    rules: &Rules,
    id: u32,
    from: &BTreeSet<State>,
    tracks: &Tracks,
) -> Result<Option<BTreeSet<State>>, Vec<u16>> {
    let mut search = Search {
        rules,
        id,
        tracks,
        states: Vec::new(),
        numbers: BTreeMap::new(),
        known: BTreeMap::new(),
        seen: BTreeSet::new(),
        open: Vec::new(),
        ends: BTreeSet::new(),
        furthest: Vec::new(),
    };
    for state in from {
        let state = search.number(state.clone());
        search.visit(Spot { at: vec![0; tracks.tracks.len()], heard: 0, state });
    }
    while let Some(spot) = search.open.pop() {
        if search.seen.len() > LOOKED_AT_MAX {
            return Ok(None);
        }
        search.go_on(&spot);
    }
    if search.ends.is_empty() { Err(search.furthest) } else { Ok(Some(search.ends)) }
}

impl Search<'_> {
    fn number(&mut self, state: State) -> u32 {
        if let Some(&number) = self.numbers.get(&state) {
            return number;
        }
        let number = self.states.len() as u32;
        self.states.push(state.clone());
        self.numbers.insert(state, number);
        number
    }

    fn visit(&mut self, spot: Spot) {
        if self.seen.insert(spot.clone()) {
            let far = |at: &[u16]| at.iter().map(|&at| u32::from(at)).sum::<u32>();
            if far(&spot.at) >= far(&self.furthest) {
                self.furthest.clone_from(&spot.at);
            }
            self.open.push(spot);
        }
    }

    fn next<'t>(tracks: &'t Tracks, spot: &Spot, track: usize) -> Option<&'t Turn> {
        tracks.tracks[track].get(usize::from(spot.at[track]))
    }

    fn go_on(&mut self, spot: &Spot) {
        let tracks = self.tracks;
        let all = 0..tracks.tracks.len();
        if all.clone().all(|track| Self::next(tracks, spot, track).is_none()) {
            if usize::from(spot.heard) == tracks.announced.len() {
                self.ends.insert(self.states[spot.state as usize].clone());
            }
            return;
        }
        // Whatever was sent after somebody heard an answer comes after what was answered.
        let rest = |track: usize| tracks.tracks[track].iter().skip(usize::from(spot.at[track]));
        let open = all.clone().flat_map(rest).filter(|turn| !turn.optional);
        let first = open.filter_map(|turn| turn.answered).min();
        let may = |turn: &Turn| {
            let done = |(track, count): (usize, usize)| usize::from(spot.at[track]) >= count;
            turn.after.is_none_or(done) && first.is_none_or(|first| turn.sent <= first)
        };
        let mut to_take = Vec::new();
        for track in all {
            let Some(turn) = Self::next(tracks, spot, track) else { continue };
            let mut to = spot.clone();
            to.at[track] += 1;
            if may(turn) && self.is_idle(turn, track, spot) {
                // It fits and changes nothing: nothing is gained by waiting.
                return self.visit(to);
            }
            if turn.optional || may(turn) {
                to_take.push((track, to));
            }
        }
        for (track, to) in to_take {
            let turn = &tracks.tracks[track][usize::from(spot.at[track])];
            if turn.optional {
                self.visit(to.clone());
            }
            if may(turn) {
                self.take(turn, track, to);
            }
        }
    }

    /// What comes of a turn in the state of a spot.
    fn step(&mut self, turn: &Turn, track: usize, at: u16, state: u32) -> Rc<Known> {
        if let Some(known) = self.known.get(&(state, track, at)) {
            return known.clone();
        }
        let before = self.states[state as usize].clone();
        let step = self.rules.ask(self.id, before.object.as_ref(), &turn.dg);
        let fits = match &turn.answer {
            Answer::Unknown => true,
            Answer::Said(said) => *said == step.answer,
            Answer::Found(found) => *found == step.meets,
        };
        // It may have seen what was taken back with it.
        let may_be_refused = turn.refusable && !self.rules.only_asks(&turn.dg) && {
            let failure = self.rules.not_stored(&turn.dg);
            match &turn.answer {
                Answer::Unknown => true,
                Answer::Said(said) => *said == failure,
                Answer::Found(found) => !found,
            }
        };
        let next = self.number(State { born: before.born, object: step.next });
        let (announced, stores) = (step.announced, step.stores);
        let known = Rc::new(Known { next, announced, stores, fits, may_be_refused });
        self.known.insert((state, track, at), known.clone());
        known
    }

    /// Whether a turn explains itself where it is, and makes no difference to any other.
    fn is_idle(&mut self, turn: &Turn, track: usize, spot: &Spot) -> bool {
        if turn.creates {
            return turn.optional && self.states[spot.state as usize].born;
        }
        // Without an answer it may have done something later, but for a question.
        let is_settled = match &turn.answer {
            Answer::Said(Some(_)) | Answer::Found(_) => true,
            Answer::Unknown | Answer::Said(None) => self.rules.only_asks(&turn.dg),
        };
        let known = self.step(turn, track, spot.at[track], spot.state);
        is_settled && known.fits && !known.stores
    }

    fn take(&mut self, turn: &Turn, track: usize, to: Spot) {
        if turn.creates {
            if !self.states[to.state as usize].born
                && let Some(object) = self.rules.conceive(&turn.dg)
            {
                let state = self.number(State { born: true, object: Some(object) });
                self.visit(Spot { state, ..to });
            }
            return;
        }
        let known = self.step(turn, track, to.at[track] - 1, to.state);
        if known.may_be_refused {
            self.visit(to.clone());
        }
        if !known.fits {
            return;
        }
        let Some(announced) = &known.announced else {
            return self.visit(Spot { state: known.next, ..to });
        };
        if self.tracks.announced.get(usize::from(to.heard)) == Some(announced) {
            self.visit(Spot { state: known.next, heard: to.heard + 1, at: to.at.clone() });
        }
        if self.tracks.deaf {
            self.visit(Spot { state: known.next, ..to });
        }
    }
}
