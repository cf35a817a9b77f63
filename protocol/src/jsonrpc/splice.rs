//! Messages changed in a few places, and everywhere else byte for byte as they came.

use bytes::Bytes;

use super::envelope::Envelope;
use super::payload::Payload;
use super::span::Span;
use crate::gather::COPY_LIMIT;

/// Replaces a range of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What goes away; an empty range inserts before its position.
    pub at: Span,
    /// What comes in its place.
    pub with: Bytes,
}

/// The message with every edit made, and every other byte unchanged.
///
/// A small result is one copied block; a result of [`COPY_LIMIT`] bytes and more refers to the message and to the
/// edits. The edits must be sorted by position, must not overlap and must lie within the message. That is the
/// caller's duty: it is asserted in debug builds; in release builds a wrong edit loses or repeats bytes or panics.
pub fn splice(message: &Bytes, edits: &[Edit]) -> Payload {
    debug_assert!(
        edits.is_sorted_by(|one, next| one.at.end <= next.at.start),
        "edits overlap or are not sorted"
    );
    if edits.is_empty() {
        return Payload::from(message.clone());
    }
    let removed: usize = edits.iter().map(|edit| edit.at.len()).sum();
    let added: usize = edits.iter().map(|edit| edit.with.len()).sum();
    let len = message.len() - removed + added;
    if len < COPY_LIMIT {
        let mut block = Vec::with_capacity(len);
        let mut kept = 0;
        for edit in edits {
            block.extend_from_slice(&message[kept..edit.at.start()]);
            block.extend_from_slice(&edit.with);
            kept = edit.at.end();
        }
        block.extend_from_slice(&message[kept..]);
        Payload::from_own_block(block)
    } else {
        let mut parts = Vec::with_capacity(2 * edits.len() + 1);
        let mut kept = 0;
        for edit in edits {
            parts.push(message.slice(kept..edit.at.start()));
            parts.push(edit.with.clone());
            kept = edit.at.end();
        }
        parts.push(message.slice(kept..));
        parts.retain(|part| !part.is_empty());
        Payload::from_parts(parts)
    }
}

/// The message as a line or an SSE event may carry it: CR and LF between its tokens become spaces.
///
/// No byte moves, so the spans of `envelope`, which is the scan of `message`, stay valid. Copies only if there is
/// something to replace.
pub fn one_line(message: Bytes, envelope: &Envelope) -> Bytes {
    if !envelope.raw_newlines() {
        return message;
    }
    let mut line = Vec::from(message);
    // The scan has refused raw control characters in strings: every CR or LF that is left is whitespace.
    let mut at = 0;
    while let Some(next) = memchr::memchr2(b'\r', b'\n', &line[at..]) {
        at += next;
        line[at] = b' ';
    }
    line.into()
}

#[cfg(test)]
mod tests {
    use super::super::{Field, scan};
    use super::*;

    fn edit(start: u32, end: u32, with: &'static str) -> Edit {
        Edit { at: Span::new(start, end), with: Bytes::from_static(with.as_bytes()) }
    }

    #[test]
    fn replaces_inserts_and_removes() {
        let message = Bytes::from_static(b"0123456789");
        for (edits, expected) in [
            (vec![], "0123456789"),
            (vec![edit(2, 4, "ab")], "01ab456789"),
            (vec![edit(0, 0, "<"), edit(10, 10, ">")], "<0123456789>"),
            (vec![edit(0, 3, ""), edit(3, 3, "x"), edit(3, 4, "y"), edit(9, 10, "")], "xy45678"),
            (vec![edit(5, 5, "a"), edit(5, 5, "b")], "01234ab56789"),
            (vec![edit(0, 10, "")], ""),
        ] {
            assert_eq!(splice(&message, &edits).to_bytes(), expected);
        }
    }

    #[test]
    fn small_results_are_one_block_and_large_ones_refer_to_the_message() {
        let message = Bytes::from(vec![b'm'; COPY_LIMIT]);
        let small = splice(&message, &[edit(5, 6, "")]);
        assert_eq!(small.parts().len(), 1);
        let large = splice(&message, &[edit(0, 0, "head"), edit(100, 101, "t")]);
        assert_eq!(large.len(), COPY_LIMIT + 4);
        let places: Vec<_> = large.parts().iter().map(|part| part.as_ptr()).collect();
        assert_eq!(places.len(), 4);
        assert_eq!((places[1], places[3]), (message.as_ptr(), message[101..].as_ptr()));
    }

    #[test]
    #[should_panic(expected = "overlap")]
    #[cfg(debug_assertions)]
    fn overlapping_edits_are_a_mistake() {
        splice(&Bytes::from_static(b"0123456789"), &[edit(2, 5, "a"), edit(4, 6, "b")]);
    }

    #[test]
    fn one_line_keeps_the_length_and_the_spans() {
        let pretty =
            Bytes::from_static(b"{\r\n  \"jsonrpc\": \"2.0\",\n  \"method\": \"a\\nb\",\r  \"id\": 7\n}\n");
        let envelope = scan(&pretty).unwrap();
        let line = one_line(pretty.clone(), &envelope);
        assert_eq!(line, "{    \"jsonrpc\": \"2.0\",   \"method\": \"a\\nb\",   \"id\": 7 } ");
        assert_eq!(envelope.span(Field::Id).unwrap().of(&line), b"7");
        assert_eq!(scan(&line).unwrap().span(Field::Id), envelope.span(Field::Id));
    }

    #[test]
    fn a_message_on_one_line_is_passed_on_without_a_copy() {
        let message = Bytes::from_static(br#"{"jsonrpc":"2.0","method":"a\nb"}"#);
        let envelope = scan(&message).unwrap();
        assert_eq!(one_line(message.clone(), &envelope).as_ptr(), message.as_ptr());
    }
}
