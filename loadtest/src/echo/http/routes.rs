//! What each request is answered with.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, body::Incoming, header::HeaderValue};

use super::{
    Shared,
    body::{Body, Departure, EVENTS, JSON, empty, response, stream},
    events::events,
};
use crate::echo::{answer::Answer, request, server::Outcome};

const SESSION: &str = "mcp-session-id";

pub(super) async fn answer(
    request: Request<Incoming>,
    shared: &Shared,
) -> Result<Response<Body>, hyper::Error> {
    let method = request.method().clone();
    Ok(match (request.uri().path(), method) {
        ("/mcp", Method::POST) => post(request, shared).await?,
        ("/mcp", Method::GET) => {
            let (sender, receiver) = stream();
            match session(request.headers()).is_some_and(|session| shared.clients.attach(session, sender)) {
                true => response(StatusCode::OK, EVENTS, Body::Stream { events: receiver, _departure: None }),
                false => empty(StatusCode::NOT_FOUND),
            }
        }
        ("/mcp", Method::DELETE) => {
            match session(request.headers()).is_some_and(|session| shared.clients.close(session)) {
                true => empty(StatusCode::OK),
                false => empty(StatusCode::NOT_FOUND),
            }
        }
        ("/sse", Method::GET) => sse(shared),
        ("/messages", Method::POST) => message(request, shared).await?,
        ("/mcp" | "/sse" | "/messages", _) => empty(StatusCode::METHOD_NOT_ALLOWED),
        _ => empty(StatusCode::NOT_FOUND),
    })
}

fn session(headers: &HeaderMap) -> Option<u64> {
    headers.get(SESSION)?.to_str().ok()?.strip_prefix("echo-")?.parse().ok()
}

async fn post(request: Request<Incoming>, shared: &Shared) -> Result<Response<Body>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let mut out = Vec::with_capacity(body.len() + 256);
    let Some(message) = shared.server.read(&body, &mut out) else {
        return Ok(response(StatusCode::BAD_REQUEST, JSON, Body::Whole(out.into())));
    };
    let is_modern = message.version().is_some();
    if is_modern && !agrees(&head.headers, &message) {
        let id = message.id.map_or("null", |id| id.get());
        Answer { id, modern: true }.error(&mut out, -32020, "the headers differ from the message");
        return Ok(response(StatusCode::BAD_REQUEST, JSON, Body::Whole(out.into())));
    }
    let method = message.method.as_ref().map(|method| &*method.0);
    let session = session(&head.headers).filter(|session| shared.clients.knows(*session));
    if !is_modern && method != Some("initialize") && session.is_none() {
        return Ok(empty(StatusCode::NOT_FOUND));
    }
    let outcome = shared.server.act(&message, &mut out);
    Ok(match outcome {
        Outcome::Silence => empty(StatusCode::ACCEPTED),
        Outcome::Answer => response(StatusCode::OK, JSON, Body::Whole(out.into())),
        Outcome::Refusal(status) => {
            let status = StatusCode::from_u16(status).ok().filter(|_| is_modern).unwrap_or(StatusCode::OK);
            response(status, JSON, Body::Whole(out.into()))
        }
        Outcome::Opened => {
            let mut opened = response(StatusCode::OK, JSON, Body::Whole(out.into()));
            let id = format!("echo-{}", shared.clients.open(None));
            if let Ok(id) = HeaderValue::try_from(id) {
                opened.headers_mut().insert(SESSION, id);
            }
            opened
        }
        Outcome::Messages => response(StatusCode::OK, EVENTS, Body::Whole(events(&out))),
        Outcome::Later { id, after } => {
            // Without a session the client cancels by closing the connection, which drops this.
            let woken = match session {
                Some(session) => shared.clients.sleep(session, id, after).await,
                None => {
                    tokio::time::sleep(after).await;
                    true
                }
            };
            match woken {
                true => response(StatusCode::OK, JSON, Body::Whole(out.into())),
                false => response(StatusCode::OK, EVENTS, Body::Whole(Bytes::new())),
            }
        }
        Outcome::Cancelled { id } => {
            shared.clients.cancel(session.unwrap_or_default(), id);
            empty(StatusCode::ACCEPTED)
        }
        Outcome::Broadcast(broadcast) => {
            shared.clients.broadcast(&broadcast, session.filter(|_| !is_modern)).await;
            response(StatusCode::OK, JSON, Body::Whole(out.into()))
        }
        Outcome::Listening { id, filter } => {
            let (sender, receiver) = stream();
            // It is empty yet, and has room for one.
            let _ = sender.try_send(events(&out));
            shared.clients.listen(id, filter, sender);
            response(StatusCode::OK, EVENTS, Body::Stream { events: receiver, _departure: None })
        }
    })
}

