//! Events: any chunks give the same events, never more is held than the limit, and what is encoded decodes to itself.
#![no_main]

use bytes::{Buf, Bytes};
use libfuzzer_sys::fuzz_target;
use waggle_protocol::Gather;
use waggle_protocol::jsonrpc::Payload;
use waggle_protocol::sse::{Event, EventId, SseDecoder, TooLong, encode};

fn events(max_event: usize, chunks: &[&[u8]]) -> (Vec<Result<Event, TooLong>>, String) {
    let mut decoder = SseDecoder::new(max_event);
    let mut events = Vec::new();
    for chunk in chunks {
        decoder.feed(chunk);
        events.extend(std::iter::from_fn(|| decoder.next_event()));
        // A byte order mark may be pending.
        assert!(decoder.buffered() <= 2 * max_event + 2);
    }
    (events, decoder.last_event_id().to_owned())
}

// The first byte is the limit, the second the size of the chunks.
fuzz_target!(|data: &[u8]| {
    let &[max_event, size, ref input @ ..] = data else { return };
    let chunks: Vec<_> = input.chunks(usize::from(size).max(1)).collect();
    let decoded = events(max_event.into(), &chunks);
    assert_eq!(events(max_event.into(), &[input]), decoded);
    for event in decoded.0 {
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
    let (events, last_event_id) = events(stream.len(), &chunks);
    let expected = Event { event: "message".into(), data: data.into(), id: Some(id.to_string()) };
    assert_eq!(events, [Ok(expected)]);
    assert_eq!(EventId::parse(&last_event_id), Some(id));
});
