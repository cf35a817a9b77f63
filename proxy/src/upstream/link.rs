//! The connection behind a multiplexer: a process with its pipes, or requests to an HTTP server. Drives it until
//! it ends or nobody needs it.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use waggle_protocol::{line::LineDecoder, mux::Sharing};

use super::{
    Era, Outgoing, Upstream,
    http::{HttpLink, HttpOutput},
    process::{LAST_WORDS, Output, Process},
    read_size::ReadSize,
    stdin,
};
use crate::when_woken::WhenWoken;

/// How long a process may still live once it has closed its stdout: that is usually the first sign of its end, and on a
/// busy machine the second takes a while.
const CLOSING: Duration = Duration::from_secs(1);

/// One connection.
#[derive(Debug)]
pub(super) enum Link {
    Process(Box<Process>),
    Http(Box<HttpLink>),
}

/// Why a connection stopped being of use. The texts complete "the MCP server …".
pub(super) enum End {
    /// Nobody needs it.
    NotNeeded,
    /// It has refused the handshake, or speaks otherwise.
    Refused(String),
    /// It has exited, cannot be reached, or has broken the protocol.
    Failed(String),
}

impl Link {
    /// Drives the connection until it ends.
    pub(super) async fn run(&mut self, upstream: &Arc<Upstream>) -> End {
        let server = &upstream.server;
        if server.stop.is_cancelled() || upstream.ended.is_cancelled() {
            return End::NotNeeded;
        }
        // The only process of a modern server needs none beside it.
        if upstream.terms.dialect.era() == Era::Legacy || upstream.terms.sharing == Sharing::Exclusive {
            server.warm_up();
        }
        match self {
            Self::Process(process) => run_process(upstream, process).await,
            Self::Http(link) => {
                upstream.connect();
                serve_http(upstream, link).await
            }
        }
    }

    /// Ends it politely.
    pub(super) async fn stop(self) {
        match self {
            Self::Process(process) => process.stop().await,
            Self::Http(link) => link.close().await,
        }
    }
}

async fn run_process(upstream: &Arc<Upstream>, process: &mut Process) -> End {
    let Some(pipe) = process.stdin.take() else { return End::Failed("has no stdin".to_owned()) };
    let ended = CancellationToken::new();
    let mut writer = upstream.server.tracker.spawn(stdin::write(upstream.clone(), pipe, ended.clone()));
    upstream.connect();
    let end = serve_process(upstream, process).await;
    if matches!(end, End::Refused(_)) {
        // It lives, and has read all that it was sent: who goes on with it finds its stdin.
        ended.cancel();
        if let Ok(pipe) = timeout(LAST_WORDS, &mut writer).await {
            process.stdin = pipe.ok().flatten();
            return end;
        }
    }
    // Closes stdin: the writer owns the pipe.
    writer.abort();
    let _ = writer.await;
    end
}

