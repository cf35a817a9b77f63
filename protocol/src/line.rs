//! Newline-delimited messages out of arbitrary chunks: the stdio transport (MCP "Transports", stdio).

use bytes::{Bytes, BytesMut};

use crate::input::Input;

/// One line of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// The line's bytes without its end. Not checked in any way, but neither empty nor only whitespace.
    Message(Bytes),
    /// A line above the limit; its bytes are gone.
    TooLong {
        /// How many bytes it had before its LF.
        bytes: usize,
    },
}

/// Cuts lines out of a stream of bytes.
///
/// Lines end with LF and nothing else (U+2028 and a bare CR may occur inside a message); one CR before the LF is
/// dropped, and lines of only whitespace are skipped. A line is cut out of the read buffer without a copy and keeps
/// that buffer's block alive. Each byte is examined once, so the time is linear in the input whatever the chunks are.
///
/// Use: fill [`buffer`](Self::buffer) (or [`feed`](Self::feed)), then call [`next_line`](Self::next_line) until it
/// yields `None`, and again; at the end of the input, [`finish`](Self::finish). If so, no more than the limit, two
/// bytes and one chunk are ever buffered, however long a line is.
#[derive(Debug)]
pub struct LineDecoder {
    max_line: usize,
    input: Input,
    /// While a line that is too long goes by: how many of its bytes are gone.
    discarded: Option<usize>,
}

impl LineDecoder {
    /// A decoder of lines up to `max_line` bytes, the line's end not counted.
    pub fn new(max_line: usize) -> Self {
        Self { max_line, input: Input::default(), discarded: None }
    }

    /// Another limit from now on, also for the line that is being read.
    pub fn set_max_line(&mut self, max_line: usize) {
        self.max_line = max_line;
    }

    /// The buffer to read into, with room for `at_least` bytes after what it holds. Only ever append to it.
    pub fn buffer(&mut self, at_least: usize) -> &mut BytesMut {
        self.input.room(at_least)
    }

    /// Adds a copy of `chunk` to the input.
    pub fn feed(&mut self, chunk: &[u8]) {
        self.input.feed(chunk);
    }

    /// How many bytes are buffered.
    pub fn buffered(&self) -> usize {
        self.input.len()
    }

    /// The next complete line, or `None` until more input has come.
    pub fn next_line(&mut self) -> Option<Line> {
        loop {
            let Some(bytes) = self.input.find(|bytes| memchr::memchr(b'\n', bytes)) else {
                self.hold();
                return None;
            };
            let line = self.input.cut(bytes);
            self.input.skip(1);
            if let Some(gone) = self.discarded.take() {
                return Some(Line::TooLong { bytes: gone + bytes });
            }
            let line = without_cr(line.freeze());
            if line.len() > self.max_line {
                return Some(Line::TooLong { bytes });
            }
            if !line.trim_ascii().is_empty() {
                return Some(Line::Message(line));
            }
        }
    }

    /// What followed the last LF, at the end of the input; the decoder is as new then. `None` if there was nothing but
    /// whitespace, or if it was too long. Call it when [`next_line`](Self::next_line) has yielded `None`.
    pub fn finish(&mut self) -> Option<Bytes> {
        let whole = self.discarded.take().is_none();
        let tail = self.input.cut(self.input.len());
        self.input = Input::default();
        let tail = without_cr(tail.freeze());
        (whole && tail.len() <= self.max_line && !tail.trim_ascii().is_empty()).then_some(tail)
    }

    /// Keeps the beginning of a line until more comes, unless the line is too long already.
    fn hold(&mut self) {
        let held = self.input.len();
        // One byte above the limit may still turn out to be the CR of the line's end.
        if self.discarded.is_some() || held > self.max_line.saturating_add(1) {
            *self.discarded.get_or_insert(0) += held;
            self.input.clear();
        }
    }
}

fn without_cr(mut line: Bytes) -> Bytes {
    if line.last() == Some(&b'\r') {
        line.truncate(line.len() - 1);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `input` in chunks of `step` bytes; the lines, and the tail.
    fn lines(max_line: usize, input: &[u8], step: usize) -> (Vec<Line>, Option<Bytes>) {
        let mut decoder = LineDecoder::new(max_line);
        let mut lines = Vec::new();
        for chunk in input.chunks(step) {
            decoder.feed(chunk);
            lines.extend(std::iter::from_fn(|| decoder.next_line()));
            assert!(decoder.buffered() <= max_line + 1);
        }
        (lines, decoder.finish())
    }

    fn message(line: &'static str) -> Line {
        Line::Message(Bytes::from_static(line.as_bytes()))
    }

    #[test]
    fn cuts_at_lf_only() {
        let input = "{\"a\":1}\n{\"b\":\"\u{2028}\u{85}\"}\r\n\r\n \t \n\n\rx\ry\r\r\n\x0b\ntail\r";
        for step in 1..=input.len() {
            let (lines, tail) = lines(100, input.as_bytes(), step);
            let expected = ["{\"a\":1}", "{\"b\":\"\u{2028}\u{85}\"}", "\rx\ry\r", "\u{b}"].map(message);
            assert_eq!(lines, expected, "step {step}");
            assert_eq!(tail.as_deref(), Some(&b"tail"[..]));
        }
    }

    #[test]
    fn the_limit_is_exact_and_the_next_line_is_whole() {
        let input = b"12345\n12345\r\n123456\n123456\r\n1234567890\r\nabc\n";
        for step in 1..=input.len() {
            let (lines, tail) = lines(5, input, step);
            let too_long = |bytes| Line::TooLong { bytes };
            let expected =
                [message("12345"), message("12345"), too_long(6), too_long(7), too_long(11), message("abc")];
            assert_eq!(lines, expected, "step {step}");
            assert_eq!(tail, None);
        }
    }

    #[test]
    fn the_tail_obeys_the_limit_and_may_be_blank() {
        for (input, expected) in
            [("12345\r", Some("12345")), ("123456", None), ("1234567", None), (" \t\r", None), ("", None)]
        {
            for step in 1..=input.len().max(1) {
                let (lines, tail) = lines(5, input.as_bytes(), step);
                assert_eq!((lines, tail.as_deref()), (vec![], expected.map(str::as_bytes)), "{input:?}");
            }
        }
    }

    #[test]
    fn lines_of_one_read_are_not_copied() {
        let mut decoder = LineDecoder::new(100);
        decoder.buffer(64).extend_from_slice(b"first\nsecond\nthi");
        let place = decoder.input.bytes().as_ptr().addr();
        for (offset, expected) in [(0, "first"), (6, "second")] {
            match decoder.next_line() {
                Some(Line::Message(line)) => {
                    assert_eq!((&line[..], line.as_ptr().addr()), (expected.as_bytes(), place + offset));
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(decoder.next_line(), None);
    }

    #[test]
    fn what_is_discarded_is_counted_but_not_kept() {
        let mut decoder = LineDecoder::new(10);
        for _ in 0..1000 {
            decoder.feed(&[b'x'; 1000]);
            assert_eq!(decoder.next_line(), None);
            assert_eq!(decoder.buffered(), 0);
        }
        decoder.feed(b"\nok\n");
        assert_eq!(decoder.next_line(), Some(Line::TooLong { bytes: 1_000_000 }));
        assert_eq!(decoder.next_line(), Some(message("ok")));
    }
}
