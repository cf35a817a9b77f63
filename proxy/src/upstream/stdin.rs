//! The queue of lines for a server's stdin, and the task that writes it.
//!
//! The writer takes everything that is queued and writes it with one call: requests that became ready
//! together leave together. It never waits for the reader of stdout, nor the reader for it, so that a full
//! pipe in one direction cannot block the other.

use std::{io, pin::pin, sync::Arc};

use bytes::Buf;
use tokio::{io::AsyncWriteExt, net::unix::pipe};
use tokio_util::sync::CancellationToken;
use waggle_protocol::{Gather, jsonrpc::Payload};

use super::{Outgoing, Upstream};
use crate::when_woken::WhenWoken;

/// Lines that wait for the server to read.
#[derive(Debug, Default)]
pub(super) struct Queue {
    lines: Gather,
    /// Bytes that the writer has taken and not yet written.
    in_hand: usize,
}

impl Queue {
    pub(super) fn push(&mut self, line: &Payload) {
        self.lines.append_payload(line);
        self.lines.copy(b"\n");
    }

    /// Bytes that the server has not read from us.
    pub(super) fn bytes(&self) -> usize {
        self.lines.len() + self.in_hand
    }

    /// What was taken has been written.
    fn written(&mut self) {
        self.in_hand = 0;
    }

    fn take(&mut self) -> Option<Gather> {
        if self.lines.is_empty() {
            return None;
        }
        self.in_hand = self.lines.len();
        Some(std::mem::take(&mut self.lines))
    }
}

/// Writes until the pipe breaks or the task is aborted. Once `ended` and with nothing left to write it gives the
/// pipe back.
pub(super) async fn write(
    upstream: Arc<Upstream>,
    mut pipe: pipe::Sender,
    ended: CancellationToken,
) -> Option<pipe::Sender> {
    let mut ended = pin!(WhenWoken::new(ended.cancelled()));
    loop {
        let queued = upstream.queued.notified();
        let taken = match &mut upstream.state.lock().outgoing {
            Outgoing::Pipe(queue) => queue.take(),
            Outgoing::Http(_) => None,
        };
        let Some(mut lines) = taken else {
            tokio::select! {
                biased;
                () = queued => continue,
                () = &mut ended => return Some(pipe),
            }
        };
        if let Err(error) = write_all(&mut pipe, &mut lines).await {
            // The process is ending; its exit is noticed by the reader.
            tracing::debug!(%error, "stdin is closed");
            return None;
        }
        // Before the news of it, so that whoever waits for room finds it.
        if let Outgoing::Pipe(queue) = &mut upstream.state.lock().outgoing {
            queue.written();
        }
        upstream.room.notify_waiters();
    }
}

/// Writes all of it; a lone piece without a list, which the kernel would look at first.
async fn write_all(pipe: &mut pipe::Sender, lines: &mut Gather) -> io::Result<()> {
    while lines.has_remaining() {
        let chunk = lines.chunk();
        let written = match chunk.len() == lines.remaining() {
            true => {
                let written = pipe.write(chunk).await?;
                lines.advance(written);
                written
            }
            false => pipe.write_buf(lines).await?,
        };
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    Ok(())
}
