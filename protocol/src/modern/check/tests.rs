use serde_json::{Value, json};

use super::*;
use crate::jsonrpc::scan;

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";

/// A POST: its body, and the headers that go with it unless a test changes them.
#[derive(Clone)]
struct Post {
    body: Value,
    headers: Vec<(&'static str, String)>,
}

impl Post {
    fn new(method: &str, params: Value) -> Self {
        let mut body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        body["params"]["_meta"] = json!({ VERSION: MODERN, CAPABILITIES: {} });
        let mut headers =
            vec![(header::PROTOCOL_VERSION, MODERN.to_owned()), (header::METHOD, method.to_owned())];
        if let Some(name) = ["name", "uri", "taskId"].iter().find_map(|key| body["params"][key].as_str()) {
            headers.push((header::NAME, sentinel::encode(name).into_owned()));
        }
        Self { body, headers }
    }

    fn call() -> Self {
        Self::new("tools/call", json!({ "name": "echo", "arguments": { "text": "a" } }))
    }

    fn notification(method: &str) -> Self {
        let mut post = Self::new(method, json!({}));
        post.body.as_object_mut().unwrap().shift_remove("id");
        post.headers.truncate(1);
        post
    }

    fn with(mut self, pointer: &str, value: Value) -> Self {
        let (parent, key) = pointer.rsplit_once('.').unwrap_or(("", pointer));
        let mut place = &mut self.body;
        for key in parent.split('.').filter(|key| !key.is_empty()) {
            place = &mut place[key];
        }
        place[key] = value;
        self
    }

    fn meta(mut self, key: &str, value: Value) -> Self {
        self.body["params"]["_meta"][key] = value;
        self
    }

    fn without_meta(mut self, key: &str) -> Self {
        self.body["params"]["_meta"].as_object_mut().unwrap().shift_remove(key);
        self
    }

    fn header(mut self, name: &'static str, value: &str) -> Self {
        self = self.without_header(name);
        self.headers.push((name, value.to_owned()));
        self
    }

    fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self
    }

    /// Status, code and message of the refusal.
    fn refusal(&self) -> Option<(u16, i64, String)> {
        let body = self.body.to_string();
        let envelope = scan(body.as_bytes()).unwrap();
        let header = |name: &str| Some(self.headers.iter().find(|(other, _)| *other == name)?.1.as_str());
        let outcome = match envelope.kind() {
            Kind::Notification => check_notification(body.as_bytes(), &envelope, header).map(|_| ()),
            _ => check(body.as_bytes(), &envelope, header).map(|_| ()),
        };
        outcome
            .err()
            .map(|rejection| (rejection.status, rejection.error.code, rejection.error.message.into()))
    }
}

