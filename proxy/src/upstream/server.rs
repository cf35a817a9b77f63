//! The configured server: its command, the limit of its processes, warm spares, and what is known of it.

use std::{io, sync::Arc, time::SystemTime};

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use waggle_protocol::{
    error::{RpcError, code},
    mux::{MuxLimits, Sharing},
    seal::Sealer,
};

use super::{
    Dialect, Terms,
    catalog::Catalog,
    census::Census,
    handshake::Handshakes,
    http::HttpServer,
    launcher::Launcher,
    link::Link,
    parking::Parking,
    pool::Pool,
    process::{Process, Program},
    spare::Spare,
};
use crate::{
    child::Reaper,
    clock::Clock,
    config::{EraChoice, Live, UpstreamTransport},
    gate::Gate,
    slots::Slots,
    stream::{Outlet, Silence},
    telemetry::metrics::Metrics,
};

/// Where the server is.
#[derive(Debug)]
pub(crate) enum Target {
    /// A program to run.
    Program(Program),
    /// A program that is run in its own container.
    Launcher(Arc<Launcher>),
    /// Somebody else runs it.
    Http(Arc<HttpServer>),
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) target: Target,
    /// How sessions share a server that opens with `initialize`.
    pub(crate) sharing: Sharing,
    pub(crate) config: Arc<Live>,
    pub(crate) metrics: Arc<Metrics>,
    /// Of requests, until the server has them or they are refused. Shut while they would be cut off.
    pub(crate) gate: Gate,
    pub(crate) clock: Clock,
    /// Of requests whose answer is to begin.
    pub(crate) silence: Silence<Outlet>,
    pub(crate) handshakes: Handshakes,
    pub(super) catalog: Catalog,
    pub(super) census: Census,
    pub(super) pool: Pool,
    pub(super) parking: Parking,
    pub(crate) tracker: TaskTracker,
    /// No process is started after this.
    pub(crate) stop: CancellationToken,
    /// What is known of the server may hold no longer.
    pub(in crate::upstream) doubt: Notify,
    /// The server speaks otherwise than before.
    pub(crate) changed: Notify,
    /// Why the first process failed, if it did so before any had answered; read once, at start.
    failed: mpsc::Sender<String>,
    reaper: Reaper,
    slots: Slots,
    spares: Mutex<Vec<Spare>>,
    last_exit: Mutex<Option<LastExit>>,
}

/// How the server has failed last.
#[derive(Clone, Debug)]
pub(crate) struct LastExit {
    /// With the last line on stderr.
    pub(crate) reason: String,
    pub(crate) at: SystemTime,
}

