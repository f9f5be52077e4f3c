//! Two State Servers in two daemons: what one says, the other hears. A parent in one of them has
//! children in the other.

use crate::objects::datagram::Dg;
use crate::objects::model::{Model, Outcome};
use std::collections::VecDeque;

/// The State Servers of a run: one or two.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Each as it should be.
    pub servers: Vec<Model>,
}

impl Cluster {
    /// All objects in one, to draw requests from.
    pub fn merged(&self) -> Model {
        let mut all = self.servers[0].clone();
        for server in &self.servers[1..] {
            all.objects.extend(server.objects.clone());
        }
        all
    }

    /// Whether an object lives.
    pub fn lives(&self, id: u32) -> bool {
        self.servers.iter().any(|server| server.objects.contains_key(&id))
    }

    /// A count, of all servers.
    pub fn total(&self, count: impl Fn(&Model) -> u64) -> u64 {
        self.servers.iter().map(count).sum()
    }

    /// All servers hear `dg`, and then what each other says of it.
    pub fn hear(&mut self, dg: &Dg) -> Outcome {
        let mut all = Outcome::default();
        let mut open = VecDeque::from([(None, 0, dg.clone())]);
        while let Some((by, root, dg)) = open.pop_front() {
            self.exchange_places();
            for (at, server) in self.servers.iter_mut().enumerate() {
                if by == Some(at) {
                    continue;
                }
                let mut outcome = server.hear(&dg);
                if root != 0 {
                    outcome.said.iter_mut().for_each(|said| said.root = root);
                }
                all.refused.0 += outcome.refused.0;
                all.refused.1 += outcome.refused.1;
                let said = outcome.said.iter();
                open.extend(said.map(|said| (Some(at), said.by, said.dg.clone())));
                all.said.extend(outcome.said);
            }
        }
        all
    }

    /// Each knows where the objects of the other are.
    fn exchange_places(&mut self) {
        let [one, other] = &mut self.servers[..] else { return };
        let (of_one, of_other) = (one.places(), other.places());
        one.know_places(of_other);
        other.know_places(of_one);
    }
}
