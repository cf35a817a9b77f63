//! Counts and sizes.

use std::ops::RangeInclusive;

use super::Kind;

/// Bytes in a kibibyte.
pub(in crate::config) const KIB: usize = 1 << 10;
/// Bytes in a mebibyte.
pub(in crate::config) const MIB: usize = 1 << 20;
/// Bytes in a gibibyte.
pub(in crate::config) const GIB: usize = 1 << 30;

/// A whole number within a range. `_` may group digits.
pub(in crate::config) struct Count(pub(in crate::config) RangeInclusive<usize>);

/// A number of bytes within a range: digits alone, or digits and a unit.
pub(in crate::config) struct Size(pub(in crate::config) RangeInclusive<usize>);

/// Each with the bytes it stands for. `4M` alone is refused: half the world reads it as 1000²,
/// the other half as 1024².
const UNITS: [(&str, usize); 10] = [
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("kib", KIB),
    ("mib", MIB),
    ("gib", GIB),
    // As Kubernetes writes quantities.
    ("ki", KIB),
    ("mi", MIB),
    ("gi", GIB),
];

fn within(range: &RangeInclusive<usize>, number: usize) -> Result<usize, String> {
    if number < *range.start() {
        Err("is too small".to_owned())
    } else if number > *range.end() {
        Err("is too large".to_owned())
    } else {
        Ok(number)
    }
}

/// Digits, grouped by single underscores or not. A number beyond the range of `usize` saturates:
/// every range ends below it, so that it is refused as too large.
fn whole(text: &str) -> Option<usize> {
    let grouped = text.split('_').all(|group| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit()));
    grouped.then(|| text.replace('_', "").parse().unwrap_or(usize::MAX))
}

impl Kind for Count {
    type Value = usize;
    const NAME: &'static str = "N";

    fn expected(&self) -> String {
        format!("a whole number from {} to {}", self.0.start(), self.0.end())
    }

    fn read(&self, text: &str) -> Result<usize, String> {
        within(&self.0, whole(text).ok_or("is not a whole number")?)
    }

    fn write(&self, value: &usize) -> String {
        value.to_string()
    }
}

impl Kind for Size {
    type Value = usize;
    const NAME: &'static str = "SIZE";

    fn expected(&self) -> String {
        let (least, most) = (self.write(self.0.start()), self.write(self.0.end()));
        format!("a size from {least} to {most}, such as `64KiB`, `4MiB` or plain bytes")
    }

    fn read(&self, text: &str) -> Result<usize, String> {
        let end_of_number = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
        let (number, unit) = text.split_at(end_of_number);
        let number = whole(number).ok_or("is not a size")?;
        let unit = unit.trim_start().to_ascii_lowercase();
        let bytes = match UNITS.iter().find(|(name, _)| *name == unit) {
            Some((_, bytes)) => *bytes,
            None if unit.is_empty() => 1,
            None => return Err("is not a size".to_owned()),
        };
        within(&self.0, number.saturating_mul(bytes))
    }

    fn write(&self, value: &usize) -> String {
        for (unit, bytes) in [("GiB", GIB), ("MiB", MIB), ("KiB", KIB)] {
            if *value > 0 && value.is_multiple_of(bytes) {
                return format!("{}{unit}", value / bytes);
            }
        }
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{accepts, refuses};
    use super::*;

    #[test]
    fn counts() {
        let kind = Count(1..=20_000);
        accepts(&kind, &[("1", 1), ("20000", 20_000), ("20_000", 20_000), ("007", 7)]);
        refuses(
            &kind,
            &[
                ("0", "is too small"),
                ("20001", "is too large"),
                ("99999999999999999999999999", "is too large"),
                ("-1", "is not a whole number"),
                ("+1", "is not a whole number"),
                ("1.0", "is not a whole number"),
                ("1e3", "is not a whole number"),
                ("_1", "is not a whole number"),
                ("1__0", "is not a whole number"),
                ("many", "is not a whole number"),
                ("٣", "is not a whole number"),
            ],
        );
        assert_eq!(kind.expected(), "a whole number from 1 to 20000");
    }

    #[test]
    fn sizes() {
        let kind = Size(KIB..=GIB);
        accepts(
            &kind,
            &[
                ("4MiB", 4 * MIB),
                ("4mib", 4 * MIB),
                ("4 MiB", 4 * MIB),
                ("4Mi", 4 * MIB),
                ("64KiB", 64 * KIB),
                ("1GiB", GIB),
                ("500kB", 500_000),
                ("500KB", 500_000),
                ("2MB", 2_000_000),
                ("1024", 1024),
                ("1025B", 1025),
                ("10_000", 10_000),
            ],
        );
        refuses(
            &kind,
            &[
                ("0", "is too small"),
                ("1023", "is too small"),
                ("2GiB", "is too large"),
                ("99999999999999999999GiB", "is too large"),
                ("18446744073709551615GiB", "is too large"),
                ("4M", "is not a size"),
                ("1.5MiB", "is not a size"),
                ("MiB", "is not a size"),
                ("5XB", "is not a size"),
                ("-5MiB", "is not a size"),
                ("4MiB 4", "is not a size"),
            ],
        );
        assert_eq!(kind.expected(), "a size from 1KiB to 1GiB, such as `64KiB`, `4MiB` or plain bytes");
    }
}
