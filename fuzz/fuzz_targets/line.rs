//! Lines: any chunks give the same lines, and never more is held than the limit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waggle_protocol::line::{Line, LineDecoder};

fn lines(max_line: usize, chunks: &[&[u8]]) -> (Vec<Line>, Option<bytes::Bytes>) {
    let mut decoder = LineDecoder::new(max_line);
    let mut lines = Vec::new();
    for chunk in chunks {
        decoder.feed(chunk);
        lines.extend(std::iter::from_fn(|| decoder.next_line()));
        assert!(decoder.buffered() <= max_line + 1);
    }
    (lines, decoder.finish())
}

// The first byte is the limit, the second the size of the chunks.
fuzz_target!(|data: &[u8]| {
    let &[max_line, size, ref input @ ..] = data else { return };
    let chunks: Vec<_> = input.chunks(usize::from(size).max(1)).collect();
    let (lines_of_chunks, tail) = lines(max_line.into(), &chunks);
    assert_eq!(lines(max_line.into(), &[input]), (lines_of_chunks.clone(), tail.clone()));

    let mut bytes = tail.map_or(0, |tail| tail.len());
    for line in lines_of_chunks {
        bytes += match line {
            Line::Message(line) => {
                assert!(
                    line.len() <= max_line.into() && !line.contains(&b'\n') && !line.trim_ascii().is_empty()
                );
                line.len()
            }
            Line::TooLong { bytes } => {
                assert!(bytes > max_line.into());
                bytes
            }
        };
    }
    assert!(bytes <= input.len());
});
