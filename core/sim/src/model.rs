//! The stupid reference model: what a connection subscribed, as a set of points.
//!
//! Recipients come from a small universe of channels, so a set is one bit per channel of it:
//! adding sets bits, removing clears them, a range is all its points. That is all the protocol
//! says (seed protocol section 2), and nothing that the routers do is used here.

/// The channels that recipients are taken from, ascending, at most 64.
#[derive(Clone, Debug)]
pub struct Universe(Vec<u64>);

impl Universe {
    /// Neighbours around all kinds of borders: the control channel, 32 bits, the very last one.
    pub fn new(control: u64) -> Universe {
        let clusters = [
            (control - 1, control + 1),
            (9_000, 9_015),
            ((1 << 32) - 4, (1 << 32) + 3),
            (u64::MAX - 7, u64::MAX),
            (1 << 40, (1 << 40) + 1),
        ];
        let mut channels: Vec<u64> = clusters.iter().flat_map(|&(low, high)| low..=high).collect();
        channels.sort_unstable();
        channels.dedup();
        Universe(channels)
    }

    /// All of them.
    pub fn channels(&self) -> &[u64] {
        &self.0
    }

    /// The points of a range, a bit each.
    pub fn range(&self, low: u64, high: u64) -> u64 {
        let inside = self.0.iter().enumerate().filter(|(_, at)| (low..=high).contains(at));
        inside.fold(0, |points, (bit, _)| points | 1 << bit)
    }

    /// The points of some channels.
    pub fn points(&self, channels: &[u64]) -> u64 {
        channels.iter().fold(0, |points, &channel| points | self.range(channel, channel))
    }
}

/// What a connection asked for or did, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// Subscribed from `low` to `high`; a single channel is a range of one.
    Add(u64, u64),
    /// Left from `low` to `high`.
    Remove(u64, u64),
    /// Stored a post-remove, that message, to be cleared by that sender.
    PostRemove(u64, usize),
    /// Cleared the post-removes of a sender.
    Clear(u64),
    /// Sent that message.
    Sent(usize),
}

/// What a connection did, and the set it had after each step.
#[derive(Clone, Debug)]
pub struct Subscriber {
    ops: Vec<Op>,
    states: Vec<u64>,
}

impl Subscriber {
    /// Somebody who has done nothing and has the points of `first`.
    pub fn new(first: u64) -> Subscriber {
        Subscriber { ops: Vec::new(), states: vec![first] }
    }

    /// Does one more thing.
    pub fn push(&mut self, op: Op, universe: &Universe) {
        let before = self.now();
        self.states.push(match op {
            Op::Add(low, high) => before | universe.range(low, high),
            Op::Remove(low, high) => before & !universe.range(low, high),
            Op::PostRemove(..) | Op::Clear(_) | Op::Sent(_) => before,
        });
        self.ops.push(op);
    }

    /// How much it has done.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether it has done nothing.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// What it did, in order.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// Its present set.
    pub fn now(&self) -> u64 {
        self.states[self.ops.len()]
    }

    /// Whether it wanted one of `points` all the time from `low` to `high` things done.
    pub fn always(&self, points: u64, low: usize, high: usize) -> bool {
        self.states[low..=high].iter().all(|state| state & points != 0)
    }

    /// Whether it wanted one of `points` at some time from `low` to `high` things done.
    pub fn ever(&self, points: u64, low: usize, high: usize) -> bool {
        self.states[low..=high].iter().any(|state| state & points != 0)
    }

    /// The post-removes stored after `done` things done: their messages, in order.
    pub fn stored(&self, done: usize) -> Vec<(u64, usize)> {
        let mut stored = Vec::new();
        for op in &self.ops[..done] {
            match *op {
                Op::PostRemove(sender, message) => stored.push((sender, message)),
                Op::Clear(sender) => stored.retain(|(by, _)| *by != sender),
                Op::Add(..) | Op::Remove(..) | Op::Sent(_) => (),
            }
        }
        stored
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removing_inside_an_own_range_makes_a_hole() {
        let universe = Universe::new(4001);
        let mut one = Subscriber::new(0);
        one.push(Op::Add(9_000, 9_010), &universe);
        one.push(Op::Remove(9_005, 9_005), &universe);
        let wants = |channel| one.now() & universe.points(&[channel]) != 0;
        assert!(wants(9_004) && !wants(9_005) && wants(9_006) && !wants(9_011));
        assert!(one.ever(universe.points(&[9_005]), 0, 2));
        assert!(!one.ever(universe.points(&[9_005]), 2, 2));
        assert!(one.always(universe.points(&[9_005, 9_006]), 1, 2));
    }

    #[test]
    fn clear_forgets_those_of_its_sender() {
        let universe = Universe::new(1);
        let mut one = Subscriber::new(0);
        one.push(Op::PostRemove(1, 10), &universe);
        one.push(Op::PostRemove(2, 11), &universe);
        one.push(Op::Clear(1), &universe);
        assert_eq!(one.stored(2), [(1, 10), (2, 11)]);
        assert_eq!(one.stored(3), [(2, 11)]);
    }
}
