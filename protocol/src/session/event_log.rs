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

/// Messages of one stream, numbered from 1 in the order in which they came. Old ones are dropped within
/// limits, but not a response that nobody has read, so that what is held may have gaps.
///
/// Invariant: sequences ascend, `bytes` is the sum of all payload lengths, and `awaited` counts the
/// responses after `read`.
#[derive(Debug, Default)]
pub struct EventLog {
    events: VecDeque<(u64, Event)>,
    /// Messages ever pushed.
    last: u64,
    /// The highest sequence that was dropped.
    dropped: u64,
    /// The highest sequence that any reader has read.
    read: u64,
    bytes: usize,
    awaited: usize,
    awaited_bytes: usize,
}

impl EventLog {
    /// Appends a message; returns its sequence.
    pub fn push(&mut self, payload: Payload, lasting: bool, now: Timestamp) -> u64 {
        self.bytes += payload.len();
        if lasting {
            self.awaited += 1;
            self.awaited_bytes += payload.len();
        }
        self.last += 1;
        self.events.push_back((self.last, Event { payload, lasting, at: now }));
        self.last
    }

    /// The sequence of the newest message; 0 before the first.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// The highest sequence that any reader has read; 0 before the first.
    pub fn read(&self) -> u64 {
        self.read
    }

    /// Whether every message after `sequence` is still here, so that a reader can go on from there.
    pub fn holds_after(&self, sequence: u64) -> bool {
        sequence >= self.dropped && sequence <= self.last
    }

    /// The messages after `sequence` that are still here, with their sequences.
    pub fn after(&self, sequence: u64) -> impl Iterator<Item = (u64, &Event)> {
        let skip = self.events.partition_point(|(held, _)| *held <= sequence);
        self.events.range(skip..).map(|(sequence, event)| (*sequence, event))
    }

    /// A reader has read everything up to and including `sequence`.
    pub fn mark_read(&mut self, sequence: u64) {
        let skip = self.events.partition_point(|(held, _)| *held <= self.read);
        for (_, event) in self.events.range(skip..).take_while(|(held, _)| *held <= sequence) {
            if event.lasting {
                self.awaited -= 1;
                self.awaited_bytes -= event.payload.len();
            }
        }
        self.read = self.read.max(sequence);
    }

    /// Hands over the messages that nobody has read: they are not held any more.
    pub fn take_unread(&mut self) -> Vec<Payload> {
        let skip = self.events.partition_point(|(held, _)| *held <= self.read);
        self.mark_read(self.last);
        self.dropped = self.last;
        let taken: Vec<_> = self.events.drain(skip..).map(|(_, event)| event.payload).collect();
        self.bytes -= taken.iter().map(Payload::len).sum::<usize>();
        taken
    }

    /// Payload bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Responses held that nobody has read.
    pub fn awaited(&self) -> usize {
        self.awaited
    }

    /// Messages held.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Drops the oldest messages up to and including `through` that exceed `limits`; returns how many of
    /// them nobody had read. Those that nobody has read may also fill `queue_bytes`, or be one message of
    /// any size; responses among them go by age alone, and take no room from the rest.
    pub fn trim(&mut self, through: u64, queue_bytes: usize, limits: &ReplayLimits, now: Timestamp) -> usize {
        let mut lost = 0;
        let mut index = 0;
        while let Some((sequence, oldest)) = self.events.get(index).filter(|(held, _)| *held <= through) {
            let (sequence, unread) = (*sequence, *sequence > self.read);
            let awaited = oldest.lasting && unread;
            let aged = now.since(oldest.at) >= limits.age;
            let (bytes, events) = (self.bytes - self.awaited_bytes, self.events.len() - self.awaited);
            let crowded = bytes > limits.bytes || events > limits.events;
            let alone = bytes == oldest.payload.len();
            let too_many = crowded && !(unread && (alone || bytes <= queue_bytes));
            if awaited && !aged {
                index += 1;
                continue;
            }
            if !(aged || too_many) {
                break;
            }
            let Some((_, event)) = self.events.remove(index) else { break };
            self.bytes -= event.payload.len();
            if awaited {
                self.awaited -= 1;
                self.awaited_bytes -= event.payload.len();
            }
            self.dropped = self.dropped.max(sequence);
            lost += usize::from(unread);
        }
        lost
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

    fn trim(log: &mut EventLog, through: u64, now: Timestamp) -> usize {
        log.trim(through, 0, &LIMITS, now)
    }

    #[test]
    fn trims_by_count_bytes_and_age() {
        let mut log = log(&["a", "b", "c", "d"]);
        log.mark_read(3);
        assert_eq!(trim(&mut log, 4, Timestamp::default()), 0);
        assert_eq!(sequences(&log, 0), [2, 3, 4]);
        log.push(Bytes::from_static(b"0123456789").into(), false, Timestamp::default());
        assert_eq!(trim(&mut log, 5, Timestamp::default()), 1, "d is lost");
        assert_eq!(sequences(&log, 0), [5]);
        assert!(!log.holds_after(3) && log.holds_after(4));
        trim(&mut log, 5, Timestamp::new(Duration::from_secs(60)));
        assert!(log.is_empty() && log.bytes() == 0 && log.last() == 5);
    }

    #[test]
    fn never_trims_what_is_not_yet_sent() {
        let mut log = log(&["a", "b", "c", "d", "e"]);
        log.mark_read(1);
        assert_eq!(trim(&mut log, 1, Timestamp::default()), 0);
        assert_eq!(sequences(&log, 0), [2, 3, 4, 5]);
    }

    #[test]
    fn what_nobody_has_read_may_fill_the_queue() {
        let mut log = log(&["a", "b", "c", "d", "e"]);
        assert_eq!(log.trim(5, 5, &LIMITS, Timestamp::default()), 0);
        assert_eq!(log.trim(5, 4, &LIMITS, Timestamp::default()), 1);
        assert_eq!(sequences(&log, 0), [2, 3, 4, 5]);
    }

    #[test]
    fn an_unread_response_stays_and_keeps_nothing_else_from_going() {
        let mut log = EventLog::default();
        log.push(Bytes::from_static(b"a response beyond the limit").into(), true, Timestamp::default());
        for _ in 0..10 {
            log.push(Bytes::from_static(b"x").into(), false, Timestamp::default());
        }
        assert_eq!(trim(&mut log, 11, Timestamp::default()), 7);
        assert_eq!((sequences(&log, 0), log.awaited()), (vec![1, 9, 10, 11], 1));
        assert!(!log.holds_after(0) && log.holds_after(8));
        log.mark_read(1);
        assert_eq!(trim(&mut log, 11, Timestamp::default()), 0);
        assert_eq!((sequences(&log, 0), log.bytes(), log.awaited()), (vec![9, 10, 11], 3, 0));
    }
}
