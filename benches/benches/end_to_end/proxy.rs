//! A proxy process.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
};

use crate::server::ARGUMENT;

/// The variable that names the proxy to measure.
const BINARY: &str = "WAGGLE_PROXY";

/// What the proxy is in front of.
#[derive(Clone, Copy)]
pub(crate) enum Server {
    /// The demo server, which is a legacy one, with a process for each client.
    Session,
    /// The demo server, with one process for all.
    Shared,
    /// The same, started by a launcher.
    Launched,
    /// A server of 2026-07-28.
    Modern,
}

impl Server {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Shared => "shared",
            Self::Launched => "shared, launched",
            Self::Modern => "modern",
        }
    }
}

/// Runs until it is dropped.
pub(crate) struct Proxy {
    process: Child,
    launcher: Option<Launcher>,
    address: SocketAddr,
}

impl Proxy {
    /// A proxy on a free port.
    pub(crate) fn start(server: Server) -> Self {
        let binary = binary();
        let launcher = matches!(server, Server::Launched).then(|| Launcher::start(&binary));
        let mut command = Command::new(binary);
        // All variables of that prefix are the proxy's own, and this is none of its options.
        command.env_remove(BINARY);
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", "off"]);
        if let Some(launcher) = &launcher {
            command.arg("--launcher").arg(&launcher.socket);
        }
        match server {
            Server::Session | Server::Shared => command.args(["--process-mode", server.name()]),
            Server::Launched => command.args(["--process-mode", "shared"]),
            Server::Modern => command.arg("--").arg(bench()).arg(ARGUMENT),
        };
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the proxy starts");
        let stdout = process.stdout.take().expect("stdout is a pipe");
        let mut url = String::new();
        BufReader::new(stdout).read_line(&mut url).expect("the proxy writes its URL");
        let address = url.trim().strip_prefix("http://").and_then(|rest| rest.split('/').next());
        let address = address.and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("the proxy wrote no URL: {url:?}"));
        Self { process, launcher, address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Its servers read the end of their input, and end too.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if let Some(launcher) = &mut self.launcher {
            let _ = launcher.process.kill();
            let _ = launcher.process.wait();
            let _ = fs::remove_file(&launcher.socket);
        }
    }
}

/// The launcher of a proxy; it waits for it.
struct Launcher {
    process: Child,
    socket: PathBuf,
}

impl Launcher {
    fn start(binary: &Path) -> Self {
        let socket = env::temp_dir().join(format!("waggle-bench-{}.sock", process::id()));
        let mut command = Command::new(binary);
        command.arg("launch").arg("--socket").arg(&socket).arg("--").arg(binary).arg("demo");
        let process = command.stderr(Stdio::null()).spawn().expect("the launcher starts");
        Self { process, socket }
    }
}

/// The proxy's binary beside this bench's, brought up to date.
fn binary() -> PathBuf {
    if let Some(path) = env::var_os(BINARY) {
        return path.into();
    }
    // <target>/release/deps/<this bench>
    let bench = bench();
    let target = bench.ancestors().nth(3).expect("a bench lies in the target directory");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--package", "waggle-proxy", "--target-dir"])
        .arg(target)
        .status()
        .expect("cargo runs");
    assert!(built.success(), "the proxy cannot be built");
    target.join("release/waggle-proxy")
}

fn bench() -> PathBuf {
    env::current_exe().expect("the bench knows its path")
}
