//! One connection to a launcher: requests go out, descriptors and ends of processes come back.

use std::{
    collections::HashMap, io, os::unix::process::ExitStatusExt as _, process::ExitStatus, sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    net::UnixStream,
    sync::{Notify, mpsc, oneshot},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::launched::Launched;
use crate::{
    child::Pipes,
    launch::{
        channel::{self, Receiver, Sender, Trouble},
        wire::{FromLauncher, Hello, ToLauncher},
    },
    secret::Secret,
};

/// How long a launcher may take for its hello.
const HELLO: Duration = Duration::from_secs(10);

/// Characters of what a launcher says of itself.
const NAME: usize = 64;

/// Frames that are sent for one process: its start, SIGTERM, SIGKILL, and once more when it is let go of.
const FRAMES: usize = 4;

/// Frames that concern no process.
const OTHERS: usize = 4;

type Started = io::Result<(Launched, Pipes)>;

/// A connected launcher.
#[derive(Debug)]
pub(super) struct Connection {
    /// The launcher's version.
    pub(super) version: String,
    /// The name of its server.
    pub(super) server: String,
    /// Its container is being stopped.
    pub(super) leaving: CancellationToken,
    queue: mpsc::Sender<ToLauncher>,
    processes: Mutex<Processes>,
    /// A process has ended.
    ended: Notify,
}

#[derive(Debug, Default)]
struct Processes {
    next: u64,
    known: HashMap<u64, Entry>,
    /// The launcher has gone: nothing is added any more.
    closed: bool,
}

/// What is waited for from a process; nobody may be waiting.
#[derive(Debug)]
enum Entry {
    Starting(oneshot::Sender<Started>),
    Running(oneshot::Sender<ExitStatus>),
}

/// Moves the frames of a connection.
pub(super) struct Driver {
    sender: Sender,
    receiver: Receiver,
    queue: mpsc::Receiver<ToLauncher>,
}

/// Exchanges hellos with who has connected.
pub(super) async fn greet(
    stream: UnixStream,
    max_processes: usize,
) -> Result<(Arc<Connection>, Driver), Trouble> {
    let (sender, mut receiver) = channel::split(stream);
    sender.send(&ToLauncher::Hello(Hello::own(None)), None).await?;
    let hello = match timeout(HELLO, receiver.next()).await {
        Ok(Ok(FromLauncher::Hello(hello))) => hello,
        Ok(Ok(_)) => return Err(Trouble::Junk("no hello first".to_owned())),
        Ok(Err(trouble)) => return Err(trouble),
        Err(_) => return Err(Trouble::Junk(format!("no hello within {} s", HELLO.as_secs()))),
    };
    if let Err(reason) = hello.check("the launcher") {
        // It finds out by itself too, unless it is older than that.
        let _ = sender.send(&ToLauncher::Goodbye { reason: reason.clone() }, None).await;
        return Err(Trouble::Goodbye(reason));
    }
    let (queue, queued) = mpsc::channel(FRAMES * max_processes + OTHERS);
    let connection = Connection {
        version: shown(hello.waggle),
        server: shown(hello.server.unwrap_or_default()),
        leaving: CancellationToken::new(),
        queue,
        processes: Mutex::default(),
        ended: Notify::new(),
    };
    Ok((Arc::new(connection), Driver { sender, receiver, queue: queued }))
}

/// What goes into each line of the log is short, whoever says it.
fn shown(text: String) -> String {
    text.chars().take(NAME).collect()
}

impl Driver {
    /// Says why this launcher is not taken.
    pub(super) async fn refuse(self, reason: String) {
        // It may have gone already.
        let _ = self.sender.send(&ToLauncher::Goodbye { reason }, None).await;
    }

    /// Serves until the connection breaks, which is why; or until the last process has ended after `stop`.
    pub(super) async fn run(
        mut self,
        connection: &Arc<Connection>,
        stop: impl Future<Output = ()>,
    ) -> Option<Trouble> {
        tokio::select! {
            biased;
            () = async { stop.await; connection.emptied().await } => None,
            trouble = send_all(&self.sender, &mut self.queue) => Some(trouble),
            trouble = receive_all(&mut self.receiver, connection) => Some(trouble),
        }
    }
}

/// Sends what is queued, until that fails.
async fn send_all(sender: &Sender, queue: &mut mpsc::Receiver<ToLauncher>) -> Trouble {
    while let Some(frame) = queue.recv().await {
        if let Err(trouble) = sender.send(&frame, None).await {
            return trouble;
        }
    }
    Trouble::Closed
}

/// Takes what comes, until that fails.
async fn receive_all(receiver: &mut Receiver, connection: &Arc<Connection>) -> Trouble {
    loop {
        let received = match receiver.next().await {
            Ok(frame) => connection.receive(frame, receiver),
            Err(trouble) => return trouble,
        };
        if let Err(trouble) = received {
            return trouble;
        }
    }
}

impl Connection {
    /// Has a process started, which may be one of many.
    ///
    /// # Errors
    /// [`io::ErrorKind::ConnectionAborted`]: the launcher has gone. Else it could not be started.
    pub(super) async fn start(&self, environment: &[(String, Secret)], many: bool) -> Started {
        let gone = || io::Error::from(io::ErrorKind::ConnectionAborted);
        let (tell, started) = oneshot::channel();
        {
            let mut processes = self.processes.lock();
            if processes.closed {
                return Err(gone());
            }
            let id = processes.next;
            processes.next += 1;
            processes.known.insert(id, Entry::Starting(tell));
            let frame = ToLauncher::Start { id, env: environment.to_vec(), many };
            if self.queue.try_send(frame).is_err() {
                processes.known.remove(&id);
                return Err(io::Error::other("the launcher does not read what it is told"));
            }
        }
        started.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Tells a launcher that is leaving that nobody needs it any more.
    pub(super) fn see_off(&self) {
        let reason = "all requests are answered".to_owned();
        // If it does not read, it does not wait for that either.
        let _ = self.queue.try_send(ToLauncher::Goodbye { reason });
    }

    pub(super) fn is_closed(&self) -> bool {
        self.processes.lock().closed
    }

    /// Whoever waits for a process is told that it has gone; how many there were.
    pub(super) fn close(&self) -> usize {
        let known = {
            let mut processes = self.processes.lock();
            processes.closed = true;
            std::mem::take(&mut processes.known)
        };
        known.len()
    }

    /// Waits until there is no process.
    async fn emptied(&self) {
        loop {
            let ended = self.ended.notified();
            if self.processes.lock().known.is_empty() {
                return;
            }
            ended.await;
        }
    }

    fn receive(self: &Arc<Self>, frame: FromLauncher, receiver: &mut Receiver) -> Result<(), Trouble> {
        match frame {
            FromLauncher::Hello(_) => return Err(Trouble::Junk("a second hello".to_owned())),
            FromLauncher::Started { id, pid } => {
                let pipes = receiver.pipes()?;
                let (end, ended) = oneshot::channel();
                let tell = self.succeed(id, Entry::Running(end))?;
                let launched = Launched::new(self.queue.clone(), id, pid, ended);
                let started = match pipes {
                    Some(pipes) => Ok((launched, pipes)),
                    None => Err(io::Error::other("the proxy has no room for more file descriptors")),
                };
                // Nobody may want it any more. Dropped, it is ended.
                let _ = tell.send(started);
            }
            FromLauncher::Refused { id, reason } => match self.remove(id) {
                Some(Entry::Starting(tell)) => {
                    // As above.
                    let _ = tell.send(Err(io::Error::other(reason)));
                }
                _ => return Err(unknown()),
            },
            FromLauncher::Ended { id, code, signal } => match self.remove(id) {
                // Dropped without a status, it counts as lost.
                Some(Entry::Running(end)) => {
                    let _ = exit_status(code, signal).map(|status| end.send(status));
                }
                _ => return Err(unknown()),
            },
            FromLauncher::Leaving {} => self.leaving.cancel(),
        }
        Ok(())
    }

    fn remove(&self, id: u64) -> Option<Entry> {
        let removed = self.processes.lock().known.remove(&id);
        self.ended.notify_waiters();
        removed
    }

    /// Whoever waits for the start of a process that runs now.
    fn succeed(&self, id: u64, running: Entry) -> Result<oneshot::Sender<Started>, Trouble> {
        match self.processes.lock().known.insert(id, running) {
            Some(Entry::Starting(tell)) => Ok(tell),
            _ => Err(unknown()),
        }
    }
}

/// As the system calls encode it.
fn exit_status(code: Option<i32>, signal: Option<i32>) -> Option<ExitStatus> {
    let raw = signal.map(|signal| signal & 0x7f).or_else(|| code.map(|code| (code & 0xff) << 8));
    raw.map(ExitStatus::from_raw)
}

fn unknown() -> Trouble {
    Trouble::Junk("news of a process that there is not".to_owned())
}
