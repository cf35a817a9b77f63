//! Any bytes as an event stream: wherever the reads end, the events are the same, and memory stays within
//! the limit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waggle_protocol::sse::{Event, SseDecoder, TooLong};

const MAX_EVENT: usize = 256;

fn events(chunks: &[&[u8]]) -> Vec<Result<Event, TooLong>> {
    let mut decoder = SseDecoder::new(MAX_EVENT);
    let mut events = Vec::new();
    for chunk in chunks {
        decoder.feed(chunk);
        while let Some(event) = decoder.next_event() {
            events.push(event);
        }
        assert!(decoder.buffered() <= 4 * MAX_EVENT, "an incomplete event is over the limit");
    }
    events
}

fuzz_target!(|data: &[u8]| {
    let whole = events(&[data]);
    let bytes: Vec<&[u8]> = data.chunks(1).collect();
    assert_eq!(events(&bytes), whole);
    if let Some((&at, rest)) = data.split_first() {
        let (left, right) = rest.split_at(usize::from(at).min(rest.len()));
        assert_eq!(events(&[left, right]), events(&[rest]));
    }
});
