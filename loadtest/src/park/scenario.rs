//! What visitors and NPCs do, and how often: a small YAML file. Not how many visitors there are,
//! nor where the server is: the command line says that.

mod yaml;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

/// Who is in the park and what they do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// Visitors for each zone: so many zones there are.
    pub per_zone: u32,
    /// The first zone; the others follow it, in a ring.
    pub first_zone: u32,
    /// A visitor has the zone open where it is, and so many on either side of it.
    pub sees: u32,
    /// Logins under way at the same time, at most.
    pub logins: u32,
    /// Bytes of what is said.
    pub words: usize,
    /// What the AI does.
    pub npcs: Npcs,
    /// Kinds of visitors.
    pub visitors: Vec<Habits>,
}

/// NPCs, which the AI creates, updates and moves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Npcs {
    /// In each zone.
    pub per_zone: u32,
    /// Updates per second of each.
    pub updates: f64,
    /// Walks to a neighbouring zone per second of each.
    pub walks: f64,
}

/// What visitors of one kind do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Habits {
    /// What they are called.
    pub name: String,
    /// How many of them there are, compared with the other kinds.
    pub share: u32,
    /// Updates of the avatar (place and direction), per second.
    pub updates: f64,
    /// Words said, per second.
    pub says: f64,
    /// Walks to a neighbouring zone, per second.
    pub walks: f64,
    /// How long they stay, on average, in seconds; 0: to the end.
    pub stays: f64,
    /// The share of those that do not say goodbye: half of these close the connection, half reset it.
    pub crashes: f64,
    /// How long they are away, on average, in seconds. They come back with the same name.
    pub away: f64,
}

/// A zone has at most so many neighbours on either side that are open.
const SEES_MAX: u32 = 50;
/// The longest that is said.
const WORDS_MAX: usize = 200;
/// Nobody does anything more often per second.
const RATE_MAX: f64 = 10_000.0;

impl Default for Scenario {
    fn default() -> Scenario {
        Scenario {
            per_zone: 10,
            first_zone: 1000,
            sees: 1,
            logins: 64,
            words: 24,
            npcs: Npcs::default(),
            visitors: vec![Habits::default()],
        }
    }
}

impl Default for Npcs {
    fn default() -> Npcs {
        Npcs { per_zone: 2, updates: 1.0, walks: 0.05 }
    }
}

impl Default for Habits {
    fn default() -> Habits {
        Habits {
            name: "visitors".into(),
            share: 1,
            updates: 1.0,
            says: 0.0,
            walks: 0.0,
            stays: 0.0,
            crashes: 0.0,
            away: 1.0,
        }
    }
}

impl Scenario {
    /// Reads the text of a scenario file.
    pub fn read(text: &str) -> Result<Scenario> {
        let scenario: Scenario = serde_json::from_value(yaml::read(text)?)?;
        scenario.check()?;
        Ok(scenario)
    }

    pub(crate) fn check(&self) -> Result<()> {
        ensure!(self.per_zone > 0, "per_zone: a zone for nobody");
        ensure!(self.first_zone > 0, "first_zone: zones count from 1");
        ensure!(self.sees <= SEES_MAX, "sees: at most {SEES_MAX}");
        ensure!(self.logins > 0, "logins: nobody may come in");
        ensure!(self.words <= WORDS_MAX, "words: at most {WORDS_MAX}");
        let mut rates = vec![("npcs", self.npcs.updates), ("npcs", self.npcs.walks)];
        ensure!(!self.visitors.is_empty(), "visitors: no kind of them");
        for habits in &self.visitors {
            let Habits { name, updates, says, walks, stays, crashes, away, .. } = habits;
            rates.extend([updates, says, walks].map(|rate| (name.as_str(), *rate)));
            ensure!((0.0..=1.0).contains(crashes), "{name}: crashes is a share, 0 to 1");
            let times = [stays, away];
            let are_times = times.iter().all(|time| **time >= 0.0 && time.is_finite());
            ensure!(are_times, "{name}: stays and away are seconds");
        }
        for (name, rate) in rates {
            ensure!(
                (0.0..=RATE_MAX).contains(&rate),
                "{name}: rates are 0 to {RATE_MAX} per second"
            );
        }
        ensure!(self.shares() > 0, "visitors: their shares are all 0");
        Ok(())
    }

    fn shares(&self) -> u64 {
        self.visitors.iter().map(|habits| u64::from(habits.share)).sum()
    }

    /// The kind of visitor number `index`: kinds come by turns, as their shares say.
    pub(crate) fn kind_of(&self, index: u32) -> usize {
        // A step that shares no divisor with most sums spreads the kinds over the zones.
        let mut at = u64::from(index).wrapping_mul(7919) % self.shares();
        self.visitors
            .iter()
            .position(|habits| {
                let is_it = at < u64::from(habits.share);
                at = at.saturating_sub(habits.share.into());
                is_it
            })
            .unwrap_or_default()
    }

    /// Whether anybody says anything.
    pub(crate) fn has_words(&self) -> bool {
        self.visitors.iter().any(|habits| habits.says > 0.0)
    }

    /// Reads a scenario file.
    pub fn open(path: &std::path::Path) -> Result<Scenario> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| name.clone())?;
        Scenario::read(&text).context(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_that_comes_along_is_read() {
        let scenario = Scenario::read(include_str!("../../../etc/visitors.yml")).unwrap();
        assert!(scenario.visitors.len() >= 3 && scenario.has_words());
        assert!(scenario.visitors.iter().any(|habits| habits.crashes > 0.0));
    }

    #[test]
    fn kinds_come_as_their_shares_say() {
        let text = "visitors: [{name: a, share: 7}, {name: b, share: 2}, {name: c, share: 1}]";
        let scenario = Scenario::read(text).unwrap();
        let mut counts = [0; 3];
        (0..1000).for_each(|index| counts[scenario.kind_of(index)] += 1);
        assert_eq!(counts, [700, 200, 100]);
        assert_eq!(
            scenario,
            Scenario { visitors: scenario.visitors.clone(), ..Scenario::default() }
        );
    }

    #[test]
    fn nonsense_is_refused() {
        let complaint = |text: &str| format!("{:#}", Scenario::read(text).unwrap_err());
        assert!(complaint("zoness: 3").contains("zoness"), "{}", complaint("zoness: 3"));
        assert!(complaint("visitors: [{wolks: 3}]").contains("wolks"));
        assert!(complaint("visitors: [{walks: often}]").contains("often"));
        assert!(complaint("visitors: [{name: x, crashes: 2}]").contains("x: crashes"));
        assert!(complaint("visitors: []").contains("no kind"));
        assert!(complaint("npcs: {updates: -1}").contains("rates"));
        assert!(complaint("per_zone: [").contains("line 2"));
        assert!(complaint("per_zone: 1\nper_zone: 2").contains("twice"));
    }
}
