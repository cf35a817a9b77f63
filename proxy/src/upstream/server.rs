//! The configured server: its command, the limit of its processes, warm spares, and what is known of it.

use std::{io, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use waggle_protocol::{
    error::{RpcError, code},
    mux::Sharing,
    seal::Sealer,
};

use super::{
    Dialect, Terms,
    catalog::Catalog,
    handshake::Handshakes,
    http::HttpServer,
    link::Link,
    parking::Parking,
    pool::Pool,
    process::{Process, Program, Reaper},
};
use crate::{
    clock::Clock,
    config::{Config, EraChoice, UpstreamTransport},
    telemetry::metrics::Metrics,
};

/// Where the server is.
#[derive(Debug)]
pub(crate) enum Target {
    /// A program to run.
    Program(Program),
    /// Somebody else runs it.
    Http(Arc<HttpServer>),
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) target: Target,
    /// How sessions share a server that opens with `initialize`.
    pub(crate) sharing: Sharing,
    pub(crate) config: Arc<Config>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
    pub(crate) handshakes: Handshakes,
    pub(super) catalog: Catalog,
    pub(super) pool: Pool,
    pub(super) parking: Parking,
    pub(crate) tracker: TaskTracker,
    /// No process is started after this.
    pub(crate) stop: CancellationToken,
    /// What is known of the server may hold no longer.
    pub(super) doubt: Notify,
    /// The server speaks otherwise than before.
    pub(crate) changed: Notify,
    /// Why the first process failed, if it did so before any had answered; read once, at start.
    failed: mpsc::Sender<String>,
    reaper: Reaper,
    slots: Arc<Semaphore>,
    spares: Mutex<Vec<Process>>,
}

/// The right to run one connection: for a program one process, which may run already.
#[derive(Debug)]
pub(crate) enum Seat {
    Empty(OwnedSemaphorePermit),
    Taken(Box<Process>),
    /// A connection to a server elsewhere takes none of ours.
    Remote,
}

/// As many processes run as may run.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("all server processes that may run at once are in use")]
pub(crate) struct AtCapacity;

impl Server {
    /// The server, and where its failure to start will be told.
    pub(crate) fn new(
        config: Arc<Config>,
        sharing: Sharing,
        target: Target,
        sealer: Sealer,
        metrics: Arc<Metrics>,
        tracker: TaskTracker,
        stop: CancellationToken,
    ) -> (Arc<Self>, mpsc::Receiver<String>) {
        let (failed, failure) = mpsc::channel(1);
        let server = Self {
            handshakes: Handshakes::new(sharing),
            catalog: Catalog::default(),
            pool: Pool::default(),
            parking: Parking::new(sealer),
            reaper: Reaper::start(&tracker, stop.clone()),
            slots: Arc::new(Semaphore::new(config.limits.max_processes)),
            spares: Mutex::default(),
            clock: Clock::start(),
            doubt: Notify::new(),
            changed: Notify::new(),
            target,
            sharing,
            config,
            metrics,
            tracker,
            stop,
            failed,
        };
        (Arc::new(server), failure)
    }

    /// The server's name in logs: its program, or where it is.
    pub(crate) fn name(&self) -> &str {
        match &self.target {
            Target::Program(program) => &program.name,
            Target::Http(_) => "remote",
        }
    }

    pub(crate) fn is_remote(&self) -> bool {
        matches!(self.target, Target::Http(_))
    }