async fn serve_process(upstream: &Arc<Upstream>, process: &mut Process) -> End {
    let server = &upstream.server;
    let mut decoder = LineDecoder::new(server.config.now().limits.max_line);
    let mut size = ReadSize::default();
    let handshake_due = Instant::now() + server.config.now().times.handshake_timeout;
    // Most of what comes is bytes: what else is waited for stays as it is meanwhile.
    let mut replaced = pin!(WhenWoken::new(server.config.replaced()));
    let mut not_needed = pin!(WhenWoken::new(either_cancelled(&upstream.ended, &server.stop)));
    let mut look = pin!(WhenWoken::new(sleep_until(handshake_due)));
    loop {
        // Where it may be later, the look that is set finds nothing due.
        let next_look = upstream.next_look(handshake_due);
        if next_look < look.get().deadline() || look.get().is_elapsed() {
            look.as_mut().change().reset(next_look);
        }
        tokio::select! {
            biased;
            output = process.next(decoder.buffer(size.get())) => match output {
                Output::Bytes(length) => {
                    server.metrics.bytes_from_server(length);
                    size.came(length);
                    upstream.receive_lines(&mut decoder);
                    if ReadSize::is_much(length) {
                        // There is more: its readers take this first, or a burst would overrun their queues.
                        tokio::task::yield_now().await;
                    }
                }
                Output::Closed if process.ends_within(CLOSING).await => {
                    return End::Failed("ended".to_owned());
                }
                Output::Closed => return End::Failed("closed its stdout".to_owned()),
                Output::Broken(error) => return End::Failed(format!("cannot be read from: {error}")),
                Output::Exited => {
                    let until = Instant::now() + LAST_WORDS;
                    while process.last_bytes(decoder.buffer(size.get()), until).await.is_some() {
                        upstream.receive_lines(&mut decoder);
                    }
                    return End::Failed("ended".to_owned());
                }
            },
            () = &mut not_needed => return End::NotNeeded,
            () = &mut replaced => {
                replaced.set(WhenWoken::new(server.config.replaced()));
                decoder.set_max_line(server.config.now().limits.max_line);
            }
            () = &mut look => {
                if let Some(end) = upstream.look(handshake_due) {
                    return end;
                }
            }
        }
        if let Some(end) = upstream.refusal() {
            return end;
        }
    }
}

async fn serve_http(upstream: &Arc<Upstream>, link: &mut HttpLink) -> End {
    let server = &upstream.server;
    let handshake_due = Instant::now() + server.config.now().times.handshake_timeout;
    let mut replaced = pin!(server.config.replaced());
    let mut not_needed = pin!(either_cancelled(&upstream.ended, &server.stop));
    loop {
        let queued = upstream.queued.notified();
        while let Some(message) = upstream.next_outgoing() {
            link.send(&message);
        }
        let look = upstream.next_look(handshake_due);
        tokio::select! {
            biased;
            output = link.next() => match output {
                HttpOutput::Message { line, origin } => {
                    server.metrics.bytes_from_server(line.len());
                    upstream.receive(&line, origin);
                }
                HttpOutput::NotSpoken(reason) => return End::Refused(reason),
                HttpOutput::Failed(reason) => return End::Failed(reason),
            },
            () = queued => {}
            () = &mut not_needed => return End::NotNeeded,
            // The next look may be sooner.
            () = &mut replaced => replaced.set(server.config.replaced()),
            () = sleep_until(look) => {
                if let Some(end) = upstream.look(handshake_due) {
                    return end;
                }
            }
        }
        if let Some(end) = upstream.refusal() {
            return end;
        }
    }
}

async fn either_cancelled(one: &CancellationToken, other: &CancellationToken) {
    tokio::select! {
        () = one.cancelled() => {}
        () = other.cancelled() => {}
    }
}

impl Upstream {
    /// The next message for an HTTP server.
    fn next_outgoing(&self) -> Option<waggle_protocol::jsonrpc::Payload> {
        let next = match &mut self.state.lock().outgoing {
            Outgoing::Http(queue) => queue.pop_front(),
            Outgoing::Pipe(_) => None,
        };
        if next.is_some() {
            self.room.notify_waiters();
        }
        next
    }

    /// Looks at the time: for overdue requests, a handshake that takes too long, an idle connection.
    fn look(&self, handshake_due: Instant) -> Option<End> {
        if self.is_up() {
            let idle = self.expire_or_idle();
            if idle {
                tracing::debug!(server = self.server.name(), "the idle connection is closed");
            }
            return idle.then_some(End::NotNeeded);
        }
        let within = self.server.config.now().times.handshake_timeout.as_secs_f32();
        let opening = match self.terms.dialect.era() {
            Era::Modern => "server/discover",
            Era::Legacy => "initialize",
        };
        (Instant::now() >= handshake_due)
            .then(|| End::Failed(format!("did not answer {opening} within {within} s")))
    }

    fn refusal(&self) -> Option<End> {
        std::mem::take(&mut self.state.lock().refused).then(|| End::Refused("refused initialize".to_owned()))
    }
}
