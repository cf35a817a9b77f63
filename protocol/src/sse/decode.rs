//! Events out of arbitrary chunks.

use std::borrow::Cow;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::input::Input;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// An event of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The event's type, `message` unless it says otherwise. Invalid UTF-8 is replaced.
    pub event: Cow<'static, str>,
    /// The lines of data, joined by LF. Not checked in any way. Empty in an event that only carries an id (priming),
    /// which a browser would not report.
    pub data: Bytes,
    /// The id, if this event sets one. Empty means that the stream is to be resumed from nowhere.
    pub id: Option<String>,
}

/// An event was above the limit; its bytes are gone, and its id does not count as seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of {bytes} bytes is above the limit")]
pub struct TooLong {
    /// How many bytes its lines had, without their ends and without comments.
    pub bytes: usize,
}

/// Cuts events out of a stream of bytes (WHATWG HTML, "Parsing an event stream").
///
/// Lines end with CR, LF or CRLF, wherever the chunks are cut. One line of data is passed on without a copy.
///
/// Use: [`feed`](Self::feed), then call [`next_event`](Self::next_event) until it yields `None`, and again. If so, no
/// more than twice the limit and one chunk are ever held. At the end of the stream an event without its blank line is
/// incomplete, and the standard drops it: there is nothing to finish.
#[derive(Debug)]
pub struct SseDecoder {
    max_event: usize,
    input: Input,
    /// A byte order mark may still come: nothing has been decoded.
    at_start: bool,
    /// The last line ended with CR: a LF now belongs to it.
    after_cr: bool,
    /// What the line going by is, when its beginning has been dropped.
    dropped: Option<Dropped>,
    pending: Pending,
    last_event_id: String,
    retry: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dropped {
    Comment,
    TooLong,
}

/// The event whose blank line has not come.
#[derive(Debug, Default)]
struct Pending {
    event: Option<Cow<'static, str>>,
    data: Option<BytesMut>,
    id: Option<String>,
    /// Bytes of its lines. Above the limit, nothing else of it is kept.
    bytes: usize,
}

impl SseDecoder {
    /// A decoder of events whose lines have up to `max_event` bytes together, comments not counted.
    pub fn new(max_event: usize) -> Self {
        Self {
            max_event,
            input: Input::default(),
            at_start: true,
            after_cr: false,
            dropped: None,
            pending: Pending::default(),
            last_event_id: String::new(),
            retry: None,
        }
    }

    /// Adds a copy of `chunk` to the input.
    pub fn feed(&mut self, chunk: &[u8]) {
        self.input.feed(chunk);
    }

    /// How many bytes are held: those not decoded yet and those of the event that is not complete.
    pub fn buffered(&self) -> usize {
        self.input.len() + self.pending.bytes.min(self.max_event)
    }

    /// Whether the event that is not complete has passed the limit already: all that follows of it is skipped.
    pub fn is_skipping(&self) -> bool {
        self.pending.bytes > self.max_event
    }

    /// What to send as `Last-Event-ID` to resume the stream: the id of the last event that set one, or empty.
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// How long to wait before reconnecting, if the stream has said so.
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// The next complete event, or `None` until more input has come.
    ///
    /// # Errors
    ///
    /// The event was above the limit. The one after it is decoded as usual.
    pub fn next_event(&mut self) -> Option<Result<Event, TooLong>> {
        while let Some(line) = self.next_line() {
            if !line.is_empty() {
                self.field(line);
            } else if let Some(event) = self.dispatch() {
                return Some(event);
            }
        }
        None
    }

    /// The next line that is neither a comment nor part of an event that is too long; empty if it is blank.
    fn next_line(&mut self) -> Option<BytesMut> {
        if !self.skip_mark() {
            return None;
        }
        loop {
            if self.after_cr {
                let next = *self.input.bytes().first()?;
                self.input.skip(usize::from(next == b'\n'));
                self.after_cr = false;
            }
            let Some(length) = self.input.find(|bytes| memchr::memchr2(b'\r', b'\n', bytes)) else {
                self.hold();
                return None;
            };
            let comment = self.input.bytes()[0] == b':';
            let line = self.input.cut(length);
            self.after_cr = self.input.bytes()[0] == b'\r';
            self.input.skip(1);
            match self.dropped.take() {
                Some(Dropped::Comment) => {}
                None if comment => {}
                None if line.is_empty() => return Some(line),
                _ => {
                    self.pending.bytes += length;
                    if self.pending.bytes <= self.max_event {
                        return Some(line);
                    }
                    self.pending.give_up();
                }
            }
        }
    }

