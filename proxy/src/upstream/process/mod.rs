//! One server process: its pipes, its process group, its end.

mod life;
mod stderr;

use std::{io, process::ExitStatus, time::Duration};

use bytes::BytesMut;
use rustix::process::Signal;
use tokio::{
    io::AsyncReadExt,
    net::unix::pipe,
    process::Command,
    sync::OwnedSemaphorePermit,
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::task::TaskTracker;

pub(super) use life::Life;
use stderr::Tail;

use crate::{
    child::{Child, Pipes, Reaper},
    secret::Secret,
};

/// Pipes of a shared process are enlarged: large messages then need fewer wake-ups. Only there, since the
/// kernel counts pipe memory per user and shrinks everybody's pipes beyond a limit.
const LARGE_PIPE: usize = 1 << 20;

/// How long the rest of stdout or stderr may take to arrive once the process itself is gone.
pub(super) const LAST_WORDS: Duration = Duration::from_millis(200);

/// The longest that each of the two polite steps of a stop may take, and its part of the grace period, which
/// leaves time for the requests before it.
const STEP: Duration = Duration::from_secs(2);
const STEPS_OF_GRACE: u32 = 8;

/// What to start.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) program: String,
    pub(crate) args: Vec<String>,
    /// The name under which its stderr is logged.
    pub(crate) name: String,
    /// Variables in addition to the proxy's own.
    pub(crate) environment: Vec<(String, Secret)>,
    pub(crate) handling: Handling,
}

/// How a process is dealt with, wherever it runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handling {
    /// Whether it serves all sessions, or is one of many processes.
    pub(in crate::upstream) shared: bool,
    /// How long each polite step of a stop may take.
    patience: Duration,
}

impl Handling {
    /// For one process that is `shared` or one of many, with its part of the grace period.
    pub(crate) fn new(shared: bool, grace: Duration) -> Self {
        Self { shared, patience: STEP.min(grace / STEPS_OF_GRACE) }
    }
}

/// What a process did.
#[derive(Debug)]
pub(crate) enum Output {
    /// It wrote so many bytes.
    Bytes(usize),
    /// It has closed its stdout.
    Closed,
    /// Its stdout cannot be read.
    Broken(io::Error),
    /// It has ended.
    Exited,
}

impl Program {
    /// The program that `command` names, logged under the last part of its path.
    pub(crate) fn new(command: &[String], environment: Vec<(String, Secret)>, handling: Handling) -> Self {
        let program = command.first().cloned().unwrap_or_default();
        let name = base_name(&program).to_owned();
        Self { program, args: command.iter().skip(1).cloned().collect(), name, environment, handling }
    }
}

/// The last part of a program's path.
pub(crate) fn base_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or_default()
}

/// A running server process. Its slot in the process limit is free once it has been reaped.
#[derive(Debug)]
pub(crate) struct Process {
    /// Taken by the writer.
    pub(crate) stdin: Option<pipe::Sender>,
    stdout: pipe::Receiver,
    pub(crate) tail: Tail,
    drain: JoinHandle<()>,
    life: Life,
    patience: Duration,
    slot: Option<OwnedSemaphorePermit>,
}

impl Process {
    /// Starts the program in a process group of its own.
    ///
    /// # Errors
    /// The program cannot be found or executed, or a pipe cannot be made.
    pub(crate) fn start(program: &Program, reaper: &Reaper, slot: OwnedSemaphorePermit) -> io::Result<Self> {
        let mut command = Command::new(&program.program);
        command.args(&program.args);
        command.envs(program.environment.iter().map(|(name, value)| (name, value.expose())));
        let (child, pipes) = Child::start(command, reaper, !program.handling.shared)?;
        Self::new(Life::Local(child), pipes, &program.name, program.handling, reaper.tracker(), slot)
    }

    /// A process that runs already.
    ///
    /// # Errors
    /// What was given for a pipe is none.
    pub(in crate::upstream) fn new(
        life: Life,
        pipes: Pipes,
        name: &str,
        handling: Handling,
        tracker: &TaskTracker,
        slot: OwnedSemaphorePermit,
    ) -> io::Result<Self> {
        if handling.shared {
            for end in [&pipes.stdin, &pipes.stdout] {
                // Refused beyond the user's allowance: the usual size serves too.
                let _ = rustix::pipe::fcntl_setpipe_size(end, LARGE_PIPE);
            }
        }
        let tail = Tail::default();
        let stderr = pipe::Receiver::from_owned_fd(pipes.stderr)?;
        Ok(Self {
            stdin: Some(pipe::Sender::from_owned_fd(pipes.stdin)?),
            stdout: pipe::Receiver::from_owned_fd(pipes.stdout)?,
            drain: tracker.spawn(stderr::drain(stderr, name.to_owned(), life.pid(), tail.clone())),
            tail,
            life,
            patience: handling.patience,
            slot: Some(slot),
        })
    }

    /// The process id, which is also its group's; in the launcher's container where it runs there.
    pub(crate) fn pid(&self) -> i32 {
        self.life.pid()
    }

    /// Waits for the next bytes of stdout, or for the end of the process. Cancel-safe: bytes are in `buffer`
    /// or still in the pipe.
    pub(crate) async fn next(&mut self, buffer: &mut BytesMut) -> Output {
        tokio::select! {
            biased;
            read = self.stdout.read_buf(buffer) => match read {
                Ok(0) => Output::Closed,
                Ok(length) => Output::Bytes(length),
                Err(error) => Output::Broken(error),
            },
            _ = self.life.wait() => Output::Exited,
        }
    }

    /// Reads what is left in stdout of a process that has exited. A grandchild may hold the pipe open, so the
    /// end is not waited for.
    pub(crate) async fn last_bytes(&mut self, buffer: &mut BytesMut, until: Instant) -> Option<usize> {
        let read = timeout_at(until, self.stdout.read_buf(buffer)).await;
        read.ok()?.ok().filter(|length| *length > 0)
    }

    /// Whether it ends of its own accord within `time`.
    pub(crate) async fn ends_within(&mut self, time: Duration) -> bool {
        timeout(time, self.life.wait()).await.is_ok()
    }

    /// Whether it has ended already.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.life.has_ended()
    }

    /// Ends whatever is left of the group, and reaps the process. Returns its slot, for a successor. What it
    /// has written to stderr is in the tail then.
    pub(crate) async fn kill(mut self) -> (Option<ExitStatus>, Option<OwnedSemaphorePermit>) {
        let status = self.life.kill().await.ok();
        // Who has left the group may hold stderr open for ever.
        let _ = timeout(LAST_WORDS, &mut self.drain).await;
        (status, self.slot.take())
    }

    /// Ends the process the way the specification asks: stdin ends, then SIGTERM, then SIGKILL, each after
    /// a while; the last two to the whole group.
    pub(crate) async fn stop(mut self) {
        drop(self.stdin.take());
        let drained = self.drained(self.patience).await;
        if !drained {
            self.life.signal(Signal::TERM);
            self.drained(self.patience).await;
        }
        self.kill().await;
    }

    /// Waits for the end while emptying stdout, so that a server that is still writing can end.
    async fn drained(&mut self, within: Duration) -> bool {
        let mut rest = vec![0; 64 * 1024];
        let Self { life, stdout, .. } = self;
        let discard = async {
            while !matches!(stdout.read(&mut rest).await, Ok(0) | Err(_)) {}
            std::future::pending::<()>().await;
        };
        timeout(within, async {
            tokio::select! {
                _ = life.wait() => {}
                () = discard => {}
            }
        })
        .await
        .is_ok()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.drain.abort();
    }
}
