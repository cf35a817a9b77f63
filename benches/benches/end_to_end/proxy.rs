//! A proxy process.

use std::{
    env,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// Runs until it is dropped.
pub(crate) struct Proxy {
    process: Child,
    address: SocketAddr,
}

impl Proxy {
    /// A proxy before the demo server, on a free port.
    pub(crate) fn start(mode: &str) -> Self {
        let mut process = Command::new(binary())
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "off", "--process-mode", mode])
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
        Self { process, address: address.unwrap_or_else(|| panic!("the proxy wrote no URL: {url:?}")) }
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
    }
}

/// The proxy's binary beside this bench's, brought up to date.
fn binary() -> PathBuf {
    if let Some(path) = env::var_os("WAGGLE_PROXY") {
        return path.into();
    }
    // <target>/release/deps/<this bench>
    let bench = env::current_exe().expect("the bench knows its path");
    let target = bench.ancestors().nth(3).expect("a bench lies in the target directory");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--package", "waggle-proxy", "--target-dir"])
        .arg(target)
        .status()
        .expect("cargo runs");
    assert!(built.success(), "the proxy cannot be built");
    target.join("release/waggle-proxy")
}
