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
//! Instead of a process there may be a link to an HTTP server. [`Fleet`] finds out what the server speaks and
//! keeps the upstreams that follow from it:
//!
//! | server | clients that initialize | clients of 2026-07-28 |
//! |---|---|---|
//! | modern | the one shared upstream | the same |
//! | legacy, `session` | an upstream each | [`pool`]: a shared one, and leased ones for calls that may ask back |
//! | legacy, `shared` | the one shared upstream | the same |

mod caller;
mod calls;
mod catalog;
mod census;
mod dialect;
mod errand;
mod fleet;
mod handshake;
mod http;
mod launcher;
mod link;
mod multiplexer;
mod outgoing;
mod parking;
mod pool;
mod process;
mod read_size;
mod server;
mod spare;
mod stdin;
mod supervisor;

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;
use waggle_protocol::{
    error::{RpcError, code},
    jsonrpc::{Envelope, Kind},
    mux::{Effect, ListKind, MemberKey, Overloaded, Sharing},
    time::Timestamp,
};

pub(crate) use caller::Caller;
pub(crate) use dialect::{Dialect, Era, Terms};
pub(crate) use fleet::{Fleet, Settled, Unsettled};
pub(crate) use handshake::{Handshake, Handshakes, requested};
pub(crate) use http::{HttpKind, HttpLink, HttpOutput, HttpServer, HttpSettings, HttpSetupError};
pub(crate) use launcher::{Launcher, LauncherSettings};
use multiplexer::Multiplexer;
use outgoing::Outgoing;
use parking::{Handle, Ticket};
pub(crate) use process::{Handling, Program, base_name};
pub(crate) use server::{AtCapacity, Seat, Server, Target};

use crate::{
    error::Refusal,
    stream::{Exchange, Outlet},
};

/// One multiplexer with its process.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) server: Arc<Server>,
    pub(crate) terms: Terms,
    /// For what outlives the borrow that it is reached by.
    this: Weak<Self>,
    /// What has become of the connection, for whoever is finding out what the server speaks.
    fate: watch::Sender<Fate>,
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
    mux: Multiplexer<Arc<Outlet>, Exchange>,
    outgoing: Outgoing,
    /// What the supervisor is to do.
    need: Need,
    last_used: Timestamp,
    /// The server has refused the handshake.
    refused: bool,
    /// The one modern call that the upstream is leased to, as far as its request state needs it.
    leased: Option<Ticket>,
    /// That call waits for its client to come back with input.
    parked: Option<Handle>,
}

