//! The text of a transcript as steps.

use std::time::Duration;

use waggle_protocol::mux::{MuxLimits, Sharing};

/// A transcript.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) sharing: Sharing,
    pub(crate) limits: MuxLimits,
    pub(crate) steps: Vec<Step>,
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
    Attach(String),
    Initialized(String),
    Detach(String),
    Connect,
    /// Connects, and answers the handshake with these capabilities.
    Serve(String),
    Disconnect,
    Wait(Duration),
    Client(String, String),
    /// Lines without their ends.
    Server(Vec<String>),
    /// Looks at the multiplexer.
    Holds(usize),
    Idle,
}

impl Script {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut sharing = None;
        let mut limits = MuxLimits { in_flight: 100, request_timeout: Duration::from_secs(300) };
        let mut steps: Vec<Step> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim_end();
            let number = index + 1;
            let mistake = || format!("line {number} is not understood: {line}");
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "" => {}
                _ if word.starts_with('#') => {}
                "shared" => sharing = Some(Sharing::Shared),
                "exclusive" => sharing = Some(Sharing::Exclusive),
                "in-flight" => limits.in_flight = rest.parse().map_err(|_| mistake())?,
                "timeout" => limits.request_timeout = seconds(rest).ok_or_else(mistake)?,
                "server>" => match steps.last_mut() {
                    Some(Step { input: Input::Server(lines), expected, .. }) if expected.is_empty() => {
                        lines.push(rest.to_owned());
                    }
                    _ => steps.push(Step::new(number, Input::Server(vec![rest.to_owned()]))),
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
        let sharing = sharing.ok_or("the first line must be `shared` or `exclusive`")?;
        Ok(Self { sharing, limits, steps })
    }
}

impl Step {
    fn new(line: usize, input: Input) -> Self {
        Self { line, input, expected: Vec::new() }
    }
}

fn input(word: &str, rest: &str) -> Option<Input> {
    Some(match word {
        "attach" => Input::Attach(rest.to_owned()),
        "initialized" => Input::Initialized(rest.to_owned()),
        "detach" => Input::Detach(rest.to_owned()),
        "connect" => Input::Connect,
        "serve" => Input::Serve(rest.to_owned()),
        "disconnect" => Input::Disconnect,
        "wait" => Input::Wait(seconds(rest)?),
        "holds" => Input::Holds(rest.parse().ok()?),
        "idle" => Input::Idle,
        _ => Input::Client(word.strip_suffix('>')?.to_owned(), rest.to_owned()),
    })
}

fn is_expectation(word: &str, rest: &str) -> bool {
    matches!(word, "ready" | "refused" | "overloaded" | "skipped" | "dropped")
        || word.ends_with(['<', '='])
        || rest == "ends"
}

fn seconds(text: &str) -> Option<Duration> {
    text.strip_suffix('s')?.parse().ok().map(Duration::from_secs)
}
