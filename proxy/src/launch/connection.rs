//! One connection to a proxy, and the processes that it has asked for.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use rustix::process::{Pid, Signal};
use tokio::{
    net::UnixStream,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    FOR_PROCESSES, Launcher,
    channel::{self, Receiver, Sender, Trouble},
    wire::{FromLauncher, GroupSignal, Hello, ToLauncher},
};
use crate::{
    child::{Child, Pipes},
    secret::Secret,
};

/// How long the proxy may take for its hello.
const HELLO: Duration = Duration::from_secs(10);

/// How long processes whose proxy has gone may take to end: the holder of their pipes is no more.
const ORPHANED: Duration = Duration::from_secs(2);

/// A connection that lasted this long was not refused.
const LASTING: Duration = Duration::from_secs(1);

/// See the module's documentation.
pub(super) struct Connection {
    launcher: Arc<Launcher>,
    /// Locked for as long as a frame takes: what ends and what starts is told in turn, and a proxy that does not
    /// read holds up only us.
    sender: tokio::sync::Mutex<Sender>,
    /// The groups that are there, by the proxy's ids.
    groups: Mutex<HashMap<u64, Pid>>,
    /// The proxy has gone.
    lost: CancellationToken,
}

impl Connection {
    /// Serves the proxy until one of us has had enough: why, and whether it was a proper connection until then.
    pub(super) async fn run(launcher: Arc<Launcher>, stream: UnixStream) -> (Trouble, bool) {
        let (sender, mut receiver) = channel::split(stream);
        let started = Instant::now();
        let connection = Arc::new(Self {
            launcher,
            sender: tokio::sync::Mutex::new(sender),
            groups: Mutex::default(),
            lost: CancellationToken::new(),
        });
        let trouble = match connection.greet(&mut receiver).await {
            Ok(()) => connection.serve(&mut receiver).await,
            Err(trouble) => trouble,
        };
        connection.lost.cancel();
        // The tasks of its processes hold it for a while.
        connection.sender.lock().await.close();
        (trouble, started.elapsed() >= LASTING)
    }

    async fn greet(&self, receiver: &mut Receiver) -> Result<(), Trouble> {
        self.tell(FromLauncher::Hello(Hello::own(Some(self.launcher.command.name()))), None).await?;
        let hello = match timeout(HELLO, receiver.next()).await {
            Ok(Ok(ToLauncher::Hello(hello))) => hello,
            Ok(Ok(ToLauncher::Goodbye { reason })) => return Err(Trouble::Goodbye(reason)),
            Ok(Ok(_)) => return Err(Trouble::Junk("no hello first".to_owned())),
            Ok(Err(trouble)) => return Err(trouble),
            Err(_) => return Err(Trouble::Junk(format!("no hello within {} s", HELLO.as_secs()))),
        };
        hello.check("the proxy").map_err(Trouble::Goodbye)?;
        tracing::info!(proxy = hello.waggle, "connected to the proxy");
        Ok(())
    }

    async fn serve(self: &Arc<Self>, receiver: &mut Receiver) -> Trouble {
        let leaving = &self.launcher.leaving;
        let mut told = false;
        loop {
            let received = tokio::select! {
                biased;
                () = leaving.cancelled(), if !told => {
                    told = true;
                    match self.tell(FromLauncher::Leaving {}, None).await {
                        Ok(()) => continue,
                        Err(trouble) => return trouble,
                    }
                }
                received = receiver.next() => received,
            };
            let done = match received {
                Ok(ToLauncher::Start { id, env, many }) => self.start(id, env, many).await,
                Ok(ToLauncher::Signal { id, signal }) => {
                    self.signal(id, signal);
                    Ok(())
                }
                Ok(ToLauncher::Goodbye { .. }) if told => {
                    self.launcher.seen_off.cancel();
                    Ok(())
                }
                Ok(ToLauncher::Goodbye { reason }) => Err(Trouble::Goodbye(reason)),
                Ok(ToLauncher::Hello(_)) => Err(Trouble::Junk("a second hello".to_owned())),
                Err(trouble) => Err(trouble),
            };
            if let Err(trouble) = done {
                return trouble;
            }
        }
    }

