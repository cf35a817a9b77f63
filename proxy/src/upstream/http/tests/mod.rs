//! Links against a server on loopback whose every answer the test gives itself.

mod legacy;
mod limits;
mod modern;
mod peer;
mod sessions;
mod sse;
mod tls;

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use tokio::time::timeout;

use super::{HttpKind, HttpLink, HttpOutput, HttpServer, HttpSettings};
use crate::{
    config::{Config, Live, Times},
    telemetry::metrics::Metrics,
};
use peer::{Peer, Request, Streaming};

/// What no text of ours may hold.
const SECRET: &str = "sesame-5121";
const MAX_MESSAGE: usize = 60_000;

/// Waits for what must happen soon.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(120), future).await.expect("it happens soon")
}

fn settings(url: &str) -> HttpSettings {
    HttpSettings {
        url: url.parse().unwrap(),
        headers: vec![(HeaderName::from_static("authorization"), HeaderValue::from_static(SECRET))],
        ca: None,
        config: bounds(|_| {}),
    }
}

/// Times longer than any test waits, but for those that `set` sets.
fn bounds(set: impl FnOnce(&mut Times)) -> Arc<Live> {
    let mut config = Config::default();
    config.limits.max_line = MAX_MESSAGE;
    config.times.upstream_idle_timeout = Duration::from_secs(60);
    config.times.request_timeout = Duration::from_secs(60);
    set(&mut config.times);
    Live::new(config)
}

fn link_to(settings: HttpSettings, kind: HttpKind) -> HttpLink {
    Arc::new(HttpServer::new(settings, Arc::new(Metrics::default())).unwrap()).open(kind)
}

/// A link and the server at its end.
async fn pair(kind: HttpKind) -> (HttpLink, Peer) {
    let peer = Peer::start(None).await;
    (link_to(settings(&peer.url("/mcp")), kind), peer)
}

impl HttpLink {
    fn say(&mut self, message: &str) {
        self.send(&Bytes::copy_from_slice(message.as_bytes()).into());
    }

    /// The next message, as text, and the request that it came for.
    async fn hear(&mut self) -> (String, Option<u64>) {
        match soon(self.next()).await {
            HttpOutput::Message { line, origin } => (String::from_utf8(line.to_vec()).unwrap(), origin),
            other => panic!("{other:?}"),
        }
    }

    /// The error with which the request is answered: its code and text.
    async fn hear_error(&mut self, id: u64) -> (i64, String) {
        let (line, origin) = self.hear().await;
        assert_eq!(origin, Some(id), "{line}");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["id"], id);
        let message = line["error"]["message"].as_str().unwrap().to_owned();
        assert!(!message.contains(SECRET));
        (line["error"]["code"].as_i64().unwrap(), message)
    }

    async fn fails(&mut self) -> String {
        match soon(self.next()).await {
            HttpOutput::Failed(text) => text,
            other => panic!("{other:?}"),
        }
    }

    async fn is_not_spoken(&mut self) -> String {
        match soon(self.next()).await {
            HttpOutput::NotSpoken(text) => text,
            other => panic!("{other:?}"),
        }
    }
}

fn request(id: u64, method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
}

fn call(id: u64) -> String {
    request(id, "tools/call", &format!(r#"{{"name":"t{id}","arguments":{{}}}}"#))
}

fn result(id: u64, result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)
}

fn notification(method: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"{method}"}}"#)
}

fn error(id: &str, code: i64) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":"said so"}}}}"#)
}
