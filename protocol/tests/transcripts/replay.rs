//! Runs a script against a multiplexer.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use waggle_protocol::{
    error::{RpcError, code},
    jsonrpc::{self, Envelope, Field, Kind, Payload},
    line::{Line, LineDecoder},
    mux::{Effect, LegacyMux, MemberKey, ModernMux, Overloaded},
    time::Timestamp,
};

use crate::script::{Input, Script, Server, Step};

/// A multiplexer of either era.
enum Mux {
    Legacy(Box<LegacyMux<String, String>>),
    Modern(Box<ModernMux<String, String>>),
}

/// What both do alike.
macro_rules! either {
    ($mux:expr, $each:ident => $do:expr) => {
        match &mut $mux {
            Mux::Legacy($each) => $do,
            Mux::Modern($each) => $do,
        }
    };
}

/// How the server's bytes arrive.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Split {
    /// Each block at once.
    Never,
    /// Byte by byte.
    EverywhereAtOnce,
    /// In two parts, cut after so many bytes of the whole conversation.
    At(usize),
}

/// Replays the script and compares; yields how many bytes the server wrote.
pub(crate) fn replay(script: &Script, split: Split) -> Result<usize, String> {
    let mut stage = Stage {
        mux: match script.server {
            Server::Legacy(sharing) => Mux::Legacy(Box::new(LegacyMux::new(sharing, script.limits))),
            Server::Modern(linger) => {
                let mux = ModernMux::new(script.limits, r#"{"name":"proxy"}"#.into());
                Mux::Modern(Box::new(mux.over_streams(linger)))
            }
        },
        decoder: LineDecoder::new(1 << 16),
        split,
        from_server: 0,
        now: Duration::ZERO,
        members: HashMap::new(),
        requests: HashMap::new(),
        numbers: Numbers::default(),
        seen: Vec::new(),
    };
    for step in &script.steps {
        stage.perform(step).and_then(|()| stage.compare(step)).map_err(|why| {
            format!("after line {} {why}\nwhat happened:\n{}", step.line, stage.seen.join("\n"))
        })?;
    }
    Ok(stage.from_server)
}

struct Stage {
    mux: Mux,
    decoder: LineDecoder,
    split: Split,
    from_server: usize,
    now: Duration,
    members: HashMap<String, MemberKey>,
    /// Requests that each session has sent.
    requests: HashMap<String, usize>,
    numbers: Numbers,
    /// What has happened in this step, as a transcript puts it.
    seen: Vec<String>,
}

impl Stage {
    fn now(&self) -> Timestamp {
        Timestamp::new(self.now)
    }

    fn member(&self, name: &str) -> Result<MemberKey, String> {
        self.members.get(name).copied().ok_or_else(|| format!("there is no session {name}"))
    }

    fn perform(&mut self, step: &Step) -> Result<(), String> {
        self.seen.clear();
        let now = self.now();
        match &step.input {
            Input::Attach(name, hello) => {
                let hello = Bytes::from(hello.clone().unwrap_or_else(|| r#"{"capabilities":{}}"#.to_owned()));
                let key = match &mut self.mux {
                    Mux::Legacy(mux) => mux.attach(name.clone()),
                    Mux::Modern(mux) => mux.attach(name.clone(), &hello),
                };
                self.members.insert(name.clone(), key);
            }
            Input::Initialized(name) => {
                let key = self.member(name)?;
                either!(self.mux, mux => mux.initialized(key));
            }
            // The key stays: what is sent later under it must harm nobody.
            Input::Detach(name) => {
                let key = self.member(name)?;
                either!(self.mux, mux => mux.detach(key, now));
            }
            Input::Connect => self.connect(),
            Input::Serve(capabilities) => self.serve(capabilities)?,
            Input::Disconnect => {
                self.decoder = LineDecoder::new(1 << 16);
                either!(self.mux, mux => mux.disconnected(&RpcError::new(code::SERVER_GONE, "gone")));
            }
            Input::Wait(time) => {
                let end = self.now + *time;
                // As a driver does it, which looks only when there is something to look at.
                while let Some(next) = self.next_deadline().filter(|next| next.since_epoch() <= end) {
                    self.now = self.now.max(next.since_epoch());
                    let now = self.now();
                    either!(self.mux, mux => mux.expire(now));
                    if self.next_deadline().is_some_and(|next| next <= now) {
                        return Err("the next deadline does not move".to_owned());
                    }
                }
                self.now = end;
            }
            Input::Client(name, message) => self.client(name, message)?,
            Input::Call(to, message) => {
                let (message, envelope) = self.message(message)?;
                let called = self.legacy()?.call(to.clone(), &message, &envelope, now);
                self.called(to, called);
            }
            Input::Resume(to, round, message) => {
                let (message, envelope) = self.message(message)?;
                let key = self.member(&caller(to))?;
                let resumed = self.legacy()?.resume(key, *round, to.clone(), &message, &envelope, now);
                if let Err(error) = resumed {
                    self.seen.push(format!("invalid {} {error}", error.code));
                }
            }
            Input::Listen(to, message) => {
                let (message, envelope) = self.message(message)?;
                let called = self.legacy()?.listen(to.clone(), &message, &envelope, now);
                self.called(to, called);
            }
            Input::EndListens => either!(self.mux, mux => mux.end_listens()),
            Input::Server(lines, origin) => self.server(lines, origin.as_deref())?,
            Input::Holds(expected) => {
                let held = either!(self.mux, mux => mux.in_flight());
                (held == *expected).then_some(()).ok_or_else(|| format!("{held} requests are in flight"))?;
            }
            Input::Quiet(expected) => {
                let quiet = self.legacy()?.is_quiet();
                (quiet == *expected).then_some(()).ok_or_else(|| format!("quiet is {quiet}"))?;
            }
            Input::Idle => {
                let idle = either!(self.mux, mux => mux.is_idle());
                idle.then_some(()).ok_or("the process is still needed")?;
            }
        }
        self.note_effects();
        Ok(())
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        either!(&self.mux, mux => mux.next_deadline())
    }

    fn legacy(&mut self) -> Result<&mut LegacyMux<String, String>, String> {
        match &mut self.mux {
            Mux::Legacy(mux) => Ok(mux),
            Mux::Modern(_) => Err("this is for a legacy server".to_owned()),
        }
    }

    fn called(&mut self, to: &str, called: Result<MemberKey, Overloaded>) {
        match called {
            Ok(key) => drop(self.members.insert(caller(to), key)),
            Err(Overloaded) => self.seen.push("overloaded".to_owned()),
        }
    }

    fn message(&self, text: &str) -> Result<(Bytes, Envelope), String> {
        let message = Bytes::from(self.numbers.fill(text)?);
        let envelope = jsonrpc::scan(&message).map_err(|error| error.to_string())?;
        Ok((message, envelope))
    }

    fn connect(&mut self) {
        let now = self.now();
        match &mut self.mux {
            Mux::Legacy(mux) => mux.connect(b"{}", now),
            Mux::Modern(mux) => mux.connect(now),
        }
    }

    fn serve(&mut self, capabilities: &str) -> Result<(), String> {
        self.connect();
        let Some(Effect::ToServer(handshake)) = either!(self.mux, mux => mux.poll_effect()) else {
            return Err("nothing was sent to the server".to_owned());
        };
        let handshake = handshake.to_bytes();
        let id = jsonrpc::scan(&handshake).ok().and_then(|envelope| envelope.span(Field::Id));
        let id = id.map_or("", |id| std::str::from_utf8(id.of(&handshake)).unwrap_or_default());
        let versions = r#""supportedVersions":["2026-07-28"]"#;
        let answer = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{{versions},"capabilities":{capabilities},"serverInfo":{{"name":"s"}}}}}}"#
        );
        let (answer, now) = (answer.into(), self.now());
        let taken = either!(self.mux, mux => mux.server_message(&answer, None, now));
        taken.map_err(|error| error.to_string())?;
        self.note_effects();
        self.seen.retain(|seen| !seen.contains("notifications/initialized") && !seen.starts_with("ready"));
        Ok(())
    }

    fn client(&mut self, name: &str, message: &str) -> Result<(), String> {
        let (key, now) = (self.member(name), self.now());
        let (message, envelope) = self.message(message)?;
        match envelope.kind() {
            Kind::Request => {
                let count = self.requests.entry(name.to_owned()).or_default();
                *count += 1;
                let exchange = format!("{name}.{count}");
                let taken = match (&mut self.mux, key) {
                    (Mux::Modern(mux), Err(_)) => {
                        let key = mux.call(exchange.clone(), &message, &envelope, now);
                        key.map(|key| self.members.extend([(exchange, key)]))
                    }
                    (mux, key) => {
                        let key = key?;
                        either!(*mux, mux => mux.request(key, exchange, &message, &envelope, now))
                    }
                };
                if taken.is_err() {
                    self.seen.push("overloaded".to_owned());
                }
            }
            Kind::Notification => {
                let key = key?;
                either!(self.mux, mux => mux.notification(key, &message, &envelope, now));
            }
            Kind::Response | Kind::Error => {
                let key = key?;
                either!(self.mux, mux => mux.response(key, &message, &envelope, now));
            }
        }
        Ok(())
    }

    fn server(&mut self, lines: &[String], origin: Option<&str>) -> Result<(), String> {
        let origin = origin.map(|origin| self.numbers.fill(origin)).transpose()?;
        let origin = origin.and_then(|origin| origin.parse().ok());
        let mut block = Vec::new();
        for line in lines {
            block.extend_from_slice(self.numbers.fill(line)?.as_bytes());
            block.push(b'\n');
        }
        for part in self.parts(&block) {
            self.decoder.feed(part);
            while let Some(line) = self.decoder.next_line() {
                let Line::Message(line) = line else { return Err("a line is too long".to_owned()) };
                let now = self.now();
                let taken = either!(self.mux, mux => mux.server_message(&line, origin, now));
                self.note_effects();
                if taken.is_err() {
                    self.seen.push("skipped".to_owned());
                }
            }
        }
        self.from_server += block.len();
        Ok(())
    }

    fn parts<'a>(&self, block: &'a [u8]) -> Vec<&'a [u8]> {
        match self.split {
            Split::Never => vec![block],
            Split::EverywhereAtOnce => block.chunks(1).collect(),
            Split::At(at) => {
                let (one, other) = block.split_at(at.saturating_sub(self.from_server).min(block.len()));
                vec![one, other]
            }
        }
    }

    fn note_effects(&mut self) {
        while let Some(effect) = either!(self.mux, mux => mux.poll_effect()) {
            self.seen.push(match effect {
                Effect::ToServer(message) => format!("server< {}", text(&message)),
                Effect::Answer { to, message, .. } => format!("{to}= {}", text(&message)),
                Effect::Related { to, message } => format!("{to}< {}", text(&message)),
                Effect::Background { to, message } => format!("{to}< {}", text(&message)),
                Effect::End { to } => format!("{to} ends"),
                Effect::Ready { handshake } => format!("ready {}", String::from_utf8_lossy(&handshake)),
                Effect::Refused { response } => format!("refused {}", String::from_utf8_lossy(&response)),
                Effect::InputRequired { to, round, requests, .. } => {
                    format!("{to}? {round} {}", String::from_utf8_lossy(&requests))
                }
                Effect::ListChanged(kind) => format!("changed {kind:?}"),
                Effect::Dropped(reason) => format!("dropped {}", reason.as_str()),
            });
        }
    }

    fn compare(&mut self, step: &Step) -> Result<(), String> {
        for (index, expected) in step.expected.iter().enumerate() {
            let seen = self.seen.get(index).map_or("nothing", String::as_str);
            self.numbers.matches(expected, seen)?;
        }
        match self.seen.get(step.expected.len()) {
            None => Ok(()),
            Some(surplus) => Err(format!("this was not expected:\n{surplus}")),
        }
    }
}

