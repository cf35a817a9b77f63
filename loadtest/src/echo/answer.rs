//! What the server writes. Everything is appended to a buffer, without a line end.

use std::io::Write as _;

use super::{
    NOTICE, RESOURCE,
    request::{Filter, Kind},
};

pub(super) const MODERN: &str = "2026-07-28";
const LATEST_LEGACY: &str = "2025-11-25";
const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", LATEST_LEGACY];
const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";
const CAPABILITIES: &str = r#"{"logging":{},"resources":{"subscribe":true},"tools":{"listChanged":true}}"#;
const INFO: &str = r#"{"name":"echo","version":"1"}"#;
/// What a result of 2026-07-28 has and an earlier one has not.
const COMPLETE: &str = r#""resultType":"complete","#;
/// The same for lists, which may be kept.
const CACHEABLE: &str = r#""resultType":"complete","ttlMs":0,"cacheScope":"private","#;

const TOOLS: &str = concat!(
    r#""tools":["#,
    r#"{"name":"echo","description":"Gives back its argument.","inputSchema":{"type":"object","properties":{"text":{}},"required":["text"]}},"#,
    r#"{"name":"progress","description":"Reports progress in steps that name the text, and gives it back.","inputSchema":{"type":"object","properties":{"text":{},"steps":{"type":"integer"}},"required":["text","steps"]}},"#,
    r#"{"name":"sleep","description":"Gives back its argument after a while.","inputSchema":{"type":"object","properties":{"text":{},"milliseconds":{"type":"integer"}},"required":["text","milliseconds"]}},"#,
    r#"{"name":"notify","description":"Sends numbered notifications to every client, or to the caller alone.","inputSchema":{"type":"object","properties":{"count":{"type":"integer"},"tag":{"type":"string"},"kind":{"enum":["list-changed","resource-updated","message"]},"own":{"type":"boolean"}},"required":["count","tag"]}}"#,
    r#"]"#
);

/// Puts text into a buffer. Writing into memory does not fail.
macro_rules! put {
    ($out:expr, $($text:tt)*) => {{ let _ = write!($out, $($text)*); }};
}

/// The answer to one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    pub(super) id: &'a str,
    pub(super) modern: bool,
}

