//! One child process: its pipes, its process group, its end.

mod reaper;
mod stderr;

use std::{
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use bytes::BytesMut;
use rustix::process::{Pid, Signal};
use tokio::{
    io::AsyncReadExt,
    net::unix::pipe,
    process::{Child, Command},
    sync::OwnedSemaphorePermit,
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};

pub(super) use reaper::Reaper;
pub use reaper::end_orphans;
use stderr::Tail;

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
    /// Whether its pipes are enlarged.
    pub(crate) large_pipes: bool,
    /// How long each polite step of a stop may take.
    pub(crate) patience: Duration,
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
    pub(crate) fn new(command: &[String], large_pipes: bool, grace: Duration) -> Self {
        let program = command.first().cloned().unwrap_or_default();
        let name = program.rsplit('/').next().unwrap_or_default().to_owned();
        let patience = STEP.min(grace / STEPS_OF_GRACE);
        Self { program, args: command.iter().skip(1).cloned().collect(), name, large_pipes, patience }
    }
}

/// A running server process. Its slot in the process limit is free once it has been reaped.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) stdin: Option<pipe::Sender>,
    stdout: pipe::Receiver,
    pub(crate) tail: Tail,
    /// The reader of stderr.
    drain: Option<JoinHandle<()>>,
    child: Child,
    group: Pid,
    patience: Duration,
    reaper: Reaper,
    slot: Option<OwnedSemaphorePermit>,
    reaped: bool,
}

impl Process {
    /// Starts the program in a process group of its own.
    ///
    /// # Errors
    /// The program cannot be found or executed, or a pipe cannot be made.
    pub(crate) fn start(program: &Program, reaper: &Reaper, slot: OwnedSemaphorePermit) -> io::Result<Self> {
        let (child_stdin, stdin) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let (stdout, child_stdout) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        if program.large_pipes {
            for end in [&stdin, &stdout] {
                // Refused beyond the user's allowance: the usual size serves too.
                let _ = rustix::pipe::fcntl_setpipe_size(end, LARGE_PIPE);
            }
        }
        let mut command = Command::new(&program.program);
        command
            .args(&program.args)
            .stdin(Stdio::from(child_stdin))
            .stdout(Stdio::from(child_stdout))
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = reaper.spawn(&mut command)?;
        // The command keeps copies of the child's pipe ends; stdout would never end.
        drop(command);
        let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let group = pid.ok_or_else(|| io::Error::other("the process has no id"))?;
        let tail = Tail::default();
        let stderr = child.stderr.take();
        let drain = stderr.map(|stderr| stderr::drain(stderr, program.name.clone(), group, tail.clone()));
        Ok(Self {
            stdin: Some(pipe::Sender::from_owned_fd(stdin)?),
            stdout: pipe::Receiver::from_owned_fd(stdout)?,
            tail,
            drain: drain.map(|drain| reaper.tracker().spawn(drain)),
            child,
            group,
            patience: program.patience,
            reaper: reaper.clone(),
            slot: Some(slot),
            reaped: false,
        })
    }

    /// The process id, which is also its group's.
    pub(crate) fn pid(&self) -> i32 {
        self.group.as_raw_nonzero().get()
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
            _ = self.child.wait() => Output::Exited,
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
        timeout(time, self.child.wait()).await.is_ok()
    }

    /// Whether it has ended already.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends whatever is left of the group, and reaps the process. Returns its slot, for a successor. What it
    /// has written to stderr is in the tail then.
    pub(crate) async fn kill(mut self) -> (Option<ExitStatus>, Option<OwnedSemaphorePermit>) {
        self.signal(Signal::KILL);
        let status = self.child.wait().await.ok();
        self.reaped = true;
        if let Some(drain) = &mut self.drain {
            // Who has left the group may hold stderr open for ever.
            let _ = timeout(LAST_WORDS, drain).await;
        }
        (status, self.slot.take())
    }

    /// Ends the process the way the specification asks: stdin ends, then SIGTERM, then SIGKILL, each after
    /// a while; the last two to the whole group.
    pub(crate) async fn stop(mut self) {
        drop(self.stdin.take());
        let drained = self.drained(self.patience).await;
        if !drained {
            self.signal(Signal::TERM);
            self.drained(self.patience).await;
        }
        self.kill().await;
    }

    /// Waits for the end while emptying stdout, so that a server that is still writing can end.
    async fn drained(&mut self, within: Duration) -> bool {
        let mut rest = vec![0; 64 * 1024];
        let Self { child, stdout, .. } = self;
        let discard = async {
            while !matches!(stdout.read(&mut rest).await, Ok(0) | Err(_)) {}
            std::future::pending::<()>().await;
        };
        timeout(within, async {
            tokio::select! {
                _ = child.wait() => {}
                () = discard => {}
            }
        })
        .await
        .is_ok()
    }

    fn signal(&self, signal: Signal) {
        // The group may be gone: nothing to signal then.
        let _ = rustix::process::kill_process_group(self.group, signal);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.reaped {
            self.signal(Signal::KILL);
        }
        if let Some(drain) = &self.drain {
            drain.abort();
        }
        self.reaper.forget(self.group);
    }
}
