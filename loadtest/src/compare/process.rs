//! Bridges that were started.

use std::{
    fs, io,
    path::PathBuf,
    process::Stdio,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};

use super::file::{Bridge, Cell};
use crate::{
    echo::Era,
    endpoint::Endpoint,
    transport::{Client, Request, Route, Target, request::tool},
    verify::{Exchange, answer::Expected},
};

/// A bridge has so long to serve its first call.
const START: Duration = Duration::from_secs(30);
/// And so long to end when it is told to.
const END: Duration = Duration::from_secs(5);
/// So much of what it wrote is shown when it does not start.
const TAIL: usize = 1500;

/// The echo server's command line.
///
/// # Errors
/// This program cannot be found.
pub fn echo(era: Era) -> io::Result<Vec<String>> {
    let program = std::env::current_exe()?.display().to_string();
    let mut words = vec![program, "echo".to_owned()];
    match era {
        Era::Legacy => {}
        Era::Modern => words.extend(["--era".to_owned(), "modern".to_owned()]),
        Era::Dual => words.extend(["--era".to_owned(), "dual".to_owned()]),
    }
    Ok(words)
}

/// The floor, as if it were a bridge.
///
/// # Errors
/// This program cannot be found.
pub fn floor() -> io::Result<Bridge> {
    let mut command = echo(Era::Dual)?;
    command.extend(["--http".to_owned(), "127.0.0.1:{port}".to_owned()]);
    let url = |path: &str| format!("http://127.0.0.1:{{port}}{path}");
    let urls = [("streamable-http", "/mcp"), ("sse", "/sse"), ("stateless", "/mcp")];
    let urls = urls.map(|(name, path)| (name.to_owned(), url(path)));
    Ok(Bridge { name: "floor".to_owned(), command, args: Vec::new(), urls: urls.into(), env: [].into() })
}

/// The command line with everything in its place: `{echo}` and `{args}` are several words where they stand alone, and
/// words for a shell where they stand in another.
pub fn words(command: &[String], port: u16, echo: &[String], args: &[String]) -> Vec<String> {
    let joined = |words: &[String]| {
        shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
    };
    let mut filled = Vec::new();
    for word in command {
        match word.as_str() {
            "{echo}" => filled.extend_from_slice(echo),
            "{args}" => filled.extend_from_slice(args),
            word => filled.push(
                word.replace("{port}", &port.to_string())
                    .replace("{echo}", &joined(echo))
                    .replace("{args}", &joined(args)),
            ),
        }
    }
    filled
}

/// A bridge that serves. All of its processes are killed with it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    group: Pid,
    output: Output,
    /// Where it serves.
    pub target: Target,
}

/// What a bridge writes, kept out of the way.
#[derive(Debug)]
struct Output(PathBuf);

impl Drop for Output {
    fn drop(&mut self) {
        // It stands among the system's temporary files.
        let _ = fs::remove_file(&self.0);
    }
}

impl Output {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("loadtest-{}-{}.log", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }

    fn tail(&self) -> String {
        let bytes = fs::read(&self.0).unwrap_or_default();
        String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(TAIL)..]).trim().to_owned()
    }
}

impl Running {
    /// Starts a bridge for a cell, and waits until it has answered a call. `Ok(None)` if it has not the cell's transport.
    ///
    /// # Errors
    /// It does not start, or does not answer.
    pub async fn start(bridge: &Bridge, cell: &Cell) -> Result<Option<Self>, String> {
        let Some(url) = bridge.url(cell.transport) else { return Ok(None) };
        let port = free_port().map_err(|error| format!("there is no free port: {error}"))?;
        let endpoint = Endpoint::parse(&url.replace("{port}", &port.to_string()), false);
        let route = Route::new(endpoint.map_err(|error| error.to_string())?, cell.http2);
        let target = Target::Http(route, cell.transport);
        let echo = echo(cell.server).map_err(|error| error.to_string())?;
        let args = cell.args.get(&bridge.name).unwrap_or(&bridge.args);
        let words = words(&bridge.command, port, &echo, args);
        let output = Output::new();
        let spawned =
            spawn(&words, bridge, &output).map_err(|error| format!("{words:?} does not start: {error}"))?;
        let (child, group) = spawned;
        let mut running = Self { child, group, output, target };
        running.wait_ready().await?;
        Ok(Some(running))
    }

    /// Its process.
    pub fn pid(&self) -> i32 {
        self.group.as_raw_nonzero().get()
    }

    async fn wait_ready(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + START;
        loop {
            let reason = match timeout(START / 4, call(&self.target)).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(reason)) => reason,
                Err(_) => "a call got no answer".to_owned(),
            };
            let ended = self.child.try_wait().ok().flatten();
            if ended.is_none() && Instant::now() < deadline {
                sleep(Duration::from_millis(20)).await;
                continue;
            }
            let state =
                ended.map_or_else(|| "does not serve".to_owned(), |status| format!("ended with {status}"));
            return Err(format!("it {state} ({reason}); it wrote:\n{}", self.output.tail()));
        }
    }

    /// Ends it and all of its processes.
    pub async fn stop(mut self) {
        // If it has ended by itself there is nobody to tell.
        let _ = kill_process_group(self.group, Signal::TERM);
        let _ = timeout(END, self.child.wait()).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // What has not ended by now.
        let _ = kill_process_group(self.group, Signal::KILL);
    }
}

fn spawn(words: &[String], bridge: &Bridge, output: &Output) -> io::Result<(Child, Pid)> {
    let (program, arguments) = words.split_first().ok_or_else(|| io::Error::other("there is no command"))?;
    let file = fs::File::create(&output.0)?;
    let child = Command::new(program)
        .args(arguments)
        .envs(&bridge.env)
        // Some bridges end when stdin does.
        .stdin(Stdio::piped())
        .stdout(file.try_clone()?)
        .stderr(file)
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let group = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
    group.map(|group| (child, group)).ok_or_else(|| io::Error::other("it has ended already"))
}

fn free_port() -> io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

async fn call(target: &Target) -> Result<(), String> {
    let mut client = Client::open(target).await.map_err(|fault| fault.to_string())?;
    let fields = tool("echo", r#""text":"ready""#);
    let request = Request::call(1, "echo", &fields);
    let mut exchange = Exchange::new(1, Expected::Text("ready"));
    client.request(&request, |message| exchange.judge(message)).await.map_err(|fault| fault.to_string())?;
    let is_right = exchange.tally.good == 1;
    // It was only asked whether it is there.
    let _ = client.close().await;
    if is_right { Ok(()) } else { Err("a call was answered wrongly".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled() {
        let text = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let command = text(&["bridge", "--port={port}", "{args}", "--stdio", "{echo}", "exec {echo} {args}"]);
        let filled = words(&command, 7, &text(&["/a b/loadtest", "echo"]), &text(&["-x"]));
        let expected =
            ["bridge", "--port=7", "-x", "--stdio", "/a b/loadtest", "echo", "exec '/a b/loadtest' echo -x"];
        assert_eq!(filled, expected);
    }
}
