//! Messages as events of a stream.

use bytes::Bytes;

/// Each line as an event.
pub(super) fn events(lines: &[u8]) -> Bytes {
    let mut events = Vec::with_capacity(lines.len() + 16);
    for line in lines.split(|byte| *byte == b'\n') {
        event(&mut events, line);
    }
    events.into()
}

/// Appends an event.
pub(super) fn event(out: &mut Vec<u8>, data: &[u8]) {
    for part in [&b"event: message\ndata: "[..], data, b"\n\n"] {
        out.extend_from_slice(part);
    }
}
