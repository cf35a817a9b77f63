//! Keeps a process behind one multiplexer for as long as it is wanted.

use std::{io, process::ExitStatus, sync::Arc, time::Duration};

use serde_json::json;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep_until},
};
use waggle_protocol::{
    error::{RpcError, code},
    line::{Line, LineDecoder},
    mux::Sharing,
};

use super::{
    AtCapacity, Need, Seat, State, Upstream,
    process::{LAST_WORDS, Output, Process},
    stdin,
};

/// Bytes read from stdout at once.
const READ: usize = 64 * 1024;
/// The first pause before a restart; it doubles up to [`LONGEST_PAUSE`] while processes fail young.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A process that lived this long was not born broken: the next restart is quick again.
const GROWN_UP: Duration = Duration::from_secs(10);

/// Why a process stopped being of use.
enum End {
    /// Nobody needs it.
    NotNeeded,
    /// It has exited, closed its stdout, or broken the protocol; the text completes "the server …".
    Failed(String),
}

/// The task of one upstream; ends with [`Upstream::end`] or the program's stop.
pub(super) async fn supervise(upstream: Arc<Upstream>) {
    while let Some(seat) = seat(&upstream).await {
        keep_running(&upstream, seat).await;
    }
}

/// Runs one process after another until none is needed.
async fn keep_running(upstream: &Arc<Upstream>, mut seat: Seat) {
    let server = &upstream.server;
    let mut pause = FIRST_PAUSE;
    loop {
        let started = Instant::now();
        let (error, slot) = match server.occupy(seat) {
            Ok(mut process) => match run(upstream, &mut process).await {
                End::NotNeeded => {
                    server.tracker.spawn(process.stop());
                    return;
                }
                End::Failed(reason) => {
                    let tail = process.tail.clone();
                    let (status, slot) = process.kill().await;
                    (failure(&reason, status, tail.lines()), slot)
                }
            },
            Err(error) => (cannot_start(&server.program.program, &error), None),
        };
        tracing::warn!(server = server.program.name, error = %describe(&error), "server process failed");
        let was_up = upstream.is_up();
        if !was_up {
            server.start_failed(&describe(&error));
        } else if started.elapsed() >= GROWN_UP {
            pause = FIRST_PAUSE;
        }
        upstream.disconnect(&error);
        server.metrics.restarts.inc();
        tokio::select! {
            biased;
            () = upstream.ended.cancelled() => return,
            () = server.stop.cancelled() => return,
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
        }
        // A session's process that never came up is not tried again for nobody: the next request asks for it.
        let optional = server.sharing == Sharing::Exclusive && server.handshakes.known().is_some();
        if !was_up && optional && upstream.leave_if_quiet() {
            return;
        }
        match next_seat(upstream, slot) {
            Some(next) => seat = next,
            None => return upstream.leave(&RpcError::new(code::OVERLOADED, AtCapacity.to_string())),
        }
    }
}

/// Waits until a process is wanted; `None` when it never will be.
async fn seat(upstream: &Upstream) -> Option<Seat> {
    loop {
        let wanted = upstream.wanted.notified();
        {
            let mut state = upstream.state.lock();
            if let Need::Seated(_) = state.need
                && let Need::Seated(seat) = std::mem::replace(&mut state.need, Need::Running)
            {
                return Some(seat);
            }
        }
        tokio::select! {
            biased;
            () = upstream.ended.cancelled() => return None,
            () = upstream.server.stop.cancelled() => return None,
            () = wanted => {}
        }
    }
}

/// The seat of the next process: the last one's own, else any that is free. Without one the sessions go on
/// without a process, and their next request asks for it.
fn next_seat(upstream: &Upstream, slot: Option<OwnedSemaphorePermit>) -> Option<Seat> {
    match slot {
        Some(slot) => Some(Seat::Empty(slot)),
        None => upstream.server.seat().ok(),
    }
}

/// Drives one process until it ends or nobody needs it.
async fn run(upstream: &Arc<Upstream>, process: &mut Process) -> End {
    let server = &upstream.server;
    if server.stop.is_cancelled() || upstream.ended.is_cancelled() {
        return End::NotNeeded;
    }
    server.warm_up();
    let writer = process.stdin.take().map(|pipe| server.tracker.spawn(stdin::write(upstream.clone(), pipe)));
    upstream.connect();
    let end = serve(upstream, process).await;
    if let Some(writer) = writer {
        // Closes stdin: the writer owns the pipe.
        writer.abort();
        let _ = writer.await;
    }
    end
}

async fn serve(upstream: &Arc<Upstream>, process: &mut Process) -> End {
    let server = &upstream.server;
    let mut decoder = LineDecoder::new(server.config.limits.max_line);
    let handshake_due = Instant::now() + server.config.times.handshake_timeout;
    loop {
        let look = upstream.next_look(handshake_due);
        tokio::select! {
            biased;
            output = process.next(decoder.buffer(READ)) => match output {
                Output::Bytes(length) => {
                    server.metrics.bytes_from_server(length);
                    upstream.receive(&mut decoder);
                    if length >= READ / 2 {
                        // There is more: its readers take this first, or a burst would overrun their queues.
                        tokio::task::yield_now().await;
                    }
                }
                // Usually the first sign of its end.
                Output::Closed if process.ends_within(LAST_WORDS).await => {
                    return End::Failed("ended".to_owned());
                }
                Output::Closed => return End::Failed("closed its stdout".to_owned()),
                Output::Broken(error) => return End::Failed(format!("cannot be read from: {error}")),
                Output::Exited => {
                    let until = Instant::now() + LAST_WORDS;
                    while process.last_bytes(decoder.buffer(READ), until).await.is_some() {
                        upstream.receive(&mut decoder);
                    }
                    return End::Failed("ended".to_owned());
                }
            },
            () = upstream.ended.cancelled() => return End::NotNeeded,
            () = server.stop.cancelled() => return End::NotNeeded,
            () = sleep_until(look) => {
                if upstream.is_up() {
                    if upstream.expire_or_idle() {
                        tracing::debug!(server = server.program.name, pid = process.pid(), "idle process stops");
                        return End::NotNeeded;
                    }
                } else if Instant::now() >= handshake_due {
                    let within = server.config.times.handshake_timeout.as_secs_f32();
                    return End::Failed(format!("did not answer initialize within {within} s"));
                }
            }
        }
        if upstream.was_refused() {
            return End::Failed("refused initialize".to_owned());
        }
    }
}