/// The right to run one connection: for a program one process, which may run already.
#[derive(Debug)]
pub(crate) enum Seat {
    Empty(OwnedSemaphorePermit),
    Taken(Spare),
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
        config: Arc<Live>,
        sharing: Sharing,
        target: Target,
        sealer: Sealer,
        metrics: Arc<Metrics>,
        tracker: TaskTracker,
        stop: CancellationToken,
    ) -> (Arc<Self>, mpsc::Receiver<String>) {
        let (failed, failure) = mpsc::channel(1);
        let clock = Clock::start();
        let server = Self {
            handshakes: Handshakes::new(sharing),
            catalog: Catalog::default(),
            census: Census::default(),
            pool: Pool::default(),
            parking: Parking::new(sealer),
            reaper: Reaper::start(&tracker, stop.clone()),
            slots: Slots::new(config.now().limits.max_processes),
            spares: Mutex::default(),
            last_exit: Mutex::default(),
            gate: Gate::default(),
            clock,
            silence: Silence::new(clock),
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
            Target::Launcher(launcher) => launcher.server_name().unwrap_or("launched"),
            Target::Http(_) => "remote",
        }
    }

    /// The launcher that runs the server, if one does.
    pub(crate) fn launcher(&self) -> Option<&Arc<Launcher>> {
        match &self.target {
            Target::Launcher(launcher) => Some(launcher),
            Target::Program(_) | Target::Http(_) => None,
        }
    }

    /// Whether there is a launcher to wait for.
    pub(crate) fn waits_for_launcher(&self) -> bool {
        self.launcher().is_some_and(|launcher| !launcher.is_connected())
    }

    /// Whether somebody who was let in has no answer yet.
    pub(crate) fn is_busy(&self) -> bool {
        // In the order in which a request is counted: it is never in between.
        self.gate.is_occupied() || self.metrics.in_flight.get() > 0
    }

    pub(crate) fn is_remote(&self) -> bool {
        matches!(self.target, Target::Http(_))
    }

    /// How the server is reached, for people.
    pub(crate) fn transport(&self, dialect: Dialect) -> &'static str {
        match (&self.target, dialect) {
            (Target::Program(_) | Target::Launcher(_), _) => "stdio",
            (Target::Http(_), Dialect::LegacySse) => "sse",
            (Target::Http(_), _) => "streamable-http",
        }
    }

    /// How many tools the server has, once it has listed them.
    pub(crate) fn tools(&self) -> Option<usize> {
        self.census.tools()
    }

    /// Calls that wait for their clients to come back with input.
    pub(crate) fn parked(&self) -> usize {
        self.parking.len()
    }

    /// What the server may speak, in the order in which it is tried.
    pub(super) fn candidates(&self) -> &'static [Dialect] {
        use Dialect::{Legacy, LegacySse, Modern};
        let config = self.config.now();
        let (era, transport) = (config.upstream_era, config.upstream_transport);
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
            Some(spare) => Ok(Seat::Taken(spare)),
            None => self.slots.try_take().map(Seat::Empty).ok_or(AtCapacity),
        };
        if seat.is_err() {
            self.metrics.limit_hit("max_processes");
        }
        seat
    }

    /// A seat as soon as one is free.
    pub(super) async fn next_seat(&self) -> Seat {
        Seat::Empty(self.slots.take().await)
    }

    fn take_spare(&self) -> Option<Spare> {
        let mut spares = self.spares.lock();
        while let Some(spare) = spares.pop() {
            if let Some(spare) = spare.alive() {
                return Some(spare);
            }
        }
        None
    }

    /// Whether a process for somebody else cannot be had now.
    pub(super) fn is_full(&self) -> bool {
        !self.is_remote() && self.spares.lock().is_empty() && self.slots.are_taken()
    }

    /// Makes the connection that the seat is for, unless it has one already. Only a launcher takes its time.
    pub(super) async fn occupy(&self, seat: Seat, dialect: Dialect) -> io::Result<Link> {
        let slot = match (&self.target, seat) {
            (Target::Http(server), _) => return Ok(Link::Http(Box::new(server.open(dialect.into())))),
            (_, Seat::Empty(slot)) => slot,
            (_, Seat::Taken(spare)) => match spare.process().await {
                Some(process) => return Ok(Link::Process(process)),
                // It never came, and has given its slot back.
                None => self.slots.try_take().ok_or_else(|| io::Error::other(AtCapacity))?,
            },
            (_, Seat::Remote) => return Err(io::Error::other("no process was allowed for")),
        };
        Ok(Link::Process(self.start(slot).await?))
    }

    async fn start(&self, slot: OwnedSemaphorePermit) -> io::Result<Box<Process>> {
        let process = match &self.target {
            Target::Program(program) => Process::start(program, &self.reaper, slot)?,
            Target::Launcher(launcher) => launcher.start(&self.tracker, slot).await?,
            Target::Http(_) => return Err(io::Error::other("somebody else runs the server")),
        };
        tracing::debug!(pid = process.pid(), server = self.name(), "server process started");
        Ok(Box::new(process))
    }

    /// Starts processes ahead of need, as many as are wanted and the limit allows.
    pub(crate) fn warm_up(self: &Arc<Self>) {
        if self.is_remote() || self.sharing == Sharing::Shared || self.stop.is_cancelled() {
            return;
        }
        if self.waits_for_launcher() {
            return;
        }
        self.forget_ended_spares();
        let mut spares = self.spares.lock();
        while spares.len() < self.config.now().limits.warm_processes {
            let Some(slot) = self.slots.try_take() else { return };
            let (bring, coming) = oneshot::channel();
            self.tracker.spawn(self.clone().start_spare(slot, bring));
            spares.push(Spare::Coming(coming));
        }
    }

    /// Lets go of what has ended unused, with its slots and pipes.
    pub(in crate::upstream) fn forget_ended_spares(&self) {
        let mut spares = self.spares.lock();
        *spares = std::mem::take(&mut *spares).into_iter().filter_map(Spare::alive).collect();
    }

    async fn start_spare(self: Arc<Self>, slot: OwnedSemaphorePermit, bring: oneshot::Sender<Box<Process>>) {
        let started = tokio::select! {
            biased;
            () = self.stop.cancelled() => return,
            started = self.start(slot) => started,
        };
        match started.map(|process| bring.send(process)) {
            Ok(Ok(())) => {}
            // Whoever was to have it has gone.
            Ok(Err(process)) => process.stop().await,
            Err(error) => tracing::warn!(%error, "cannot start a spare server process"),
        }
    }

    /// As many processes, and spare ones, as the configuration now says. Those that serve somebody stay.
    pub(crate) fn resize(&self) {
        let (processes, spare) = {
            let limits = &self.config.now().limits;
            (limits.max_processes, limits.warm_processes)
        };
        let surplus: Vec<_> = {
            let mut spares = self.spares.lock();
            let kept = spares.len().min(spare);
            spares.drain(kept..).collect()
        };
        for spare in surplus {
            self.tracker.spawn(spare.stop());
        }
        self.slots.resize(processes);
    }

    /// What bounds the requests of one upstream.
    pub(super) fn mux_limits(&self) -> MuxLimits {
        let config = self.config.now();
        MuxLimits { in_flight: config.limits.max_in_flight, request_timeout: config.times.request_timeout }
    }

    /// Keeps a process that nobody has initialized.
    pub(super) fn keep_spare(&self, process: Process) {
        match self.stop.is_cancelled() {
            true => drop(self.tracker.spawn(process.stop())),
            false => self.spares.lock().push(Spare::Here(Box::new(process))),
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
        self.slots.taken()
    }

    /// Spares among them.
    pub(crate) fn spares(&self) -> usize {
        self.spares.lock().len()
    }

    /// How the server has failed last, if it has.
    pub(crate) fn last_exit(&self) -> Option<LastExit> {
        self.last_exit.lock().clone()
    }

    /// The server has failed.
    pub(super) fn exited(&self, reason: String) {
        *self.last_exit.lock() = Some(LastExit { reason, at: SystemTime::now() });
    }

    /// A process has failed before any had answered. A server elsewhere may come up yet.
    pub(super) fn start_failed(&self, reason: &str) {
        if self.handshakes.known().is_none() && matches!(self.target, Target::Program(_)) {
            // Only the first failure is read.
            let _ = self.failed.try_send(reason.to_owned());
        }
    }
}
