//! A process that a launcher has started for us.

use std::{io, process::ExitStatus};

use rustix::process::Signal;
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot::{self, error::TryRecvError},
};

use crate::launch::wire::{GroupSignal, ToLauncher};

/// Its end, and the right to bring it about. Dropped, its group is killed.
#[derive(Debug)]
pub(in crate::upstream) struct Launched {
    /// What the launcher is told.
    queue: mpsc::Sender<ToLauncher>,
    id: u64,
    pid: i32,
    ended: oneshot::Receiver<ExitStatus>,
    /// Its end, once it is known; `None` inside if the launcher went first.
    end: Option<Option<ExitStatus>>,
}

impl Launched {
    pub(super) fn new(
        queue: mpsc::Sender<ToLauncher>,
        id: u64,
        pid: i32,
        ended: oneshot::Receiver<ExitStatus>,
    ) -> Self {
        Self { queue, id, pid, ended, end: None }
    }

    /// Its id in the launcher's container.
    pub(in crate::upstream) fn pid(&self) -> i32 {
        self.pid
    }

    /// Waits for its end. Cancel-safe, and answers again what it has answered once.
    pub(in crate::upstream) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let end = match self.end {
            Some(end) => end,
            None => *self.end.insert((&mut self.ended).await.ok()),
        };
        // A container's processes end with its first one.
        end.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionAborted))
    }

    /// Whether it has ended already.
    pub(in crate::upstream) fn has_ended(&mut self) -> bool {
        if self.end.is_none() {
            self.end = match self.ended.try_recv() {
                Ok(status) => Some(Some(status)),
                Err(TryRecvError::Closed) => Some(None),
                Err(TryRecvError::Empty) => None,
            };
        }
        self.end.is_some()
    }

    /// Signals its group: SIGTERM as such, anything else as SIGKILL.
    pub(in crate::upstream) fn signal(&self, signal: Signal) {
        if self.end.is_none() {
            let signal = if signal == Signal::TERM { GroupSignal::Term } else { GroupSignal::Kill };
            let told = self.queue.try_send(ToLauncher::Signal { id: self.id, signal });
            if matches!(told, Err(TrySendError::Full(_))) {
                tracing::warn!(id = self.id, "the launcher does not read what it is told");
            }
        }
    }

    /// Ends its group, and waits for the end.
    pub(in crate::upstream) async fn kill(&mut self) -> io::Result<ExitStatus> {
        self.signal(Signal::KILL);
        self.wait().await
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        if !self.has_ended() {
            self.signal(Signal::KILL);
        }
    }
}
