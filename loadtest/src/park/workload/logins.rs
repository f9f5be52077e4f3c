//! Clients that come in and are cut off at once, again and again: connect, HELLO, login at the
//! tester's gate, an avatar, and a reset, after which the server deletes the avatar.

use super::super::stamp::now_ns;
use super::cast::Deaf;
use super::result::{Measured, Meter};
use super::stage::{Patience, Stage};
use anyhow::Result;
use std::time::Duration;

const NAP: Duration = Duration::from_millis(5);

/// Counts logins for a time.
pub(crate) fn log_in(stage: &mut Stage<'_>) -> Result<Measured> {
    (0..stage.cast.clients()).for_each(|client| stage.cast.invite(client));
    come_and_go(stage, stage.plan.warm_up())?;
    let (meter, before) = (Meter::start(stage.server)?, stage.cast.logins);
    come_and_go(stage, stage.plan.duration)?;
    meter.stop(stage.cast.logins - before)
}

fn come_and_go(stage: &mut Stage<'_>, time: Duration) -> Result<()> {
    let end = now_ns() + time.as_nanos() as u64;
    let (before, mut patience) = (stage.cast.logins, Patience::new(stage));
    while now_ns() < end || stage.cast.logins == before {
        stage.turn(&mut Deaf, NAP)?;
        patience.check(stage, "clients are not let in")?;
        for client in std::mem::take(&mut stage.cast.came_in) {
            stage.cast.throw_out(client);
            stage.cast.invite(client);
        }
    }
    Ok(())
}
