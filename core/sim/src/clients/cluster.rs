//! What the actors of the cluster know to be so: which objects they made and whose they are, what
//! they granted, and what they must hear.

use std::collections::{BTreeMap, BTreeSet};

/// An object that an actor made. Only that actor deletes it, and says whose it is.
#[derive(Clone, Debug)]
pub struct Thing {
    /// Who made it.
    pub actor: usize,
    /// Whether it was not deleted since.
    pub is_made: bool,
    /// The client that owns it.
    pub owner: Option<usize>,
    /// The client with whose session it ends.
    pub session: Option<usize>,
}

/// A post-remove: of whose session it is, and how often it was heard.
#[derive(Clone, Debug)]
pub struct PostRemove {
    /// Which client.
    pub client: usize,
    /// How often it was heard.
    pub heard: u32,
}

/// What the actors know.
#[derive(Default)]
pub struct Cluster {
    /// All objects that ever were.
    pub things: BTreeMap<u32, Thing>,
    /// Post-removes, by what is in them.
    pub post_removes: BTreeMap<u32, PostRemove>,
    /// Interests that were said to be done, by client.
    pub interests_done: BTreeMap<usize, u32>,
    /// Contexts of questions about clients that wait for an answer, and about whom.
    pub questions: BTreeMap<u32, usize>,
    /// Who was let in.
    pub welcomed: BTreeSet<usize>,
    /// The id of the next object.
    pub next_id: u32,
    /// The next context or number of a post-remove.
    pub next_number: u32,
}

impl Cluster {
    /// A number that was not used before.
    pub fn number(&mut self) -> u32 {
        self.next_number += 1;
        self.next_number
    }
}
