//! The order of things: all stores do the same, in turn, round by round.
//!
//! Load, read, commit single objects, open; then three updates per object; half as many creates as there
//! are objects, among as many updates; and the same questions again. Whoever is not measured rests
//! meanwhile.

use crate::engine::{Alone, Engine, Kind};
use crate::figures::{Figures, Row};
use crate::floor::Floor;
use crate::objects::{Model, Object};
use crate::place::{self, Pinned};
use crate::scale::Scale;
use crate::{kill, quiet};
use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Objects per commit: those of 64 clients that wait.
const BATCH: usize = 64;
/// The slowest commit that can be told from slower ones.
const MOST_NS: u64 = 60_000_000_000;
/// Commits of single objects between two samples of their ratio to the floor.
const SINGLES: usize = 50;

pub struct Session {
    scale: Scale,
    runs: Vec<Run>,
    floor: Floor,
    pub figures: Figures,
    /// What must be known to read the figures.
    pub remarks: Vec<String>,
}

/// One store.
struct Run {
    kind: Kind,
    folder: PathBuf,
    engine: Option<Box<dyn Engine>>,
    model: Model,
}

impl Session {
    pub fn new(folder: &Path, kinds: &[Kind], scale: Scale) -> Result<Session> {
        let run = |kind: &Kind| -> Result<Run> {
            let folder = folder.join(kind.name());
            std::fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
            let engine = Some(kind.open(&folder, scale)?);
            Ok(Run { kind: *kind, folder, engine, model: Model::new() })
        };
        let runs = kinds.iter().map(run).collect::<Result<_>>()?;
        let (floor, figures) = (Floor::new(folder)?, Figures::default());
        Ok(Session { scale, runs, floor, figures, remarks: Vec::new() })
    }

    pub fn run(&mut self) -> Result<()> {
        let rounds = self.scale.rounds;
        let commits = self.scale.objects / rounds / BATCH;
        self.in_turn("load", rounds, |turn| turn.load(commits))?;
        self.in_turn("disk", 1, |turn| turn.disk(Row::DiskFresh))?;
        self.in_turn("read", rounds, |turn| turn.read(Row::Reads))?;
        self.in_turn("single commits", self.scale.singles / SINGLES, |turn| turn.single())?;
        self.in_turn("open", rounds, |turn| turn.open(Row::Open))?;
        self.in_turn("open after a kill", rounds, |turn| turn.open_killed(Row::OpenKilled))?;
        let commits = self.scale.updates / rounds / BATCH;
        self.in_turn("update", rounds, |turn| turn.update(commits))?;
        let commits = self.scale.objects / 2 / rounds / BATCH;
        self.in_turn("create and update", rounds, |turn| turn.create_among_updates(commits))?;
        self.in_turn("disk", 1, |turn| turn.disk(Row::DiskAfter))?;
        self.in_turn("read", rounds, |turn| turn.read(Row::ReadsAfter))?;
        self.in_turn("open", rounds, |turn| turn.open(Row::OpenAfter))?;
        self.in_turn("open after a kill", rounds, |turn| turn.open_killed(Row::OpenKilledAfter))?;
        self.in_turn("check all", 1, |turn| turn.check_all())
    }

    fn in_turn(
        &mut self,
        what: &str,
        rounds: usize,
        mut act: impl FnMut(&mut Turn<'_>) -> Result<()>,
    ) -> Result<()> {
        for round in 1..=rounds {
            for run in &mut self.runs {
                let name = run.kind.name();
                eprintln!("{what}, round {round} of {rounds}: {name}");
                if !quiet::wait(self.scale.patience) {
                    self.remarks.push(format!("before {what} of {name} not all were at rest"));
                }
                let (scale, floor) = (self.scale, &mut self.floor);
                let (figures, remarks) = (&mut self.figures, &mut self.remarks);
                let mut turn = Turn { scale, run, floor, figures, remarks };
                act(&mut turn).with_context(|| format!("{name}, {what}, round {round}"))?;
            }
        }
        Ok(())
    }
}

/// One store's turn.
struct Turn<'a> {
    scale: Scale,
    run: &'a mut Run,
    floor: &'a mut Floor,
    figures: &'a mut Figures,
    remarks: &'a mut Vec<String>,
}

