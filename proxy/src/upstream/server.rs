//! The configured server: its command, the limit of its processes, warm spares, and what is known of it.

use std::{io, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use waggle_protocol::mux::Sharing;

use super::{
    handshake::Handshakes,
    process::{Process, Program},
    reaper::Reaper,
};
use crate::{clock::Clock, config::Config, telemetry::metrics::Metrics};

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) program: Program,
    pub(crate) sharing: Sharing,
    pub(crate) config: Arc<Config>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
    pub(crate) handshakes: Handshakes,
    pub(crate) tracker: TaskTracker,
    /// No process is started after this.
    pub(crate) stop: CancellationToken,
    /// Why the first process failed, if it did so before any had answered; read once, at start.
    failed: mpsc::Sender<String>,
    reaper: Reaper,
    slots: Arc<Semaphore>,
    spares: Mutex<Vec<Process>>,
}

/// The right to run one process, which may run already.
#[derive(Debug)]
pub(crate) enum Seat {
    Empty(OwnedSemaphorePermit),
    Taken(Box<Process>),
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
        command: &[String],
        metrics: Arc<Metrics>,
        tracker: TaskTracker,
        stop: CancellationToken,
    ) -> (Arc<Self>, mpsc::Receiver<String>) {
        let (failed, failure) = mpsc::channel(1);
        let program = Program::new(command, sharing == Sharing::Shared, config.times.grace);
        let server = Self {
            handshakes: Handshakes::new(sharing),
            reaper: Reaper::start(&tracker, stop.clone()),
            slots: Arc::new(Semaphore::new(config.limits.max_processes)),
            spares: Mutex::default(),
            clock: Clock::start(),
            program,
            sharing,
            config,
            metrics,
            tracker,
            stop,
            failed,
        };
        (Arc::new(server), failure)
    }

    /// A seat for one process: a warm spare, else an empty one.
    pub(crate) fn seat(self: &Arc<Self>) -> Result<Seat, AtCapacity> {
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

    fn take_spare(&self) -> Option<Process> {
        let mut spares = self.spares.lock();
        while let Some(mut spare) = spares.pop() {
            if !spare.has_ended() {
                return Some(spare);
            }
        }
        None
    }

    /// Starts a process in the seat, unless it has one.
    pub(crate) fn occupy(&self, seat: Seat) -> io::Result<Process> {
        match seat {
            Seat::Taken(process) => Ok(*process),
            Seat::Empty(slot) => {
                let process = Process::start(&self.program, &self.reaper, slot)?;
                tracing::debug!(pid = process.pid(), server = self.program.name, "server process started");
                Ok(process)
            }
        }
    }

    /// Starts processes ahead of need, as many as are wanted and the limit allows.
    pub(crate) fn warm_up(&self) {
        if self.sharing == Sharing::Shared || self.stop.is_cancelled() {
            return;
        }
        let mut spares = self.spares.lock();
        while spares.len() < self.config.limits.warm_processes {
            let Ok(slot) = self.slots.clone().try_acquire_owned() else { return };
            match self.occupy(Seat::Empty(slot)) {
                Ok(process) => spares.push(process),
                Err(error) => {
                    tracing::warn!(%error, "cannot start a spare server process");
                    return;
                }
            }
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

    /// A process has failed before it answered `initialize`.
    pub(super) fn start_failed(&self, reason: &str) {
        if self.handshakes.known().is_none() {
            // Only the first failure is read.
            let _ = self.failed.try_send(reason.to_owned());
        }
    }
}
