//! A server's stderr: always drained, logged with the server's name, the last lines kept.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{io::AsyncReadExt, net::unix::pipe, time::Instant};
use waggle_protocol::line::{Line, LineDecoder};

/// Lines that an error message quotes.
const KEPT_LINES: usize = 10;
/// A longer line is cut in the tail, and not logged in full.
const LINE_BYTES: usize = 4096;
/// Lines logged per second; the rest of the second is counted only. A flood must not cost answers.
const LOGGED_PER_SECOND: u32 = 200;

/// The last lines of a server's stderr.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    /// The lines, oldest first.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().iter().cloned().collect()
    }

    fn push(&self, line: &str) {
        let mut lines = self.0.lock();
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }
}

/// Reads until the last holder of the pipe has closed it.
pub(super) async fn drain(mut stderr: pipe::Receiver, name: String, pid: i32, tail: Tail) {
    let mut decoder = LineDecoder::new(LINE_BYTES);
    let mut window = Instant::now();
    let (mut logged, mut withheld) = (0, 0);
    loop {
        match stderr.read_buf(decoder.buffer(LINE_BYTES)).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        while let Some(line) = decoder.next_line() {
            if window.elapsed() >= Duration::from_secs(1) {
                if withheld > 0 {
                    tracing::warn!(
                        server = name,
                        pid,
                        withheld,
                        "stderr lines withheld: too many per second"
                    );
                }
                (window, logged, withheld) = (Instant::now(), 0, 0);
            }
            match line {
                Line::Message(bytes) => {
                    let text = String::from_utf8_lossy(&bytes);
                    tail.push(&text);
                    if logged < LOGGED_PER_SECOND {
                        tracing::info!(target: "server", server = name, pid, "{text}");
                    }
                }
                Line::TooLong { bytes } => tail.push(&format!("({bytes} bytes in one line)")),
            }
            match logged < LOGGED_PER_SECOND {
                true => logged += 1,
                false => withheld += 1,
            }
        }
    }
    if let Some(rest) = decoder.finish() {
        let text = String::from_utf8_lossy(&rest);
        tail.push(&text);
        tracing::info!(target: "server", server = name, pid, "{text}");
    }
}