/// What has become of an upstream's connection.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// Nothing is known yet.
    Trying,
    /// The server has answered the handshake.
    Up,
    /// It has refused the handshake, or does not speak this dialect at all.
    Refused(RpcError),
    /// It has failed before that; whoever waited was given this error.
    Failed(RpcError),
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
    /// An upstream whose connection is made for the first request.
    pub(crate) fn new(server: &Arc<Server>, terms: Terms) -> Arc<Self> {
        let (outgoing, linger) = match server.is_remote() {
            true => (Outgoing::Http(Default::default()), http::OVERTAKING),
            false => (Outgoing::Pipe(stdin::Queue::default()), Duration::ZERO),
        };
        let state = State {
            mux: Multiplexer::new(&terms, server.mux_limits(), linger),
            outgoing,
            need: Need::None,
            last_used: server.clock.now(),
            refused: false,
            leased: None,
            parked: None,
        };
        let upstream = Arc::new_cyclic(|this| Self {
            server: server.clone(),
            terms,
            this: this.clone(),
            fate: watch::Sender::new(Fate::Trying),
            state: Mutex::new(state),
            queued: Notify::new(),
            room: Notify::new(),
            wanted: Notify::new(),
            ended: CancellationToken::new(),
        });
        server.tracker.spawn(supervisor::supervise(upstream.clone()));
        upstream
    }

    /// Adds a session that was opened with the raw params `hello`; its messages without a request go to
    /// `standalone`.
    pub(crate) fn attach(&self, standalone: Arc<Outlet>, hello: &Bytes) -> MemberKey {
        let mut state = self.state.lock();
        let member = state.mux.attach(standalone, hello);
        self.perform(&mut state);
        member
    }

    /// Removes a session, or gives up a call.
    pub(crate) fn detach(&self, member: MemberKey) {
        let mut state = self.state.lock();
        state.mux.detach(member, self.server.clock.now());
        self.perform(&mut state);
    }

    /// Ends the process, politely, and the supervisor. Nobody may wait for an answer any more.
    pub(crate) fn end(&self) {
        self.ended.cancel();
    }

    /// Ends it for good: everything that waits is answered with `error`.
    fn retire(&self, error: &RpcError) {
        self.leave(error);
        self.end();
    }

    fn is_retired(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// The client is initialized.
    pub(crate) fn initialized(&self, member: MemberKey) {
        let mut state = self.state.lock();
        state.mux.initialized(member);
        self.perform(&mut state);
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

    /// Starts in a seat that has been taken for it.
    fn start_in(&self, seat: Seat) {
        self.state.lock().need = Need::Seated(seat);
        self.wanted.notify_one();
    }

    /// Whether a process runs or is being started.
    fn has_process(&self) -> bool {
        !matches!(self.state.lock().need, Need::None)
    }

    fn fate(&self) -> watch::Receiver<Fate> {
        self.fate.subscribe()
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
        let (mut state, now) = self.ready(message.len(), exchange.started()).await?;
        let sent = state.mux.request(member, exchange, message, envelope, now);
        self.sent(&mut state, sent)
    }

    /// The state, once a request of `length` bytes that came at `now` may be sent: there is room, and a connection is
    /// wanted. And what time it is then.
    async fn ready(
        &self,
        length: usize,
        now: Timestamp,
    ) -> Result<(MutexGuard<'_, State>, Timestamp), Refusal> {
        let (mut state, now) = self.lock_with_room(length, now).await?;
        if self.server.stop.is_cancelled() {
            return Err(Refusal::shutting_down());
        }
        self.want(&mut state).map_err(|_| Refusal::processes())?;
        state.mux.set_limits(self.server.mux_limits());
        state.last_used = now;
        Ok((state, now))
    }

    fn sent<T>(&self, state: &mut State, sent: Result<T, Overloaded>) -> Result<T, Refusal> {
        let sent = sent.map_err(|Overloaded| {
            self.server.metrics.limit_hit("max_in_flight");
            Refusal::overloaded("too many requests are in flight to this server")
        })?;
        self.server.metrics.in_flight.inc();
        self.perform(state);
        Ok(sent)
    }

    /// Sends a notification, or a response to a question of the server's.
    pub(crate) async fn tell(
        &self,
        member: MemberKey,
        message: &Bytes,
        envelope: &Envelope,
    ) -> Result<(), Refusal> {
        let (mut state, now) = self.lock_with_room(message.len(), self.server.clock.now()).await?;
        state.last_used = now;
        match envelope.kind() {
            Kind::Notification => state.mux.notification(member, message, envelope, now),
            _ => state.mux.response(member, message, envelope, now),
        }
        self.perform(&mut state);
        Ok(())
    }

    /// The state, once `length` more bytes may be queued for stdin, which is at once or later than `now`, and what time it
    /// is then. An empty queue takes any message.
    async fn lock_with_room(
        &self,
        length: usize,
        now: Timestamp,
    ) -> Result<(MutexGuard<'_, State>, Timestamp), Refusal> {
        let limit = self.server.config.now().limits.stdin_queue;
        let mut deadline = None;
        let with_room = || {
            let state = self.state.lock();
            let queued = state.outgoing.bytes() + state.mux.held_bytes();
            (queued == 0 || queued + length <= limit).then_some(state)
        };
        if let Some(state) = with_room() {
            return Ok((state, now));
        }
        loop {
            // Room that is made from here on is told; so it is looked for once more.
            let room = self.room.notified();
            if let Some(state) = with_room() {
                return Ok((state, self.server.clock.now()));
            }
            let patience = self.server.config.now().times.queue_timeout;
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
        let mut queued = false;
        while let Some(effect) = state.mux.poll_effect() {
            match effect {
                // Requests wait for room before they come here; what we send of our own accord (pongs,
                // refusals, cancellations) does not, and a server that floods us without reading loses it.
                Effect::ToServer(_)
                    if state.outgoing.bytes() > 2 * self.server.config.now().limits.stdin_queue =>
                {
                    self.server.metrics.dropped("stdin_full");
                }
                Effect::ToServer(line) => {
                    self.server.metrics.bytes_to_server(line.len() + 1);
                    state.outgoing.push(line);
                    queued = true;
                }
                Effect::Answer { to, message, error } => {
                    if matches!(error, Some(code::BAD_GATEWAY | code::GATEWAY_TIMEOUT)) {
                        self.server.doubt.notify_one();
                    }
                    to.answer(message, error);
                }
                Effect::Related { to, message } => to.related(message),
                Effect::Background { to, message } => to.message(message),
                Effect::End { to } => to.end(),
                Effect::InputRequired { to, id, member, round, requests } => {
                    match self.park(state, member, &id, round, &requests) {
                        Ok(message) => to.answer(message, None),
                        Err(error) => to.answer(error.to_response(Some(&id)).into(), Some(error.code)),
                    }
                }
                Effect::ListChanged(kind) => {
                    if kind == ListKind::Tools {
                        self.server.catalog.forget();
                        self.server.census.ask(&self.this);
                    }
                    // Who listens does so elsewhere: a leased server is heard by its caller alone.
                    if let Some(ticket) = &state.leased {
                        self.server.pool.tell_listeners(&ticket.key.principal, kind);
                    }
                }
                Effect::Ready { handshake } => {
                    tracing::debug!(server = self.server.name(), "the server is ready");
                    if self.server.handshakes.learn(&self.terms, &handshake) {
                        self.server.doubt.notify_one();
                    }
                    if self.terms.sharing == Sharing::Shared {
                        self.server.catalog.forget();
                        self.server.census.ask(&self.this);
                    }
                    self.fate.send_replace(Fate::Up);
                }
                Effect::Refused { response } => {
                    self.server.log_refusal(&self.terms, &response);
                    state.refused = true;
                }
                Effect::Dropped(reason) => self.server.metrics.dropped(reason.as_str()),
            }
        }
        if queued && state.outgoing.send_at_once() {
            self.room.notify_waiters();
        } else if queued {
            self.queued.notify_one();
        }
    }
}
