//! Debian's docker-registry, on a free port of the loopback, its images in its memory.

use std::{
    io::Write,
    path::PathBuf,
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStderr, Command},
    task::JoinSet,
    time::timeout,
};

/// Its one user, where it has any.
pub(crate) const USER: (&str, &str) = ("forager", "comb-42");
/// The line of a password file for [`USER`], with the cheapest bcrypt.
const PASSWORD_LINE: &str = "forager:$2b$04$FzwLeO5m.EQPW4Ddtqu5w.FFQIG7nb.CURIEwNHBJzIyiliTHWwxC\n";
const DEADLINE: Duration = Duration::from_secs(30);

/// A running registry; it ends with the value.
pub(crate) struct Registry {
    /// `127.0.0.1:PORT`.
    pub(crate) host: String,
    process: Child,
    // Held, so that it can always write.
    _log: JoinSet<()>,
    _files: Files,
}

impl Registry {
    /// Starts one that lets everybody in, if docker-registry is installed.
    pub(crate) async fn open() -> Option<Self> {
        Self::start("", Files::new()).await
    }

    /// Starts one for [`USER`] alone.
    pub(crate) async fn locked() -> Option<Self> {
        let mut files = Files::new();
        let path = files.write("htpasswd", PASSWORD_LINE);
        Self::start(&format!("auth: {{htpasswd: {{realm: hive, path: '{path}'}}}}\n"), files).await
    }

    /// Starts one with TLS.
    pub(crate) async fn with_tls(certificate: &str, key: &str) -> Option<Self> {
        let mut files = Files::new();
        let (certificate, key) = (files.write("cert.pem", certificate), files.write("key.pem", key));
        Self::start(&format!("  tls: {{certificate: '{certificate}', key: '{key}'}}\n"), files).await
    }

    /// Starts one with TLS that wants tokens of a service.
    pub(crate) async fn with_tokens(certificate: &str, key: &str, service: &str) -> Option<Self> {
        let mut files = Files::new();
        let (certificate, key) = (files.write("cert.pem", certificate), files.write("key.pem", key));
        let tls = format!("  tls: {{certificate: '{certificate}', key: '{key}'}}\n");
        let token =
            format!("{{realm: '{service}', service: hive, issuer: hive, rootcertbundle: '{certificate}'}}");
        Self::start(&format!("{tls}auth: {{token: {token}}}\n"), files).await
    }

    /// Starts one with more lines of configuration, which come after those of `http`.
    async fn start(more: &str, mut files: Files) -> Option<Self> {
        let config = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{inmemory: {{}}}}\nhttp:\n  addr: 127.0.0.1:0\n  secret: none\n{more}"
        );
        let config = files.write("config.yml", &config);
        let spawned = Command::new("docker-registry")
            .args(["serve", &config])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut process = match spawned {
            Ok(process) => process,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return missing(),
            Err(e) => panic!("docker-registry: {e}"),
        };
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let host = timeout(DEADLINE, listening(&mut log)).await.unwrap();
        let mut _log = JoinSet::new();
        _log.spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        Some(Self { host, process, _log, _files: files })
    }

    /// An image in it.
    pub(crate) fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.host)
    }

    /// Ends it, and waits until its port is closed.
    pub(crate) async fn stop(mut self) {
        self.process.kill().await.unwrap();
    }
}

/// The tests with a real registry cannot run: said aloud, and nothing to be passed over in CI.
fn missing() -> Option<Registry> {
    let message =
        "NOT TESTED against a real registry: docker-registry is not installed (make registry-tools)";
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{message}");
    // The test harness keeps what a passing test prints to itself.
    let _ = writeln!(std::io::stderr(), "{message}");
    None
}

/// Reads the log until it says where the registry listens.
async fn listening(log: &mut Lines<BufReader<ChildStderr>>) -> String {
    let mut seen = Vec::new();
    while let Some(line) = log.next_line().await.unwrap() {
        if let Some((_, rest)) = line.split_once("listening on ") {
            return rest.split(['"', ',', ' ']).next().unwrap().to_owned();
        }
        seen.push(line);
    }
    panic!("docker-registry has ended: {}", seen.join("\n"));
}

/// Files that go away with their registry.
struct Files(Vec<PathBuf>);

impl Files {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn write(&mut self, name: &str, text: &str) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let unique = format!("{}-{}-{name}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(unique);
        std::fs::write(&path, text).unwrap();
        self.0.push(path.clone());
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}
