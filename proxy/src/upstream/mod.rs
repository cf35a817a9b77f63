//! Towards the MCP server: a multiplexer and the process behind it, which may come and go.
//!
//! ```text
//!            request()            ┌──────────── supervisor ────────────┐
//!   POST ──────────────▶ Mux ───▶ │ seat → process → run → backoff → … │
//!                         │       └───────┬───────────────────▲────────┘
//!                         ▼ ToServer      │ starts            │ lines of stdout, exit, deadlines
//!                   stdin::Queue ──▶ stdin::write ──▶ pipe    │
//!                                             process ────────┘
//! ```
//! In `session` mode each session has an [`Upstream`]; in `shared` mode all have the same one.

mod handshake;
mod process;
mod reaper;
mod server;
mod stderr;
mod stdin;
mod supervisor;

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;
use waggle_protocol::{
    jsonrpc::{Envelope, Kind},
    mux::{Effect, LegacyMux, MemberKey, MuxLimits, Overloaded},
    time::Timestamp,
};

pub(crate) use handshake::{Handshakes, requested};
pub use reaper::end_orphans;
pub(crate) use server::{AtCapacity, Seat, Server};

use crate::{
    error::Refusal,
    stream::{Exchange, Outlet},
};

/// One multiplexer with its process.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) server: Arc<Server>,
    /// The raw params of the `initialize` that each process of this upstream is given.
    initialize: Bytes,
    state: Mutex<State>,
    /// A line was queued for stdin.
    queued: Notify,
    /// The server has read some of what was queued.
    room: Notify,
    /// A process has become wanted.
    wanted: Notify,
    /// The sessions are over: stop the process and the supervisor.
    ended: CancellationToken,
}

#[derive(Debug)]
struct State {
    mux: LegacyMux<Arc<Outlet>, Exchange>,
    stdin: stdin::Queue,
    /// What the supervisor is to do.
    need: Need,
    last_used: Timestamp,
    /// The process has answered `initialize` with an error.
    refused: bool,
}

/// Whether a process is wanted, and by whose right it runs.
#[derive(Debug)]
enum Need {
    /// No process until a request comes.
    None,
    /// A request came: here is the seat to start a process in.
    Seated(Seat),
    /// The supervisor has the seat.
    Running,
}

impl Upstream {
    /// An upstream whose process starts with the first request.
    pub(crate) fn new(server: &Arc<Server>, initialize: Bytes) -> Arc<Self> {
        let limits = MuxLimits {
            in_flight: server.config.limits.max_in_flight,
            request_timeout: server.config.times.request_timeout,
        };
        let state = State {
            mux: LegacyMux::new(server.sharing, limits),
            stdin: stdin::Queue::default(),
            need: Need::None,
            last_used: server.clock.now(),
            refused: false,
        };
        let upstream = Arc::new(Self {
            server: server.clone(),
            initialize,
            state: Mutex::new(state),
            queued: Notify::new(),
            room: Notify::new(),
            wanted: Notify::new(),
            ended: CancellationToken::new(),
        });
        server.tracker.spawn(supervisor::supervise(upstream.clone()));
        upstream
    }

    /// Adds a session; its messages without a request go to `standalone`.
    pub(crate) fn attach(&self, standalone: Arc<Outlet>) -> MemberKey {
        self.state.lock().mux.attach(standalone)
    }

    /// Removes a session.
    pub(crate) fn detach(&self, member: MemberKey) {
        let mut state = self.state.lock();
        state.mux.detach(member, self.server.clock.now());
        self.perform(&mut state);
    }

    /// Ends the process, politely, and the supervisor.
    pub(crate) fn end(&self) {
        self.ended.cancel();
    }

    /// The client is initialized.
    pub(crate) fn initialized(&self, member: MemberKey) {
        self.state.lock().mux.initialized(member);
    }

    /// Whether the process is up, or none is needed.
    pub(crate) fn is_serving(&self) -> bool {
        let state = self.state.lock();
        state.mux.is_up() || matches!(state.need, Need::None)
    }

    /// Makes sure that a process runs or is being started.
    pub(crate) fn ensure_started(&self) -> Result<(), AtCapacity> {
        let mut state = self.state.lock();
        self.want(&mut state)
    }

