//! Whether what was heard of one object can have come about: some order of the requests, each
//! connection's in its own, must explain every answer and every announcement.

use crate::database::model::{Object, Rules};
use crate::objects::datagram::Dg;
use std::collections::{BTreeMap, BTreeSet};

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
const LOOKED_AT_MAX: usize = 60_000;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Spot {
    at: Vec<u16>,
    heard: u16,
    state: u32,
}

struct Search<'a> {
    rules: &'a Rules,
    id: u32,
    tracks: &'a Tracks,
    states: Vec<State>,
    numbers: BTreeMap<State, u32>,
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
        let next = |track| Self::next(tracks, spot, track);
        let all = 0..tracks.tracks.len();
        if all.clone().all(|track| next(track).is_none()) {
            if usize::from(spot.heard) == tracks.announced.len() {
                self.ends.insert(self.states[spot.state as usize].clone());
            }
            return;
        }
        // Whatever was sent after somebody heard an answer comes after what was answered.
        let rest = |track: usize| tracks.tracks[track].iter().skip(usize::from(spot.at[track]));
        let open = all.clone().flat_map(rest).filter(|turn| !turn.optional);
        let first = open.filter_map(|turn| turn.answered).min();
        for track in all {
            let Some(turn) = next(track) else { continue };
            let mut to = spot.clone();
            to.at[track] += 1;
            if turn.optional {
                self.visit(to.clone());
            }
            let waits =
                turn.after.is_some_and(|(track, count)| usize::from(spot.at[track]) < count);
            if !waits && first.is_none_or(|first| turn.sent <= first) {
                self.take(turn, to);
            }
        }
    }

    fn take(&mut self, turn: &Turn, to: Spot) {
        let state = self.states[to.state as usize].clone();
        if turn.creates {
            if !state.born
                && let Some(object) = self.rules.conceive(&turn.dg)
            {
                let state = self.number(State { born: true, object: Some(object) });
                self.visit(Spot { state, ..to });
            }
            return;
        }
        let step = self.rules.ask(self.id, state.object.as_ref(), &turn.dg);
        if turn.refusable && step.stores {
            let failure = self.rules.not_stored(&turn.dg);
            if match &turn.answer {
                Answer::Unknown => true,
                Answer::Said(said) => *said == failure,
                Answer::Found(found) => !found,
            } {
                self.visit(to.clone());
            }
        }
        let fits = match &turn.answer {
            Answer::Unknown => true,
            Answer::Said(said) => *said == step.answer,
            Answer::Found(found) => *found == step.meets,
        };
        if !fits {
            return;
        }
        let next = self.number(State { born: state.born, object: step.next });
        let Some(announced) = step.announced else {
            return self.visit(Spot { state: next, ..to });
        };
        if self.tracks.announced.get(usize::from(to.heard)) == Some(&announced) {
            self.visit(Spot { state: next, heard: to.heard + 1, at: to.at.clone() });
        }
        if self.tracks.deaf {
            self.visit(Spot { state: next, ..to });
        }
    }
}
