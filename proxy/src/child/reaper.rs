//! Adopts and reaps orphans: as PID 1 of a container, or as a subreaper elsewhere, what a server leaves
//! behind becomes our child, and would stay a zombie for ever.

use std::{collections::BTreeSet, io, time::Duration};

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, WaitOptions};
use tokio::{
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// SIGCHLD may be merged with an earlier one; a look this often finds what was missed.
const LOOK: Duration = Duration::from_secs(10);

/// How often, and with which pause, [`end_orphans`] looks for what is left.
const LAST_LOOKS: (u32, Duration) = (500, Duration::from_millis(2));

/// Children that are servers. Of the whole program: two proxies in it must not collect each other's.
static SERVERS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Knows which children are servers, whose end tokio collects, and collects all others.
#[derive(Clone, Debug)]
pub(crate) struct Reaper {
    tracker: TaskTracker,
}

impl Reaper {
    /// Becomes the adopter of orphans and starts collecting them until `stop`.
    pub(crate) fn start(tracker: &TaskTracker, stop: CancellationToken) -> Self {
        if let Err(error) = rustix::process::set_child_subreaper(Some(rustix::process::getpid())) {
            tracing::debug!(%error, "orphans go to PID 1");
        }
        let reaper = Self { tracker: tracker.clone() };
        tracker.spawn(reaper.clone().run(stop));
        reaper
    }

    pub(crate) fn tracker(&self) -> &TaskTracker {
        &self.tracker
    }

    /// Spawns a server. The lock is held meanwhile, so that its pid is known before anyone looks.
    pub(super) fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        let mut servers = SERVERS.lock();
        let child = command.spawn()?;
        servers.extend(child.id().map(u32::cast_signed));
        Ok(child)
    }

    /// The server has been waited for, or will be by tokio alone.
    pub(super) fn forget(&self, pid: Pid) {
        SERVERS.lock().remove(&pid.as_raw_nonzero().get());
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
        let servers = SERVERS.lock();
        for pid in children() {
            if !servers.contains(&pid.as_raw_nonzero().get()) {
                let _ = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG);
            }
        }
    }
}

/// Ends every child that is left, and what it leaves behind in turn: a server's descendant that has put itself
/// into a process group of its own outlives the server. Only for a program whose children are all servers', at
/// its very end.
pub fn end_orphans() {
    let (looks, pause) = LAST_LOOKS;
    for _ in 0..looks {
        let left = children();
        if left.is_empty() {
            return;
        }
        for pid in left {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
            let _ = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG);
        }
        std::thread::sleep(pause);
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
