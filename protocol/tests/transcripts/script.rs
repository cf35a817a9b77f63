//! The text of a transcript as steps.

use std::time::Duration;

use waggle_protocol::mux::{MuxLimits, Sharing};

/// A transcript.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) server: Server,
    pub(crate) limits: MuxLimits,
    pub(crate) steps: Vec<Step>,
}

/// What the multiplexer serves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Server {
    Legacy(Sharing),
    /// How long its streams may be behind each other.
    Modern(Duration),
}

/// An input and all that is expected to come of it.
#[derive(Debug)]
pub(crate) struct Step {
    /// The number of the line that the input stands on.
    pub(crate) line: usize,
    pub(crate) input: Input,
    pub(crate) expected: Vec<String>,
}

#[derive(Debug)]
pub(crate) enum Input {
    /// With the raw params of its `initialize`, if it is told.
    Attach(String, Option<String>),
    Initialized(String),
    Detach(String),
    Connect,
    /// Connects, and answers the handshake with these capabilities.
    Serve(String),
    Disconnect,
    Wait(Duration),
    Client(String, String),
    /// A modern client's request: its exchange and the message.
    Call(String, String),
    /// The exchange, the round and the message.
    Resume(String, u32, String),
    Listen(String, String),
    EndListens,
    /// Lines without their ends, and the request on whose stream they come.
    Server(Vec<String>, Option<String>),
    /// Looks at the multiplexer.
    Holds(usize),
    Idle,
    Quiet(bool),
}

impl Script {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut server = None;
        let mut short = vec![("mcp/".to_owned(), "io.modelcontextprotocol/".to_owned())];
        let mut limits = MuxLimits { in_flight: 100, request_timeout: Duration::from_secs(300) };
        let mut steps: Vec<Step> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let expand = |line: String, (name, text): &(String, String)| line.replace(name, text);
            let line = short.iter().rev().fold(line.trim_end().to_owned(), expand);
            let number = index + 1;
            let mistake = || format!("line {number} is not understood: {line}");
            let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match word {
                "" => {}
                _ if word.starts_with('#') => {}
                "shared" => server = Some(Server::Legacy(Sharing::Shared)),
                "exclusive" => server = Some(Server::Legacy(Sharing::Exclusive)),
                "modern" => server = Some(Server::Modern(Duration::ZERO)),
                "modern-streams" => server = Some(Server::Modern(duration(rest).ok_or_else(mistake)?)),
                "define" => {
                    let (name, text) = rest.split_once(' ').ok_or_else(mistake)?;
                    short.push((format!("%{name}"), text.to_owned()));
                }
                "in-flight" => limits.in_flight = rest.parse().map_err(|_| mistake())?,
                "timeout" => limits.request_timeout = duration(rest).ok_or_else(mistake)?,
                "server>" => match steps.last_mut() {
                    Some(Step { input: Input::Server(lines, None), expected, .. }) if expected.is_empty() => {
                        lines.push(rest.to_owned());
                    }
                    _ => steps.push(Step::new(number, Input::Server(vec![rest.to_owned()], None))),
                },
                _ => match input(word, rest) {
                    Some(input) => steps.push(Step::new(number, input)),
                    None if is_expectation(word, rest) => {
                        steps.last_mut().ok_or_else(mistake)?.expected.push(line.to_owned());
                    }
                    None => return Err(mistake()),
                },
            }
        }
        let server = server
            .ok_or("the first line must be `shared`, `exclusive`, `modern` or `modern-streams LINGER`")?;
        Ok(Self { server, limits, steps })
    }
}

impl Step {
    fn new(line: usize, input: Input) -> Self {
        Self { line, input, expected: Vec::new() }
    }
}

fn input(word: &str, rest: &str) -> Option<Input> {
    if let Some(origin) = word.strip_prefix("server@") {
        return Some(Input::Server(vec![rest.to_owned()], Some(origin.strip_suffix('>')?.to_owned())));
    }
    Some(match word {
        "attach" => match rest.split_once(' ') {
            Some((name, hello)) => Input::Attach(name.to_owned(), Some(hello.to_owned())),
            None => Input::Attach(rest.to_owned(), None),
        },
        "initialized" => Input::Initialized(rest.to_owned()),
        "detach" => Input::Detach(rest.to_owned()),
        "connect" => Input::Connect,
        "serve" => Input::Serve(rest.to_owned()),
        "disconnect" => Input::Disconnect,
        "wait" => Input::Wait(duration(rest)?),
        "holds" => Input::Holds(rest.parse().ok()?),
        "idle" => Input::Idle,
        "quiet" => Input::Quiet(true),
        "unquiet" => Input::Quiet(false),
        "call" => pair(rest).map(|(to, message)| Input::Call(to, message))?,
        "listen" => pair(rest).map(|(to, message)| Input::Listen(to, message))?,
        "end-listens" => Input::EndListens,
        "resume" => {
            let (to, rest) = pair(rest)?;
            let (round, message) = pair(&rest)?;
            Input::Resume(to, round.parse().ok()?, message)
        }
        _ => Input::Client(word.strip_suffix('>')?.to_owned(), rest.to_owned()),
    })
}

fn pair(text: &str) -> Option<(String, String)> {
    text.split_once(' ').map(|(one, other)| (one.to_owned(), other.to_owned()))
}

fn is_expectation(word: &str, rest: &str) -> bool {
    matches!(word, "ready" | "refused" | "overloaded" | "skipped" | "dropped" | "changed" | "invalid")
        || word.ends_with(['<', '=', '?'])
        || rest == "ends"
}

fn duration(text: &str) -> Option<Duration> {
    match text.strip_suffix("ms") {
        Some(count) => count.parse().ok().map(Duration::from_millis),
        None => text.strip_suffix('s')?.parse().ok().map(Duration::from_secs),
    }
}
