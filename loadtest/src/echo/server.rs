//! What a message asks for.

use std::{
    borrow::Cow,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use serde_json::value::RawValue;

use super::{
    Era,
    answer::{self, Answer, MODERN},
    request::{Filter, Kind, Params, Request},
};

/// A server waits no longer than this, whatever it was asked.
const LONGEST_SLEEP: Duration = Duration::from_secs(600);
/// Nor does it say more at once.
const MOST_STEPS: u64 = 100_000;

/// What is left to do when an answer, if there is one, has been written.
#[derive(Debug)]
pub(super) enum Outcome<'a> {
    /// Nothing was asked.
    Silence,
    /// One answer.
    Answer,
    /// One answer, an error that HTTP has a status for.
    Refusal(u16),
    /// One answer, which opens a session.
    Opened,
    /// Notifications, a line each, and then the answer.
    Messages,
    /// The answer is due after this time.
    Later { id: &'a str, after: Duration },
    /// The answer to the request of this id is no longer wanted, or its subscription.
    Cancelled { id: &'a str },
    /// These are due, and then the answer.
    Broadcast(Broadcast<'a>),
    /// A subscription was acknowledged.
    Listening { id: &'a str, filter: Filter },
}

/// Numbered notifications.
#[derive(Clone, Debug)]
pub(super) struct Broadcast<'a> {
    pub(super) kind: Kind,
    pub(super) tag: Cow<'a, str>,
    pub(super) count: u64,
    /// Only to the session that asks.
    pub(super) own: bool,
}

impl Broadcast<'_> {
    /// Appends the notification of this number, counted from one.
    pub(super) fn write(&self, out: &mut Vec<u8>, number: u64, subscription: Option<&str>) {
        answer::notice(out, self.kind, &self.tag, number, subscription);
    }
}

/// The server, whatever carries its messages.
#[derive(Debug, Default)]
pub(super) struct Server {
    era: Era,
    strict: bool,
    initialized: AtomicBool,
}

impl Server {
    /// A strict one refuses requests before its handshake.
    pub(super) fn new(era: Era, strict: bool) -> Self {
        Self { era, strict, initialized: AtomicBool::new(false) }
    }

    /// Reads a message.
    pub(super) fn read<'a>(&self, message: &'a [u8], out: &mut Vec<u8>) -> Option<Request<'a>> {
        let request = serde_json::from_slice(message).ok();
        if request.is_none() {
            Answer { id: "null", modern: false }.error(out, -32700, "this is not a JSON-RPC message");
        }
        request
    }

    /// Appends the answer to a message, if it needs one, without a line end.
    pub(super) fn act<'a>(&self, request: &Request<'a>, out: &mut Vec<u8>) -> Outcome<'a> {
        let Some(method) = request.method.as_ref().map(|method| &*method.0) else { return Outcome::Silence };
        let none = Params::default();
        let params = request.params.as_ref().unwrap_or(&none);
        let Some(id) = request.id.map(RawValue::get) else {
            return match (method, params.request_id) {
                ("notifications/cancelled", Some(id)) => Outcome::Cancelled { id: id.get() },
                _ => {
                    if method == "notifications/initialized" {
                        self.initialized.store(true, Ordering::Relaxed);
                    }
                    Outcome::Silence
                }
            };
        };
        let modern = match (self.era, request.version()) {
            (Era::Legacy, _) | (Era::Dual, None) => false,
            (Era::Modern | Era::Dual, Some(MODERN)) => true,
            (Era::Modern | Era::Dual, Some(asked)) => {
                Answer { id, modern: true }.unsupported(out, asked);
                return Outcome::Refusal(400);
            }
            (Era::Modern, None) => {
                Answer { id, modern: true }.error(
                    out,
                    -32602,
                    "the request names no protocol version in _meta",
                );
                return Outcome::Refusal(400);
            }
        };
        let answer = Answer { id, modern };
        match method {
            "initialize" if !modern => {
                answer.initialize(out, params.protocol_version.as_ref().map(|version| &*version.0));
                return Outcome::Opened;
            }
            "ping" if !modern => answer.empty(out),
            _ if self.strict && !modern && !self.initialized.load(Ordering::Relaxed) => {
                answer.error(out, -32600, "received a request before the handshake was complete")
            }
            "tools/call" => return call(answer, id, params, out),
            "tools/list" => answer.tools(out),
            "resources/list" => answer.resources(out),
            "resources/read" if params.uri.as_ref().is_some_and(|uri| uri.0 == super::RESOURCE) => {
                answer.resource(out)
            }
            "resources/read" => answer.error(out, -32602, "there is no such resource"),
            "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe" if !modern => {
                answer.empty(out)
            }
            "server/discover" if modern => answer.discover(out),
            "subscriptions/listen" if modern => {
                let filter = params.notifications.clone().unwrap_or_default().granted();
                answer::acknowledged(out, id, &filter);
                return Outcome::Listening { id, filter };
            }
            _ => {
                answer.error(out, -32601, "there is no such method");
                return Outcome::Refusal(404);
            }
        }
        Outcome::Answer
    }
}

