//! LOCATEs that have been sent: each is to be answered once, and from where the object is. An
//! answer shows that what the same AI sent before, to the same shard, has been done.

use std::collections::BTreeMap;
use wire::ids::DoId;
use wire::state_server::Location;

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) do_id: DoId,
    pub(crate) location: Location,
    /// Operations that the answer shows to be done.
    pub(crate) operations: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Questions {
    open: BTreeMap<u32, Question>,
    asked: u32,
    /// Operations of open questions and of those yet to be asked.
    pub(crate) unanswered: u64,
}

impl Questions {
    /// Takes note of a question and returns its context.
    pub(crate) fn ask(&mut self, question: Question) -> u32 {
        let context = self.asked;
        self.asked = self.asked.wrapping_add(1);
        self.open.insert(context, question);
        context
    }

    pub(crate) fn is_open(&self, context: u32) -> bool {
        self.open.contains_key(&context)
    }

    pub(crate) fn open(&self) -> usize {
        self.open.len()
    }

    /// Nobody is to answer any more.
    pub(crate) fn withdraw(&mut self, context: u32) {
        self.open.remove(&context);
    }

    /// Whether the answer is one to an open question, and true; if not, what is wrong.
    pub(crate) fn answered(
        &mut self,
        context: u32,
        do_id: DoId,
        location: Location,
    ) -> Result<(), String> {
        let Some(question) = self.open.remove(&context) else {
            return Err(format!("object {do_id} answers LOCATE {context}, which is not open"));
        };
        self.unanswered -= u64::from(question.operations);
        if (question.do_id, question.location) == (do_id, location) {
            return Ok(());
        }
        let Location { parent, zone } = location;
        let Question { do_id: asked, location: wanted, .. } = question;
        Err(format!(
            "object {do_id} says it is at ({parent}, {zone}); asked was object {asked}, which is \
             at ({}, {})",
            wanted.parent, wanted.zone
        ))
    }
}