#[test]
fn each_thing_that_is_wrong_has_its_status_and_code() {
    let params = (400, -32602);
    let mismatch = (400, -32020);
    let version = (400, -32022);
    let gone = (404, -32601);
    for (what, post, expected, mentions) in [
        ("no params", Post::call().with("params", json!(null)), params, VERSION),
        ("no _meta", Post::call().with("params._meta", json!(null)), params, VERSION),
        ("no version", Post::call().without_meta(VERSION), params, VERSION),
        ("no text as version", Post::call().meta(VERSION, json!(20260728)), params, VERSION),
        ("no capabilities", Post::call().without_meta(CAPABILITIES), params, CAPABILITIES),
        ("no object as capabilities", Post::call().meta(CAPABILITIES, json!([])), params, CAPABILITIES),
        ("an unknown level", Post::call().meta(LOG_LEVEL, json!("loud")), params, LOG_LEVEL),
        ("a number as level", Post::call().meta(LOG_LEVEL, json!(3)), params, LOG_LEVEL),
        ("a fraction as token", Post::call().meta("progressToken", json!(1.5)), params, "progressToken"),
        ("a list as token", Post::call().meta("progressToken", json!([1])), params, "progressToken"),
        ("no version header", Post::call().without_header(header::PROTOCOL_VERSION), mismatch, "Version"),
        ("another version", Post::call().header(header::PROTOCOL_VERSION, "2025-11-25"), mismatch, "Version"),
        ("another body", Post::call().meta(VERSION, json!("2025-11-25")), mismatch, "Version"),
        (
            "a later version",
            Post::call().meta(VERSION, json!("2099-01-01")).header(header::PROTOCOL_VERSION, "2099-01-01"),
            version,
            MODERN,
        ),
        (
            "a legacy version",
            Post::call().meta(VERSION, json!("2025-11-25")).header(header::PROTOCOL_VERSION, "2025-11-25"),
            version,
            MODERN,
        ),
        ("initialize", Post::new("initialize", json!({})), gone, "initialize"),
        ("ping", Post::new("ping", json!({})), gone, "ping"),
        ("setLevel", Post::new("logging/setLevel", json!({"level": "info"})), gone, "setLevel"),
        ("subscribe", Post::new("resources/subscribe", json!({"uri": "a:b"})), gone, "subscribe"),
        ("unsubscribe", Post::new("resources/unsubscribe", json!({"uri": "a:b"})), gone, "unsubscribe"),
        ("core tasks", Post::new("tasks/result", json!({"taskId": "1"})), gone, "tasks/result"),
        ("initialized", Post::notification("notifications/initialized"), gone, "initialized"),
        ("roots changed", Post::notification("notifications/roots/list_changed"), gone, "roots"),
        ("no tool", Post::new("tools/call", json!({})), params, "params.name"),
        ("a number as tool", Post::call().with("params.name", json!(1)), params, "params.name"),
        ("no prompt", Post::new("prompts/get", json!({"uri": "a"})), params, "params.name"),
        ("no resource", Post::new("resources/read", json!({"name": "a"})), params, "params.uri"),
        ("no task", Post::new("tasks/cancel", json!({})), params, "params.taskId"),
        ("a list of arguments", Post::call().with("params.arguments", json!([])), params, "params.arguments"),
        (
            "a list of responses",
            Post::call().with("params.inputResponses", json!([])),
            params,
            "inputResponses",
        ),
        ("a number as state", Post::call().with("params.requestState", json!(1)), params, "requestState"),
        ("no filter", Post::new("subscriptions/listen", json!({})), params, "params.notifications"),
        ("no method header", Post::call().without_header(header::METHOD), mismatch, "Mcp-Method"),
        ("another method", Post::call().header(header::METHOD, "tools/list"), mismatch, "Mcp-Method"),
        ("the method in capitals", Post::call().header(header::METHOD, "Tools/Call"), mismatch, "Mcp-Method"),
        ("no name header", Post::call().without_header(header::NAME), mismatch, "Mcp-Name"),
        ("another name", Post::call().header(header::NAME, "echo2"), mismatch, "Mcp-Name"),
        ("another name, encoded", Post::call().header(header::NAME, "=?base64?ZQ==?="), mismatch, "Mcp-Name"),
        ("a broken name", Post::call().header(header::NAME, "=?base64?ZWNobw?="), mismatch, "Mcp-Name"),
        (
            "another resource",
            Post::new("resources/read", json!({"uri": "a:b"})).header(header::NAME, "a:c"),
            mismatch,
            "Mcp-Name",
        ),
        (
            "another task",
            Post::new("tasks/get", json!({"taskId": "1"})).header(header::NAME, "2"),
            mismatch,
            "Mcp-Name",
        ),
        (
            "a notification without a version",
            Post::notification("vendor/a").without_header(header::PROTOCOL_VERSION),
            mismatch,
            "Version",
        ),
        (
            "a notification of another method",
            Post::notification("vendor/a").header(header::METHOD, "vendor/b"),
            mismatch,
            "Mcp-Method",
        ),
    ] {
        let (status, code, message) = post.refusal().unwrap_or_else(|| panic!("{what} is accepted"));
        assert_eq!((status, code), expected, "{what}: {message}");
        assert!(message.contains(mentions), "{what}: {message}");
    }
}

