//! What must have been routed where before what: the tree of sequential Message Directors.
//!
//! The classical tree routes one message at a time in each daemon and keeps each link in order.
//! From that follows, for a message `z` and a daemon `f`, a set *after(z, f)*: messages that `f`
//! has routed before `z` if it routes both. It is
//!
//! - what the sender's process knew `f` to have routed when it sent `z`, because it heard of it;
//! - at the daemon where `z` enters: what was sent on the same connection before;
//! - at the next daemon on a way from there: what is in the set of the one before and goes over
//!   the same link.
//!
//! Who hears `z` at `f` knows `f`, and each daemon on the way, to have routed all of that. A mesh
//! of shards must not be told from such a daemon (I2).

use crate::members::Members;

/// The tree, by the parent of each daemon; parents have smaller numbers.
#[derive(Clone, Debug)]
pub struct Tree(Vec<Option<usize>>);

/// What is known of each daemon to have been routed there.
pub type Known = Vec<Members>;

impl Tree {
    /// The tree with these parents.
    pub fn new(parents: Vec<Option<usize>>) -> Tree {
        assert!(parents.iter().enumerate().all(|(at, up)| up.is_none_or(|up| up < at)));
        Tree(parents)
    }

    /// How many daemons.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The daemon above.
    pub fn parent(&self, daemon: usize) -> Option<usize> {
        self.0[daemon]
    }

    /// Whether `daemon` is `top` or below it.
    pub fn is_below(&self, daemon: usize, top: usize) -> bool {
        let mut at = Some(daemon);
        while let Some(here) = at {
            if here == top {
                return true;
            }
            at = self.0[here];
        }
        false
    }

    /// The lowest daemon that has both below it.
    pub fn meeting(&self, one: usize, other: usize) -> usize {
        let mut at = one;
        while !self.is_below(other, at) {
            at = self.0[at].expect("all daemons are below the root");
        }
        at
    }

    /// The daemons on the way from one to the other, both included.
    pub fn is_on_way(&self, from: usize, to: usize, at: usize) -> bool {
        let top = self.meeting(from, to);
        self.is_below(at, top) && (self.is_below(from, at) || self.is_below(to, at))
    }

    /// All links as (from, to) in an order that leads away from `start`.
    fn away_from(&self, start: usize) -> Vec<(usize, usize)> {
        let mut links = Vec::new();
        let mut at = start;
        while let Some(up) = self.0[at] {
            links.push((at, up));
            at = up;
        }
        let down = (0..self.len()).filter_map(|at| self.0[at].map(|up| (up, at)));
        links.extend(down.filter(|&(_, at)| !self.is_below(start, at)));
        links
    }

    /// *after(z, f)* for each daemon `f`, for a message that enters at `enters` from somebody who
    /// has sent `sent` on the same connection and knew `known`. `origins` are all messages, by the
    /// daemon where they entered.
    pub fn after(
        &self,
        enters: usize,
        known: &Known,
        sent: &Members,
        origins: &[Members],
    ) -> Known {
        let mut after = known.clone();
        after[enters].add_all(sent);
        for (from, to) in self.away_from(enters) {
            let mut over = after[from].clone();
            let beyond = |at: &usize| {
                if self.0[to] == Some(from) {
                    self.is_below(*at, to)
                } else {
                    !self.is_below(*at, from)
                }
            };
            (0..self.len()).filter(beyond).for_each(|at| over.take_all(&origins[at]));
            after[to].add_all(&over);
        }
        after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        // 0 -> 1 -> 2, 1 -> 3, 0 -> 4
        Tree::new(vec![None, Some(0), Some(1), Some(1), Some(0)])
    }

    #[test]
    fn ways_in_a_tree() {
        let tree = tree();
        assert_eq!(tree.meeting(2, 3), 1);
        assert_eq!(tree.meeting(2, 4), 0);
        assert_eq!(tree.meeting(1, 2), 1);
        assert!(tree.is_on_way(2, 4, 1) && tree.is_on_way(2, 4, 0) && !tree.is_on_way(2, 4, 3));
        assert!(tree.is_on_way(2, 3, 1) && !tree.is_on_way(2, 3, 0));
        assert_eq!(tree.away_from(2), [(2, 1), (1, 0), (1, 3), (0, 4)]);
    }

    #[test]
    fn what_enters_elsewhere_does_not_travel_back() {
        let tree = tree();
        let nothing = vec![Members::default(); 5];
        let mut origins = nothing.clone();
        origins[2].add(7);
        origins[4].add(8);
        let mut known = nothing.clone();
        known[0].add(8);
        let mut sent = Members::default();
        sent.add(7);
        let after = tree.after(2, &known, &sent, &origins);
        assert!(after[2].has(7) && after[0].has(7) && after[4].has(7) && after[3].has(7));
        assert!(after[0].has(8) && !after[4].has(8) && !after[1].has(8));
    }
}
