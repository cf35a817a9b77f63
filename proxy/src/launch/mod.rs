//! The launcher: the first process of a server's container. On the word of a proxy in another container it starts
//! server processes and hands their pipes over; no byte of their traffic passes it.
//!
//! ```text
//!   proxy's container                        server's container
//!   ┌──────────────┐  Unix socket (wire)     ┌─────────────────┐
//!   │ waggle-proxy │◀───────────────────────▶│ launcher, PID 1 │
//!   │              │   start ▸ ◂ descriptors │    │ starts     │
//!   │              │                         │    ▼            │
//!   │              │◀═════ stdin, stdout ═══▶│ server process  │
//!   └──────────────┘        and stderr       └─────────────────┘
//! ```

pub(crate) mod channel;
mod command;
mod connection;
mod install;
mod options;
pub(crate) mod wire;

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::UnixStream,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use command::Command;
use connection::Connection;

use crate::child::Reaper;

pub use command::NoCommand;
pub use install::{go_on, install};
pub use options::{InstallOptions, LaunchOptions};

/// The first pause before the proxy is looked for again; it doubles up to [`LONGEST_PAUSE`]. A sidecar that has
/// been restarted is served again within that time: whether it is ready then is asked once a second.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// The part of the grace period that is kept for ending processes.
const FOR_PROCESSES: u32 = 4;

/// What is left of a group after SIGKILL has been sent is waited for so long.
const LAST: Duration = Duration::from_secs(1);

/// See the module's documentation.
#[derive(Debug)]
pub struct Launcher {
    options: LaunchOptions,
    command: Command,
    reaper: Reaper,
    /// Of the tasks that mind the processes.
    children: TaskTracker,
    /// We are told to stop, and the proxy finishes what it has begun.
    leaving: CancellationToken,
    /// It has, or has gone.
    seen_off: CancellationToken,
    /// Processes are being ended, and none is started any more.
    stop: CancellationToken,
    reaping: CancellationToken,
}

impl Launcher {
    /// A launcher whose command can be run. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// It never can: the sentence has also been left for Kubernetes in the termination log.
    pub fn new(options: LaunchOptions) -> Result<Self, NoCommand> {
        let found = Command::find(options.command.clone(), std::env::var_os("PATH").as_deref());
        let command = found.inspect_err(|error| leave_word(&options.termination_log, error))?;
        let reaping = CancellationToken::new();
        Ok(Self {
            reaper: Reaper::start(&TaskTracker::new(), reaping.clone()),
            children: TaskTracker::new(),
            leaving: CancellationToken::new(),
            seen_off: CancellationToken::new(),
            stop: CancellationToken::new(),
            reaping,
            options,
            command,
        })
    }

    /// Serves the proxy, and the next one, until `told` completes; then lets the proxy finish its requests and ends
    /// all processes, both within the grace period, or at once when it completes again.
    pub async fn run(self, mut told: impl AsyncFnMut()) {
        let launcher = Arc::new(self);
        let serving = launcher.clone().serve();
        tokio::pin!(serving);
        tokio::select! {
            biased;
            () = told() => {}
            () = &mut serving => {}
        }
        tracing::info!(processes = launcher.children.len(), "shutting down");
        let for_processes = launcher.options.grace / FOR_PROCESSES;
        let ended = async {
            launcher.leaving.cancel();
            if !launcher.children.is_empty() {
                let _ = timeout(launcher.options.grace - for_processes, launcher.seen_off.cancelled()).await;
            }
            launcher.stop.cancel();
            launcher.children.close();
            let _ = timeout(for_processes + LAST, launcher.children.wait()).await;
        };
        tokio::select! {
            () = ended => {}
            // The proxy is told of each end.
            () = &mut serving => {}
            () = told() => {}
        }
        launcher.reaping.cancel();
    }

    /// Looks for the proxy, and serves it for as long as it is there; never ends.
    async fn serve(self: Arc<Self>) {
        let path = &self.options.socket;
        let mut pause = FIRST_PAUSE;
        let mut told = None;
        loop {
            if self.leaving.is_cancelled() {
                self.seen_off.cancel();
            }
            match UnixStream::connect(path).await {
                Ok(stream) => {
                    let (trouble, lasted) = Connection::run(self.clone(), stream).await;
                    if lasted {
                        (pause, told) = (FIRST_PAUSE, None);
                    }
                    let trouble = trouble.to_string();
                    // A proxy that refuses us is asked again: once is enough to say so.
                    if told.as_ref() != Some(&trouble) {
                        tracing::warn!(socket = %path.display(), "the connection to the proxy has ended: {trouble}");
                    }
                    told = Some(trouble);
                }
                Err(error) => {
                    let waiting = format!("waiting for the proxy: {error}");
                    if told.as_ref() != Some(&waiting) {
                        tracing::info!(socket = %path.display(), "{waiting}");
                    }
                    told = Some(waiting);
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Leaves the sentence where Kubernetes looks for the cause of an end. Elsewhere there is no such file.
fn leave_word(termination_log: &Path, error: &NoCommand) {
    let written = OpenOptions::new().write(true).truncate(true).open(termination_log);
    let written = written.and_then(|mut file| file.write_all(error.to_string().as_bytes()));
    if let Err(error) = written.or_else(unless_missing) {
        tracing::debug!(%error, "cannot write the termination log");
    }
}

fn unless_missing(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    }
}