/// Whether the headers of 2026-07-28 say what the message says.
fn agrees(headers: &HeaderMap, message: &request::Request<'_>) -> bool {
    let is = |name: &str, value: Option<&str>| {
        headers.get(name).map(HeaderValue::as_bytes) == value.map(str::as_bytes)
    };
    let method = message.method.as_ref().map(|method| &*method.0);
    let params = message.params.as_ref();
    let name = match method {
        Some("tools/call") => params.and_then(|params| params.name.as_ref()),
        Some("resources/read") => params.and_then(|params| params.uri.as_ref()),
        _ => None,
    };
    is("mcp-protocol-version", message.version())
        && is("mcp-method", method)
        && is("mcp-name", name.map(|name| &*name.0))
}

/// The stream of HTTP+SSE, which is the session.
fn sse(shared: &Shared) -> Response<Body> {
    let (sender, receiver) = stream();
    let number = shared.clients.open(Some(sender.clone()));
    let endpoint = format!("event: endpoint\ndata: /messages?session=echo-{number}\n\n");
    // It is empty yet, and has room for one.
    let _ = sender.try_send(endpoint.into());
    let departure = Departure { clients: shared.clients.clone(), session: number };
    response(StatusCode::OK, EVENTS, Body::Stream { events: receiver, _departure: Some(departure) })
}

/// A message of HTTP+SSE. What it asks for comes on the stream.
async fn message(request: Request<Incoming>, shared: &Shared) -> Result<Response<Body>, hyper::Error> {
    let query = request.uri().query().unwrap_or_default();
    let number =
        query.strip_prefix("session=echo-").and_then(|number| number.parse().ok()).unwrap_or_default();
    let body = request.into_body().collect().await?.to_bytes();
    let Some(stream) = shared.clients.stream(number) else { return Ok(empty(StatusCode::NOT_FOUND)) };
    let mut out = Vec::with_capacity(body.len() + 256);
    let Some(message) = shared.server.read(&body, &mut out) else {
        return Ok(empty(StatusCode::BAD_REQUEST));
    };
    match shared.server.act(&message, &mut out) {
        Outcome::Silence => return Ok(empty(StatusCode::ACCEPTED)),
        Outcome::Cancelled { id } => {
            shared.clients.cancel(number, id);
            return Ok(empty(StatusCode::ACCEPTED));
        }
        Outcome::Broadcast(broadcast) => shared.clients.broadcast(&broadcast, Some(number)).await,
        Outcome::Later { id, after } => {
            let (clients, id) = (shared.clients.clone(), id.to_owned());
            tokio::task::spawn(async move {
                if clients.sleep(number, &id, after).await {
                    // The client may have gone.
                    let _ = stream.send(events(&out)).await;
                }
            });
            return Ok(empty(StatusCode::ACCEPTED));
        }
        Outcome::Answer
        | Outcome::Refusal(_)
        | Outcome::Opened
        | Outcome::Messages
        | Outcome::Listening { .. } => {}
    }
    Ok(match stream.send(events(&out)).await {
        Ok(()) => empty(StatusCode::ACCEPTED),
        Err(_) => empty(StatusCode::NOT_FOUND),
    })
}
