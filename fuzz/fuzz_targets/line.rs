//! Any bytes as a server's stdout: wherever the reads end, the lines are the same, and memory stays within
//! the limit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waggle_protocol::line::{Line, LineDecoder};

const MAX_LINE: usize = 64;

fn lines(chunks: &[&[u8]]) -> (Vec<Line>, Option<bytes::Bytes>) {
    let mut decoder = LineDecoder::new(MAX_LINE);
    let mut lines = Vec::new();
    for chunk in chunks {
        decoder.feed(chunk);
        while let Some(line) = decoder.next_line() {
            lines.push(line);
        }
        assert!(decoder.buffered() <= MAX_LINE + 2, "an incomplete line is over the limit");
    }
    (lines, decoder.finish())
}

fuzz_target!(|data: &[u8]| {
    let whole = lines(&[data]);
    for line in &whole.0 {
        if let Line::Message(line) = line {
            assert!(line.len() <= MAX_LINE && !line.contains(&b'\n'));
        }
    }
    let bytes: Vec<&[u8]> = data.chunks(1).collect();
    assert_eq!(lines(&bytes), whole);
    if let Some((&at, rest)) = data.split_first() {
        let (left, right) = rest.split_at(usize::from(at).min(rest.len()));
        assert_eq!(lines(&[left, right]), lines(&[rest]));
    }
});
