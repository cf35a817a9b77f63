//! The real program in front of the fake server.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use super::processes::{MARK, marked, unwrapped, zombies};
use super::{Pod, Request, eventually, within};

/// How to start a proxy.
#[derive(Clone)]
pub(crate) struct Options {
    ports: Vec<String>,
    proxy: Vec<String>,
    server: Vec<String>,
    wrapper: Vec<String>,
    /// What runs the proxy itself.
    within: Vec<String>,
    /// In place of a server of its own.
    upstream: Option<String>,
    /// The socket of a launcher, in place of either.
    launcher: Option<PathBuf>,
    /// A named pipe, as `GATE` in the server's environment.
    gate: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self::replacing(&[("--listen", "127.0.0.1:0"), ("--admin-listen", "127.0.0.1:0")])
    }
}

impl Options {
    /// Ports of the test's own choice.
    pub(crate) fn replacing(ports: &[(&str, &str)]) -> Self {
        let ports = ports.iter().flat_map(|&(option, address)| [option.to_owned(), address.to_owned()]);
        Self {
            ports: ports.collect(),
            proxy: vec![],
            server: vec![],
            wrapper: vec![],
            within: vec![],
            upstream: None,
            launcher: None,
            gate: None,
        }
    }

    /// Reached at an address that is not the usual one.
    pub(crate) fn at(address: SocketAddr) -> Self {
        let ports = [("--listen", &*address.to_string()), ("--admin-listen", "127.0.0.1:0")];
        Self::replacing(&ports).proxy(&["--allowed-host", &address.ip().to_string()])
    }

    /// In front of a server somewhere else.
    pub(crate) fn upstream(url: &str) -> Self {
        Self { upstream: Some(url.to_owned()), ..Self::default() }
    }

    /// In front of whatever launcher connects to the pod's socket.
    pub(crate) fn launched(pod: &Pod) -> Self {
        Self { launcher: Some(pod.socket()), ..Self::default() }
    }

