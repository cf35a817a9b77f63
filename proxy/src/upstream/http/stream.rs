//! The stream of a legacy session on which the server sends what belongs to no request.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use tokio::time::{Instant, sleep};

use super::{
    body::{Body, content_type},
    events::{Events, Position},
    link::{HttpOutput, Link},
    request::Accept,
    session::Tokens,
};

/// A stream that was open for so long did not fail: something between cuts idle ones.
const LONG: Duration = Duration::from_secs(10);

/// Why a stream is not followed any more.
enum End {
    /// The server has none.
    NotOffered,
    /// The session that it belonged to is over.
    SessionLost,
}

/// Reads the stream of each session of the link.
pub(super) async fn listen(link: &Link) {
    let mut session = link.session.ready().await;
    loop {
        let end = tokio::select! {
            end = follow(link, &session) => end,
            another = link.session.another_than(Some(&session)) => {
                session = another;
                continue;
            }
        };
        match end {
            End::NotOffered => return,
            End::SessionLost => match link.renew(false, &session).await {
                Ok(another) => session = another,
                Err(trouble) => return link.emit(HttpOutput::Failed(trouble.text)).await,
            },
        }
    }
}

/// Reads the stream of one session, over as many connections as it takes.
async fn follow(link: &Link, session: &Tokens) -> End {
    let mut position = Position::default();
    let mut has_been_open = false;
    let mut attempt = 0;
    loop {
        match open(link, position.resuming(session.headers())).await {
            Ok(body) => {
                has_been_open = true;
                let opened = Instant::now();
                let mut events = Events::new(body, link.server.max_message());
                while let Some(event) = link.unless_troubled(events.next(None).await) {
                    if let Some(line) = position.advance(event) {
                        attempt = 0;
                        link.deliver(line, None).await;
                    }
                }
                position.leave(&events);
                if opened.elapsed() >= LONG {
                    attempt = 0;
                }
            }
            // Some answer 404 where there is nothing to open: only what was open before can be lost.
            Err(Some(StatusCode::NOT_FOUND)) if has_been_open && session.id.is_some() => {
                return End::SessionLost;
            }
            Err(Some(status)) if !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS => {
                if status != StatusCode::METHOD_NOT_ALLOWED {
                    tracing::debug!(%status, "the server offers no stream");
                }
                return End::NotOffered;
            }
            Err(_) => {}
        }
        sleep(position.pause(attempt)).await;
        attempt = attempt.saturating_add(1);
    }
}

/// Opens the stream. An error has a status if the server has answered.
async fn open(link: &Link, headers: HeaderMap) -> Result<Body, Option<StatusCode>> {
    let server = &link.server;
    let opened = server.request(Method::GET, &server.url, headers, Bytes::new(), Accept::Stream).await;
    let (parts, body) = link.unless_troubled(opened.and_then(Body::of).map(Some)).ok_or(None)?;
    let is_stream = parts.status.is_success() && content_type(&parts.headers) == "text/event-stream";
    if is_stream { Ok(body) } else { Err(Some(parts.status)) }
}