impl Upstream {
    fn connect(&self) {
        let mut state = self.state.lock();
        state.stdin = stdin::Queue::default();
        state.mux.connect(&self.initialize, self.server.clock.now());
        self.perform(&mut state);
    }

    fn is_up(&self) -> bool {
        self.state.lock().mux.is_up()
    }

    fn was_refused(&self) -> bool {
        std::mem::take(&mut self.state.lock().refused)
    }

    /// Everything that waits for the process is answered with `error`.
    fn disconnect(&self, error: &RpcError) {
        self.disconnect_locked(&mut self.state.lock(), error);
    }

    fn disconnect_locked(&self, state: &mut State, error: &RpcError) {
        state.mux.disconnected(error);
        state.stdin = stdin::Queue::default();
        self.perform(state);
        // Nothing is queued any more.
        self.room.notify_waiters();
    }

    /// While nobody waits for a process, none is wanted any more.
    fn leave_if_quiet(&self) -> bool {
        let mut state = self.state.lock();
        let quiet = state.mux.in_flight() == 0;
        if quiet {
            state.need = Need::None;
        }
        quiet
    }

    /// Everything that waits is answered with `error`; from now on a request asks for a new process.
    pub(crate) fn leave(&self, error: &RpcError) {
        let mut state = self.state.lock();
        self.disconnect_locked(&mut state, error);
        state.need = Need::None;
    }

    /// Takes the complete lines out of the decoder, under one lock.
    fn receive(&self, decoder: &mut LineDecoder) {
        let now = self.server.clock.now();
        let mut state = self.state.lock();
        while let Some(line) = decoder.next_line() {
            let junk = match line {
                Line::Message(line) => {
                    state.mux.server_message(&line, None, now).err().map(|error| error.to_string())
                }
                Line::TooLong { bytes } => {
                    self.server.metrics.limit_hit("max_line");
                    Some(format!("a line of {bytes} bytes is over the limit (--max-line)"))
                }
            };
            if let Some(reason) = junk {
                self.server.metrics.dropped("junk");
                tracing::debug!(server = self.server.program.name, reason, "skipped a line of stdout");
            }
            self.perform(&mut state);
        }
    }

    /// When the supervisor has to look at the time next.
    fn next_look(&self, handshake_due: Instant) -> Instant {
        let state = self.state.lock();
        if !state.mux.is_up() {
            return handshake_due;
        }
        let idle = state.last_used.after(self.server.config.times.process_idle);
        // Not sooner than a while from now: an overdue idle check waits for the requests in flight.
        let idle = self.server.clock.instant(idle).max(Instant::now() + Duration::from_secs(1));
        match state.mux.next_deadline() {
            Some(deadline) => self.server.clock.instant(deadline).min(idle),
            None => idle,
        }
    }

    /// Ends overdue requests; true when the process has been idle for long enough to stop. Then it has been
    /// left under the same lock, so that no request slips in between.
    fn expire_or_idle(&self) -> bool {
        let now = self.server.clock.now();
        let mut state = self.state.lock();
        state.mux.expire(now);
        self.perform(&mut state);
        let idle = state.mux.is_idle() && now.since(state.last_used) >= self.server.config.times.process_idle;
        if idle {
            let error = RpcError::new(code::SERVER_GONE, "the idle server is being stopped");
            self.disconnect_locked(&mut state, &error);
            state.need = Need::None;
        }
        idle
    }
}

/// The error for those who waited, with what is known of the end.
fn failure(reason: &str, status: Option<ExitStatus>, stderr: Vec<String>) -> RpcError {
    use std::os::unix::process::ExitStatusExt;
    let (exit_code, signal) = (status.and_then(|s| s.code()), status.and_then(|s| s.signal()));
    let how = match (reason, exit_code, signal) {
        ("ended", Some(code), _) => format!("exited with status {code}"),
        ("ended", _, Some(signal)) => format!("was killed by signal {signal}"),
        _ => reason.to_owned(),
    };
    RpcError {
        code: code::SERVER_GONE,
        message: format!("the MCP server {how}").into(),
        data: Some(json!({ "exitCode": exit_code, "signal": signal, "stderr": stderr })),
    }
}

fn cannot_start(program: &str, error: &io::Error) -> RpcError {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "no such command; check the spelling and PATH".to_owned(),
        io::ErrorKind::PermissionDenied => "it may not be executed; check its permissions".to_owned(),
        _ => error.to_string(),
    };
    RpcError::new(code::SERVER_GONE, format!("cannot start the MCP server `{program}`: {why}"))
}

/// The error as one line for the operator.
fn describe(error: &RpcError) -> String {
    let last = error.data.as_ref().and_then(|data| data["stderr"].as_array()?.last()?.as_str());
    match last {
        Some(line) => format!("{error}; its last words on stderr: {line}"),
        None => error.to_string(),
    }
}
