//! The table of options: to add one, add one entry here.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::public_url::PublicUrl;
use super::server_env::ServerVariable;
use super::table::{OptionSpec, kind_name, needs, separator, settings};
use super::upstream::{EraChoice, UpstreamHeader, UpstreamTransport, UpstreamUrl};
use super::value::address::{Address, AddressOrOff};
use super::value::choice::{Choice, Named};
use super::value::duration::{hours, minutes, span};
use super::value::filter::Filter;
use super::value::number::{Count, GIB, KIB, MIB, Size};
use super::value::origin::{Host, Origin, Url};
use super::value::process::{Socket, Variable};
use super::value::upstream::{File, Header, ServerUrl};
use super::value::{Arity, Lines, Many, One, Optional};

/// How sessions share server processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProcessMode {
    /// What suits the server: today [`ProcessMode::Session`] for every server that starts with
    /// `initialize`.
    #[default]
    Auto,
    /// A process for each session, which hears the client's own `initialize`.
    Session,
    /// One process for all sessions.
    Shared,
}

impl Named for ProcessMode {
    const NAMES: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("session", Self::Session), ("shared", Self::Shared)];
    const USAGE: &'static str = "auto|session|shared";
}

/// The shape of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// [`LogFormat::Text`] when stderr is a terminal, [`LogFormat::Json`] otherwise.
    #[default]
    Auto,
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

impl Named for LogFormat {
    const NAMES: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("text", Self::Text), ("json", Self::Json)];
    const USAGE: &'static str = "auto|text|json";
}

settings! {
    /// Everything `waggle-proxy` was told, valid as a whole: [`Config::resolve`] is the way in.
    ///
    /// `Config::default()` is what the program does without any option.
    pub struct Config = |config| config;
    also {
        /// The server to run: the program and its arguments; never empty. `None` for the built-in
        /// demo server.
        command: Option<Vec<String>>,
        /// How much of everything.
        limits: Limits,
        /// How long for everything.
        times: Times,
    }

    "Network" {
        /// Address of the MCP port. Port 0 picks a free one.
        "listen" => listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080)), One(Address),
            "A busy port ends the start with exit code 1.", restart;
        /// Address of the admin port with `/livez`, `/readyz`, `/metrics` and `/status`, or `off`.
        "admin-listen" => admin_listen: Option<SocketAddr> = Some(SocketAddr::from(([127, 0, 0, 1], 9090))),
            One(AddressOrOff),
            "A busy port ends the start with exit code 1.", restart;
        /// URL under which clients reach the proxy when that is not the listen address: behind a
        /// gateway or a tunnel. It may have a path prefix; `/mcp` is added to it.
        "public-url" => public_url: Option<PublicUrl> = None, Optional(Url),
            "Its origin and its host are allowed like those of the listen address.";
        /// Web origins that may call, besides loopback ones of a proxy that listens there; `*` for every origin.
        "allowed-origin" => allowed_origins: Vec<String> = Vec::new(), Many(Origin),
            "A request with another `Origin` is answered 403.";
        /// Names in the `Host` header that are served; `*` for every name. A proxy that listens on loopback serves loopback
        /// names besides; another one serves every name while none is listed.
        "allowed-host" => allowed_hosts: Vec<String> = Vec::new(), Many(Host),
            "A request with another `Host` is answered 403.";
    }
    "Server processes" {
        /// Whether each session has a server process of its own, or all share one.
        "process-mode" => process_mode: ProcessMode = ProcessMode::Auto, One(Choice::<ProcessMode>::new()),
            "In `shared` mode a server cannot ask for sampling, elicitation or roots.", restart;
        /// An environment variable for each server process. The value is shown nowhere; `NAME=@FILE`
        /// reads it from a file at the start.
        "server-env" => server_env: Vec<ServerVariable> = Vec::new(), Lines(Variable),
            "A file that cannot be read ends the start with exit code 1.", restart;
        /// Unix socket on which the proxy waits for `waggle-proxy launch`, which runs the server's
        /// processes in a container of its own, in place of a command.
        "launcher" => launcher: Option<PathBuf> = None, Optional(Socket),
            "Without a launcher the proxy is not ready, and requests wait for one for `handshake-timeout`.", restart;
    }
    "HTTP servers" {
        /// URL of an MCP server that is reached over HTTP, in place of a command.
        "upstream" => upstream: Option<UpstreamUrl> = None, Optional(ServerUrl),
            "A server that cannot be reached is tried again with growing pauses.", restart;
        /// How that server is spoken to; `auto` is Streamable HTTP, and HTTP+SSE if the server does
        /// not know it.
        "upstream-transport" => upstream_transport: UpstreamTransport = UpstreamTransport::Auto,
            One(Choice::<UpstreamTransport>::new()),
            "A server that does not speak it counts as one that cannot be reached.", restart;
        /// Which revisions that server speaks: 2026-07-28 is `modern`, those before are `legacy`;
        /// `auto` asks it.
        "upstream-era" => upstream_era: EraChoice = EraChoice::Auto, One(Choice::<EraChoice>::new()),
            "A server that does not speak it counts as one that cannot be reached.", restart;
        /// A header for each request to that server, such as its credentials. The value is shown
        /// nowhere; `NAME=@FILE` reads it from a file at the start.
        "upstream-header" => upstream_headers: Vec<UpstreamHeader> = Vec::new(), Lines(Header),
            "A file that cannot be read ends the start with exit code 1.", restart;
        /// Certificates to trust in addition to those of the system, as PEM.
        "upstream-ca" => upstream_ca: Option<PathBuf> = None, Optional(File),
            "A file that cannot be read ends the start with exit code 1.", restart;
    }
    "Logging" {
        /// Shape of the log on stderr; `auto` is text on a terminal and JSON otherwise.
        "log-format" => log_format: LogFormat = LogFormat::Auto, One(Choice::<LogFormat>::new()),
            "stdout never carries log lines.", restart;
        /// What to log: a level, with exceptions for modules.
        "log" => log_filter: String = "info".to_owned(), One(Filter),
            "Everything below the level is dropped where it arises.";
    }
}

