//! Cuts the input into lines, one message each.

use std::io;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};

/// Longest line taken, in bytes, its newline not counted.
pub(super) const MAX_LINE: usize = 64 << 20;

/// What a buffer may keep between lines, in bytes, so that one long line is not paid for ever after.
const KEPT: usize = 64 << 10;

/// One line of input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// A line without its newline; it may be empty, and may end in `\r`.
    Text(&'a [u8]),
    /// A line beyond the limit: skipped to its end.
    TooLong,
}

/// The lines of a reader.
pub(super) struct Lines<R> {
    input: BufReader<R>,
    line: Vec<u8>,
    max: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input: BufReader::new(input), line: Vec::new(), max: MAX_LINE }
    }

    /// The next line, or `None` at the end of the input. A last line without a newline counts.
    pub(super) async fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        self.line.shrink_to(KEPT);
        let limit = self.max as u64 + 1;
        if (&mut self.input).take(limit).read_until(b'\n', &mut self.line).await? == 0 {
            return Ok(None);
        }
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else if self.line.len() > self.max {
            self.skip_to_newline().await?;
            return Ok(Some(Line::TooLong));
        }
        Ok(Some(Line::Text(&self.line)))
    }

    async fn skip_to_newline(&mut self) -> io::Result<()> {
        loop {
            let chunk = self.input.fill_buf().await?;
            if chunk.is_empty() {
                return Ok(());
            }
            let newline = chunk.iter().position(|byte| *byte == b'\n');
            let skipped = newline.map_or(chunk.len(), |at| at + 1);
            self.input.consume(skipped);
            if newline.is_some() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_beyond_the_limit_is_skipped_and_the_next_one_read() {
        let mut lines = Lines::new(&b"1234\n12345\n\n123456789\nlast"[..]);
        lines.max = 4;
        assert_eq!(lines.next().await.unwrap(), Some(Line::Text(b"1234")));
        assert_eq!(lines.next().await.unwrap(), Some(Line::TooLong));
        assert_eq!(lines.next().await.unwrap(), Some(Line::Text(b"")));
        assert_eq!(lines.next().await.unwrap(), Some(Line::TooLong));
        assert_eq!(lines.next().await.unwrap(), Some(Line::Text(b"last")));
        assert_eq!(lines.next().await.unwrap(), None);
    }
}
