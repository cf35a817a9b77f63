//! Requests that the transport makes for itself: nobody else sees their answers.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};
use tokio::time::timeout;
use waggle_protocol::jsonrpc::{self, Field, Kind, Payload};

use super::{
    body::{Body, content_type},
    events::Events,
    headers::SESSION_ID,
    mirror::mirror,
    outgoing::Outgoing,
    request::Accept,
    server::HttpServer,
    trouble::Trouble,
};

/// Pages of tools read at most.
const PAGES: usize = 100;

/// Sends a request; its successful response, and the session that came with it.
pub(super) async fn ask(
    server: &HttpServer,
    body: &Bytes,
    headers: HeaderMap,
) -> Result<(Bytes, Option<HeaderValue>), Trouble> {
    let answer = async {
        let (parts, body) = send(server, body, headers).await?;
        let session = parts.headers.get(SESSION_ID).cloned();
        if content_type(&parts.headers) != "text/event-stream" {
            return Ok((body.collect(server.max_message()).await?, session));
        }
        let mut events = Events::new(body, server.max_message());
        while let Some(event) = events.next(Some(server.idle_timeout())).await? {
            if is_response(&event.data) {
                return Ok((event.data, session));
            }
        }
        Err(Trouble::new("has ended the stream without an answer"))
    };
    let limit = server.request_timeout();
    match timeout(limit, answer).await {
        Ok(Ok((line, session))) if is_response(&line) => Ok((line, session)),
        Ok(Ok(_)) => Err(Trouble::new("has answered with an error")),
        Ok(Err(trouble)) => Err(trouble),
        Err(_) => Err(Trouble::timeout(format!("has not answered within {limit:?}"))),
    }
}

/// Sends a notification.
pub(super) async fn tell(server: &HttpServer, body: &Bytes, headers: HeaderMap) -> Result<(), Trouble> {
    let (_, body) = send(server, body, headers).await?;
    body.drain().await;
    Ok(())
}

async fn send(
    server: &HttpServer,
    body: &Bytes,
    headers: HeaderMap,
) -> Result<(http::response::Parts, Body), Trouble> {
    let response = server.request(Method::POST, &server.url, headers, body.clone(), Accept::Messages).await?;
    let (parts, body) = Body::of(response)?;
    match parts.status.is_success() {
        true => Ok((parts, body)),
        false => Err(Trouble::status(parts.status, &parts.headers)),
    }
}

fn is_response(line: &[u8]) -> bool {
    jsonrpc::scan(line).is_ok_and(|envelope| envelope.kind() == Kind::Response)
}

/// Reads the server's list of tools, to learn which arguments `call` must repeat in headers. If that fails, so will
/// the call, and say why.
pub(super) async fn learn_tools(server: &HttpServer, call: &Outgoing) {
    let meta = call.envelope.span(Field::Meta).map(|span| span.of(&call.body));
    let mut meta: Value = meta.and_then(|raw| serde_json::from_slice(raw).ok()).unwrap_or_else(|| json!({}));
    if let Some(meta) = meta.as_object_mut() {
        meta.remove("progressToken");
    }
    let mut cursor = None;
    for page in 0..PAGES {
        let mut params = json!({ "_meta": meta });
        if let Some(cursor) = cursor {
            params["cursor"] = cursor;
        }
        let request = json!({ "jsonrpc": "2.0", "id": page, "method": "tools/list", "params": params });
        let body = Bytes::from(request.to_string());
        let Some(message) = Outgoing::read(&Payload::from(body.clone())) else { return };
        let list = match ask(server, &body, mirror(&message, &server.params)).await {
            Ok((list, _)) => list,
            Err(trouble) => return tracing::warn!("the server {} when asked for its tools", trouble.text),
        };
        server.params.learn(&list);
        cursor = serde_json::from_slice(&list)
            .ok()
            .and_then(|list: Value| list.pointer("/result/nextCursor").cloned())
            .filter(Value::is_string);
        if cursor.is_none() {
            return;
        }
    }
}
