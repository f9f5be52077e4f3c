//! Clients that come in and do nothing: the server's memory for each, without and with a zone open.

use super::cast::{Cast, Hearing};
use super::interests::{TO_EACH_ZONE, make_children};
use super::stage::Stage;
use anyhow::Result;
use wire::client::ToClient;
use wire::ids::Zone;

/// Growth of the server's resident memory, in bytes.
pub(crate) struct Growth {
    /// By all clients once they are in.
    pub(crate) inside: u64,
    /// By all of them once each sees a zone as well.
    pub(crate) seeing: u64,
}

/// Lets all clients in, then lets each see a zone of some objects.
pub(crate) fn idle(stage: &mut Stage<'_>) -> Result<Growth> {
    make_children(stage, TO_EACH_ZONE)?;
    let before = stage.server.settled_rss()?;
    stage.let_all_in()?;
    let inside = stage.server.settled_rss()?;
    let zone = Zone(stage.plan.scenario.first_zone);
    (0..stage.cast.clients()).for_each(|client| stage.cast.open(client, 1, zone));
    let mut answers = Answers(0);
    stage.wait(&mut answers, "zones are not shown", |cast, seen| seen.0 == cast.clients())?;
    let seeing = stage.server.settled_rss()?;
    let growth = |after: u64| after.saturating_sub(before);
    Ok(Growth { inside: growth(inside), seeing: growth(seeing) })
}

struct Answers(u32);

impl Hearing for Answers {
    fn hear(&mut self, _: u32, message: &ToClient<'_>, _: u64, _: &mut Cast) {
        self.0 += u32::from(matches!(message, ToClient::DoneInterestResp { .. }));
    }
}