#[test]
fn what_is_right_is_accepted() {
    for (what, post) in [
        ("a call", Post::call()),
        ("an encoded name", Post::call().header(header::NAME, "=?base64?ZWNobw==?=")),
        ("a name that must be encoded", Post::new("tools/call", json!({"name": " é\n"}))),
        ("a name like the marker", Post::new("tools/call", json!({"name": "=?base64?ZWNobw==?="}))),
        ("no arguments", Post::call().with("params.arguments", json!(null))),
        ("a retry", {
            let post = Post::call().with("params.requestState", json!("s"));
            post.with("params.inputResponses", json!({"a": {"action": "accept"}}))
        }),
        ("a text as token", Post::call().meta("progressToken", json!("1.5"))),
        ("a negative token", Post::call().meta("progressToken", json!(-3))),
        ("discover", Post::new("server/discover", json!({}))),
        ("a list", Post::new("tools/list", json!({"cursor": "c"}))),
        ("a resource", Post::new("resources/read", json!({"uri": "file:///é"}))),
        ("a task", Post::new("tasks/update", json!({"taskId": "t", "inputResponses": {}}))),
        ("a subscription", Post::new("subscriptions/listen", json!({"notifications": {}}))),
        ("a vendor's method", Post::new("vendor/do", json!({"name": 1}))),
        ("cancelled", Post::notification("notifications/cancelled")),
        ("a vendor's notification", Post::notification("vendor/a")),
        ("one without metadata", Post::notification("vendor/a").with("params._meta", json!({}))),
        ("one with its method", Post::notification("vendor/a").header(header::METHOD, "vendor/a")),
    ] {
        assert_eq!(post.refusal(), None, "{what}");
    }
}

/// The order that the conformance suite and the ladder of the official SDK agree on.
#[test]
fn the_first_reason_counts() {
    let wrong_headers = |post: Post| post.header(header::METHOD, "x").header(header::NAME, "x");
    let code = |post: Post| post.refusal().map(|(_, code, _)| code);
    let post = wrong_headers(Post::call()).with("params.name", json!(1));
    let unknown = post.clone().meta(VERSION, json!("2099-01-01"));
    assert_eq!(code(unknown.clone().without_meta(CAPABILITIES)), Some(-32602), "metadata before headers");
    assert_eq!(code(unknown.clone()), Some(-32020), "the version header before the version");
    assert_eq!(
        code(unknown.header(header::PROTOCOL_VERSION, "2099-01-01").with("method", json!("ping"))),
        Some(-32022),
        "the version before the method"
    );
    assert_eq!(code(post.clone().with("method", json!("ping"))), Some(-32601), "the method before params");
    assert_eq!(code(post), Some(-32602), "params before the headers that repeat them");
}

#[test]
fn responses_are_not_sent_by_clients() {
    for body in [r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, r#"{"jsonrpc":"2.0","id":1,"error":{}}"#] {
        let envelope = scan(body.as_bytes()).unwrap();
        let rejection = check(body.as_bytes(), &envelope, |_| None).unwrap_err();
        assert_eq!((rejection.status, rejection.error.code), (400, -32600));
    }
}

#[test]
fn a_request_tells_what_serving_it_needs() {
    let post = Post::call().meta(LOG_LEVEL, json!("warning")).meta(CAPABILITIES, json!({"roots": {}}));
    let body = post.body.to_string();
    let envelope = scan(body.as_bytes()).unwrap();
    let header = |name: &str| Some(post.headers.iter().find(|(other, _)| *other == name)?.1.as_str());
    let request = check(body.as_bytes(), &envelope, header).unwrap();
    assert_eq!(
        (&*request.method, request.class, request.version),
        ("tools/call", MethodClass::Known, MODERN)
    );
    assert_eq!(request.capabilities.of(body.as_bytes()), br#"{"roots":{}}"#);
    assert_eq!((request.log_level, request.name.as_deref()), (Some(Level::Warning), Some("echo")));

    let post = Post::new("vendor/do", json!({ "name": "n" }));
    let body = post.body.to_string();
    let envelope = scan(body.as_bytes()).unwrap();
    let header = |name: &str| Some(post.headers.iter().find(|(other, _)| *other == name)?.1.as_str());
    let request = check(body.as_bytes(), &envelope, header).unwrap();
    assert_eq!((request.class, request.log_level, request.name), (MethodClass::Unknown, None, None));
}
