//! The ids of events.

use std::fmt;

/// The id of an event: which of a session's streams it was sent on, and its place there. It is what a client hands back
/// as `Last-Event-ID`, spelt `<stream>-<sequence>` in decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// The stream's number within its session.
    pub stream: u32,
    /// The event's number within its stream.
    pub sequence: u64,
}

impl EventId {
    /// Reads what [`Display`](fmt::Display) writes, and nothing else: one id has one spelling.
    pub fn parse(id: &str) -> Option<Self> {
        let (stream, sequence) = id.split_once('-')?;
        let canonical = |digits: &str| {
            !digits.is_empty()
                && digits.bytes().all(|digit| digit.is_ascii_digit())
                && (digits.len() == 1 || !digits.starts_with('0'))
        };
        (canonical(stream) && canonical(sequence)).then_some(())?;
        Some(Self { stream: stream.parse().ok()?, sequence: sequence.parse().ok()? })
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.stream, self.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_it_displays() {
        for (stream, sequence) in [(0, 0), (1, 20), (u32::MAX, u64::MAX)] {
            let id = EventId { stream, sequence };
            assert_eq!(EventId::parse(&id.to_string()), Some(id));
        }
        assert_eq!(EventId { stream: 3, sequence: 14 }.to_string(), "3-14");
    }

    #[test]
    fn refuses_any_other_spelling() {
        for id in [
            "",
            "-",
            "1",
            "1-",
            "-1",
            "1-2-3",
            "01-2",
            "1-02",
            "+1-2",
            "1 -2",
            "4294967296-0",
            "0-18446744073709551616",
            "a-b",
        ] {
            assert_eq!(EventId::parse(id), None, "{id:?}");
        }
    }
}
