//! A run in several processes: each is this program again, with the same arguments and its part.
//! They say what they have found, a line of JSON each time; they are told on their input when the
//! next phase begins.

use super::crowd::Crowd;
use super::overview::Overview;
use super::part::Part;
use super::plan::ParkPlan;
use super::session::Session;
use super::stamp::now_ns;
use super::timeline::{Level, STEP};
use super::visit::{Findings, Phase, visit};
use crate::holder::raise_descriptors;
use crate::run::pin;
use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Write, stdin, stdout};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// Between two looks at the whole.
const LOOK: Duration = Duration::from_millis(100);

/// What a part says.
#[derive(Serialize, Deserialize)]
enum Word {
    /// How far it is.
    Level(Level),
    /// It has come to where this phase begins.
    Ready(Phase),
    Done(Box<Findings>),
    Failed(String),
}

/// Carries all parts out; returns what they have found.
pub(crate) fn all(plan: &ParkPlan, overview: &mut Overview<'_>) -> Result<Vec<Findings>> {
    let (words, heard) = mpsc::channel();
    let mut company = Company { parts: Vec::new(), heard };
    for index in 0..plan.processes {
        let part = Part { index, of: plan.processes };
        company.parts.push(Member::start(plan, part, words.clone())?);
    }
    drop(words);
    company.lead(overview)
}

struct Company {
    parts: Vec<Member>,
    heard: Receiver<(u32, Word)>,
}

struct Member {
    process: Child,
    input: Option<ChildStdin>,
    level: Level,
    ready: Option<Phase>,
    findings: Option<Findings>,
}

impl Company {
    fn lead(&mut self, overview: &mut Overview<'_>) -> Result<Vec<Findings>> {
        loop {
            match self.heard.recv_timeout(LOOK) {
                Ok((index, word)) => self.hear(index, word)?,
                Err(RecvTimeoutError::Timeout) => (),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let levels = self.parts.iter().map(|part| part.level);
            overview.look(now_ns(), || levels.fold(Level::default(), Level::and));
            let next = self.parts.first().and_then(|part| part.ready);
            if let Some(next) = next.filter(|_| self.parts.iter().all(|part| part.ready == next)) {
                overview.begin(next);
                self.parts.iter_mut().try_for_each(Member::go_on)?;
            }
        }
        self.parts.iter_mut().map(Member::end).collect()
    }

    fn hear(&mut self, index: u32, word: Word) -> Result<()> {
        let part = &mut self.parts[index as usize];
        match word {
            Word::Level(level) => part.level = level,
            Word::Ready(next) => part.ready = Some(next),
            Word::Done(findings) => part.findings = Some(*findings),
            Word::Failed(why) => bail!("part {index} of the run: {why}"),
        }
        Ok(())
    }
}

/// Whoever is left is not let go on.
impl Drop for Company {
    fn drop(&mut self) {
        for part in &mut self.parts {
            part.input = None;
            // It may have ended by itself.
            part.process.kill().unwrap_or_default();
            part.process.wait().map(drop).unwrap_or_default();
        }
    }
}

impl Member {
    fn start(plan: &ParkPlan, part: Part, words: Sender<(u32, Word)>) -> Result<Member> {
        let program = std::env::current_exe().context("which program this is")?;
        let mut process = Command::new(plan.program.as_ref().unwrap_or(&program))
            .args(&plan.arguments)
            .args(["--part", &format!("{}/{}", part.index, part.of)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting a part of the run")?;
        let Some(out) = process.stdout.take() else { bail!("a part without output") };
        thread::spawn(move || {
            for line in BufReader::new(out).lines() {
                let word = line.map_err(anyhow::Error::from).and_then(|line| read(&line));
                let word = word.unwrap_or_else(|error| Word::Failed(format!("{error:#}")));
                // Nobody listens only if the run is over.
                words.send((part.index, word)).unwrap_or_default();
            }
        });
        let input = process.stdin.take();
        Ok(Member { process, input, level: Level::default(), ready: None, findings: None })
    }

    fn go_on(&mut self) -> Result<()> {
        self.ready = None;
        let Some(input) = &mut self.input else { return Ok(()) };
        input.write_all(b"go on\n").context("a part of the run is gone")
    }

    fn end(&mut self) -> Result<Findings> {
        self.input = None;
        let status = self.process.wait()?;
        self.findings.take().ok_or_else(|| anyhow!("a part of the run ended early: {status}"))
    }
}

fn read(line: &str) -> Result<Word> {
    serde_json::from_str(line).with_context(|| format!("a part said {line}"))
}

/// Is one part of a run: says what it has found on the standard output.
pub fn serve_park_part(plan: &ParkPlan, part: Part) -> Result<()> {
    raise_descriptors()?;
    pin(plan.cpu)?;
    let word = match carry_out(plan, part) {
        Ok(findings) => Word::Done(Box::new(findings)),
        Err(error) => Word::Failed(format!("{error:#}")),
    };
    say(&word)
}

fn say(word: &Word) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{}", serde_json::to_string(word)?)?;
    Ok(out.flush()?)
}

fn carry_out(plan: &ParkPlan, part: Part) -> Result<Findings> {
    let allowed = Arc::new(AtomicU32::new(0));
    let listening = allowed.clone();
    thread::spawn(move || {
        for _ in stdin().lock().lines().map_while(Result::ok) {
            listening.fetch_add(1, Ordering::Relaxed);
        }
        // Whoever led this run is gone.
        std::process::exit(2);
    });
    let mut last_ns = 0;
    let mut watch = |crowd: &Crowd, now: u64| {
        if now.saturating_sub(last_ns) >= STEP.as_nanos() as u64 {
            last_ns = now;
            // If nobody hears it, the input ends too.
            say(&Word::Level(crowd.level())).unwrap_or_default();
        }
    };
    let mut session = Session::connect(plan, part, &mut watch)?;
    let (mut asked, mut begun) = (None, 0);
    visit(&mut session, &mut |next| {
        if asked != Some(next) {
            asked = Some(next);
            say(&Word::Ready(next)).unwrap_or_default();
        }
        let may_begin = allowed.load(Ordering::Relaxed) > begun;
        begun += u32::from(may_begin);
        may_begin
    })
}
