//! The echo server on stdin and stdout.

use std::io::{self, BufRead, BufReader, BufWriter, Write};

use super::Echo;

/// Serves until stdin ends. Answers to lines that arrive together leave together.
///
/// # Errors
/// stdin or stdout fails.
pub fn serve(strict: bool, chatty: bool) -> io::Result<()> {
    let mut input = BufReader::with_capacity(64 << 10, io::stdin().lock());
    let mut output = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    let mut echo = Echo::new(strict);
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        if chatty {
            writeln!(io::stderr(), "echo: a message of {} bytes", line.len())?;
        }
        if let Some(answer) = echo.answer(&line) {
            output.write_all(answer.as_bytes())?;
            output.write_all(b"\n")?;
        }
        line.clear();
        if input.buffer().is_empty() {
            output.flush()?;
        }
    }
    output.flush()
}