    async fn start(self: &Arc<Self>, id: u64, env: Vec<(String, Secret)>, many: bool) -> Result<(), Trouble> {
        let (child, pipes) = match self.spawn(&env, many) {
            Ok(started) => started,
            Err(reason) => {
                tracing::warn!("{reason}");
                return self.tell(FromLauncher::Refused { id, reason }, None).await;
            }
        };
        let pid = child.pid();
        tracing::debug!(id, pid, "server process started");
        self.groups.lock().extend(Pid::from_raw(pid).map(|group| (id, group)));
        // The task owns the process from here on; its end is told after its start, since that holds the sender.
        let sender = self.sender.lock().await;
        self.launcher.children.spawn(self.clone().mind(id, child));
        sender.send(&FromLauncher::Started { id, pid }, Some(&pipes)).await
    }

    fn spawn(&self, env: &[(String, Secret)], many: bool) -> Result<(Child, Pipes), String> {
        let Launcher { options, command, reaper, stop, .. } = &*self.launcher;
        if stop.is_cancelled() {
            return Err("the launcher is shutting down".to_owned());
        }
        if let Some((name, _)) = env.iter().find(|(name, _)| !options.allow_env.contains(name)) {
            return Err(format!(
                "the launcher does not let the proxy set the environment variable `{name}`; add it to \
                 --allow-env of `waggle-proxy launch`, or take it from --server-env of the proxy"
            ));
        }
        let mut start = tokio::process::Command::new(&command.file);
        if let Some((program, arguments)) = command.words.split_first() {
            start.arg0(program).args(arguments);
        }
        start.envs(env.iter().map(|(name, value)| (name, value.expose())));
        Child::start(start, reaper, many).map_err(|error| command.cannot_start(&error))
    }

    fn signal(&self, id: u64, signal: GroupSignal) {
        let signal = match signal {
            GroupSignal::Term => Signal::TERM,
            GroupSignal::Kill => Signal::KILL,
        };
        // One that has ended meanwhile is forgotten as soon as it has been waited for: its id may be another's.
        if let Some(group) = self.groups.lock().get(&id) {
            let _ = rustix::process::kill_process_group(*group, signal);
        }
    }

    /// Waits for the end of a process, which may be ours to bring about, and tells of it.
    async fn mind(self: Arc<Self>, id: u64, mut child: Child) {
        let Launcher { options, stop, .. } = &*self.launcher;
        tokio::select! {
            _ = child.wait() => {}
            () = stop.cancelled() => end(&mut child, options.grace / FOR_PROCESSES).await,
            () = self.lost.cancelled() => tokio::select! {
                () = end(&mut child, ORPHANED) => {}
                // Not longer than the others.
                () = async { stop.cancelled().await; sleep(options.grace / FOR_PROCESSES).await } => {}
            },
        }
        // What it has left behind ends with it.
        let status = child.kill().await;
        self.groups.lock().remove(&id);
        let (code, signal) = match status {
            Ok(status) => (status.code(), std::os::unix::process::ExitStatusExt::signal(&status)),
            Err(_) => (None, None),
        };
        tracing::debug!(id, pid = child.pid(), code, signal, "server process ended");
        if !self.lost.is_cancelled() {
            // If the proxy has gone meanwhile, nobody waits for it.
            let _ = self.tell(FromLauncher::Ended { id, code, signal }, None).await;
        }
    }

    async fn tell(&self, frame: FromLauncher, pipes: Option<&Pipes>) -> Result<(), Trouble> {
        self.sender.lock().await.send(&frame, pipes).await
    }
}

/// Asks a process and its group to end, and waits for it.
async fn end(child: &mut Child, patience: Duration) {
    child.signal(Signal::TERM);
    let _ = timeout(patience, child.wait()).await;
}
