//! Child processes that are servers: each leads a process group of its own and talks over fresh pipes. Whoever
//! starts them, the proxy itself or the launcher in another container, does it here.

mod reaper;
mod scheduling;

use std::{
    io,
    os::fd::OwnedFd,
    process::{ExitStatus, Stdio},
};

use rustix::{
    pipe::{PipeFlags, pipe_with},
    process::{Pid, Signal},
};
use tokio::process::Command;

pub(crate) use reaper::Reaper;
pub use reaper::end_orphans;

/// Our ends of a child's pipes.
#[derive(Debug)]
pub(crate) struct Pipes {
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

/// A running child. Dropped, its whole group is killed.
#[derive(Debug)]
pub(crate) struct Child {
    child: tokio::process::Child,
    group: Pid,
    reaper: Reaper,
    /// Nothing of the group is left to be killed.
    killed: bool,
}

impl Child {
    /// Starts the command, which may be one of many. It is consumed: it keeps copies of the child's pipe ends, and stdout
    /// would never end.
    ///
    /// # Errors
    /// The program cannot be found or executed, or a pipe cannot be made.
    pub(crate) fn start(mut command: Command, reaper: &Reaper, many: bool) -> io::Result<(Self, Pipes)> {
        let (child_stdin, stdin) = pipe_with(PipeFlags::CLOEXEC)?;
        let (stdout, child_stdout) = pipe_with(PipeFlags::CLOEXEC)?;
        let (stderr, child_stderr) = pipe_with(PipeFlags::CLOEXEC)?;
        command
            .stdin(Stdio::from(child_stdin))
            .stdout(Stdio::from(child_stdout))
            .stderr(Stdio::from(child_stderr))
            .process_group(0);
        let child = reaper.spawn(&mut command)?;
        let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let group = pid.ok_or_else(|| io::Error::other("the process has no id"))?;
        let child = Self { child, group, reaper: reaper.clone(), killed: false };
        if many {
            child.give_way();
        }
        Ok((child, Pipes { stdin, stdout, stderr }))
    }

    /// One of many: woken by a write to its stdin, it no longer pushes the proxy off the core in the midst of the requests
    /// that have come together. With a process for each session a call costs a fifth less by that.
    fn give_way(&self) {
        if let Err(error) = scheduling::make_batch(self.group) {
            tracing::debug!(%error, pid = self.pid(), "the server process is scheduled as any other");
        }
    }

    /// Its id, which is also its group's.
    pub(crate) fn pid(&self) -> i32 {
        self.group.as_raw_nonzero().get()
    }

    /// Waits for its end. Cancel-safe, and answers again what it has answered once.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Whether it has ended already.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Signals its group.
    pub(crate) fn signal(&self, signal: Signal) {
        // The group may be gone: nothing to signal then.
        let _ = rustix::process::kill_process_group(self.group, signal);
    }

    /// Ends whatever is left of the group, and reaps the child.
    pub(crate) async fn kill(&mut self) -> io::Result<ExitStatus> {
        self.signal(Signal::KILL);
        let status = self.wait().await;
        self.killed = true;
        status
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.killed {
            self.signal(Signal::KILL);
        }
        self.reaper.forget(self.group);
    }
}