    /// Drops a byte order mark at the start; false as long as it cannot be told.
    fn skip_mark(&mut self) -> bool {
        if self.at_start {
            let bytes = self.input.bytes();
            if bytes.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(bytes) {
                return false;
            }
            let marked = bytes.starts_with(BYTE_ORDER_MARK);
            self.input.skip(if marked { BYTE_ORDER_MARK.len() } else { 0 });
            self.at_start = false;
        }
        true
    }

    /// Keeps the beginning of a line until more comes, unless nobody will want it.
    fn hold(&mut self) {
        let held = self.input.len();
        if self.dropped.is_none() {
            if self.input.bytes().first() == Some(&b':') {
                self.dropped = Some(Dropped::Comment);
            } else if held > 0 && self.pending.bytes.saturating_add(held) > self.max_event {
                self.dropped = Some(Dropped::TooLong);
                self.pending.give_up();
            }
        }
        if let Some(dropped) = self.dropped {
            self.input.clear();
            if dropped == Dropped::TooLong {
                self.pending.bytes += held;
            }
        }
    }

    /// Takes in a line that is not blank.
    fn field(&mut self, mut line: BytesMut) {
        let colon = memchr::memchr(b':', &line);
        let mut value = line.split_off(colon.map_or(line.len(), |colon| colon + 1));
        line.truncate(colon.unwrap_or(line.len()));
        if value.first() == Some(&b' ') {
            let _space = value.split_to(1);
        }
        match &line[..] {
            b"data" => match &mut self.pending.data {
                Some(data) => {
                    data.extend_from_slice(b"\n");
                    data.extend_from_slice(&value);
                }
                none => *none = Some(value),
            },
            b"event" => {
                let message = value.is_empty() || &value[..] == b"message";
                self.pending.event = (!message).then(|| text(&value).into());
            }
            b"id" if !value.contains(&0) => self.pending.id = Some(text(&value)),
            b"retry" => self.retry = milliseconds(&value).or(self.retry),
            _ => {}
        }
    }

