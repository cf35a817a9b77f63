//! Keeps a connection behind one multiplexer for as long as it is wanted.

use std::{io, process::ExitStatus, sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::json;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};
use waggle_protocol::{
    error::{RpcError, code},
    line::{Line, LineDecoder},
    mux::Sharing,
};

use super::{
    AtCapacity, Era, Fate, Need, Seat, State, Upstream,
    link::{End, Link},
    server::{Server, Target},
};

/// The first pause before a restart; it doubles up to [`LONGEST_PAUSE`] while processes fail young.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A process that lived this long was not born broken: the next restart is quick again.
const GROWN_UP: Duration = Duration::from_secs(10);

/// The task of one upstream; ends with [`Upstream::end`] or the program's stop.
pub(super) async fn supervise(upstream: Arc<Upstream>) {
    while let Some(seat) = seat(&upstream).await {
        keep_running(&upstream, seat).await;
    }
}

/// Keeps one connection after another until none is needed.
async fn keep_running(upstream: &Arc<Upstream>, mut seat: Seat) {
    let server = &upstream.server;
    let mut pause = FIRST_PAUSE;
    loop {
        let started = Instant::now();
        let fresh = !matches!(seat, Seat::Taken(_));
        let occupied = tokio::select! {
            biased;
            occupied = server.occupy(seat, upstream.terms.dialect) => occupied,
            () = upstream.ended.cancelled() => return,
            () = server.stop.cancelled() => return,
        };
        let never_launched = is_no_launcher(&occupied);
        let (refused, error, slot) = match occupied {
            Ok(mut link) => match link.run(upstream).await {
                End::NotNeeded => {
                    server.tracker.spawn(link.stop());
                    return;
                }
                End::Refused(reason) => {
                    let (error, slot) = autopsy(upstream, link, &reason).await;
                    (true, error, slot)
                }
                End::Failed(reason) => {
                    let (error, slot) = autopsy(upstream, link, &reason).await;
                    (false, error, slot)
                }
            },
            Err(error) => (false, cannot_start(upstream, &error), None),
        };
        let was_up = upstream.is_up();
        upstream.log_failure(refused, was_up, &error);
        if never_launched || was_up && started.elapsed() >= GROWN_UP {
            pause = FIRST_PAUSE;
        }
        if !was_up && upstream.terms.tentative {
            return upstream.give_up(refused, &error);
        }
        if !was_up && fresh {
            server.start_failed(&describe(&error));
        }
        upstream.disconnect(&error);
        server.metrics.restarts.inc();
        // A session's connection that never came up is not tried again for nobody: the next request asks for it.
        let optional = upstream.terms.sharing == Sharing::Exclusive && server.handshakes.known().is_some();
        // Whether it is this client or the server that fails is to be found out.
        if refused || server.is_remote() || !was_up && optional {
            server.doubt.notify_one();
        }
        tokio::select! {
            biased;
            () = upstream.ended.cancelled() => return,
            () = server.stop.cancelled() => return,
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
        }
        if !was_up && optional && upstream.leave_if_quiet() {
            return;
        }
        match next_seat(upstream, slot) {
            Some(next) => seat = next,
            None => return upstream.leave(&RpcError::new(code::OVERLOADED, AtCapacity.to_string())),
        }
    }
}

