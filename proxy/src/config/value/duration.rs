//! Spans of time.

use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::Kind;

/// A span of time within a range: numbers with units, the larger unit first (`1h30m`). A bare
/// number is refused, because nothing says whether it means seconds or milliseconds.
pub(in crate::config) struct Span(pub(in crate::config) RangeInclusive<Duration>);

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// From `shortest` milliseconds to `longest` seconds: ranges are written in the units that suit
/// their ends.
pub(in crate::config) const fn span(shortest_ms: u64, longest_secs: u64) -> Span {
    Span(Duration::from_millis(shortest_ms)..=Duration::from_secs(longest_secs))
}

/// `n` minutes, in seconds.
pub(in crate::config) const fn minutes(n: u64) -> u64 {
    n * MINUTE
}

/// `n` hours, in seconds.
pub(in crate::config) const fn hours(n: u64) -> u64 {
    n * HOUR
}

/// How long to wait for something, on a command line that has no table of options; the error is a sentence.
pub(crate) fn parse_patience(text: &str) -> Result<Duration, String> {
    let kind = span(0, hours(1));
    kind.read(text.trim()).map_err(|problem| format!("{problem}; write {}", kind.expected()))
}

/// Units with their milliseconds, the largest first.
const UNITS: [(&str, u64); 5] =
    [("d", DAY * 1000), ("h", HOUR * 1000), ("m", MINUTE * 1000), ("s", 1000), ("ms", 1)];

fn read(text: &str) -> Result<Duration, String> {
    let mut rest = text;
    let mut millis = 0_u64;
    // Units still allowed: each must be smaller than the one before it.
    let mut units = &UNITS[..];
    while !rest.is_empty() {
        let end_of_number = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(end_of_number);
        if number.is_empty() {
            return Err("is not a duration".to_owned());
        }
        if after.is_empty() {
            return Err("has no unit".to_owned());
        }
        let end_of_unit = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end_of_unit);
        let position = units.iter().position(|(name, _)| *name == unit).ok_or("is not a duration")?;
        // A number too large for u64 saturates: every range ends below it.
        let number = number.parse().unwrap_or(u64::MAX);
        millis = millis.saturating_add(units[position].1.saturating_mul(number));
        units = &units[position + 1..];
        rest = after;
    }
    Ok(Duration::from_millis(millis))
}

fn write(value: Duration) -> String {
    // Options are read in whole milliseconds and bounded, so nothing is cut here.
    let mut millis = u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, of_unit) in UNITS {
        if millis >= of_unit {
            // Writing to a string cannot fail.
            let _ = write!(text, "{}{unit}", millis / of_unit);
            millis %= of_unit;
        }
    }
    text
}

impl Kind for Span {
    type Value = Duration;
    const NAME: &'static str = "DURATION";

    fn expected(&self) -> String {
        let (least, most) = (write(*self.0.start()), write(*self.0.end()));
        format!("a duration with its unit from {least} to {most}, such as `250ms`, `15s`, `5m` or `1h30m`")
    }

    fn read(&self, text: &str) -> Result<Duration, String> {
        let duration = read(text)?;
        if duration < *self.0.start() {
            Err("is too short".to_owned())
        } else if duration > *self.0.end() {
            Err("is too long".to_owned())
        } else {
            Ok(duration)
        }
    }

    fn write(&self, value: &Duration) -> String {
        write(*value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{accepts, refuses};
    use super::*;

    #[test]
    fn durations() {
        let kind = span(100, hours(48));
        accepts(
            &kind,
            &[
                ("250ms", Duration::from_millis(250)),
                ("15s", Duration::from_secs(15)),
                ("5m", Duration::from_secs(300)),
                ("1h", Duration::from_secs(3600)),
                ("90m", Duration::from_secs(5400)),
                ("1h30m", Duration::from_secs(5400)),
                ("1d", Duration::from_secs(86_400)),
                ("1d1h1m1s1ms", Duration::from_millis(90_061_001)),
            ],
        );
        refuses(
            &kind,
            &[
                ("0s", "is too short"),
                ("99ms", "is too short"),
                ("3d", "is too long"),
                ("99999999999999999999h", "is too long"),
                ("18446744073709551615d1ms", "is too long"),
                ("15", "has no unit"),
                ("0", "has no unit"),
                ("1h30", "has no unit"),
                ("30m1h", "is not a duration"),
                ("1m1m", "is not a duration"),
                ("1.5h", "is not a duration"),
                ("-1s", "is not a duration"),
                ("15 s", "is not a duration"),
                ("s", "is not a duration"),
                ("15sec", "is not a duration"),
                ("5M", "is not a duration"),
            ],
        );
    }

    #[test]
    fn writes_the_largest_units() {
        for (millis, text) in
            [(0, "0s"), (900_000, "15m"), (5_400_000, "1h30m"), (86_400_000, "1d"), (1_500, "1s500ms")]
        {
            assert_eq!(write(Duration::from_millis(millis)), text);
        }
    }
}
