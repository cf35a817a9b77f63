//! One logical stream towards a client, whichever HTTP response carries it at the moment.
//!
//! ```text
//!              push                       read(ticket)
//!   server ───────────▶ EventLog ───────────────────────▶ HTTP response
//!                          │   attach → ticket: the newest reader owns the stream;
//!                          │            an older ticket reads `Replaced`
//!                          └── detach → kept for replay within its limits
//! ```
//!
//! The reader is a position in the log, so what is queued for it and what can be replayed to its
//! successor are the same bytes. A reader that falls behind by more than `queue_bytes` reads `Lagged`:
//! its response ends and the client resumes; nobody else notices. While there is no reader, as many bytes
//! wait for the first.

use super::event_log::{Event, EventLog, ReplayLimits};
use crate::{jsonrpc::Payload, time::Timestamp};

/// Bounds of one stream.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    /// Bytes that may wait for a reader, beyond what a resuming one finds within `replay`. One message always
    /// may, and responses do not count.
    pub queue_bytes: usize,
    /// What is kept for a later reader.
    pub replay: ReplayLimits,
}

/// What a message is to its stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// A response to a request of this stream.
    Response,
    /// Any other message.
    Message,
}

/// What a push did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Pushed {
    /// Messages that nobody will read any more: over the limits, or on a stream that has ended.
    pub dropped: usize,
}

/// A reader's claim on a stream; void once a later reader has attached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ticket(u64);

/// What a reader finds.
#[derive(Debug, Eq, PartialEq)]
pub enum Read {
    /// At least one event was handed over.
    Events,
    /// Nothing now; more may come.
    Pending,
    /// Everything was read, and the stream is over.
    End,
    /// A later reader has taken the stream.
    Replaced,
    /// The reader fell too far behind. What is still within the replay limits can be resumed.
    Lagged,
}

/// The events after the one that a client named are no longer held.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the events after that id are no longer held")]
pub struct Gone;

#[derive(Debug)]
struct Reader {
    ticket: Ticket,
    cursor: u64,
    /// Bytes of messages that it has not read; responses do not count.
    unread: usize,
    /// What of them was there when it came: no sign of its slowness.
    backlog: usize,
    lagged: bool,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Stream {
    log: EventLog,
    /// Responses still to come; `None` on a stream that ends only with its session.
    outstanding: Option<usize>,
    /// Only responses so far: a single JSON body can carry them.
    only_responses: bool,
    closed: bool,
    reader: Option<Reader>,
    next_ticket: u64,
}

impl Stream {
    /// A stream that ends with the last of `requests` responses.
    pub fn for_requests(requests: usize) -> Self {
        Self::new(Some(requests))
    }

    /// A stream that stays open until it is closed.
    pub fn standalone() -> Self {
        Self::new(None)
    }

    fn new(outstanding: Option<usize>) -> Self {
        Self {
            log: EventLog::default(),
            outstanding,
            only_responses: true,
            closed: false,
            reader: None,
            next_ticket: 0,
        }
    }

    /// Appends a message. On a closed stream it is dropped.
    pub fn push(&mut self, payload: Payload, class: Class, limits: &StreamLimits, now: Timestamp) -> Pushed {
        if self.closed {
            return Pushed { dropped: 1 };
        }
        let length = payload.len();
        let response = class == Class::Response;
        match &mut self.outstanding {
            Some(outstanding) if response => *outstanding = outstanding.saturating_sub(1),
            Some(_) => self.only_responses = false,
            None => {}
        }
        if let Some(reader) = &mut self.reader
            && !response
        {
            let room = limits.queue_bytes + reader.backlog.min(limits.replay.bytes);
            reader.lagged |= reader.unread > 0 && reader.unread + length > room;
            reader.unread += length;
        }
        // Kept messages are compacted: a slice of a large read buffer would pin all of it.
        self.log.push(payload.compact(), response, now);
        Pushed { dropped: self.trim(limits, now) }
    }

    /// Forgets what is beyond the replay limits; returns how many messages nobody had read.
    pub fn trim(&mut self, limits: &StreamLimits, now: Timestamp) -> usize {
        let through = match &self.reader {
            Some(reader) if !reader.lagged => reader.cursor,
            _ => self.log.last(),
        };
        self.log.trim(through, limits.queue_bytes, &limits.replay, now)
    }

    /// Counts a request that will get no response, such as a cancelled one.
    pub fn forgo_response(&mut self) {
        if let Some(outstanding) = &mut self.outstanding {
            *outstanding = outstanding.saturating_sub(1);
        }
    }

