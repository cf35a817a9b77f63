//! The launcher of the server's container, as the proxy sees it: it connects to our Unix socket, starts processes on
//! our word, and hands us their pipes. It may go and come back at any time.

mod connection;
mod containers;
pub(super) mod launched;
mod socket;

use std::{
    io,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::process::{Handling, Life, Process};
use crate::{child::Pipes, secret::Secret};
use connection::Connection;
use launched::Launched;

/// Connections that have not been greeted yet.
const STRANGERS: usize = 16;

/// The pause before the next connection is taken when the system refuses one.
const REFUSED: Duration = Duration::from_millis(100);

/// What the launcher's processes are started with, and how long that may take.
#[derive(Debug)]
pub(crate) struct LauncherSettings {
    /// Where it finds us.
    pub(crate) socket: PathBuf,
    /// Variables in addition to its own.
    pub(crate) environment: Vec<(String, Secret)>,
    pub(crate) handling: Handling,
    /// How long a start may take, the wait for a launcher included.
    pub(crate) start_timeout: Duration,
    /// Processes that there may be at once.
    pub(crate) max_processes: usize,
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Launcher {
    settings: LauncherSettings,
    current: watch::Sender<Option<Arc<Connection>>>,
    /// The name of the server; that of the first launcher, since a container's command never changes.
    name: OnceLock<String>,
    /// Why a connection was refused last: who is refused comes again and again.
    refused: Mutex<Option<String>>,
}

impl Launcher {
    /// Listens on the socket from now on, until `stop`.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub(crate) fn listen(
        settings: LauncherSettings,
        tracker: &TaskTracker,
        stop: &CancellationToken,
    ) -> io::Result<Arc<Self>> {
        let listener = socket::listen(&settings.socket)?;
        let launcher = Arc::new(Self {
            settings,
            current: watch::Sender::new(None),
            name: OnceLock::new(),
            refused: Mutex::default(),
        });
        tracker.spawn(launcher.clone().accept(listener, tracker.clone(), stop.clone()));
        Ok(launcher)
    }

    /// The server's name, once a launcher has told it.
    pub(crate) fn server_name(&self) -> Option<&str> {
        self.name.get().map(String::as_str)
    }

    /// The version of the launcher that is connected.
    pub(crate) fn version(&self) -> Option<String> {
        self.current.borrow().as_ref().map(|connection| connection.version.clone())
    }

    /// Whether one is connected.
    pub(crate) fn is_connected(&self) -> bool {
        self.current.borrow().is_some()
    }

    /// Whether its container is being stopped.
    pub(crate) fn is_leaving(&self) -> bool {
        self.current.borrow().as_ref().is_some_and(|connection| connection.leaving.is_cancelled())
    }

    /// The one whose container is being stopped, as soon as it is.
    async fn leaving(&self) -> Arc<Connection> {
        loop {
            let connection = self.connection().await;
            tokio::select! {
                () = connection.leaving.cancelled() => return connection,
                () = self.gone(&connection) => {}
            }
        }
    }

    /// Waits until this one has gone, and all its processes.
    async fn gone(&self, old: &Arc<Connection>) {
        let is_gone = |new: &Option<Arc<Connection>>| new.as_ref().is_none_or(|new| !Arc::ptr_eq(old, new));
        // The sender lives as long as `self`: this only ever waits.
        let _ = self.current.subscribe().wait_for(is_gone).await;
    }

    /// Waits until one is connected.
    pub(super) async fn connected(&self) {
        self.connection().await;
    }

    async fn connection(&self) -> Arc<Connection> {
        let mut current = self.current.subscribe();
        loop {
            if let Some(connection) = &*current.borrow_and_update() {
                return connection.clone();
            }
            // As above.
            let _ = current.changed().await;
        }
    }

    /// Has a process started. Waits for a launcher if there is none.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotConnected`]: no launcher came in time. Else it could not be started; the text is a
    /// sentence.
    pub(super) async fn start(
        &self,
        tracker: &TaskTracker,
        slot: OwnedSemaphorePermit,
    ) -> io::Result<Process> {
        let limit = self.settings.start_timeout;
        match timeout(limit, self.launch()).await {
            Ok(started) => {
                let (launched, pipes) = started?;
                let name = self.server_name().unwrap_or_default();
                Process::new(Life::Launched(launched), pipes, name, self.settings.handling, tracker, slot)
            }
            Err(_) if self.is_connected() => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("the launcher did not start it within {} s", limit.as_secs_f32()),
            )),
            Err(_) => Err(io::Error::new(
                io::ErrorKind::NotConnected,
                format!("no launcher has connected to {}", self.settings.socket.display()),
            )),
        }
    }

    async fn launch(&self) -> io::Result<(Launched, Pipes)> {
        let LauncherSettings { environment, handling, .. } = &self.settings;
        loop {
            match self.connection().await.start(environment, !handling.shared).await {
                // It has gone meanwhile, and its processes with it: the next one is asked.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => self.forget_lost(),
                started => return started,
            }
        }
    }

    /// Takes one launcher after another.
    async fn accept(self: Arc<Self>, listener: UnixListener, tracker: TaskTracker, stop: CancellationToken) {
        let strangers = Arc::new(Semaphore::new(STRANGERS));
        tracing::info!(socket = %self.settings.socket.display(), "waiting for the launcher");
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match (accepted, strangers.clone().try_acquire_owned()) {
                (Ok((stream, _)), Ok(stranger)) => {
                    tracker.spawn(self.clone().serve(stream, stranger, stop.clone()));
                }
                (Ok(_), Err(_)) => tracing::warn!("too many connect to the socket of the launcher"),
                (Err(error), _) => {
                    tracing::warn!(%error, "cannot accept a launcher");
                    tokio::time::sleep(REFUSED).await;
                }
            }
        }
        socket::remove(&self.settings.socket);
    }

    /// Serves one connection for as long as it lasts.
    async fn serve(
        self: Arc<Self>,
        stream: UnixStream,
        stranger: OwnedSemaphorePermit,
        stop: CancellationToken,
    ) {
        let greeted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            greeted = connection::greet(stream, self.settings.max_processes) => greeted,
        };
        let (connection, driver) = match greeted {
            Ok(greeted) => greeted,
            Err(trouble) => return self.refuse(trouble.to_string()),
        };
        if let Some(version) = self.take(&connection) {
            let reason = format!(
                "another launcher (waggle-proxy {version}) is connected; one proxy serves one launcher"
            );
            driver.refuse(reason.clone()).await;
            return self.refuse(reason);
        }
        drop(stranger);
        *self.refused.lock() = None;
        let name = connection.server.as_str();
        let _ = self.name.set(name.to_owned());
        tracing::info!(launcher = connection.version, server = name, "the launcher is connected");
        let trouble = driver.run(&connection, stop.cancelled()).await;
        let lost = connection.close();
        self.forget_lost();
        if let Some(trouble) = trouble {
            tracing::warn!(processes = lost, "the connection to the launcher has ended: {trouble}");
        }
    }

    /// Says so in the log, once for each reason.
    fn refuse(&self, reason: String) {
        let mut refused = self.refused.lock();
        if refused.as_ref() != Some(&reason) {
            tracing::warn!("a connection to the socket of the launcher was refused: {reason}");
        }
        *refused = Some(reason);
    }

    /// Makes it the current one; else says which version that has.
    fn take(&self, connection: &Arc<Connection>) -> Option<String> {
        let mut other = None;
        self.current.send_if_modified(|current| match current {
            Some(current) if !current.is_closed() => {
                other = Some(current.version.clone());
                false
            }
            _ => {
                *current = Some(connection.clone());
                true
            }
        });
        other
    }

    fn forget_lost(&self) {
        self.current.send_if_modified(|current| {
            let lost = current.as_ref().is_some_and(|current| current.is_closed());
            if lost {
                *current = None;
            }
            lost
        });
    }
}
