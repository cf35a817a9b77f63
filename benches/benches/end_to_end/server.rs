//! The load tester's echo server, as processes: this bench's own program, started with [`ARGUMENT`]. It stands behind the
//! proxy and at the end of the pipe; over HTTP it is the floor.

use std::{
    env,
    io::{self, BufRead, BufReader, Write},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use loadtest::echo::{self, http::EchoHttp};
use tokio::runtime::Runtime;

use crate::call::Era;

/// Makes the bench serve instead; what follows says how.
pub(crate) const ARGUMENT: &str = "--echo";
/// Over HTTP, to clients of both eras, and not over stdio.
const HTTP: &str = "http";

/// The command of a server over stdio.
pub(crate) fn command(era: Era) -> Command {
    program(era.name())
}

/// A server over HTTP, until it is dropped.
pub(crate) struct Floor {
    process: Child,
    address: SocketAddr,
}

impl Floor {
    pub(crate) fn start() -> Self {
        let mut process = program(HTTP).stdout(Stdio::piped()).spawn().expect("this program starts");
        let address = first_url(&mut process);
        Self { process, address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where a process serves: the URL that it writes first.
pub(crate) fn first_url(process: &mut Child) -> SocketAddr {
    let stdout = process.stdout.take().expect("stdout is a pipe");
    let mut url = String::new();
    BufReader::new(stdout).read_line(&mut url).expect("the server writes its URL");
    let address = url.trim().strip_prefix("http://").and_then(|rest| rest.split('/').next());
    let address = address.and_then(|address| address.parse().ok());
    address.unwrap_or_else(|| panic!("the server wrote no URL: {url:?}"))
}

/// The path of this program.
pub(crate) fn path() -> PathBuf {
    env::current_exe().expect("the bench knows its path")
}

fn program(what: &str) -> Command {
    let mut command = Command::new(path());
    command.args([ARGUMENT, what]);
    command
}

/// Serves until stdin ends, or over HTTP until killed.
pub(crate) fn serve(what: &str) -> io::Result<()> {
    match what {
        HTTP => Runtime::new()?.block_on(async {
            let server = EchoHttp::bind(([127, 0, 0, 1], 0).into(), echo::Era::Dual).await?;
            writeln!(io::stdout(), "http://{}/mcp", server.address()?)?;
            server.serve().await;
            Ok(())
        }),
        era if era == Era::Modern.name() => echo::stdio::serve(echo::Era::Modern, false, false),
        _ => echo::stdio::serve(echo::Era::Legacy, false, false),
    }
}