/// Ends a connection that has failed; says what is known of its end. Gives back the slot of a process.
async fn autopsy(upstream: &Upstream, link: Link, reason: &str) -> (RpcError, Option<OwnedSemaphorePermit>) {
    match link {
        Link::Process(process) if upstream.terms.tentative && process.stdin.is_some() => {
            // It does not know what it was asked, and waits for what it knows.
            upstream.server.keep_spare(*process);
            (upstream.server.failure(reason), None)
        }
        Link::Process(process) => {
            let tail = process.tail.clone();
            let (status, slot) = process.kill().await;
            let reason = match &upstream.server.target {
                Target::Launcher(_) if status.is_none() => "was lost with its launcher",
                _ => reason,
            };
            (failure(reason, status, tail.lines()), slot)
        }
        Link::Http(link) => {
            upstream.server.tracker.spawn(link.close());
            (upstream.server.failure(reason), None)
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

impl Upstream {
    pub(super) fn connect(&self) {
        let mut state = self.state.lock();
        state.outgoing.clear();
        state.mux.connect(&self.terms, self.server.clock.now());
        self.perform(&mut state);
    }

    pub(super) fn is_up(&self) -> bool {
        self.state.lock().mux.is_up()
    }

    fn log_failure(&self, refused: bool, was_up: bool, error: &RpcError) {
        // To find out what a server speaks, it is asked what it may not understand. Of one elsewhere, whoever asks tells
        // what has come of all tries.
        let expected = refused || self.terms.dialect.era() == Era::Modern || self.server.is_remote();
        if self.terms.tentative && !was_up && expected {
            tracing::debug!(server = self.server.name(), error = %describe(error), "not spoken by the server");
        } else {
            report(&self.server, error);
        }
    }

    /// The connection has not come up and is not tried again, until a request asks for it.
    fn give_up(&self, refused: bool, error: &RpcError) {
        self.leave(error);
        let known = matches!(*self.fate.borrow(), Fate::Up);
        self.fate.send_replace(match refused {
            true => Fate::Refused(error.clone()),
            false => Fate::Failed(error.clone()),
        });
        if known {
            self.server.doubt.notify_one();
        }
    }

    /// Everything that waits for the process is answered with `error`.
    fn disconnect(&self, error: &RpcError) {
        self.disconnect_locked(&mut self.state.lock(), error);
    }

    fn disconnect_locked(&self, state: &mut State, error: &RpcError) {
        state.mux.disconnected(error);
        state.outgoing.clear();
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
    pub(super) fn receive_lines(&self, decoder: &mut LineDecoder) {
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
                self.skip(&reason);
            }
            self.perform(&mut state);
        }
    }

    /// Takes one message, which came on the response to the request `origin` where the transport tells.
    pub(super) fn receive(&self, line: &Bytes, origin: Option<u64>) {
        let mut state = self.state.lock();
        if let Err(error) = state.mux.server_message(line, origin, self.server.clock.now()) {
            self.skip(&error.to_string());
        }
        self.perform(&mut state);
    }

    fn skip(&self, reason: &str) {
        self.server.metrics.dropped("junk");
        tracing::debug!(server = self.server.name(), reason, "skipped what is no message");
    }

    /// When the supervisor has to look at the time next.
    pub(super) fn next_look(&self, handshake_due: Instant) -> Instant {
        let state = self.state.lock();
        if !state.mux.is_up() {
            return handshake_due;
        }
        let idle = state.last_used.after(self.server.config.now().times.process_idle);
        // Not sooner than a while from now: an overdue idle check waits for the requests in flight.
        let idle = self.server.clock.instant(idle).max(Instant::now() + Duration::from_secs(1));
        match state.mux.next_deadline() {
            Some(deadline) => self.server.clock.instant(deadline).min(idle),
            None => idle,
        }
    }

    /// Ends overdue requests; true when the process has been idle for long enough to stop. Then it has been
    /// left under the same lock, so that no request slips in between.
    pub(super) fn expire_or_idle(&self) -> bool {
        let now = self.server.clock.now();
        let mut state = self.state.lock();
        state.mux.expire(now);
        self.perform(&mut state);
        let idle =
            state.mux.is_idle() && now.since(state.last_used) >= self.server.config.now().times.process_idle;
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

fn cannot_start(upstream: &Upstream, error: &io::Error) -> RpcError {
    let program = match &upstream.server.target {
        Target::Program(program) => &program.program,
        // The sentence is the launcher's.
        _ => return upstream.server.failure(&format!("cannot be started: {error}")),
    };
    let why = match error.kind() {
        io::ErrorKind::NotFound => "no such command; check the spelling and PATH".to_owned(),
        io::ErrorKind::PermissionDenied => "it may not be executed; check its permissions".to_owned(),
        _ => error.to_string(),
    };
    RpcError::new(code::SERVER_GONE, format!("cannot start the MCP server `{program}`: {why}"))
}

/// Whether a process was not started since there was nobody to start it.
fn is_no_launcher(occupied: &io::Result<Link>) -> bool {
    occupied.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotConnected)
}

/// Tells the operator that the server has failed, in the log and in the status.
pub(super) fn report(server: &Server, error: &RpcError) {
    let reason = describe(error);
    tracing::warn!(server = server.name(), error = reason, "the server has failed");
    server.exited(reason);
}

/// The error as one line for the operator.
pub(super) fn describe(error: &RpcError) -> String {
    let last = error.data.as_ref().and_then(|data| data["stderr"].as_array()?.last()?.as_str());
    match last {
        Some(line) => format!("{error}; its last words on stderr: {line}"),
        None => error.to_string(),
    }
}