    /// How the server is reached, for people.
    pub(crate) fn transport(&self, dialect: Dialect) -> &'static str {
        match (&self.target, dialect) {
            (Target::Program(_), _) => "stdio",
            (Target::Http(_), Dialect::LegacySse) => "sse",
            (Target::Http(_), _) => "streamable-http",
        }
    }

    /// Calls that wait for their clients to come back with input.
    pub(crate) fn parked(&self) -> usize {
        self.parking.len()
    }

    /// What the server may speak, in the order in which it is tried.
    pub(super) fn candidates(&self) -> &'static [Dialect] {
        use Dialect::{Legacy, LegacySse, Modern};
        let (era, transport) = (self.config.upstream_era, self.config.upstream_transport);
        match (era, transport) {
            (EraChoice::Modern, _) => &[Modern],
            (EraChoice::Auto, _) if !self.is_remote() => &[Modern, Legacy],
            (EraChoice::Legacy, _) if !self.is_remote() => &[Legacy],
            (_, UpstreamTransport::Sse) => &[LegacySse],
            (EraChoice::Auto, UpstreamTransport::StreamableHttp) => &[Modern, Legacy],
            (EraChoice::Legacy, UpstreamTransport::StreamableHttp) => &[Legacy],
            (EraChoice::Auto, UpstreamTransport::Auto) => &[Modern, Legacy, LegacySse],
            (EraChoice::Legacy, UpstreamTransport::Auto) => &[Legacy, LegacySse],
        }
    }

    /// Says for the operator why the handshake was refused, unless that was to be expected.
    pub(super) fn log_refusal(&self, terms: &Terms, response: &[u8]) {
        let response = String::from_utf8_lossy(&response[..response.len().min(1000)]);
        match terms.tentative {
            true => tracing::debug!(server = self.name(), %response, "the server refused the handshake"),
            false => tracing::warn!(server = self.name(), %response, "the server refused the handshake"),
        }
    }

    /// The error for those who waited for a connection; `reason` completes "the MCP server …".
    pub(super) fn failure(&self, reason: &str) -> RpcError {
        let code = if self.is_remote() { code::BAD_GATEWAY } else { code::SERVER_GONE };
        RpcError::new(code, format!("the MCP server {reason}"))
    }

    /// A seat for one process: a warm spare, else an empty one.
    pub(crate) fn seat(&self) -> Result<Seat, AtCapacity> {
        if self.is_remote() {
            return Ok(Seat::Remote);
        }
        let spare = self.take_spare();
        let seat = match spare {
            Some(spare) => Ok(Seat::Taken(Box::new(spare))),
            None => self.slots.clone().try_acquire_owned().map(Seat::Empty).map_err(|_| AtCapacity),
        };
        if seat.is_err() {
            self.metrics.limit_hit("max_processes");
        }
        seat
    }

    /// A seat as soon as one is free.
    pub(super) async fn next_seat(&self) -> Seat {
        match self.slots.clone().acquire_owned().await {
            Ok(slot) => Seat::Empty(slot),
            // The semaphore is never closed.
            Err(_) => std::future::pending().await,
        }
    }

    fn take_spare(&self) -> Option<Process> {
        let mut spares = self.spares.lock();
        while let Some(mut spare) = spares.pop() {
            if !spare.has_ended() {
                return Some(spare);
            }
        }
        None
    }

    /// Makes the connection that the seat is for, unless it has one already.
    pub(super) fn occupy(&self, seat: Seat, dialect: Dialect) -> io::Result<Link> {
        match (&self.target, seat) {
            (_, Seat::Taken(process)) => Ok(Link::Process(process)),
            (Target::Program(program), Seat::Empty(slot)) => {
                Ok(Link::Process(Box::new(self.start(program, slot)?)))
            }
            (Target::Http(server), _) => Ok(Link::Http(Box::new(server.open(dialect.into())))),
            (Target::Program(_), Seat::Remote) => Err(io::Error::other("no process was allowed for")),
        }
    }

    fn start(&self, program: &Program, slot: OwnedSemaphorePermit) -> io::Result<Process> {
        let process = Process::start(program, &self.reaper, slot)?;
        tracing::debug!(pid = process.pid(), server = program.name, "server process started");
        Ok(process)
    }

    /// Starts processes ahead of need, as many as are wanted and the limit allows.
    pub(crate) fn warm_up(&self) {
        let Target::Program(program) = &self.target else { return };
        if self.sharing == Sharing::Shared || self.stop.is_cancelled() {
            return;
        }
        let mut spares = self.spares.lock();
        while spares.len() < self.config.limits.warm_processes {
            let Ok(slot) = self.slots.clone().try_acquire_owned() else { return };
            match self.start(program, slot) {
                Ok(process) => spares.push(process),
                Err(error) => {
                    tracing::warn!(%error, "cannot start a spare server process");
                    return;
                }
            }
        }
    }

    /// Keeps a process that nobody has initialized.
    pub(super) fn keep_spare(&self, process: Process) {
        match self.stop.is_cancelled() {
            true => drop(self.tracker.spawn(process.stop())),
            false => self.spares.lock().push(process),
        }
    }

    /// Stops the spares. Call after [`Server::stop`] was cancelled.
    pub(crate) async fn shut_down(&self) {
        let spares = std::mem::take(&mut *self.spares.lock());
        let mut stopping = tokio::task::JoinSet::new();
        for spare in spares {
            stopping.spawn(spare.stop());
        }
        stopping.join_all().await;
    }

    /// Processes that run.
    pub(crate) fn processes(&self) -> usize {
        self.config.limits.max_processes - self.slots.available_permits()
    }

    /// Spares among them.
    pub(crate) fn spares(&self) -> usize {
        self.spares.lock().len()
    }

    /// A process has failed before any had answered. A server elsewhere may come up yet.
    pub(super) fn start_failed(&self, reason: &str) {
        if self.handshakes.known().is_none() && !self.is_remote() {
            // Only the first failure is read.
            let _ = self.failed.try_send(reason.to_owned());
        }
    }
}
