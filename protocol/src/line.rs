//! Newline-delimited messages out of arbitrary chunks: the stdio transport (MCP "Transports", stdio).

use bytes::{Bytes, BytesMut};

/// A block up to this size is kept when its long line is done, so that a server which often sends a megabyte does not
/// make us allocate a megabyte each time. A larger one is given back.
const KEPT_BLOCK: usize = 2 * 1024 * 1024;

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
/// that buffer's block alive. Each byte is examined once, and blocks grow by doubling, so the time is linear in the
/// input whatever the chunks are.
///
/// Use: fill [`buffer`](Self::buffer) (or [`feed`](Self::feed)), then call [`next_line`](Self::next_line) until it
/// yields `None`, and again; at the end of the input, [`finish`](Self::finish). If so, no more than the limit, two
/// bytes and one chunk are ever buffered, however long a line is.
#[derive(Debug)]
pub struct LineDecoder {
    max_line: usize,
    /// The input that has not become a line. Bytes are added at its end only.
    buffer: BytesMut,
    /// How many bytes at the front of `buffer` are known to have no LF. Never more than it holds.
    scanned: usize,
    /// The block behind `buffer` is not larger than this.
    block: usize,
    /// While a line that is too long goes by: how many of its bytes are gone.
    discarded: Option<usize>,
}

impl LineDecoder {
    /// A decoder of lines up to `max_line` bytes, the line's end not counted.
    pub fn new(max_line: usize) -> Self {
        Self { max_line, buffer: BytesMut::new(), scanned: 0, block: 0, discarded: None }
    }

    /// The buffer to read into, with room for `at_least` bytes after what it holds. Only ever append to it.
    pub fn buffer(&mut self, at_least: usize) -> &mut BytesMut {
        let held = self.buffer.len();
        let needed = held + at_least;
        if held <= at_least && self.block > needed.max(KEPT_BLOCK) {
            // The long line that the block had grown for is done (or is being discarded).
            let mut fresh = BytesMut::with_capacity(needed);
            fresh.extend_from_slice(&self.buffer);
            self.block = fresh.capacity();
            self.buffer = fresh;
        } else if self.buffer.capacity() - held < at_least {
            // As much again as is held: a long line is moved a constant number of times on average.
            self.buffer.reserve(at_least.max(held));
            self.block = self.block.max(self.buffer.capacity());
        }
        &mut self.buffer
    }

    /// Adds a copy of `chunk` to the input.
    pub fn feed(&mut self, chunk: &[u8]) {
        self.buffer(chunk.len()).extend_from_slice(chunk);
    }

    /// How many bytes are buffered.
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// The next complete line, or `None` until more input has come.
    pub fn next_line(&mut self) -> Option<Line> {
        loop {
            let Some(at) = memchr::memchr(b'\n', &self.buffer[self.scanned..]) else {
                self.hold();
                return None;
            };
            let bytes = self.scanned + at;
            let line = self.buffer.split_to(bytes + 1);
            self.scanned = 0;
            if let Some(gone) = self.discarded.take() {
                return Some(Line::TooLong { bytes: gone + bytes });
            }
            let line = without_end(line.freeze());
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
        debug_assert_eq!(self.scanned, self.buffer.len(), "lines are left");
        let tail = without_end(std::mem::take(&mut self.buffer).freeze());
        self.scanned = 0;
        self.block = 0;
        let whole = self.discarded.take().is_none() && tail.len() <= self.max_line;
        (whole && !tail.trim_ascii().is_empty()).then_some(tail)
    }

    /// Keeps the beginning of a line until more comes, unless the line is too long already.
    fn hold(&mut self) {
        let held = self.buffer.len();
        self.scanned = held;
        // One byte above the limit may still turn out to be the CR of the line's end.
        if self.discarded.is_some() || held > self.max_line.saturating_add(1) {
            *self.discarded.get_or_insert(0) += held;
            self.buffer.clear();
            self.scanned = 0;
        }
    }
}

fn without_end(mut line: Bytes) -> Bytes {
    for end in [b'\n', b'\r'] {
        if line.last() == Some(&end) {
            line.truncate(line.len() - 1);
        }
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
        let place = decoder.buffer.as_ptr().addr();
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

    /// The work is counted: how often the block moves, and where the search for LF goes on.
    #[test]
    fn a_long_line_is_moved_a_few_times_and_searched_once() {
        let size = 64 * 1024 * 1024;
        let chunk = vec![b'x'; 64 * 1024];
        let mut decoder = LineDecoder::new(size);
        let mut copied = 0;
        for held in (0..size).step_by(chunk.len()) {
            let before = decoder.buffer.as_ptr();
            let buffer = decoder.buffer(chunk.len());
            if buffer.as_ptr() != before {
                copied += held;
            }
            buffer.extend_from_slice(&chunk);
            assert_eq!(decoder.next_line(), None);
            assert_eq!(decoder.scanned, held + chunk.len());
        }
        assert!(copied < 2 * size, "copied {copied} bytes");
        decoder.feed(b"\n");
        assert!(matches!(decoder.next_line(), Some(Line::Message(line)) if line.len() == size));
    }

    #[test]
    fn a_block_grown_for_a_long_line_is_given_back() {
        for max_line in [4 * KEPT_BLOCK, 3 * KEPT_BLOCK] {
            let mut decoder = LineDecoder::new(max_line);
            let chunk = vec![b'x'; 64 * 1024];
            for _ in 0..4 * KEPT_BLOCK / chunk.len() {
                decoder.feed(&chunk);
                assert_eq!(decoder.next_line(), None);
            }
            decoder.feed(b"\nnext");
            assert!(decoder.next_line().is_some());
            decoder.feed(b" line\n");
            assert!(decoder.buffer.capacity() <= KEPT_BLOCK);
            assert_eq!(decoder.next_line(), Some(message("next line")));
        }
    }

    #[test]
    fn what_is_discarded_is_counted_but_not_kept() {
        let mut decoder = LineDecoder::new(10);
        for _ in 0..1000 {
            decoder.feed(&[b'x'; 1000]);
            assert_eq!(decoder.next_line(), None);
            assert_eq!(decoder.buffered(), 0);
        }
        assert!(decoder.buffer.capacity() < 10_000);
        decoder.feed(b"\nok\n");
        assert_eq!(decoder.next_line(), Some(Line::TooLong { bytes: 1_000_000 }));
        assert_eq!(decoder.next_line(), Some(message("ok")));
    }
}
