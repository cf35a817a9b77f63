//! Events written into a [`Gather`].
//!
//! Whatever is written must be without CR and LF, which would end the line early and let a message forge events. That
//! is the caller's duty, asserted in debug builds.

use std::time::Duration;

use super::EventId;
use crate::gather::Gather;
use crate::jsonrpc::{Payload, text::decimal};

/// A message: `event: message`, its id if it has one, and the payload as one line of data. A message with raw newlines
/// must have gone through [`one_line`](crate::jsonrpc::one_line).
pub fn event(out: &mut Gather, id: Option<EventId>, payload: &Payload) {
    debug_assert!(payload.parts().iter().all(|part| is_one_line(part)), "a payload must be one line");
    out.copy(b"event: message\n");
    if let Some(id) = id {
        id_line(out, id);
    }
    out.copy(b"data: ");
    out.append_payload(payload);
    out.copy(b"\n\n");
}

/// An event of another name, such as `endpoint` of the HTTP+SSE transport.
pub fn named(out: &mut Gather, event: &str, data: &str) {
    debug_assert!(
        is_one_line(event.as_bytes()) && is_one_line(data.as_bytes()),
        "an event must be one line each"
    );
    for piece in ["event: ", event, "\ndata: ", data, "\n\n"] {
        out.copy(piece.as_bytes());
    }
}

/// The event that makes a stream resumable before it has a message (revision 2025-11-25): an id and empty data, which
/// clients do not take for a message. `retry` is how long the client shall wait before it reconnects.
pub fn priming(out: &mut Gather, id: EventId, retry: Option<Duration>) {
    id_line(out, id);
    if let Some(delay) = retry {
        retry_line(out, delay);
    }
    out.copy(b"data: \n\n");
}

/// How long the client shall wait before it reconnects, rounded down to milliseconds.
pub fn retry(out: &mut Gather, delay: Duration) {
    retry_line(out, delay);
    out.copy(b"\n");
}

/// A comment, which clients ignore: it shows that the stream is alive.
pub fn comment(out: &mut Gather, text: &str) {
    debug_assert!(is_one_line(text.as_bytes()), "a comment must be one line");
    for piece in [": ", text, "\n\n"] {
        out.copy(piece.as_bytes());
    }
}

fn id_line(out: &mut Gather, id: EventId) {
    out.copy(b"id: ");
    out.copy(decimal(id.stream.into(), &mut [0; 20]));
    out.copy(b"-");
    out.copy(decimal(id.sequence, &mut [0; 20]));
    out.copy(b"\n");
}

fn retry_line(out: &mut Gather, delay: Duration) {
    out.copy(b"retry: ");
    out.copy(decimal(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), &mut [0; 20]));
    out.copy(b"\n");
}

fn is_one_line(text: &[u8]) -> bool {
    memchr::memchr2(b'\r', b'\n', text).is_none()
}

#[cfg(test)]
mod tests {
    use bytes::{Buf, Bytes};

    use super::*;
    use crate::gather::COPY_LIMIT;

    fn written(write: impl FnOnce(&mut Gather)) -> String {
        let mut out = Gather::new();
        write(&mut out);
        let bytes = out.copy_to_bytes(out.remaining());
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn events_are_spelt_as_clients_expect() {
        let id = EventId { stream: 2, sequence: 7 };
        let payload = Payload::from(Bytes::from_static(b"{\"a\":1}"));
        assert_eq!(
            written(|out| event(out, Some(id), &payload)),
            "event: message\nid: 2-7\ndata: {\"a\":1}\n\n"
        );
        assert_eq!(written(|out| event(out, None, &payload)), "event: message\ndata: {\"a\":1}\n\n");
        assert_eq!(
            written(|out| named(out, "endpoint", "/messages?sessionId=a")),
            "event: endpoint\ndata: /messages?sessionId=a\n\n"
        );
        assert_eq!(written(|out| priming(out, id, None)), "id: 2-7\ndata: \n\n");
        assert_eq!(
            written(|out| priming(out, id, Some(Duration::from_millis(1500)))),
            "id: 2-7\nretry: 1500\ndata: \n\n"
        );
        assert_eq!(written(|out| retry(out, Duration::from_micros(2999))), "retry: 2\n\n");
        assert_eq!(written(|out| retry(out, Duration::MAX)), format!("retry: {}\n\n", u64::MAX));
        assert_eq!(written(|out| comment(out, "keep-alive")), ": keep-alive\n\n");
    }

    #[test]
    fn a_large_payload_is_framed_without_a_copy() {
        let message = Bytes::from(vec![b' '; COPY_LIMIT]);
        let mut out = Gather::new();
        event(&mut out, None, &Payload::from(message.clone()));
        let parts: Vec<_> = out.into_parts().collect();
        assert_eq!(parts[0], "event: message\ndata: ");
        assert_eq!(parts[1].as_ptr(), message.as_ptr());
        assert_eq!(parts[2], "\n\n");
    }

    #[test]
    #[should_panic(expected = "one line")]
    #[cfg(debug_assertions)]
    fn a_raw_newline_is_a_mistake() {
        event(&mut Gather::new(), None, &Payload::from(Bytes::from_static(b"{\r}")));
    }
}