impl Turn<'_> {
    fn load(&mut self, commits: usize) -> Result<()> {
        let times = self.commits(commits, Model::create)?;
        self.note(Row::Creates, times.per_second(), None);
        self.note_latency(Row::CommitMedian, &times, 0.5);
        self.note_latency(Row::Commit99, &times, 0.99);
        Ok(())
    }

    fn update(&mut self, commits: usize) -> Result<()> {
        let moved = self.moved();
        let times = self.commits(commits, Model::update)?;
        self.note(Row::Updates, times.per_second(), None);
        self.note_latency(Row::UpdateMedian, &times, 0.5);
        self.note_latency(Row::Update99, &times, 0.99);
        self.note_latency(Row::UpdateMost, &times, 1.0);
        self.remark_moved("updates", moved);
        Ok(())
    }

    fn create_among_updates(&mut self, commits: usize) -> Result<()> {
        let moved = self.moved();
        let _core = self.run.pinned()?;
        let mut times = Times::new();
        for _ in 0..commits {
            let updates = self.run.model.update(BATCH);
            self.run.commit(&updates)?;
            let creates = self.run.model.create(BATCH);
            times.engine(self.run.commit(&creates)?);
        }
        self.note(Row::CreatesAmongUpdates, times.per_second(), None);
        self.remark_moved("creates among updates", moved);
        Ok(())
    }

    fn single(&mut self) -> Result<()> {
        let core = self.run.pinned()?;
        let mut times = Times::new();
        for _ in 0..SINGLES {
            let object = self.run.model.create(1);
            times.engine(self.run.commit(&object)?);
            times.floor(self.floor.write(object[0].value.to_vec())?);
        }
        self.note_latency(Row::Single, &times, 0.5);
        drop(core);
        if self.run.kind == Kind::Ours { self.single_alone() } else { Ok(()) }
    }

    /// In a store of its own, by the thread that has the part.
    fn single_alone(&mut self) -> Result<()> {
        let beside = self.run.folder.parent().context("a store lies in the folder of the run")?;
        let folder = tempfile::tempdir_in(beside)?;
        let mut alone = Alone::open(folder.path(), self.scale)?;
        let (mut model, mut times) = (Model::new(), Times::new());
        alone.settle();
        for _ in 0..SINGLES {
            let object = model.create(1);
            let began = Instant::now();
            alone.commit(&object)?;
            times.engine(began.elapsed());
            times.floor(self.floor.write(object[0].value.to_vec())?);
        }
        self.note_latency(Row::SingleAlone, &times, 0.5);
        Ok(())
    }

    fn read(&mut self, row: Row) -> Result<()> {
        let _core = self.run.pinned()?;
        let ids = self.run.model.pick(self.scale.reads);
        let took = self.run.read(&ids)?;
        self.note(row, ids.len() as f64 / took.as_secs_f64(), None);
        Ok(())
    }

    fn check_all(&mut self) -> Result<()> {
        let ids = self.run.model.ids();
        self.run.read(&ids)?;
        Ok(())
    }

    fn open(&mut self, row: Row) -> Result<()> {
        self.run.close()?;
        self.time_open(row)
    }

    fn open_killed(&mut self, row: Row) -> Result<()> {
        self.run.close()?;
        let before = self.run.model.len();
        kill::kill(self.run.kind, &self.run.folder, self.scale, &mut self.run.model)?;
        self.time_open(row)?;
        let created: Vec<u32> = self.run.model.ids().split_off(before);
        self.run.read(&created).map(drop)
    }

    /// To the first read, as some put work off until then.
    fn time_open(&mut self, row: Row) -> Result<()> {
        let ids = self.run.model.pick(1);
        let began = Instant::now();
        self.run.engine = Some(self.run.kind.open(&self.run.folder, self.scale)?);
        self.run.read(&ids)?;
        self.note(row, began.elapsed().as_secs_f64() * 1e3, None);
        Ok(())
    }

    /// Of the closed store: what an open one reserves beside its objects does not grow with them.
    fn disk(&mut self, row: Row) -> Result<()> {
        self.run.close()?;
        let bytes = place::disk_bytes(&self.run.folder)?;
        self.run.engine = Some(self.run.kind.open(&self.run.folder, self.scale)?);
        self.note(row, bytes as f64 / self.run.model.len() as f64, None);
        Ok(())
    }

    /// Commits of 64 objects, each followed by as many bytes of the floor.
    fn commits(
        &mut self,
        count: usize,
        next: impl Fn(&mut Model, usize) -> Vec<Object>,
    ) -> Result<Times> {
        let _core = self.run.pinned()?;
        let mut times = Times::new();
        for _ in 0..count {
            let objects = next(&mut self.run.model, BATCH);
            let bytes: Vec<u8> = objects.iter().flat_map(|object| object.value).collect();
            times.engine(self.run.commit(&objects)?);
            times.floor(self.floor.write(bytes)?);
        }
        Ok(times)
    }

    fn note(&mut self, row: Row, value: f64, floor: Option<f64>) {
        self.figures.add(row, self.run.kind, value, floor);
    }

    fn note_latency(&mut self, row: Row, times: &Times, quantile: f64) {
        let us = |times: &Histogram<u64>| times.value_at_quantile(quantile) as f64 / 1e3;
        self.note(row, us(&times.engine), Some(us(&times.floor)));
    }

    fn moved(&self) -> Option<u64> {
        self.run.engine.as_ref().and_then(|engine| engine.moved_bytes())
    }

    fn remark_moved(&mut self, during: &str, before: Option<u64>) {
        if let (Some(before), Some(now)) = (before, self.moved()) {
            let (name, mib) = (self.run.kind.name(), (now - before) >> 20);
            self.remarks.push(format!("{name} moved {mib} MiB during a round of {during}"));
        }
    }
}