    /// Ends the stream: what is held can still be read, nothing is added.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Whether no further message will come.
    pub fn is_finished(&self) -> bool {
        self.closed || self.outstanding == Some(0)
    }

    /// Whether every response is there and nothing else came: the stream fits one JSON body.
    pub fn is_plain_answer(&self) -> bool {
        self.outstanding == Some(0) && self.only_responses && !self.log.is_empty()
    }

    /// Whether anything else than responses has come.
    pub fn has_messages(&self) -> bool {
        !self.only_responses
    }

    /// Whether a reader is attached.
    pub fn has_reader(&self) -> bool {
        self.reader.is_some()
    }

    /// Bytes held, sent or not.
    pub fn bytes(&self) -> usize {
        self.log.bytes()
    }

    /// Whether there is, or will be, a response that no reader has read.
    pub fn owes_response(&self) -> bool {
        self.log.awaited() > 0 || !self.closed && self.outstanding.is_some_and(|outstanding| outstanding > 0)
    }

    /// Makes a new reader the owner of the stream. It continues after `sequence`.
    ///
    /// # Errors
    /// [`Gone`] when an event after `sequence` has been dropped, or none was ever sent under that number.
    pub fn attach(&mut self, sequence: u64) -> Result<Ticket, Gone> {
        match self.log.holds_after(sequence) {
            true => Ok(self.attach_after(sequence)),
            false => Err(Gone),
        }
    }

    /// Makes a new reader the owner of the stream. It gets what is still held of what nobody has read.
    pub fn resume(&mut self) -> Ticket {
        self.attach_after(self.log.read())
    }

    fn attach_after(&mut self, sequence: u64) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        let backlog = self.log.after(sequence).filter(|(_, event)| !event.lasting);
        let backlog = backlog.map(|(_, event)| event.payload.len()).sum();
        self.reader = Some(Reader { ticket, cursor: sequence, unread: backlog, backlog, lagged: false });
        ticket
    }

    /// Releases the stream, unless a later reader has it.
    pub fn detach(&mut self, ticket: Ticket) {
        self.reader.take_if(|reader| reader.ticket == ticket);
    }

    /// Hands pending events to `sink` in order, until `budget` bytes are exceeded or none is left.
    pub fn read(&mut self, ticket: Ticket, budget: usize, mut sink: impl FnMut(u64, &Event)) -> Read {
        let Some(reader) = self.reader.as_mut().filter(|reader| reader.ticket == ticket) else {
            return Read::Replaced;
        };
        if reader.lagged {
            return Read::Lagged;
        }
        let before = reader.cursor;
        let mut taken = 0;
        for (sequence, event) in self.log.after(before) {
            sink(sequence, event);
            reader.cursor = sequence;
            if !event.lasting {
                reader.unread -= event.payload.len();
            }
            taken += event.payload.len();
            if taken >= budget {
                break;
            }
        }
        let cursor = reader.cursor;
        self.log.mark_read(cursor);
        match cursor > before {
            true => Read::Events,
            false if self.closed || self.outstanding == Some(0) => Read::End,
            false => Read::Pending,
        }
    }