settings! {
    /// How much of everything. Sizes are in bytes.
    pub struct Limits = |config| config.limits;

    "Server processes" {
        /// Server processes running at once, spare ones included.
        "max-processes" => max_processes: usize = 64, One(Count(1..=100_000)),
            "A request that needs one more is answered 503 with `Retry-After`.";
        /// Spare server processes kept ready for new sessions; 0 for none. Not used in `shared`
        /// mode.
        "warm-processes" => warm_processes: usize = 1, One(Count(0..=10_000)),
            "When none is ready, the session waits for its process to start.";
    }
    "Limits" {
        /// Sessions open at once.
        "max-sessions" => max_sessions: usize = 10_000, One(Count(1..=10_000_000)),
            "A further `initialize` is answered 503 with `Retry-After`.";
        /// Client connections open at once.
        "max-connections" => max_connections: usize = 20_000, One(Count(1..=10_000_000)),
            "Further connections wait in the listen queue of the system.";
        /// Size of one request body.
        "max-body" => max_body: usize = 4 * MIB, One(Size(KIB..=GIB)),
            "A larger body is answered 413 and not read to its end.";
        /// Size of one line from a server, which is one message.
        "max-line" => max_line: usize = 64 * MIB, One(Size(KIB..=GIB)),
            "A longer line is skipped and counted; a request it would have answered gets an error.";
        /// Messages in one batch; only revision 2025-03-26 has batches.
        "max-batch" => max_batch: usize = 100, One(Count(1..=100_000)),
            "A longer batch is answered 400.";
        /// Requests in flight for one server process.
        "max-in-flight" => max_in_flight: usize = 10_000, One(Count(1..=10_000_000)),
            "A further request is answered 503 with `Retry-After`.";
        /// Bytes queued for one response stream whose client reads slowly.
        "stream-queue" => stream_queue: usize = MIB, One(Size(KIB..=GIB)),
            "That stream ends, and only that one; the client may resume it.";
        /// Bytes queued for one server process that reads slowly. No smaller than `max-body`.
        "stdin-queue" => stdin_queue: usize = 16 * MIB, One(Size(KIB..=GIB)),
            "A request waits for room for `queue-timeout`, then it is answered 503.";
        /// Bytes of past events kept for each session, for clients that resume a stream; 0 keeps
        /// none.
        "replay-bytes" => replay_bytes: usize = MIB, One(Size(0..=GIB)),
            "The oldest events are forgotten; who asks for them gets what is left.";
        /// Past events kept for each stream, for clients that resume it; 0 keeps none.
        "replay-events" => replay_events: usize = 1_000, One(Count(0..=1_000_000)),
            "The oldest events are forgotten; who asks for them gets what is left.";
    }
}

