//! Frames from anybody, good, bad and made up, in whatever state a client is, while the cluster says
//! all kinds of things of objects and clients: nothing panics, nobody hears of an object that it does
//! not see, nothing goes to the cluster that the rules do not allow, and when all have gone nothing is
//! left of them. FERRIS_FUZZ_CASES=N plays N seeds instead of the usual number, FERRIS_SEED=S only S.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

mod client;
mod cluster;
mod play;
mod world;

use dc::{Options, Schema, Source};
use std::sync::{Arc, LazyLock};

const CLASSES: &str = "
dclass Gate { login(string(0-16) name) clsend; welcome(uint8 code); };
dclass Court { ask(uint32 what) clsend; };
dclass Ground { uint8 kind = 0 required broadcast; };
dclass Thing {
  string(0-8) name required broadcast db;
  setX(int16(-100-100) x = 0) required broadcast ram ownsend;
  setY(int16(-100-100) y = 0) required broadcast ram ownsend;
  setXY : setX, setY;
  hail(string words) broadcast clsend;
  uint8 secret = 0 required ram;
  uint8 mine = 0 required ownrecv ram;
  uint16 note ram ownsend clrecv;
};
dclass Other : Thing { extra(blob(0-4) bytes) clsend broadcast; };
";

static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let source = Source { name: "hostile.dc".into(), text: CLASSES.into() };
    Arc::new(Schema::load(&[source], Options::default()).unwrap())
});

#[test]
fn whatever_anybody_says() {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    if let Some(seed) = number("FERRIS_SEED") {
        return play::play(seed);
    }
    for seed in 0..number("FERRIS_FUZZ_CASES").unwrap_or(500) {
        let played = std::panic::catch_unwind(|| play::play(seed));
        assert!(played.is_ok(), "seed {seed}: FERRIS_SEED={seed} plays it alone");
    }
}
