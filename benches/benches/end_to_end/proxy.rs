//! A proxy process.

use std::{
    env,
    ffi::OsStr,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
};

use crate::{call::Era, server};

/// The variable that names the proxy to measure.
const BINARY: &str = "WAGGLE_PROXY";

/// What the proxy is in front of.
#[derive(Clone, Copy)]
pub(crate) enum Server {
    /// A legacy server with a process for each client.
    Session,
    /// A legacy server with one process for all.
    Shared,
    /// The same, started by a launcher.
    Launched,
    /// A server of 2026-07-28 with one process for all.
    Modern,
}

impl Server {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Session => "legacy, a process each",
            Self::Shared => "legacy",
            Self::Launched => "legacy, launched",
            Self::Modern => "modern",
        }
    }

    fn era(self) -> Era {
        match self {
            Self::Session | Self::Shared | Self::Launched => Era::Legacy,
            Self::Modern => Era::Modern,
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
        let launcher = matches!(server, Server::Launched).then(|| Launcher::start(&binary, server.era()));
        let mut command = Command::new(binary);
        // All variables of that prefix are the proxy's own, and this is none of its options.
        command.env_remove(BINARY);
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", "off"]);
        let mode = if matches!(server, Server::Session) { "session" } else { "shared" };
        command.args(["--process-mode", mode]);
        match &launcher {
            Some(launcher) => command.arg("--launcher").arg(&launcher.socket),
            None => command.arg("--").args(words(&server::command(server.era()))),
        };
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the proxy starts");
        let address = server::first_url(&mut process);
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
    fn start(binary: &Path, era: Era) -> Self {
        let socket = env::temp_dir().join(format!("waggle-bench-{}.sock", process::id()));
        let mut command = Command::new(binary);
        command.arg("launch").arg("--socket").arg(&socket).arg("--").args(words(&server::command(era)));
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
    let bench = server::path();
    let target = bench.ancestors().nth(3).expect("a bench lies in the target directory");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--release", "--package", "waggle-proxy", "--target-dir"]).arg(target);
    // What cargo has told this bench of itself would have crates built anew that look at it.
    for (name, _) in env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" {
            build.env_remove(name);
        }
    }
    let built = build.status().expect("cargo runs");
    assert!(built.success(), "the proxy cannot be built");
    target.join("release/waggle-proxy")
}

/// A command as it is written after `--`.
fn words(command: &Command) -> impl Iterator<Item = &OsStr> {
    [command.get_program()].into_iter().chain(command.get_args())
}
