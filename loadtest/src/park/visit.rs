//! A visit of one part of the crowd: all come, walk about for a time, stand still until everybody
//! sees what there is, say something once more, and go.

use super::crowd::{Crowd, Stage};
use super::measures::{Counts, Latencies};
use super::session::Session;
use super::sight::Complaint;
use super::stamp::now_ns;
use crate::faults::{Fault, Faults};
use crate::run::CpuTime;
use anyhow::Result;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// So long nothing must have been heard before what is seen is compared.
const SILENCE: Duration = Duration::from_millis(50);

/// How far a visit is.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// All come.
    Arriving,
    /// All walk about: what is measured.
    Walking,
    /// All stand still, and what they see is compared with what there is.
    Checking,
    /// All go.
    Leaving,
}

impl Phase {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Phase::Arriving => "arriving",
            Phase::Walking => "walking",
            Phase::Checking => "checking",
            Phase::Leaving => "leaving",
        }
    }
}

/// What one part found out.
#[derive(Serialize, Deserialize)]
pub(crate) struct Findings {
    /// While all walked about.
    pub(crate) seconds: f64,
    pub(crate) counts: Counts,
    pub(crate) generator_cpu_ns: u64,
    /// How long it took until all were in.
    pub(crate) arriving_seconds: f64,
    /// Visitors that were in then.
    pub(crate) arrived: u64,
    pub(crate) npcs: u64,
    /// Objects that all visitors saw at the end, each counted.
    pub(crate) seen: u64,
    pub(crate) latencies: Latencies,
    pub(crate) faults: Faults,
}

/// Whether the next phase may begin; asked again and again, with the present phase at its end.
pub(crate) type Gatekeeper<'g> = &'g mut dyn FnMut(Phase) -> bool;

/// Carries a visit out. Each phase begins when `may_begin` says so.
pub(crate) fn visit(session: &mut Session<'_>, may_begin: Gatekeeper<'_>) -> Result<Findings> {
    session.set_up()?;
    let began = now_ns();
    session.crowd.invite_all();
    session.crowd.wake_npcs(began);
    let all = session.crowd.visitors.len() as u32;
    session.wait(|crowd| crowd.present == all || crowd.counts.logins >= u64::from(all))?;
    let arriving_seconds = seconds_since(began);
    let arrived = u64::from(session.crowd.present);
    note_absent(&mut session.crowd);
    hold(session, Phase::Walking, may_begin)?;
    let (began, cpu, before) = (now_ns(), CpuTime::now(None)?, session.crowd.counts);
    let Latencies { login: _, interest, update } = &mut session.crowd.latencies;
    [interest, update].into_iter().for_each(Histogram::reset);
    session.turn_for(session.plan.duration)?;
    let seconds = seconds_since(began);
    let counts = session.crowd.counts.since(&before);
    let generator_cpu_ns = CpuTime::now(None)?.since(cpu).generator_ns;
    let latencies = session.crowd.latencies.clone();
    hold(session, Phase::Checking, may_begin)?;
    check(session)?;
    let (npcs, seen) = (session.crowd.npcs.len() as u64, session.crowd.seen() as u64);
    hold(session, Phase::Leaving, may_begin)?;
    leave(session)?;
    Ok(Findings {
        seconds,
        counts,
        generator_cpu_ns,
        arriving_seconds,
        arrived,
        npcs,
        seen,
        latencies,
        faults: std::mem::take(&mut session.crowd.faults),
    })
}

fn seconds_since(began: u64) -> f64 {
    now_ns().saturating_sub(began) as f64 / 1e9
}

/// Goes on until the others are as far.
fn hold(session: &mut Session<'_>, next: Phase, may_begin: Gatekeeper<'_>) -> Result<()> {
    while !may_begin(next) {
        session.turn()?;
    }
    Ok(())
}

fn note_absent(crowd: &mut Crowd) {
    let all = crowd.visitors.len() as u64;
    if crowd.counts.logins < all {
        let (missing, asking) = (all - crowd.counts.logins, crowd.count(Stage::Asking));
        let refused = crowd.counts.refused;
        crowd.faults.note(Fault::Lost, missing, || {
            format!(
                "{missing} of {all} visitors did not come in; {asking} wait at the gate, {refused} \
                 were sent away"
            )
        });
    }
}

/// Lets all come to rest, compares, lets each say something that comes after whatever may come
/// twice, and compares again.
fn check(session: &mut Session<'_>) -> Result<()> {
    session.crowd.agenda.close();
    if !session.wait(Crowd::is_calm)? {
        note_busy(&mut session.crowd);
    }
    if !compare(session)? {
        return Ok(());
    }
    let now = now_ns();
    for visitor in 0..session.crowd.visitors.len() as u32 {
        if session.crowd.visitors[visitor as usize].stage == Stage::Present {
            session.crowd.update(visitor, now);
        }
    }
    (0..session.crowd.npcs.len() as u32).for_each(|npc| session.crowd.update_npc(npc, now));
    compare(session).map(drop)
}

fn note_busy(crowd: &mut Crowd) {
    for (visitor, what) in crowd.unfinished() {
        let complaint = Complaint { fault: Fault::Lost, count: 1, what: what.into() };
        crowd.complain(visitor, complaint, now_ns());
    }
}

/// Waits until everybody sees what there is; false, with what is different, if that does not come.
fn compare(session: &mut Session<'_>) -> Result<bool> {
    let mut compared = None;
    loop {
        session.turn()?;
        let silence = session.silence();
        if silence < SILENCE {
            continue;
        }
        if compared != Some(session.crowd.heard) {
            compared = Some(session.crowd.heard);
            let differences = session.crowd.differences();
            if differences.is_empty() {
                return Ok(true);
            }
        }
        if silence >= session.plan.patience {
            break;
        }
    }
    let now = now_ns();
    for (visitor, complaint) in session.crowd.differences() {
        session.crowd.complain(visitor, complaint, now);
    }
    Ok(false)
}

fn leave(session: &mut Session<'_>) -> Result<()> {
    for visitor in 0..session.crowd.visitors.len() as u32 {
        if session.crowd.visitors[visitor as usize].stage == Stage::Present {
            session.crowd.say_goodbye(visitor);
        }
    }
    if !session.wait(|crowd| crowd.count(Stage::Departing) == 0)? {
        let left = session.crowd.count(Stage::Departing);
        session.crowd.faults.note(Fault::Lost, left as u64, || {
            format!("{left} connections were not closed after CLIENT_DISCONNECT")
        });
        session.close_departed();
    }
    session.crowd.delete_npcs();
    session.flush_ais()
}
