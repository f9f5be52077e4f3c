//! What the cluster granted a client: objects that it declared, and objects of the session. Most
//! clients have none, those that do have few.

use super::OverLimit;
use alloc::boxed::Box;
use alloc::vec::Vec;
use wire::ids::{ClassId, DoId};

/// Objects that were declared, and objects of the session.
#[derive(Default)]
pub(super) struct Granted(Option<Box<Lists>>);

/// Each ascending.
#[derive(Default)]
struct Lists {
    declared: Vec<(DoId, ClassId)>,
    session: Vec<DoId>,
}

impl Granted {
    pub fn declare(&mut self, most: usize, do_id: DoId, of: ClassId) -> Result<(), OverLimit> {
        let declared = &mut self.0.get_or_insert_default().declared;
        match declared.binary_search_by_key(&do_id, |&(do_id, _)| do_id) {
            Ok(at) => declared[at].1 = of,
            Err(_) if declared.len() >= most => return Err(OverLimit::Granted),
            Err(at) => declared.insert(at, (do_id, of)),
        }
        Ok(())
    }

    pub fn undeclare(&mut self, do_id: DoId) {
        if let Some(lists) = &mut self.0 {
            lists.declared.retain(|&(declared, _)| declared != do_id);
        }
        self.tidy();
    }

    pub fn declared(&self, do_id: DoId) -> Option<ClassId> {
        let declared = &self.0.as_ref()?.declared;
        let at = declared.binary_search_by_key(&do_id, |&(do_id, _)| do_id).ok()?;
        Some(declared[at].1)
    }

    pub fn add_session_object(&mut self, most: usize, do_id: DoId) -> Result<(), OverLimit> {
        let session = &mut self.0.get_or_insert_default().session;
        match session.binary_search(&do_id) {
            Ok(_) => Ok(()),
            Err(_) if session.len() >= most => Err(OverLimit::Granted),
            Err(at) => {
                session.insert(at, do_id);
                Ok(())
            }
        }
    }

    /// Whether it was one.
    pub fn remove_session_object(&mut self, do_id: DoId) -> bool {
        let was_one = self.is_of_session(do_id);
        if let Some(lists) = self.0.as_mut().filter(|_| was_one) {
            lists.session.retain(|&other| other != do_id);
        }
        self.tidy();
        was_one
    }

    pub fn is_of_session(&self, do_id: DoId) -> bool {
        self.session_objects().binary_search(&do_id).is_ok()
    }

    /// Ascending.
    pub fn session_objects(&self) -> &[DoId] {
        self.0.as_ref().map_or(&[], |lists| &lists.session)
    }

    fn tidy(&mut self) {
        self.0.take_if(|lists| lists.declared.is_empty() && lists.session.is_empty());
    }
}