fn call<'a>(answer: Answer<'_>, id: &'a str, params: &Params<'a>, out: &mut Vec<u8>) -> Outcome<'a> {
    let name = params.name.as_ref().map_or("", |name| &*name.0);
    let arguments = params.arguments.as_ref();
    match (name, arguments, arguments.and_then(|arguments| arguments.text).map(RawValue::get)) {
        ("echo", _, Some(text)) => {
            answer.text(out, text);
            Outcome::Answer
        }
        ("sleep", Some(arguments), Some(text)) => {
            answer.text(out, text);
            Outcome::Later { id, after: Duration::from_millis(arguments.milliseconds).min(LONGEST_SLEEP) }
        }
        ("progress", Some(arguments), Some(text)) => {
            let token = params.meta.as_ref().and_then(|meta| meta.progress_token);
            let steps = arguments.steps.min(MOST_STEPS);
            for step in 1..=token.map_or(0, |_| steps) {
                answer::progress(out, token.map_or("null", RawValue::get), step, steps, text);
                out.push(b'\n');
            }
            answer.text(out, text);
            Outcome::Messages
        }
        ("notify", Some(arguments), _) => {
            answer.text(out, r#""notified""#);
            Outcome::Broadcast(Broadcast {
                kind: arguments.kind,
                tag: arguments.tag.0.clone(),
                count: arguments.count.min(MOST_STEPS),
                own: arguments.own,
            })
        }
        _ => {
            answer.error(
                out,
                -32602,
                "call the tool `echo` with an argument `text`, or another one with what tools/list says",
            );
            Outcome::Answer
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(server: &Server, message: &str) -> String {
        let mut out = Vec::new();
        if let Some(request) = server.read(message.as_bytes(), &mut out) {
            server.act(&request, &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn gives_back_the_bytes_of_its_argument_and_of_the_id() {
        let call = r#"{"jsonrpc":"2.0","id":1.0,"method":"tools/call","params":{"name":"echo","arguments":{"text":9007199254740993}}}"#;
        assert_eq!(
            answer(&Server::default(), call),
            r#"{"jsonrpc":"2.0","id":1.0,"result":{"content":[{"type":"text","text":9007199254740993}]}}"#
        );
    }

    #[test]
    fn a_strict_one_insists_on_the_handshake() {
        let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        let server = Server::new(Era::Legacy, true);
        assert!(answer(&server, list).contains("before the handshake"));
        assert!(
            answer(&server, r#"{"jsonrpc":"2.0","id":1,"method":"unknown"}"#)
                .contains("before the handshake")
        );
        assert!(
            answer(
                &server,
                r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}"#
            )
            .contains("2025-06-18")
        );
        assert_eq!(answer(&server, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#), "");
        assert!(answer(&server, list).contains("inputSchema"));
    }

    #[test]
    fn progress_comes_only_with_a_token() {
        let call = |meta: &str| {
            let server = Server::default();
            answer(
                &server,
                &format!(
                    r#"{{"id":1,"method":"tools/call","params":{{"name":"progress","arguments":{{"text":"t","steps":2}}{meta}}}}}"#
                ),
            )
        };
        assert_eq!(call("").lines().count(), 1);
        let all = call(r#","_meta":{"progressToken":"p"}"#);
        assert_eq!(all.lines().count(), 3);
        assert!(all.starts_with(r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1,"total":2"#), "{all}");
    }

    #[test]
    fn eras_are_told_apart() {
        let discover = r#"{"id":1,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
        assert!(answer(&Server::default(), discover).contains("-32601"));
        for era in [Era::Modern, Era::Dual] {
            assert!(answer(&Server::new(era, false), discover).contains("supportedVersions"));
        }
        let initialize = r#"{"id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}"#;
        assert!(answer(&Server::new(Era::Modern, false), initialize).contains("-32602"));
        assert!(answer(&Server::new(Era::Dual, false), initialize).contains("2025-11-25"));
        let later = discover.replace("2026-07-28", "2030-01-01");
        assert!(answer(&Server::new(Era::Dual, false), &later).contains("-32022"));
    }
}
