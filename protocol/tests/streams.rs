//! For any input and any way to cut it into chunks: the same lines, the same events, the same bytes.

mod json;

use std::io::IoSlice;

use bytes::{Buf, Bytes};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use waggle_protocol::jsonrpc::{Payload, one_line, scan};
use waggle_protocol::line::{Line, LineDecoder};
use waggle_protocol::sse::{Event, EventId, SseDecoder, TooLong, encode};
use waggle_protocol::{COPY_LIMIT, Gather};

/// `input` in chunks, some of them empty.
fn chunks<'a>(input: &'a [u8], sizes: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = input;
    let mut sizes = sizes.iter();
    std::iter::from_fn(move || {
        let size = sizes.next().copied().or((!rest.is_empty()).then_some(rest.len()))?;
        let (chunk, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        Some(chunk)
    })
}

fn lines(max_line: usize, input: &[u8], sizes: &[usize]) -> (Vec<Line>, Option<Bytes>) {
    let mut decoder = LineDecoder::new(max_line);
    let mut lines = Vec::new();
    for chunk in chunks(input, sizes) {
        decoder.feed(chunk);
        lines.extend(std::iter::from_fn(|| decoder.next_line()));
        assert!(decoder.buffered() <= max_line + 1);
    }
    (lines, decoder.finish())
}

/// What [`lines`] must find, the simple way.
fn simple_lines(max_line: usize, input: &[u8]) -> (Vec<Line>, Option<Bytes>) {
    let without_cr = |line: &[u8]| Bytes::copy_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
    let mut lines = Vec::new();
    let mut parts: Vec<_> = input.split(|&byte| byte == b'\n').collect();
    let tail = without_cr(parts.pop().expect("a split has at least one part"));
    for part in parts {
        let line = without_cr(part);
        if line.len() > max_line {
            lines.push(Line::TooLong { bytes: part.len() });
        } else if !line.trim_ascii().is_empty() {
            lines.push(Line::Message(line));
        }
    }
    (lines, (tail.len() <= max_line && !tail.trim_ascii().is_empty()).then_some(tail))
}

fn events(max_event: usize, input: &[u8], sizes: &[usize]) -> (Vec<Result<Event, TooLong>>, String) {
    let mut decoder = SseDecoder::new(max_event);
    let mut events = Vec::new();
    for chunk in chunks(input, sizes) {
        decoder.feed(chunk);
        events.extend(std::iter::from_fn(|| decoder.next_event()));
        assert!(decoder.buffered() <= 2 * max_event + 3);
    }
    (events, decoder.last_event_id().to_owned())
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    vec(0..8usize, 0..60)
}

/// Input of a line decoder, rich in what matters to it.
fn line_input() -> impl Strategy<Value = Vec<u8>> {
    let piece = select(vec!["\n", "\n", "\r\n", "\r", " ", "a", "bcdef", "\u{2028}", "{\"a\":1}"]);
    vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
}

/// Input of an SSE decoder, rich in what matters to it.
fn sse_input() -> impl Strategy<Value = Vec<u8>> {
    let piece = select(vec![
        "\n",
        "\n\n",
        "\r",
        "\r\n",
        "\r\n\r\n",
        ":",
        " ",
        "\u{feff}",
        "data",
        "data: ",
        "data:a\n",
        "data: {}\r\n",
        "event: x\n",
        "id: 1-2\n",
        "id:\r",
        "retry: 10\n",
        "\0",
        "abc",
    ]);
    vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
}

/// What goes into a [`Gather`].
#[derive(Clone, Debug)]
enum Piece {
    Copied(Vec<u8>),
    Pushed(Bytes),
    Read(usize),
}

fn piece() -> impl Strategy<Value = Piece> {
    let bytes = || {
        (any::<u8>(), prop_oneof![0..20usize, COPY_LIMIT - 1..COPY_LIMIT + 2])
            .prop_map(|(byte, len)| vec![byte; len])
    };
    prop_oneof![
        bytes().prop_map(Piece::Copied),
        bytes().prop_map(|bytes| Piece::Pushed(bytes.into())),
        (0..2 * COPY_LIMIT).prop_map(Piece::Read),
    ]
}