impl Run {
    fn engine(&mut self) -> Result<&mut Box<dyn Engine>> {
        self.engine.as_mut().context("the store is not open")
    }

    /// While it is used.
    fn pinned(&mut self) -> Result<Option<Pinned>> {
        self.engine()?.core().map(Pinned::to).transpose()
    }

    fn commit(&mut self, objects: &[Object]) -> Result<Duration> {
        let engine = self.engine()?;
        let began = Instant::now();
        engine.commit(objects)?;
        Ok(began.elapsed())
    }

    fn read(&mut self, ids: &[u32]) -> Result<Duration> {
        let engine = self.engine.as_mut().context("the store is not open")?;
        let mut check = self.model.check();
        let began = Instant::now();
        engine.read(ids, &mut check)?;
        let took = began.elapsed();
        check.end(ids.len())?;
        Ok(took)
    }

    fn close(&mut self) -> Result<()> {
        let engine = self.engine.take();
        ensure!(engine.is_some(), "the store is not open");
        engine.map_or(Ok(()), |engine| engine.close())
    }
}

/// How long commits took, in ns, and the floor's writes between them.
struct Times {
    engine: Histogram<u64>,
    floor: Histogram<u64>,
    sum: Duration,
}

impl Times {
    fn new() -> Times {
        let empty = || Histogram::new_with_bounds(1, MOST_NS, 3).expect("these are bounds");
        Times { engine: empty(), floor: empty(), sum: Duration::ZERO }
    }

    fn engine(&mut self, took: Duration) {
        self.engine.saturating_record(took.as_nanos() as u64);
        self.sum += took;
    }

    fn floor(&mut self, took: Duration) {
        self.floor.saturating_record(took.as_nanos() as u64);
    }

    /// Objects, in batches of 64.
    fn per_second(&self) -> f64 {
        (self.engine.len() as usize * BATCH) as f64 / self.sum.as_secs_f64()
    }
}