    /// A blank line has come.
    fn dispatch(&mut self) -> Option<Result<Event, TooLong>> {
        let Pending { event, data, id, bytes } = std::mem::take(&mut self.pending);
        if bytes > self.max_event {
            return Some(Err(TooLong { bytes }));
        }
        if let Some(id) = &id {
            self.last_event_id.clone_from(id);
        } else if data.is_none() {
            return None;
        }
        Some(Ok(Event {
            event: event.unwrap_or(Cow::Borrowed("message")),
            data: data.unwrap_or_default().freeze(),
            id,
        }))
    }
}

impl Pending {
    /// The event is above the limit: only its length is of interest.
    fn give_up(&mut self) {
        *self = Self { bytes: self.bytes, ..Self::default() };
    }
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

/// The value of a `retry` field: ASCII digits and nothing else.
fn milliseconds(value: &[u8]) -> Option<Duration> {
    let digits = std::str::from_utf8(value).ok()?;
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = Result<Event, TooLong>;

    /// Feeds `input` in chunks of `step` bytes.
    fn decode(max_event: usize, input: &[u8], step: usize) -> (Vec<Outcome>, SseDecoder) {
        let mut decoder = SseDecoder::new(max_event);
        let mut events = Vec::new();
        for chunk in input.chunks(step) {
            decoder.feed(chunk);
            events.extend(std::iter::from_fn(|| decoder.next_event()));
            assert!(decoder.buffered() <= 2 * max_event + 3);
        }
        (events, decoder)
    }

    fn event(event: &'static str, data: &'static str, id: Option<&str>) -> Outcome {
        let (event, data) = (Cow::Borrowed(event), Bytes::from_static(data.as_bytes()));
        Ok(Event { event, data, id: id.map(str::to_owned) })
    }

    #[test]
    fn follows_the_standard_at_every_split() {
        let message = |data| event("message", data, None);
        for (input, expected) in [
            ("data: a\n\n", vec![message("a")]),
            ("data: a\r\n\r\ndata: b\r\rdata: c\n\n", vec![message("a"), message("b"), message("c")]),
            ("\u{feff}data: a\n\n", vec![message("a")]),
            ("\u{feff}\u{feff}data: a\n\n", vec![]),
            ("data:a\ndata:  b\ndata\ndata:\n\n", vec![message("a\n b\n\n")]),
            ("data\n\n", vec![message("")]),
            ("data: a: b\n\n", vec![message("a: b")]),
            (": comment\n:\n\n\n:data: a\n\n", vec![]),
            ("event: x\n\ndata: a\n\n", vec![message("a")]),
            ("event: x\nevent: endpoint\ndata: /m\n\n", vec![event("endpoint", "/m", None)]),
            ("event: x\nevent\ndata: a\n\n", vec![message("a")]),
            ("id: 1\ndata:\n\n", vec![event("message", "", Some("1"))]),
            ("id: 1\n\ndata: a\n\n", vec![event("message", "", Some("1")), message("a")]),
            ("id: 1\0\ndata: a\n\n", vec![message("a")]),
            ("id\ndata: a\n\n", vec![event("message", "a", Some(""))]),
            ("Data: a\n data: b\nfoo: c\ndata : d\n\n", vec![]),
            ("data: a\u{2028}\u{85}\u{b}b\n\n", vec![message("a\u{2028}\u{85}\u{b}b")]),
            ("data: incomplete\n", vec![]),
            ("data: incomplete\nid: 7", vec![]),
        ] {
            for step in 1..=input.len() {
                let (events, _) = decode(1000, input.as_bytes(), step);
                assert_eq!(events, expected, "{input:?} in steps of {step}");
            }
        }
    }

    #[test]
    fn remembers_where_and_when_to_resume() {
        let input = "id: 1-2\nretry: 1500\ndata: a\n\ndata: b\n\nretry: x\nretry:\nretry: 99999999999999999999\nid: 1-3\n";
        for step in 1..=input.len() {
            let (events, decoder) = decode(1000, input.as_bytes(), step);
            assert_eq!(events, [event("message", "a", Some("1-2")), event("message", "b", None)]);
            assert_eq!(decoder.last_event_id(), "1-2", "the event with 1-3 is not complete");
            assert_eq!(decoder.retry(), Some(Duration::from_millis(1500)));
        }
    }

    #[test]
    fn a_cr_at_the_end_of_a_chunk_ends_its_line_at_once() {
        let mut decoder = SseDecoder::new(100);
        decoder.feed(b"data: a\r\n\r");
        assert_eq!(decoder.next_event(), Some(event("message", "a", None)));
        decoder.feed(b"\ndata: b\n\n");
        assert_eq!(decoder.next_event(), Some(event("message", "b", None)));
        assert_eq!(decoder.next_event(), None);
    }

    #[test]
    fn an_event_above_the_limit_is_reported_once_and_the_next_is_whole() {
        let long = "x".repeat(30);
        for (input, bytes) in [
            (format!("id: 9\ndata: {long}\ndata: more\r\n\r\ndata: ok\n\n"), 5 + 36 + 10),
            (format!("data: 12\n: {long}\ndata: 345678\n\ndata: ok\n\n"), 8 + 12),
            (format!("{long}{long}\n\ndata: ok\n\n"), 60),
        ] {
            for step in 1..=input.len() {
                let (events, decoder) = decode(19, input.as_bytes(), step);
                assert_eq!(events, [Err(TooLong { bytes }), event("message", "ok", None)], "steps of {step}");
                assert_eq!(decoder.last_event_id(), "");
            }
        }
        assert_eq!(decode(8, b"data: 12\n\n", 3).0, [event("message", "12", None)]);
    }

    #[test]
    fn comments_and_lost_events_take_no_memory() {
        for (start, bytes) in [("data: ", 1_000_006), (": ", 0)] {
            let mut decoder = SseDecoder::new(10);
            decoder.feed(start.as_bytes());
            for _ in 0..1000 {
                decoder.feed(&[b'x'; 1000]);
                assert_eq!(decoder.next_event(), None);
                assert_eq!(decoder.input.len(), 0);
                assert!(decoder.pending.data.is_none());
            }
            assert_eq!(decoder.is_skipping(), bytes > 0);
            decoder.feed(b"\n\n");
            assert_eq!(decoder.next_event(), (bytes > 0).then_some(Err(TooLong { bytes })));
        }
    }

    #[test]
    fn one_line_of_data_is_not_copied() {
        let mut decoder = SseDecoder::new(100);
        decoder.feed(b"event: message\ndata: {}\n\n");
        let place = decoder.input.bytes().as_ptr().addr();
        let data = decoder.next_event().unwrap().unwrap().data;
        assert_eq!((&data[..], data.as_ptr().addr()), (&b"{}"[..], place + 21));
    }
}
