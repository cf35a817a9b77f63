//! Which texts the proxy takes for a number, a size, a time, a host or an origin: a mistake is told by the condition
//! `Accepted` and not by a proxy that does not start. Like the proxy, nobody here minds space around a value.

use std::{net::Ipv6Addr, ops::RangeInclusive};

pub(crate) const KIB: u64 = 1 << 10;
pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const GIB: u64 = 1 << 30;

pub(crate) const SECOND: u64 = 1_000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;

/// What an option takes.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// A whole number.
    Count(RangeInclusive<u64>),
    /// Bytes.
    Size(RangeInclusive<u64>),
    /// Milliseconds.
    Span(RangeInclusive<u64>),
}

impl Kind {
    /// The number that `text` stands for, if the proxy takes it.
    pub(super) fn read(&self, text: &str) -> Option<u64> {
        let (number, range) = match self {
            Self::Count(range) => (whole(text)?, range),
            Self::Size(range) => (size(text)?, range),
            Self::Span(range) => (span(text)?, range),
        };
        range.contains(&number).then_some(number)
    }

    /// What to write instead.
    pub(super) fn expected(&self) -> String {
        match self {
            Self::Count(range) => format!("a whole number from {} to {}", range.start(), range.end()),
            Self::Size(range) => format!(
                "a size from {} to {}, such as `64KiB` or `4MiB`",
                in_units(*range.start(), &[("GiB", GIB), ("MiB", MIB), ("KiB", KIB)], ""),
                in_units(*range.end(), &[("GiB", GIB), ("MiB", MIB), ("KiB", KIB)], ""),
            ),
            Self::Span(range) => format!(
                "a duration with its unit from {} to {}, such as `15s`, `5m` or `1h30m`",
                in_units(*range.start(), &SPANS, "ms"),
                in_units(*range.end(), &SPANS, "ms"),
            ),
        }
    }
}

/// Units of time with their milliseconds, the largest first.
const SPANS: [(&str, u64); 5] = [("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", 1)];

/// Units of size with their bytes.
const SIZES: [(&str, u64); 11] = [
    ("", 1),
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("kib", KIB),
    ("mib", MIB),
    ("gib", GIB),
    ("ki", KIB),
    ("mi", MIB),
    ("gi", GIB),
];

/// A number in the largest unit that divides it.
fn in_units(number: u64, units: &[(&str, u64)], smallest: &str) -> String {
    let fits = |(_, unit): &&(&str, u64)| number > 0 && number.is_multiple_of(*unit);
    match units.iter().find(fits) {
        Some((name, unit)) => format!("{}{name}", number / unit),
        None => format!("{number}{smallest}"),
    }
}

/// Digits, grouped by single underscores or not.
fn whole(text: &str) -> Option<u64> {
    let grouped = text.split('_').all(|group| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit()));
    grouped.then(|| text.replace('_', "").parse().unwrap_or(u64::MAX))
}

/// Bytes, or a number with a unit.
pub(super) fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim_start().to_ascii_lowercase();
    let (_, bytes) = SIZES.iter().find(|(name, _)| *name == unit)?;
    Some(whole(number)?.saturating_mul(*bytes))
}

/// Milliseconds of numbers with units, the larger unit first.
pub(super) fn span(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut millis = 0_u64;
    let mut units = &SPANS[..];
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        if number.is_empty() {
            return None;
        }
        let (unit, after) =
            after.split_at(after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len()));
        let position = units.iter().position(|(name, _)| *name == unit)?;
        millis = millis.saturating_add(units[position].1.saturating_mul(number.parse().unwrap_or(u64::MAX)));
        units = &units[position + 1..];
        rest = after;
    }
    Some(millis)
}

/// Whether `text` is `host` or `host:port`.
pub(crate) fn is_host(text: &str) -> bool {
    // The longest name that DNS can carry.
    const LONGEST_NAME: usize = 253;
    let (named, after) = match text.strip_prefix('[') {
        Some(rest) => {
            let Some((address, after)) = rest.split_once(']') else { return false };
            (address.parse::<Ipv6Addr>().is_ok(), after)
        }
        None => {
            let (name, after) = text.split_at(text.find(':').unwrap_or(text.len()));
            let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
            let named = !name.is_empty()
                && name.len() <= LONGEST_NAME
                && name.bytes().all(legal)
                && !name.starts_with('.');
            (named, after)
        }
    };
    named && (after.is_empty() || after.strip_prefix(':').is_some_and(is_port))
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port != 0)
}

/// Whether `text` is `scheme://host[:port]`.
pub(super) fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        && is_host(authority)
}

/// Whether `text` is the URL of an MCP server.
pub(super) fn is_server_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.trim().split_once("://") else { return false };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    ["http", "https"].contains(&scheme.to_ascii_lowercase().as_str())
        && !rest.contains('#')
        && is_host(authority)
        && path.parse::<http::uri::PathAndQuery>().is_ok()
}

/// Whether `path` is a prefix that the proxy can have in its public URL: `/`, or plain segments each after a slash.
pub(crate) fn is_prefix(path: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&b);
    let segment = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(legal);
    let trimmed = path.strip_suffix('/').unwrap_or(path);
    path.starts_with('/') && (trimmed.is_empty() || trimmed.split('/').skip(1).all(segment))
}