settings! {
    /// How long for everything.
    pub struct Times = |config| config.times;

    "Times" {
        /// How long the process of a session lives without a message.
        "process-idle" => process_idle: Duration = Duration::from_secs(minutes(15)),
            One(span(100, hours(24 * 30))),
            "The process is stopped; the session lives, and its next request starts a new process.";
        /// How long a session lives without a request and without an open stream.
        "session-idle" => session_idle: Duration = Duration::from_secs(hours(1)),
            One(span(100, hours(24 * 365))),
            "The session ends; its id is answered 404, and the client starts a new session.";
        /// How long a server may take for an answer; progress starts the time anew.
        "request-timeout" => request_timeout: Duration = Duration::from_secs(minutes(5)),
            One(span(100, hours(24))),
            "The request is cancelled in the server and answered with an error.";
        /// How long a server may take to answer `initialize`.
        "handshake-timeout" => handshake_timeout: Duration = Duration::from_secs(60),
            One(span(100, hours(1))),
            "The process is stopped, and the requests that wait for it are answered with an error.";
        /// How long it may take to connect to the server behind `upstream`.
        "upstream-connect-timeout" => upstream_connect_timeout: Duration = Duration::from_secs(10),
            One(span(100, minutes(10))),
            "The server counts as one that cannot be reached.";
        /// How long a response of the server behind `upstream` may be silent once it has begun.
        "upstream-idle-timeout" => upstream_idle_timeout: Duration = Duration::from_secs(minutes(5)),
            One(span(100, hours(24))),
            "The request is answered with an error.";
        /// How long a call that waits for its user's input is kept for a client of 2026-07-28 to come
        /// back.
        "input-timeout" => input_timeout: Duration = Duration::from_secs(minutes(10)),
            One(span(1_000, hours(24))),
            "The call is cancelled in the server; who comes back for it is answered with an error.";
        /// Pause after which a silent stream carries a comment, so that nothing between client
        /// and proxy closes it; an answer that takes longer comes as a stream.
        "keep-alive" => keep_alive: Duration = Duration::from_secs(15), One(span(1_000, hours(1))),
            "A comment line is sent, which clients ignore.";
        /// How long past events are kept for clients that resume a stream.
        "replay-age" => replay_age: Duration = Duration::from_secs(minutes(5)),
            One(span(1_000, hours(24))),
            "Older events are forgotten; who asks for them gets what is left.";
        /// How long requests in flight and server processes have to end after SIGTERM.
        "grace" => grace: Duration = Duration::from_secs(30), One(span(100, hours(1))),
            "Requests are answered with an error, and processes are killed.";
        /// How long a client may take to send the head of a request, and how long an idle connection
        /// is kept: longer than load balancers keep theirs (60 s), which would meet a closed one.
        "header-timeout" => header_timeout: Duration = Duration::from_secs(75),
            One(span(100, minutes(10))),
            "The connection is closed.";
        /// How long a client may take to send the body of a request.
        "body-timeout" => body_timeout: Duration = Duration::from_secs(30), One(span(100, hours(1))),
            "The request is answered 408 and the connection closed.";
        /// How long a client may take no byte of what waits for it.
        "stall-timeout" => stall_timeout: Duration = Duration::from_secs(60), One(span(100, hours(1))),
            "The connection is closed.";
        /// How long a request may wait for room in `stdin-queue`.
        "queue-timeout" => queue_timeout: Duration = Duration::from_secs(5),
            One(span(10, minutes(10))),
            "The request is answered 503 with `Retry-After`.";
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::options;
    use super::*;

    #[test]
    fn names_are_unique_and_kebab_case() {
        let mut names: Vec<&str> = options().map(|option| option.name).collect();
        for name in &names {
            assert!(
                name.split('-').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase())),
                "{name}"
            );
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn every_default_is_a_value_the_option_takes() {
        for option in options() {
            let text = option.default_text();
            if text.is_empty() {
                continue;
            }
            let mut config = Config::default();
            assert_eq!((option.set)(&mut config, &[text]), Ok(()), "{}", option.name);
            assert_eq!(config, Config::default(), "{}", option.name);
        }
    }

    #[test]
    fn each_option_sets_a_field_of_its_own() {
        // One value for each form, none of which is a default.
        let values =
            ["61s", "7KiB", "7", "127.0.0.1:7", "https://a.test", "a.test", "shared", "json", "trace", "sse"]
                .into_iter()
                .chain(["legacy", "x-key=@a"]);
        let mut changed: Vec<Config> = vec![Config::default()];
        for option in options() {
            let mut config = Config::default();
            let taken =
                values.clone().find(|value| (option.set)(&mut config, &[(*value).to_owned()]).is_ok());
            assert!(taken.is_some(), "no value fits {}", option.name);
            assert!(!changed.contains(&config), "{} sets nothing new", option.name);
            changed.push(config);
        }
    }
}