impl Answer<'_> {
    /// A result with these fields; empty, or ending without a comma.
    fn result(self, out: &mut Vec<u8>, extra: &str, fields: &[&str]) {
        let mut extra = if self.modern { extra } else { "" };
        if fields.iter().all(|field| field.is_empty()) {
            extra = extra.trim_end_matches(',');
        }
        out.reserve(64 + self.id.len() + extra.len() + fields.iter().map(|field| field.len()).sum::<usize>());
        for part in [r#"{"jsonrpc":"2.0","id":"#, self.id, r#","result":{"#, extra] {
            out.extend_from_slice(part.as_bytes());
        }
        for field in fields {
            out.extend_from_slice(field.as_bytes());
        }
        out.extend_from_slice(b"}}");
    }

    pub(super) fn empty(self, out: &mut Vec<u8>) {
        self.result(out, COMPLETE, &[]);
    }

    /// One content with this value for a text, byte for byte.
    pub(super) fn text(self, out: &mut Vec<u8>, text: &str) {
        self.result(out, COMPLETE, &[r#""content":[{"type":"text","text":"#, text, "}]"]);
    }

    pub(super) fn tools(self, out: &mut Vec<u8>) {
        self.result(out, CACHEABLE, &[TOOLS]);
    }

    pub(super) fn resources(self, out: &mut Vec<u8>) {
        let resource = format!(r#""resources":[{{"uri":"{RESOURCE}","name":"notices"}}]"#);
        self.result(out, CACHEABLE, &[&resource]);
    }

    pub(super) fn resource(self, out: &mut Vec<u8>) {
        let contents = format!(r#""contents":[{{"uri":"{RESOURCE}","text":"notices"}}]"#);
        self.result(out, CACHEABLE, &[&contents]);
    }

    pub(super) fn initialize(self, out: &mut Vec<u8>, asked: Option<&str>) {
        let version = asked.filter(|version| LEGACY.contains(version)).unwrap_or(LATEST_LEGACY);
        let fields =
            format!(r#""protocolVersion":"{version}","capabilities":{CAPABILITIES},"serverInfo":{INFO}"#);
        self.result(out, "", &[&fields]);
    }

    pub(super) fn discover(self, out: &mut Vec<u8>) {
        let fields = format!(
            r#""supportedVersions":["{MODERN}"],"capabilities":{CAPABILITIES},"_meta":{{"io.modelcontextprotocol/serverInfo":{INFO}}}"#
        );
        self.result(out, CACHEABLE, &[&fields]);
    }

    pub(super) fn error(self, out: &mut Vec<u8>, code: i32, message: &str) {
        put!(out, r#"{{"jsonrpc":"2.0","id":{},"error":{{"code":{code},"message":"{message}"}}}}"#, self.id);
    }

    pub(super) fn unsupported(self, out: &mut Vec<u8>, asked: &str) {
        let asked = serde_json::Value::from(asked);
        put!(
            out,
            r#"{{"jsonrpc":"2.0","id":{},"error":{{"code":-32022,"message":"this revision is not spoken here","data":{{"supported":["{MODERN}"],"requested":{asked}}}}}}}"#,
            self.id
        );
    }
}

/// Progress of the call with this token. The message is any value that was given as text.
pub(super) fn progress(out: &mut Vec<u8>, token: &str, step: u64, steps: u64, message: &str) {
    put!(
        out,
        r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":{step},"total":{steps},"message":{message}}}}}"#
    );
}

/// The first message of a subscription.
pub(super) fn acknowledged(out: &mut Vec<u8>, subscription: &str, granted: &Filter) {
    let uris = if granted.wants(Kind::ResourceUpdated) { format!(r#""{RESOURCE}""#) } else { String::new() };
    put!(
        out,
        r#"{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{{"notifications":{{"toolsListChanged":{},"resourceSubscriptions":[{uris}]}},"_meta":{{"{SUBSCRIPTION}":{subscription}}}}}}}"#,
        granted.tools_list_changed
    );
}

/// A notification with a tag, for the subscription if there is one.
pub(super) fn notice(out: &mut Vec<u8>, kind: Kind, tag: &str, number: u64, subscription: Option<&str>) {
    // It may have been escaped in the request.
    let tag = serde_json::Value::from(format!("{tag}/{number}"));
    let (method, fields) = match kind {
        Kind::ListChanged => ("tools/list_changed", String::new()),
        Kind::ResourceUpdated => ("resources/updated", format!(r#""uri":"{RESOURCE}","#)),
        Kind::Message => ("message", format!(r#""level":"info","data":{tag},"#)),
    };
    put!(
        out,
        r#"{{"jsonrpc":"2.0","method":"notifications/{method}","params":{{{fields}"_meta":{{"{NOTICE}":{tag}"#
    );
    if let Some(subscription) = subscription {
        put!(out, r#","{SUBSCRIPTION}":{subscription}"#);
    }
    out.extend_from_slice(b"}}}");
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn everything_is_json() {
        for modern in [false, true] {
            let answer = Answer { id: "1.0", modern };
            let mut out = Vec::new();
            answer.empty(&mut out);
            for write in [Answer::tools, Answer::resources, Answer::resource, Answer::discover] {
                out.push(b'\n');
                write(answer, &mut out);
            }
            out.push(b'\n');
            answer.text(&mut out, "9007199254740993");
            out.push(b'\n');
            answer.initialize(&mut out, Some("2025-06-18"));
            out.push(b'\n');
            answer.error(&mut out, -32601, "no");
            out.push(b'\n');
            answer.unsupported(&mut out, "\"2030\"");
            for line in std::str::from_utf8(&out).unwrap().lines() {
                let value: Value = serde_json::from_str(line).unwrap();
                assert!(line.contains(r#""id":1.0,"#), "{value}");
            }
        }
        for kind in [Kind::ListChanged, Kind::ResourceUpdated, Kind::Message] {
            let mut out = Vec::new();
            notice(&mut out, kind, "a\"b", 3, Some("\"x\""));
            let value: Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(value["params"]["_meta"][NOTICE], "a\"b/3");
            assert_eq!(value["params"]["_meta"][SUBSCRIPTION], "x");
        }
    }
}