    /// Gives the server a gate, to be opened by [`Waggle::open_gate`].
    pub(crate) fn gated(mut self) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("gate-{}", next_mark()));
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
            .unwrap();
        self.gate = Some(path);
        self
    }

    /// Options of the proxy.
    pub(crate) fn proxy(mut self, arguments: &[&str]) -> Self {
        self.proxy.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// One process for all sessions.
    pub(crate) fn shared(self) -> Self {
        self.proxy(&["--process-mode", "shared"])
    }

    /// A server that speaks 2026-07-28 only.
    pub(crate) fn modern(self) -> Self {
        self.server(&["--modern"])
    }

    /// Arguments of the fake server.
    pub(crate) fn server(mut self, arguments: &[&str]) -> Self {
        self.server.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// A command that runs the fake server, whose path follows.
    pub(crate) fn wrapper(mut self, words: &[&str]) -> Self {
        self.wrapper.extend(words.iter().map(|&word| word.to_owned()));
        self
    }

    /// Runs the proxy as the argument of other words.
    pub(crate) fn within(mut self, words: &[&str]) -> Self {
        self.within.extend(words.iter().map(|&word| word.to_owned()));
        self
    }

    pub(crate) async fn start(self) -> Waggle {
        Waggle::start(self).await
    }

    /// The command, its environment all but empty, and its mark.
    pub(super) fn command(&self) -> (Command, String) {
        let mark = next_mark();
        let program = env!("CARGO_BIN_EXE_waggle-proxy").to_owned();
        let words: Vec<&String> = self.within.iter().chain([&program]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(&self.ports).args(["--log-format", "json"]).args(&self.proxy);
        match (&self.upstream, &self.launcher) {
            (Some(url), _) => command.args(["--upstream", url]),
            (None, Some(socket)) => command.arg("--launcher").arg(socket),
            (None, None) => command.arg("--").args(&self.wrapper).arg(fake_server()).args(&self.server),
        };
        alone(&mut command, &mark);
        if let Some(gate) = &self.gate {
            command.env("GATE", gate);
        }
        (command, mark)
    }
}

pub(super) fn next_mark() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Cargo builds examples beside the tests.
pub(crate) fn fake_server() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().and_then(|deps| deps.parent()).unwrap().join("examples/fake-server");
    assert!(path.exists(), "first run: cargo build -p waggle-proxy --example fake-server");
    path
}

/// A running proxy. A test ends it with [`Waggle::stop`], which checks what it leaves behind.
pub(crate) struct Waggle {
    child: Child,
    /// See [`marked`].
    pub(crate) mark: String,
    log: Arc<Mutex<Vec<String>>>,
    gate: Option<PathBuf>,
    /// The line on stdout.
    pub(crate) url: String,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    stopped: bool,
}

impl Waggle {
    async fn start(options: Options) -> Self {
        let (mut command, mark) = options.command();
        let mut child = command.spawn().unwrap();
        let log = Arc::<Mutex<Vec<String>>>::default();
        let stderr = child.stderr.take().unwrap();
        #[expect(clippy::disallowed_methods, reason = "ends with the program that it reads from")]
        tokio::spawn(keep(stderr, log.clone()));
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = within("the URL", stdout.next_line()).await.unwrap();
        let url = url.unwrap_or_else(|| panic!("no URL: {:#?}", log.lock().unwrap()));
        let unknown = SocketAddr::from(([0; 4], 0));
        let gate = options.gate;
        let mut waggle =
            Self { child, mark, log, gate, url, address: unknown, admin: unknown, stopped: false };
        let listening = waggle.logged("listening").await;
        waggle.address = listening["mcp"].as_str().unwrap().parse().unwrap();
        waggle.admin = listening["admin"].as_str().unwrap().parse().unwrap_or(unknown);
        waggle
    }

    /// Lets the server go on.
    pub(crate) fn open_gate(&self) {
        std::fs::write(self.gate.as_ref().unwrap(), "go\n").unwrap();
    }

    /// What it says to people, once it has said something: the lines on stderr that are no log lines.
    pub(crate) async fn errors(&self) -> Vec<String> {
        let errors = || self.log().into_iter().filter(|line| !line.starts_with('{')).collect::<Vec<_>>();
        eventually("an error on stderr", async || !errors().is_empty()).await;
        errors()
    }

    /// The fields of the first log line with that message, once it has come.
    pub(crate) async fn logged(&self, message: &str) -> Value {
        let found = || self.logged_so_far(message).into_iter().next();
        eventually(&format!("{message:?} in the log: {:#?}", self.log()), || async { found().is_some() })
            .await;
        found().unwrap()
    }

    /// The fields of every log line with that message so far.
    pub(crate) fn logged_so_far(&self, message: &str) -> Vec<Value> {
        let lines = self.log().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        lines.filter(|line| line["message"] == message).collect()
    }

    /// Its process, also where something else runs it.
    pub(crate) fn pid(&self) -> i32 {
        unwrapped(self.child.id().unwrap().cast_signed())
    }

    /// Waits until a member of the status is that.
    pub(crate) async fn shows(&self, pointer: &str, value: impl Into<Value>) {
        let value = value.into();
        eventually(&format!("{pointer} = {value}"), async || {
            self.status().await.pointer(pointer) == Some(&value)
        })
        .await;
    }

    /// The lines on stderr so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    pub(crate) async fn status(&self) -> Value {
        Request::new("GET", "/status").send(self.admin).await.json().await
    }

    /// Waits until a number in the status has that value.
    pub(crate) async fn until(&self, name: &str, value: i64) {
        eventually(&format!("{name} = {value}"), async || self.status().await[name] == value).await;
    }

    /// Whether `/readyz` says so.
    pub(crate) async fn is_ready(&self) -> bool {
        Request::new("GET", "/readyz").send(self.admin).await.status == 200
    }

    /// Whether it says that it is going away.
    pub(crate) async fn is_draining(&self) -> bool {
        match tokio::net::TcpStream::connect(self.admin).await {
            Ok(_) => self.log().iter().any(|line| line.contains("shutting down")),
            Err(_) => true,
        }
    }

    /// Every sample of `/metrics`, by its name with labels.
    pub(crate) async fn metrics(&self) -> HashMap<String, f64> {
        let text = Request::new("GET", "/metrics").send(self.admin).await.text().await;
        assert!(text.ends_with("# EOF\n"));
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        samples
            .map(|line| line.rsplit_once(' ').unwrap())
            .map(|(n, v)| (n.to_owned(), v.parse().unwrap()))
            .collect()
    }

    /// A sample; 0 if there is none yet.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        self.metrics().await.get(name).copied().unwrap_or_default()
    }

    /// Waits until a sample has that value.
    pub(crate) async fn gauge(&self, name: &str, value: f64) {
        eventually(&format!("{name} = {value}"), async || self.metric(name).await == value).await;
    }

    /// Resident memory in bytes.
    pub(crate) fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<usize>().unwrap() * 1024
    }

    /// Processes that the proxy has started and that run.
    pub(crate) fn processes(&self) -> Vec<(i32, String)> {
        let own = self.child.id().unwrap_or_default().cast_signed();
        marked(&self.mark).into_iter().filter(|(pid, _)| *pid != own).collect()
    }

    /// Children of the proxy that have ended and that it has not waited for.
    pub(crate) fn zombies(&self) -> usize {
        zombies(self.pid())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_raw(self.pid()).unwrap(), signal).unwrap();
    }

    /// Waits for the program's end. Whatever it has started must be gone, too.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        self.stopped = true;
        let status = within("the program's end", self.child.wait()).await.unwrap();
        // A killed process takes a moment to leave the process table.
        let left = || marked(&self.mark);
        eventually(&format!("nothing is left of {:?}", left()), || async { left().is_empty() }).await;
        status
    }

    /// Ends the program the usual way.
    pub(crate) async fn stop(self) {
        self.signal(Signal::TERM);
        let log = self.log.clone();
        assert_eq!(self.ended().await.code(), Some(0), "{:#?}", log.lock().unwrap());
        let panicked = log.lock().unwrap().iter().any(|line| line.contains("panicked"));
        assert!(!panicked, "{:#?}", log.lock().unwrap());
    }
}

impl Drop for Waggle {
    fn drop(&mut self) {
        if let Some(gate) = &self.gate {
            let _ = std::fs::remove_file(gate);
        }
        if std::thread::panicking() {
            eprintln!("log of the proxy: {:#?}", self.log());
            for (pid, _) in marked(&self.mark) {
                let _ = rustix::process::kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
            }
        } else {
            assert!(self.stopped, "the test must stop the proxy");
        }
    }
}

pub(super) async fn keep(stderr: impl AsyncRead + Unpin, log: Arc<Mutex<Vec<String>>>) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        log.lock().unwrap().push(line);
    }
}

/// Nothing of our environment but the mark, by which its processes are found; its output is ours to read.
pub(super) fn alone(command: &mut Command, mark: &str) {
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env(MARK, mark)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
}