proptest! {
    #[test]
    fn lines_do_not_depend_on_the_chunks(input in line_input(), sizes in sizes(), max_line in 0..12usize) {
        prop_assert_eq!(lines(max_line, &input, &sizes), simple_lines(max_line, &input));
    }

    #[test]
    fn lines_of_arbitrary_bytes_do_not_depend_on_the_chunks(input in vec(any::<u8>(), 0..2000), sizes in sizes()) {
        prop_assert_eq!(lines(100, &input, &sizes), simple_lines(100, &input));
    }

    #[test]
    fn events_do_not_depend_on_the_chunks(input in sse_input(), sizes in sizes(), max_event in 0..40usize) {
        let whole = [input.len()];
        prop_assert_eq!(events(max_event, &input, &sizes), events(max_event, &input, &whole));
    }

    #[test]
    fn line_ends_are_equivalent(input in sse_input(), sizes in sizes()) {
        let lf: Vec<u8> = String::from_utf8(input).unwrap().replace("\r\n", "\n").replace('\r', "\n").into();
        let text = String::from_utf8(lf.clone()).unwrap();
        for end in ["\r", "\r\n"] {
            prop_assert_eq!(events(1000, text.replace('\n', end).as_bytes(), &sizes), events(1000, &lf, &sizes));
        }
    }

    #[test]
    fn messages_cross_a_stream_unchanged(
        messages in vec((json::message(), any::<Option<(u32, u64)>>()), 0..6), sizes in sizes(),
    ) {
        let mut out = Gather::new();
        let mut expected = Vec::new();
        for (message, id) in messages {
            let message = Bytes::from(message);
            let envelope = scan(&message).unwrap();
            let message = one_line(message, &envelope);
            let id = id.map(|(stream, sequence)| EventId { stream, sequence });
            encode::comment(&mut out, "keep-alive");
            encode::event(&mut out, id, &Payload::from(message.clone()));
            expected.push((message, id));
        }
        let stream = out.copy_to_bytes(out.remaining());
        let (events, _) = events(1_000_000, &stream, &sizes);
        prop_assert_eq!(events.len(), expected.len());
        for (event, (message, id)) in events.into_iter().zip(expected) {
            let event = event.unwrap();
            prop_assert_eq!(event.event, "message");
            // Exactly one space after the colon is not data.
            prop_assert_eq!(event.data, message);
            prop_assert_eq!(event.id.map(|id| EventId::parse(&id).unwrap()), id);
        }
    }

    #[test]
    fn messages_cross_a_pipe_unchanged(messages in vec(json::message(), 0..6), sizes in sizes()) {
        let messages: Vec<_> = messages.into_iter().map(Bytes::from).collect();
        let as_lines: Vec<_> = messages.iter().map(|message| one_line(message.clone(), &scan(message).unwrap())).collect();
        let input: Vec<u8> = as_lines.iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect();
        let (lines, tail) = lines(1_000_000, &input, &sizes);
        prop_assert_eq!(lines, as_lines.into_iter().map(Line::Message).collect::<Vec<_>>());
        prop_assert_eq!(tail, None);
    }

    #[test]
    fn a_gather_is_the_sum_of_its_pieces(pieces in vec(piece(), 0..20)) {
        let mut gather = Gather::new();
        let (mut expected, mut read) = (Vec::new(), 0);
        for piece in pieces {
            match piece {
                Piece::Copied(bytes) => {
                    gather.copy(&bytes);
                    expected.extend(bytes);
                }
                Piece::Pushed(bytes) => {
                    gather.push(bytes.clone());
                    expected.extend(bytes);
                }
                Piece::Read(count) => {
                    let count = count.min(gather.remaining());
                    gather.advance(count);
                    read += count;
                }
            }
            let left = &expected[read..];
            prop_assert_eq!((gather.len(), gather.is_empty()), (left.len(), left.is_empty()));
            prop_assert!(left.starts_with(gather.chunk()) && gather.chunk().is_empty() == left.is_empty());
            let mut slices = [IoSlice::new(&[]); 64];
            let count = gather.chunks_vectored(&mut slices);
            let seen: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
            prop_assert_eq!(seen, left);
        }
        prop_assert_eq!(gather.into_parts().collect::<Vec<_>>().concat(), &expected[read..]);
    }
}