    fn want(&self, state: &mut State) -> Result<(), AtCapacity> {
        if matches!(state.need, Need::None) {
            state.need = Need::Seated(self.server.seat()?);
            self.wanted.notify_one();
        }
        Ok(())
    }

    /// Sends a request to the server; the answer goes to `exchange`. Waits for room in the queue to stdin.
    ///
    /// # Errors
    /// A limit: the request was not sent.
    pub(crate) async fn request(
        &self,
        member: MemberKey,
        exchange: Exchange,
        message: &Bytes,
        envelope: &Envelope,
    ) -> Result<(), Refusal> {
        let mut state = self.lock_with_room(message.len()).await?;
        if self.server.stop.is_cancelled() {
            return Err(Refusal::shutting_down());
        }
        self.want(&mut state).map_err(|_| Refusal::processes())?;
        let now = self.server.clock.now();
        state.last_used = now;
        state.mux.request(member, exchange, message, envelope, now).map_err(|Overloaded| {
            self.server.metrics.limit_hit("max_in_flight");
            Refusal::overloaded("too many requests are in flight to this server")
        })?;
        self.server.metrics.in_flight.inc();
        self.perform(&mut state);
        Ok(())
    }

    /// Sends a notification, or a response to a question of the server's.
    pub(crate) async fn tell(
        &self,
        member: MemberKey,
        message: &Bytes,
        envelope: &Envelope,
    ) -> Result<(), Refusal> {
        let mut state = self.lock_with_room(message.len()).await?;
        let now = self.server.clock.now();
        state.last_used = now;
        match envelope.kind() {
            Kind::Notification => state.mux.notification(member, message, envelope, now),
            _ => state.mux.response(member, message, envelope, now),
        }
        self.perform(&mut state);
        Ok(())
    }

    /// The state, once `length` more bytes may be queued for stdin. An empty queue takes any message.
    async fn lock_with_room(&self, length: usize) -> Result<MutexGuard<'_, State>, Refusal> {
        let limit = self.server.config.limits.stdin_queue;
        let mut deadline = None;
        loop {
            let room = self.room.notified();
            {
                let state = self.state.lock();
                let queued = state.stdin.bytes() + state.mux.held_bytes();
                if queued == 0 || queued + length <= limit {
                    return Ok(state);
                }
            }
            let patience = self.server.config.times.queue_timeout;
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + patience);
            if timeout_at(deadline, room).await.is_err() {
                self.server.metrics.limit_hit("stdin_queue");
                return Err(Refusal::overloaded("the server does not read its input"));
            }
        }
    }

    /// Performs the multiplexer's effects. Called after each input, with the lock held, so that effects of
    /// two inputs never mix.
    fn perform(&self, state: &mut State) {
        let State { mux, stdin, refused, .. } = state;
        let mut queued = false;
        while let Some(effect) = mux.poll_effect() {
            match effect {
                // Requests wait for room before they come here; what we send of our own accord (pongs,
                // refusals, cancellations) does not, and a server that floods us without reading loses it.
                Effect::ToServer(_) if stdin.bytes() > 2 * self.server.config.limits.stdin_queue => {
                    self.server.metrics.dropped("stdin_full");
                }
                Effect::ToServer(line) => {
                    self.server.metrics.bytes_to_server(line.len() + 1);
                    stdin.push(&line);
                    queued = true;
                }
                Effect::Answer { to, message, .. } => to.answer(message),
                Effect::Related { to, message } => to.related(message),
                Effect::Background { to, message } => to.message(message),
                Effect::End { to } => to.end(),
                Effect::Ready { handshake } => {
                    tracing::debug!(server = self.server.program.name, "the server is ready");
                    self.server.handshakes.learn(&self.initialize, &handshake);
                }
                Effect::Refused { response } => {
                    tracing::warn!(
                        server = self.server.program.name,
                        response = %String::from_utf8_lossy(&response[..response.len().min(1000)]),
                        "the server refused initialize"
                    );
                    *refused = true;
                }
                // No modern client has been let in: nothing of theirs can come.
                Effect::InputRequired { .. } | Effect::ListChanged(_) => {}
                Effect::Dropped(reason) => self.server.metrics.dropped(reason.as_str()),
            }
        }
        if queued {
            self.queued.notify_one();
        }
    }
}