/// The member that an exchange of a modern client belongs to.
fn caller(exchange: &str) -> String {
    exchange.split('.').next().unwrap_or_default().to_owned()
}

fn text(payload: &Payload) -> String {
    String::from_utf8_lossy(&payload.to_bytes()).into_owned()
}

/// What the `$names` of a transcript stand for.
#[derive(Default)]
struct Numbers(HashMap<String, String>);

impl Numbers {
    /// The text with every name replaced.
    fn fill(&self, text: &str) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, name, after)) = next_name(rest) {
            filled.push_str(before);
            filled.push_str(self.0.get(name).ok_or_else(|| format!("${name} has no value yet"))?);
            rest = after;
        }
        Ok(filled + rest)
    }

    /// Compares, and settles the names that have no value yet.
    fn matches(&mut self, expected: &str, seen: &str) -> Result<(), String> {
        let differ = || format!("expected:\n{expected}\nseen:\n{seen}");
        let (mut expected_rest, mut seen_rest) = (expected, seen);
        while let Some((before, name, after)) = next_name(expected_rest) {
            seen_rest = seen_rest.strip_prefix(before).ok_or_else(differ)?;
            let end = seen_rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(seen_rest.len());
            let (number, rest) = seen_rest.split_at(end);
            let is_new = !self.0.contains_key(name);
            let taken = |other: &String| other.starts_with('q') == name.starts_with('q');
            if is_new && self.0.iter().any(|(other, value)| taken(other) && value == number) {
                return Err(format!("the id {number} is not new\n{}", differ()));
            }
            let value = self.0.entry(name.to_owned()).or_insert_with(|| number.to_owned());
            if number.is_empty() || number != value {
                return Err(differ());
            }
            (expected_rest, seen_rest) = (after, rest);
        }
        (expected_rest == seen_rest).then_some(()).ok_or_else(differ)
    }
}

/// Splits at the first `$name`.
fn next_name(text: &str) -> Option<(&str, &str, &str)> {
    let (before, after) = text.split_once('$')?;
    let end = after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len());
    Some((before, &after[..end], &after[end..]))
}
