//! HTTP+SSE (2024-11-05): one stream, which is the session, and an endpoint for POSTs that it names first.

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::time::timeout;

use super::{
    body::{Body, content_type},
    events::Events,
    link::{HttpOutput, Link},
    outgoing::Outgoing,
    request::Accept,
    target::{resolve, same_origin},
    trouble::{Cause, Trouble},
};

/// Reads the stream; the link ends with it.
pub(super) async fn listen(link: &Link) {
    let Err(trouble) = follow(link).await;
    link.emit(match trouble.cause {
        Cause::NotSpoken => HttpOutput::NotSpoken(trouble.text),
        _ => HttpOutput::Failed(trouble.text),
    })
    .await;
}

async fn follow(link: &Link) -> Result<std::convert::Infallible, Trouble> {
    let server = &link.server;
    let limit = server.request_timeout();
    let mut events = timeout(limit, open(link))
        .await
        .map_err(|_| Trouble::timeout(format!("names no endpoint within {limit:?}")))??;
    loop {
        match events.next(None).await? {
            Some(event) if event.event == "message" && !event.data.is_empty() => {
                link.opened();
                link.deliver(event.data, None).await;
            }
            Some(_) => {}
            None => return Err(Trouble::new("has closed its event stream")),
        }
    }
}

/// Opens the stream and reads it up to the endpoint.
async fn open(link: &Link) -> Result<Events, Trouble> {
    let server = &link.server;
    let response =
        server.request(Method::GET, &server.url, HeaderMap::new(), Bytes::new(), Accept::Stream).await?;
    let (parts, body) = Body::of(response)?;
    if !parts.status.is_success() {
        return Err(Trouble::status(parts.status, &parts.headers));
    }
    if content_type(&parts.headers) != "text/event-stream" {
        return Err(Trouble::not_spoken("has answered with something else than an event stream"));
    }
    let mut events = Events::new(body, server.max_message());
    while let Some(event) = events.next(None).await? {
        if event.event != "endpoint" {
            continue;
        }
        let named = std::str::from_utf8(&event.data).ok().and_then(|named| resolve(&server.url, named));
        let endpoint = named.ok_or_else(|| Trouble::new("names an endpoint that is no URL"))?;
        if !same_origin(&endpoint, &server.url) {
            return Err(Trouble::new("names an endpoint of another origin"));
        }
        link.endpoint.send_replace(Some(endpoint));
        return Ok(events);
    }
    Err(Trouble::new("has closed its event stream"))
}

/// Sends a message to the endpoint, once it is known. The answer to a request comes on the stream.
pub(super) async fn post(link: &Link, message: &Outgoing) -> Result<(), Trouble> {
    let mut known = link.endpoint.subscribe();
    let endpoint = known.wait_for(Option::is_some).await.ok().and_then(|endpoint| endpoint.clone());
    // The sender lives as long as the link.
    let Some(endpoint) = endpoint else { return Ok(()) };
    let body = message.body.clone();
    let response =
        link.server.request(Method::POST, &endpoint, HeaderMap::new(), body, Accept::Messages).await?;
    let (parts, body) = Body::of(response)?;
    if !parts.status.is_success() {
        return Err(Trouble::status(parts.status, &parts.headers));
    }
    body.drain().await;
    Ok(())
}
