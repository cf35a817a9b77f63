//! The launcher beside a proxy, with the folder that both share.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::processes::{marked, unwrapped};
use super::program::{alone, fake_server, keep, next_mark};
use super::{eventually, within};

/// A folder that proxy and launcher share, gone with the test.
pub(crate) struct Pod {
    folder: PathBuf,
}

impl Pod {
    pub(crate) fn new() -> Self {
        // The address of a socket is short.
        let folder = std::env::temp_dir().join(format!("waggle-pod-{}", next_mark()));
        std::fs::create_dir(&folder).unwrap();
        Self { folder }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("launcher.sock")
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// How to start a launcher.
pub(crate) struct Launching {
    command: Command,
    mark: String,
    has_command: bool,
}

impl Launching {
    /// A launcher of the fake server.
    pub(crate) fn new(pod: &Pod) -> Self {
        Self::within(pod, &[])
    }

    /// The same, as the argument of other words.
    pub(crate) fn within(pod: &Pod, words: &[&str]) -> Self {
        let mark = next_mark();
        let words: Vec<&str> = words.iter().copied().chain([env!("CARGO_BIN_EXE_waggle-proxy")]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg("launch").arg("--socket").arg(pod.socket());
        alone(&mut command, &mark);
        Self { command, mark, has_command: false }
    }

    /// Options of the launcher.
    pub(crate) fn options(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// The command that it runs, in place of the fake server.
    pub(crate) fn command(mut self, words: &[&str]) -> Self {
        self.command.arg("--").args(words);
        self.has_command = true;
        self
    }

    /// Words before the fake server, and its arguments.
    pub(crate) fn server(mut self, wrapper: &[&str], arguments: &[&str]) -> Self {
        self.command.arg("--").args(wrapper).arg(fake_server()).args(arguments);
        self.has_command = true;
        self
    }

    pub(crate) fn start(self) -> Launcher {
        let Self { mut command, mark, .. } = match self.has_command {
            true => self,
            false => self.server(&[], &[]),
        };
        let mut child = command.spawn().unwrap();
        let log = Arc::<Mutex<Vec<String>>>::default();
        let stderr = child.stderr.take().unwrap();
        #[expect(clippy::disallowed_methods, reason = "ends with the program that it reads from")]
        let reader = tokio::spawn(keep(stderr, log.clone()));
        Launcher { child, mark, log, reader, stopped: false }
    }
}

/// A running launcher. A test ends it with [`Launcher::stop`] or [`Launcher::kill`].
pub(crate) struct Launcher {
    child: Child,
    mark: String,
    log: Arc<Mutex<Vec<String>>>,
    reader: JoinHandle<()>,
    stopped: bool,
}

impl Launcher {
    /// Its process, also where something else runs it.
    pub(crate) fn pid(&self) -> i32 {
        unwrapped(self.child.id().unwrap().cast_signed())
    }

    /// The lines on stderr so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Waits until it has said that.
    pub(crate) async fn said(&self, text: &str) -> String {
        let found = || self.log().into_iter().find(|line| line.contains(text));
        eventually(&format!("{text:?} in the log of the launcher: {:#?}", self.log()), || async {
            found().is_some()
        })
        .await;
        found().unwrap()
    }

    /// Processes that it has started and that run.
    pub(crate) fn processes(&self) -> Vec<(i32, String)> {
        let own = [self.pid(), self.child.id().unwrap().cast_signed()];
        marked(&self.mark).into_iter().filter(|(pid, _)| !own.contains(pid)).collect()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_raw(self.pid()).unwrap(), signal).unwrap();
    }

    /// Ends it the hard way. Its servers lose their pipes when the proxy notices.
    pub(crate) async fn kill(mut self) {
        self.signal(Signal::KILL);
        self.stopped = true;
        within("the launcher's end", self.child.wait()).await.unwrap();
        eventually("its servers have lost their pipes", async || marked(&self.mark).is_empty()).await;
    }

    /// Waits for its end: its status and what it said to people. All that it has started must be gone, too.
    pub(crate) async fn ended(mut self) -> (ExitStatus, Vec<String>) {
        self.stopped = true;
        let status = within("the launcher's end", self.child.wait()).await.unwrap();
        let mut stdout = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).await.unwrap();
        assert_eq!(stdout, "");
        let left = || marked(&self.mark);
        eventually(&format!("nothing is left of {:?}", left()), || async { left().is_empty() }).await;
        // It reads to the end: nobody else holds this pipe any more.
        within("the end of the log", &mut self.reader).await.unwrap();
        let log = self.log();
        assert!(!log.iter().any(|line| line.contains("panicked")), "{log:#?}");
        (status, log.into_iter().filter(|line| !line.starts_with('{')).collect())
    }

    /// Ends it the usual way.
    pub(crate) async fn stop(self) {
        self.signal(Signal::TERM);
        assert_eq!(self.ended().await.0.code(), Some(0));
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("log of the launcher: {:#?}", self.log());
            for (pid, _) in marked(&self.mark) {
                let _ = rustix::process::kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
            }
        } else {
            assert!(self.stopped, "the test must stop the launcher");
        }
    }
}
