//! The objects that a client saw or owned last and does not any more: what it still says to them
//! was on its way, and is no offence.

use alloc::boxed::Box;
use alloc::vec::Vec;
use wire::ids::DoId;

/// How many are remembered.
const REMEMBERED_MAX: usize = 1024;

/// The last objects that went out of sight.
#[derive(Default)]
pub(super) struct Past(Option<Box<Ring>>);

#[derive(Default)]
struct Ring {
    ids: Vec<DoId>,
    /// Where the oldest stands, once there are as many as there may be.
    oldest: usize,
}

impl Past {
    pub fn add(&mut self, do_id: DoId) {
        let Ring { ids, oldest } = &mut **self.0.get_or_insert_default();
        if ids.len() < REMEMBERED_MAX {
            return ids.push(do_id);
        }
        ids[*oldest] = do_id;
        *oldest = (*oldest + 1) % REMEMBERED_MAX;
    }

    pub fn contains(&self, do_id: DoId) -> bool {
        self.0.as_ref().is_some_and(|ring| ring.ids.contains(&do_id))
    }
}
