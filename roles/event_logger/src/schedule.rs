//! When a file has lived long enough.

use jiff::civil::{DateTime, date};
use jiff::{SignedDuration, Timestamp, Zoned};
use std::time::Duration;

/// A Monday: what lasts a week ends on Sundays.
const ORIGIN: DateTime = date(1970, 1, 5).at(0, 0, 0, 0);
const SECONDS_MIN: i64 = 1;

/// When the file that is begun at `now` ends: at the next multiple of `interval` in local time.
/// `None`: later than there is time.
pub fn end_of_file(now: &Zoned, interval: Duration) -> Option<Timestamp> {
    let interval = i64::try_from(interval.as_secs()).ok()?.max(SECONDS_MIN);
    let since_origin = now.datetime().duration_since(ORIGIN).as_secs();
    let multiple = since_origin.div_euclid(interval).checked_add(1)?;
    let end = SignedDuration::from_secs(multiple.checked_mul(interval)?);
    let end = ORIGIN.checked_add(end).ok()?.to_zoned(now.time_zone().clone()).ok()?.timestamp();
    // Where the clock is set back, the end may have been already.
    Some(end.max(now.timestamp().checked_add(SignedDuration::from_secs(SECONDS_MIN)).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file that is begun at `now` ends at `expected`.
    #[track_caller]
    fn check(now: &str, seconds: u64, expected: &str) {
        let now: Zoned = now.parse().expect("a time");
        let end = end_of_file(&now, Duration::from_secs(seconds)).expect("an end");
        assert_eq!(end.to_zoned(now.time_zone().clone()), expected.parse().expect("a time"));
    }

    #[test]
    fn files_end_when_the_clock_strikes() {
        check("2026-11-26T10:14:02+00:00[UTC]", 60, "2026-11-26T10:15:00+00:00[UTC]");
        check("2026-11-26T10:14:02+00:00[UTC]", 3600, "2026-11-26T11:00:00+00:00[UTC]");
        check("2026-11-26T10:14:02+00:00[UTC]", 86_400, "2026-11-27T00:00:00+00:00[UTC]");
        check("2026-11-26T10:14:02+00:00[UTC]", 7 * 86_400, "2026-11-30T00:00:00+00:00[UTC]");
        check("2026-11-26T00:00:00+00:00[UTC]", 86_400, "2026-11-27T00:00:00+00:00[UTC]");
        check("2026-11-26T10:14:02.5+00:00[UTC]", 0, "2026-11-26T10:14:03.5+00:00[UTC]");
    }

    #[test]
    fn a_day_ends_at_local_midnight_also_when_it_has_23_or_25_hours() {
        let zone = "[Europe/Paris]";
        for (now, end) in [
            ("2026-03-29T00:30:00+01:00", "2026-03-30T00:00:00+02:00"),
            ("2026-10-25T00:30:00+02:00", "2026-10-26T00:00:00+01:00"),
            ("2026-07-01T23:59:59+02:00", "2026-07-02T00:00:00+02:00"),
        ] {
            check(&format!("{now}{zone}"), 86_400, &format!("{end}{zone}"));
        }
        // The hour that is there twice ends when it is over for good.
        check(
            "2026-10-25T02:30:00+02:00[Europe/Paris]",
            3600,
            "2026-10-25T03:00:00+01:00[Europe/Paris]",
        );
    }

    #[test]
    fn what_is_never_over_has_no_end() {
        let now: Zoned = "2026-11-26T10:14:02+00:00[UTC]".parse().expect("a time");
        assert_eq!(end_of_file(&now, Duration::MAX), None);
        assert_eq!(end_of_file(&now, Duration::from_secs(i64::MAX as u64)), None);
    }
}
