//! The queue of lines for a server's stdin, and the task that writes it.
//!
//! The writer takes everything that is queued and writes it with one call: requests that became ready
//! together leave together. It never waits for the reader of stdout, nor the reader for it, so that a full
//! pipe in one direction cannot block the other. Where a server has one session alone, nothing comes together:
//! who queues a line then writes it at once, and the writer only what does not fit into the pipe.

use std::{
    io::{self, IoSlice},
    pin::pin,
    sync::{Arc, Weak},
};

use bytes::Buf;
use tokio::net::unix::pipe;
use tokio_util::sync::CancellationToken;
use waggle_protocol::{Gather, jsonrpc::Payload, mux::Sharing};

use super::{Outgoing, Upstream};
use crate::when_woken::WhenWoken;

/// Lines that wait for the server to read.
#[derive(Debug, Default)]
pub(super) struct Queue {
    lines: Gather,
    /// Bytes that the writer has taken and not yet written.
    in_hand: usize,
    /// The writer's pipe, where lines need not wait for one another.
    direct: Weak<pipe::Sender>,
}

/// Pieces that are written with one call at the most.
const PIECES: usize = 16;

impl Queue {
    pub(super) fn push(&mut self, line: &Payload) {
        self.lines.append_payload(line);
        self.lines.copy(b"\n");
    }

    /// Bytes that the server has not read from us.
    pub(super) fn bytes(&self) -> usize {
        self.lines.len() + self.in_hand
    }

    /// Writes what is queued here and now; false if there is something left to the writer.
    pub(super) fn write_at_once(&mut self) -> bool {
        // What the writer has in hand comes first.
        let pipe = self.direct.upgrade().filter(|_| self.in_hand == 0);
        // Why the pipe is closed is the writer's to find out.
        pipe.is_some_and(|pipe| try_write_all(&pipe, &mut self.lines).is_ok())
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
    pipe: pipe::Sender,
    ended: CancellationToken,
) -> Option<pipe::Sender> {
    let pipe = Arc::new(pipe);
    if upstream.terms.sharing == Sharing::Exclusive
        && let Outgoing::Pipe(queue) = &mut upstream.state.lock().outgoing
    {
        queue.direct = Arc::downgrade(&pipe);
    }
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
                () = &mut ended => return Arc::into_inner(pipe),
            }
        };
        if let Err(error) = write_all(&pipe, &mut lines).await {
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

/// Writes all of it.
async fn write_all(pipe: &pipe::Sender, lines: &mut Gather) -> io::Result<()> {
    loop {
        match try_write_all(pipe, lines) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => pipe.writable().await?,
            done => return done,
        }
    }
}

/// Writes until the pipe is full; a lone piece without a list, which the kernel would look at first.
fn try_write_all(pipe: &pipe::Sender, lines: &mut Gather) -> io::Result<()> {
    while lines.has_remaining() {
        let chunk = lines.chunk();
        let written = match chunk.len() == lines.remaining() {
            true => pipe.try_write(chunk)?,
            false => {
                let mut pieces = [IoSlice::new(&[]); PIECES];
                let count = lines.chunks_vectored(&mut pieces);
                pipe.try_write_vectored(&pieces[..count])?
            }
        };
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        lines.advance(written);
    }
    Ok(())
}
