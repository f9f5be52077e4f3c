//! The answer to a query of a class, put together from what all instances have found.

use crate::Database;
use crate::refusal::{Refusal, Request};
use crate::told::QueryId;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use runtime::{Outbox, ShardId};
use wire::database::DatabaseNotice;
use wire::ids::DoId;
use wire::lists::DoIds;

/// The most objects that an answer names: a datagram holds little more.
pub const FOUND_MAX: usize = 16_000;

/// Answers that are not whole yet. Of those that are the same, what comes first goes to the first.
#[derive(Default)]
pub struct Gathers(BTreeMap<QueryId, VecDeque<Gather>>);

/// What has come of an answer.
#[derive(Default)]
struct Gather {
    /// From which shards, a bit each.
    shards: u64,
    refused: bool,
    more: bool,
    do_ids: Vec<DoId>,
}

impl Gathers {
    /// Adds what a shard has found; the whole answer, if it is.
    fn add(
        &mut self,
        query: QueryId,
        from: ShardId,
        shards: usize,
        (refused, more, do_ids): (bool, bool, DoIds<'_>),
    ) -> Option<Gather> {
        let bit = 1 << from.0;
        let queue = self.0.entry(query).or_default();
        let open = queue.iter().position(|gather| gather.shards & bit == 0);
        let at = open.unwrap_or_else(|| {
            queue.push_back(Gather::default());
            queue.len() - 1
        });
        let gather = &mut queue[at];
        gather.shards |= bit;
        gather.refused |= refused;
        gather.more |= more;
        gather.do_ids.extend(do_ids.iter());
        if gather.shards.count_ones() as usize != shards {
            return None;
        }
        let whole = queue.remove(at);
        if queue.is_empty() {
            self.0.remove(&query);
        }
        whole
    }
}

impl Database {
    /// An instance has done its part of a query.
    pub(crate) fn gather(
        &mut self,
        from: ShardId,
        query: QueryId,
        found: (bool, bool, DoIds<'_>),
        out: &mut Outbox,
    ) {
        let Some(gather) = self.gathers.add(query, from, out.shards(), found) else { return };
        let Gather { refused, more, mut do_ids, .. } = gather;
        do_ids.sort_unstable();
        if more || do_ids.len() > FOUND_MAX {
            let bytes = 4 * (do_ids.len() + usize::from(more));
            let what = "a part of SelectQuery";
            let request = Request { what, do_id: DoId(0), sender: query.asker };
            Refusal::AnswerTooBig(bytes).note(out, &request);
            do_ids.truncate(FOUND_MAX);
        }
        // A part of it is not what was asked for.
        if refused {
            do_ids.clear();
        }
        let bytes: Vec<[u8; 4]> = do_ids.iter().map(|do_id| do_id.0.to_le_bytes()).collect();
        let (context, do_ids) = (query.context, DoIds(&bytes));
        let notice = DatabaseNotice::SelectQueryResp { context, do_ids };
        let said = self.say(&notice, query.asker, out);
        said.expect("so many ids fit in a datagram");
    }
}