    /// The messages after the last one that was read, for a single JSON body; they cannot be read again.
    pub fn take_answers(&mut self) -> Vec<Payload> {
        self.log.take_unread()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;

    const LIMITS: StreamLimits = StreamLimits {
        queue_bytes: 10,
        replay: ReplayLimits { bytes: 20, events: 4, age: Duration::from_secs(60) },
    };
    const NOW: Timestamp = Timestamp::new(Duration::ZERO);

    fn push(stream: &mut Stream, text: &'static str, class: Class) -> Pushed {
        stream.push(Bytes::from_static(text.as_bytes()).into(), class, &LIMITS, NOW)
    }

    fn read(stream: &mut Stream, ticket: Ticket) -> (Read, Vec<(u64, String)>) {
        let mut events = Vec::new();
        let outcome = stream.read(ticket, 1 << 20, |sequence, event| {
            events.push((sequence, String::from_utf8(event.payload.to_bytes().to_vec()).unwrap()));
        });
        (outcome, events)
    }

    #[test]
    fn a_lone_response_is_a_plain_answer_and_a_preceded_one_is_not() {
        let mut stream = Stream::for_requests(1);
        assert!(!stream.is_plain_answer());
        push(&mut stream, "response", Class::Response);
        assert!(stream.is_plain_answer() && stream.is_finished());
        assert_eq!(stream.take_answers().len(), 1);

        let mut stream = Stream::for_requests(1);
        push(&mut stream, "progress", Class::Message);
        push(&mut stream, "response", Class::Response);
        assert!(!stream.is_plain_answer() && stream.is_finished());
    }

    #[test]
    fn reads_in_order_then_ends_with_the_last_response() {
        let mut stream = Stream::for_requests(1);
        let ticket = stream.attach(0).unwrap();
        assert_eq!(read(&mut stream, ticket), (Read::Pending, vec![]));
        push(&mut stream, "a", Class::Message);
        push(&mut stream, "b", Class::Response);
        assert_eq!(read(&mut stream, ticket), (Read::Events, vec![(1, "a".into()), (2, "b".into())]));
        assert_eq!(read(&mut stream, ticket), (Read::End, vec![]));
    }

    #[test]
    fn a_later_reader_replaces_and_resumes_after_what_was_read() {
        let mut stream = Stream::standalone();
        let first = stream.attach(0).unwrap();
        push(&mut stream, "a", Class::Message);
        read(&mut stream, first);
        push(&mut stream, "b", Class::Message);
        let second = stream.resume();
        assert_eq!(read(&mut stream, first).0, Read::Replaced);
        stream.detach(first);
        assert!(stream.has_reader());
        assert_eq!(read(&mut stream, second), (Read::Events, vec![(2, "b".into())]));
    }

    #[test]
    fn replays_from_any_held_event_and_refuses_the_rest() {
        let mut stream = Stream::standalone();
        for text in ["aaaaa", "bbbbb", "ccccc", "ddddd", "eeeee", "fffff"] {
            push(&mut stream, text, Class::Message);
        }
        assert_eq!(stream.attach(1), Err(Gone));
        assert_eq!(stream.attach(9), Err(Gone));
        let ticket = stream.attach(4).unwrap();
        assert_eq!(read(&mut stream, ticket).1, [(5, "eeeee".into()), (6, "fffff".into())]);
    }

    #[test]
    fn a_slow_reader_lags_but_responses_survive() {
        let mut stream = Stream::for_requests(1);
        let ticket = stream.attach(0).unwrap();
        push(&mut stream, "a message longer than the queue", Class::Message);
        assert_eq!(read(&mut stream, ticket).0, Read::Events);
        push(&mut stream, "123456", Class::Message);
        push(&mut stream, "123456", Class::Message);
        push(&mut stream, "the response, larger than all limits", Class::Response);
        assert_eq!(read(&mut stream, ticket).0, Read::Lagged);
        stream.detach(ticket);
        let ticket = stream.resume();
        let (_, events) = read(&mut stream, ticket);
        assert_eq!(events.last().unwrap().1, "the response, larger than all limits");
    }

    #[test]
    fn one_message_always_may_wait_for_the_first_reader() {
        let mut stream = Stream::for_requests(1);
        assert_eq!(push(&mut stream, "larger than all limits together", Class::Message).dropped, 0);
        push(&mut stream, "response", Class::Response);
        let ticket = stream.attach(0).unwrap();
        assert_eq!(read(&mut stream, ticket).1.len(), 2);
    }

    #[test]
    fn a_reader_that_resumes_much_is_not_slow_for_it() {
        let mut stream = Stream::standalone();
        for _ in 0..4 {
            push(&mut stream, "12345", Class::Message);
        }
        let ticket = stream.resume();
        push(&mut stream, "12345", Class::Message);
        assert_eq!(read(&mut stream, ticket).1.len(), 5);
        for _ in 0..4 {
            push(&mut stream, "1234567890", Class::Message);
        }
        assert_eq!(read(&mut stream, ticket).0, Read::Lagged);
    }

    #[test]
    fn owes_a_response_until_it_is_read() {
        let mut stream = Stream::for_requests(1);
        assert!(stream.owes_response());
        push(&mut stream, "response", Class::Response);
        let ticket = stream.attach(0).unwrap();
        assert!(stream.owes_response());
        read(&mut stream, ticket);
        assert!(!stream.owes_response());
        let mut stream = Stream::for_requests(1);
        stream.close();
        assert!(!stream.owes_response() && !Stream::standalone().owes_response());
    }

    #[test]
    fn counts_what_nobody_will_read() {
        let mut stream = Stream::standalone();
        for _ in 0..4 {
            assert_eq!(push(&mut stream, "xxxxx", Class::Message).dropped, 0);
        }
        assert_eq!(push(&mut stream, "x", Class::Message).dropped, 1);
        stream.close();
        assert_eq!(push(&mut stream, "x", Class::Message).dropped, 1);
        let ticket = stream.resume();
        assert_eq!(read(&mut stream, ticket).1.len(), 4);
        assert_eq!(read(&mut stream, ticket).0, Read::End);
    }
}
