//! What observers must hear, and whether they did: exactly that, in order.

use crate::ledger::Violation;
use crate::objects::datagram::Dg;
use crate::objects::model::Said;
use crate::objects::pools::reaches;
use crate::objects::stage::Ear;
use std::collections::{BTreeMap, VecDeque};
use wire::dialect::Dialect;

/// Within what things come in order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Order {
    /// What a connection sends.
    Sent(usize),
    /// What an object says.
    Said(u32),
    /// What an object says because of what was asked of another one, or of itself.
    Caused(u32, u32),
    /// What an object answers to one request, when all that are concerned have done so.
    Answered(u32, u32),
}

/// A datagram that those who want it must hear.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The datagram, its recipients sorted.
    pub dg: Dg,
    /// Who does not hear it: it sent it.
    pub sent_by: Option<usize>,
    /// In order with these.
    pub order: Order,
    /// What must have been heard before, by whoever hears both.
    pub cause: Option<usize>,
    /// A request, and the rank of this among the answers to it.
    pub rank: Option<(usize, u8)>,
    /// Whether it may be left out.
    pub optional: bool,
}

/// What is expected of one stretch of a run.
pub struct Hearing {
    dialect: Dialect,
    expected: Vec<Expected>,
}

impl Hearing {
    /// Nothing.
    pub fn new(dialect: Dialect) -> Hearing {
        Hearing { dialect, expected: Vec::new() }
    }

    /// A connection sends `dg`; returns its number.
    pub fn sent(&mut self, by: usize, dg: &Dg, cause: Option<usize>) -> usize {
        self.expected.push(Expected {
            dg: dg.clone().sorted(),
            sent_by: Some(by),
            order: Order::Sent(by),
            cause,
            rank: None,
            optional: false,
        });
        self.expected.len() - 1
    }

    /// An object elsewhere answers, on the connection `by`, what it is asked because of a request.
    pub fn answered(&mut self, by: usize, dg: &Dg, request: usize, cause: usize) {
        let nth = self.sent(by, dg, Some(cause));
        // Questions of several requests may reach it in any order.
        self.expected[nth].order = Order::Caused(dg.sender as u32, cause as u32);
        self.expected[nth].rank = Some((request, 0));
    }

    /// An object says something because of the request `cause`; returns its number.
    pub fn said(&mut self, said: Said, cause: usize, order: Order) -> usize {
        self.expected.push(Expected {
            dg: said.dg.sorted(),
            sent_by: None,
            order,
            cause: Some(cause),
            rank: said.rank.map(|rank| (cause, rank)),
            optional: said.optional,
        });
        self.expected.len() - 1
    }

    /// What is expected so far comes in any order of ranks.
    pub fn forget_ranks(&mut self) {
        self.expected.iter_mut().for_each(|expected| expected.rank = None);
    }

    /// Checks what everybody has heard since the last time; from then on nothing is expected.
    pub fn check(&mut self, ears: &[Ear], heard: &[Vec<Dg>]) -> Result<(), Violation> {
        for (at, (ear, heard)) in ears.iter().zip(heard).enumerate() {
            self.check_ear(at, ear, heard)?;
        }
        self.expected.clear();
        Ok(())
    }

    fn is_for(&self, expected: &Expected, at: usize, ear: &Ear) -> bool {
        expected.sent_by != Some(at) && reaches(&expected.dg, &ear.wants)
    }

    fn check_ear(&self, at: usize, ear: &Ear, heard: &[Dg]) -> Result<(), Violation> {
        let mut open: BTreeMap<&Dg, VecDeque<usize>> = BTreeMap::new();
        for (nth, expected) in self.expected.iter().enumerate() {
            if self.is_for(expected, at, ear) {
                open.entry(&expected.dg).or_default().push_back(nth);
            }
        }
        let mut listener = Listener { had: vec![false; self.expected.len()], ..Default::default() };
        for dg in heard {
            let Some(nth) = open.get_mut(dg).and_then(VecDeque::pop_front) else {
                let near = self.near(&open, dg);
                let what = format!("{} heard {}{near}", ear.name, self.describe(dg));
                return Err(Violation::new("nothing else is said", what));
            };
            listener.hear(nth, &self.expected[nth]).map_err(|(rule, why)| {
                Violation::new(rule, format!("{} heard {} {why}", ear.name, self.describe(dg)))
            })?;
            let cause = self.expected[nth].cause.filter(|&cause| {
                self.is_for(&self.expected[cause], at, ear) && !listener.had[cause]
            });
            if let Some(cause) = cause {
                let (dg, cause) = (self.describe(dg), self.describe(&self.expected[cause].dg));
                let what = format!("{} heard {dg} before its cause {cause}", ear.name);
                return Err(Violation::new("causality", what));
            }
        }
        let missing = open.values().flatten().find(|&&nth| !self.expected[nth].optional);
        match missing {
            Some(&nth) => {
                let what =
                    format!("{} did not hear {}", ear.name, self.describe(&self.expected[nth].dg));
                Err(Violation::new("all that is to be said is said", what))
            }
            None => Ok(()),
        }
    }

    fn describe(&self, dg: &Dg) -> String {
        dg.describe(self.dialect)
    }

    /// What is still open and like `dg`, to help a reader.
    fn near(&self, open: &BTreeMap<&Dg, VecDeque<usize>>, dg: &Dg) -> String {
        let alike = |other: &&&Dg| other.msgtype == dg.msgtype && other.sender == dg.sender;
        let left = open.iter().filter(|(_, left)| !left.is_empty()).map(|(dg, _)| dg);
        let alike = left.filter(alike).take(2);
        alike.map(|other| format!("; still open: {}", self.describe(other))).collect()
    }
}

/// What one observer has heard.
#[derive(Default)]
struct Listener {
    had: Vec<bool>,
    last: BTreeMap<Order, usize>,
    ranks: BTreeMap<usize, u8>,
}

impl Listener {
    fn hear(&mut self, nth: usize, expected: &Expected) -> Result<(), (&'static str, String)> {
        self.had[nth] = true;
        let last = self.last.entry(expected.order).or_default();
        if *last > nth {
            return Err(("first in, first out", format!("too late: {:?}", expected.order)));
        }
        *last = nth;
        if let Some((request, rank)) = expected.rank {
            let highest = self.ranks.entry(request).or_default();
            if *highest > rank {
                return Err(("counts come first, and DONE last", String::new()));
            }
            *highest = rank;
        }
        Ok(())
    }
}
