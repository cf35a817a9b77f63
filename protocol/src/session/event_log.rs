//! The ring of messages behind one SSE stream: what is still to be sent, and what can be replayed.

use std::{collections::VecDeque, time::Duration};

use crate::{jsonrpc::Payload, time::Timestamp};

/// How much of a stream is kept after it was sent, for `Last-Event-ID`.
#[derive(Clone, Copy, Debug)]
pub struct ReplayLimits {
    /// Payload bytes.
    pub bytes: usize,
    /// Events.
    pub events: usize,
    /// Age of an event.
    pub age: Duration,
}

impl ReplayLimits {
    /// Nothing is kept: for transports without resumption.
    pub const NONE: Self = Self { bytes: 0, events: 0, age: Duration::ZERO };
}

/// One message in a log.
#[derive(Clone, Debug)]
pub struct Event {
    /// The message.
    pub payload: Payload,
    /// A response: never dropped for want of room, since its caller waits for it.
    pub lasting: bool,
    at: Timestamp,
}

/// Messages of one stream, numbered from 1 without gaps.
///
/// Invariant: `events[i]` has the sequence `first + i`, and `bytes` is the sum of all payload lengths.
#[derive(Debug)]
pub struct EventLog {
    first: u64,
    events: VecDeque<Event>,
    bytes: usize,
}

impl Default for EventLog {
    fn default() -> Self {
        Self { first: 1, events: VecDeque::new(), bytes: 0 }
    }
}

impl EventLog {
    /// Appends a message; returns its sequence.
    pub fn push(&mut self, payload: Payload, lasting: bool, now: Timestamp) -> u64 {
        self.bytes += payload.len();
        self.events.push_back(Event { payload, lasting, at: now });
        self.last()
    }

    /// The sequence of the newest message; 0 before the first.
    pub fn last(&self) -> u64 {
        self.first + self.events.len() as u64 - 1
    }

    /// Whether every message after `sequence` is still here, so that a reader can go on from there.
    pub fn holds_after(&self, sequence: u64) -> bool {
        sequence + 1 >= self.first && sequence <= self.last()
    }

    /// The sequence before the oldest message still here.
    pub fn start(&self) -> u64 {
        self.first - 1
    }

    /// The messages after `sequence` that are still here, with their sequences.
    pub fn after(&self, sequence: u64) -> impl Iterator<Item = (u64, &Event)> {
        let skip = (sequence + 1).saturating_sub(self.first) as usize;
        self.events.iter().enumerate().skip(skip).map(|(i, event)| (self.first + i as u64, event))
    }

    /// Payload bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Messages held.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Drops the oldest messages up to and including `through` that exceed `limits`; returns how many.
    /// A response after `read` (nobody has read it) goes by age alone.
    pub fn trim(&mut self, through: u64, read: u64, limits: &ReplayLimits, now: Timestamp) -> usize {
        let mut dropped = 0;
        while let Some(oldest) = self.events.front().filter(|_| self.first <= through) {
            let aged = now.since(oldest.at) >= limits.age;
            let crowded = self.bytes > limits.bytes || self.events.len() > limits.events;
            let awaited = oldest.lasting && self.first > read;
            if !(aged || crowded && !awaited) {
                break;
            }
            self.bytes -= oldest.payload.len();
            self.events.pop_front();
            self.first += 1;
            dropped += 1;
        }
        dropped
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const LIMITS: ReplayLimits = ReplayLimits { bytes: 10, events: 3, age: Duration::from_secs(60) };

    fn log(payloads: &[&'static str]) -> EventLog {
        let mut log = EventLog::default();
        for payload in payloads {
            log.push(Bytes::from_static(payload.as_bytes()).into(), false, Timestamp::default());
        }
        log
    }

    fn sequences(log: &EventLog, after: u64) -> Vec<u64> {
        log.after(after).map(|(sequence, _)| sequence).collect()
    }

    #[test]
    fn numbers_from_one_and_reads_from_anywhere() {
        let log = log(&["a", "b", "c"]);
        assert_eq!(sequences(&log, 0), [1, 2, 3]);
        assert_eq!(sequences(&log, 2), [3]);
        assert_eq!(sequences(&log, 3), [0u64; 0]);
        assert!(log.holds_after(0) && log.holds_after(3) && !log.holds_after(4));
    }

    #[test]
    fn trims_by_count_bytes_and_age() {
        let mut log = log(&["a", "b", "c", "d"]);
        assert_eq!(log.trim(4, 4, &LIMITS, Timestamp::default()), 1);
        log.push(Bytes::from_static(b"0123456789").into(), false, Timestamp::default());
        log.trim(5, 5, &LIMITS, Timestamp::default());
        assert_eq!(sequences(&log, 0), [5]);
        assert!(!log.holds_after(3) && log.holds_after(4));
        log.trim(5, 5, &LIMITS, Timestamp::new(Duration::from_secs(60)));
        assert!(log.is_empty() && log.bytes() == 0 && log.last() == 5);
    }

    #[test]
    fn never_trims_what_is_not_yet_sent_nor_an_unread_response() {
        let mut log = log(&["a", "b", "c", "d", "e"]);
        assert_eq!(log.trim(1, 1, &LIMITS, Timestamp::default()), 1);
        assert_eq!(sequences(&log, 0), [2, 3, 4, 5]);

        let mut log = EventLog::default();
        log.push(Bytes::from_static(b"a response beyond the limit").into(), true, Timestamp::default());
        assert_eq!(log.trim(1, 0, &LIMITS, Timestamp::default()), 0);
        assert_eq!(log.trim(1, 1, &LIMITS, Timestamp::default()), 1);
    }
}
