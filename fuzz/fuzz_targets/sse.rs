//! Events: any chunks give the same events, never more is held than the limit, an event that is too long is known as
//! such before its end, and what is encoded decodes to itself.
#![no_main]

use std::time::Duration;

use bytes::{Buf, Bytes};
use libfuzzer_sys::fuzz_target;
use waggle_protocol::Gather;
use waggle_protocol::jsonrpc::Payload;
use waggle_protocol::sse::{Event, EventId, SseDecoder, TooLong, encode};

#[derive(Debug, PartialEq)]
struct Decoded {
    events: Vec<Result<Event, TooLong>>,
    last_event_id: String,
    retry: Option<Duration>,
}

fn decode(max_event: usize, chunks: &[&[u8]]) -> Decoded {
    let mut decoder = SseDecoder::new(max_event);
    let mut events = Vec::new();
    // The number of the event that is being skipped.
    let mut skipped = None;
    for chunk in chunks {
        decoder.feed(chunk);
        events.extend(std::iter::from_fn(|| decoder.next_event()));
        // A byte order mark may be pending.
        assert!(decoder.buffered() <= 2 * max_event + 2);
        if let Some(event) = skipped.and_then(|number: usize| events.get(number)) {
            assert!(event.is_err(), "what is skipped is too long");
        }
        skipped = decoder.is_skipping().then_some(events.len());
    }
    Decoded { events, last_event_id: decoder.last_event_id().to_owned(), retry: decoder.retry() }
}

// The first byte is the limit, the second the size of the chunks.
fuzz_target!(|data: &[u8]| {
    let &[max_event, size, ref input @ ..] = data else { return };
    let chunks: Vec<_> = input.chunks(usize::from(size).max(1)).collect();
    let decoded = decode(max_event.into(), &chunks);
    assert_eq!(decode(max_event.into(), &[input]), decoded);
    for event in decoded.events {
        match event {
            Ok(event) => assert!(event.data.len() <= max_event.into() && !event.data.contains(&b'\r')),
            Err(TooLong { bytes }) => assert!(bytes > max_event.into()),
        }
    }

    let data: Vec<u8> = input.iter().copied().filter(|byte| !b"\r\n".contains(byte)).collect();
    let id = EventId { stream: max_event.into(), sequence: size.into() };
    let mut out = Gather::new();
    encode::event(&mut out, Some(id), &Payload::from(Bytes::from(data.clone())));
    let stream = out.copy_to_bytes(out.remaining());
    let chunks: Vec<_> = stream.chunks(usize::from(size).max(1)).collect();
    let Decoded { events, last_event_id, .. } = decode(stream.len(), &chunks);
    let expected = Event { event: "message".into(), data: data.into(), id: Some(id.to_string()) };
    assert_eq!(events, [Ok(expected)]);
    assert_eq!(EventId::parse(&last_event_id), Some(id));
});
