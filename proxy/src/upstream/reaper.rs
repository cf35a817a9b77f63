//! Adopts and reaps orphans: as PID 1 of a container, or as a subreaper elsewhere, what a server leaves
//! behind becomes our child, and would stay a zombie for ever.

use std::{collections::HashSet, io, sync::Arc, time::Duration};

use parking_lot::Mutex;
use rustix::process::{Pid, WaitOptions};
use tokio::{
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// SIGCHLD may be merged with an earlier one; a look this often finds what was missed.
const LOOK: Duration = Duration::from_secs(10);

/// Knows which children are servers, whose end tokio collects, and collects all others.
#[derive(Clone, Debug)]
pub(crate) struct Reaper {
    servers: Arc<Mutex<HashSet<Pid>>>,
    tracker: TaskTracker,
}

impl Reaper {
    /// Becomes the adopter of orphans and starts collecting them until `stop`.
    pub(crate) fn start(tracker: &TaskTracker, stop: CancellationToken) -> Self {
        if let Err(error) = rustix::process::set_child_subreaper(Some(rustix::process::getpid())) {
            tracing::debug!(%error, "orphans go to PID 1");
        }
        let reaper = Self { servers: Arc::default(), tracker: tracker.clone() };
        tracker.spawn(reaper.clone().run(stop));
        reaper
    }

    pub(super) fn tracker(&self) -> &TaskTracker {
        &self.tracker
    }

    /// Spawns a server. The lock is held meanwhile, so that its pid is known before anyone looks.
    pub(super) fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        let mut servers = self.servers.lock();
        let child = command.spawn()?;
        servers.extend(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
        Ok(child)
    }

    /// The server has been waited for, or will be by tokio alone.
    pub(super) fn forget(&self, pid: Pid) {
        self.servers.lock().remove(&pid);
    }

    async fn run(self, stop: CancellationToken) {
        let Ok(mut child_ended) = signal(SignalKind::child()) else { return };
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = child_ended.recv() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
            self.collect();
        }
    }

    /// Reaps each ended child that is not a server. Children are listed one by one: waiting for "any" would
    /// steal a server's exit status from tokio.
    fn collect(&self) {
        let servers = self.servers.lock();
        for pid in children() {
            if !servers.contains(&pid) {
                let _ = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG);
            }
        }
    }
}

/// Our children, by the kernel's own list; empty where it keeps none.
fn children() -> Vec<Pid> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    let lists =
        threads.flatten().filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect::<Vec<_>>()
        })
        .collect()
}
