//! Where a process runs: here, or in the launcher's container.

use std::{io, process::ExitStatus};

use rustix::process::Signal;

use crate::{child::Child, upstream::launcher::launched::Launched};

/// The process apart from its pipes, which are the same in either case. Dropped, its group is killed.
#[derive(Debug)]
pub(in crate::upstream) enum Life {
    /// A child of ours.
    Local(Child),
    /// A child of the launcher's.
    Launched(Launched),
}

impl Life {
    /// Its id where it runs.
    pub(super) fn pid(&self) -> i32 {
        match self {
            Self::Local(child) => child.pid(),
            Self::Launched(launched) => launched.pid(),
        }
    }

    /// Waits for its end; an error if that came without a status. Cancel-safe.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        match self {
            Self::Local(child) => child.wait().await,
            Self::Launched(launched) => launched.wait().await,
        }
    }

    /// Whether it has ended already.
    pub(super) fn has_ended(&mut self) -> bool {
        match self {
            Self::Local(child) => child.has_ended(),
            Self::Launched(launched) => launched.has_ended(),
        }
    }

    /// Signals its group.
    pub(super) fn signal(&self, signal: Signal) {
        match self {
            Self::Local(child) => child.signal(signal),
            Self::Launched(launched) => launched.signal(signal),
        }
    }

    /// Ends whatever is left of the group, and waits for the end.
    pub(super) async fn kill(&mut self) -> io::Result<ExitStatus> {
        match self {
            Self::Local(child) => child.kill().await,
            Self::Launched(launched) => launched.kill().await,
        }
    }
}
