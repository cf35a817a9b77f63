//! The life of one message to the server.

use http::{HeaderMap, Method};

use super::{
    answer::{Answer, Reading},
    link::{HttpKind, Link},
    mirror::mirror,
    outgoing::Outgoing,
    quiet,
    request::Accept,
    session::Tokens,
    sse,
    trouble::{Cause, Trouble},
};

/// Sends the message and hands over all that comes for it; an answer that does not come, too, is answered.
pub(super) async fn post(link: &Link, message: &Outgoing) {
    let sent = match link.kind {
        HttpKind::Modern => modern(link, message).await,
        HttpKind::Legacy => legacy(link, message).await,
        HttpKind::Sse => sse::post(link, message).await,
    };
    if let Err(trouble) = sent {
        link.fail(message, trouble).await;
    }
}

async fn modern(link: &Link, message: &Outgoing) -> Result<(), Trouble> {
    let params = &link.server.params;
    let mut reading = Reading { link, message, session: None, may_retry: message.method == "tools/call" };
    let known = params.refreshes();
    match attempt(&reading, mirror(message, params)).await? {
        Answer::Given => Ok(()),
        Answer::HeaderMismatch => {
            // The tool's schema is unknown, or has changed.
            params.refresh(known, quiet::learn_tools(&link.server, message)).await;
            reading.may_retry = false;
            attempt(&reading, mirror(message, params)).await.map(drop)
        }
    }
}

async fn legacy(link: &Link, message: &Outgoing) -> Result<(), Trouble> {
    let session = match (&*message.method, link.session.current()) {
        ("initialize", _) => None,
        // The server may ask before the handshake is over.
        ("notifications/initialized" | "", Some(current)) => Some(current),
        // Nothing else overtakes it.
        _ => Some(link.session.ready().await),
    };
    // What a response answers belongs to the session that is gone, and a handshake is not made anew half-way.
    let renewable = !matches!(&*message.method, "" | "notifications/initialized");
    let sent = in_session(link, message, session.as_deref()).await;
    match (sent, &session) {
        (Err(trouble), Some(lost)) if trouble.cause == Cause::SessionLost && renewable => {
            let renewed = link.renew(message.is_request(), lost).await?;
            in_session(link, message, Some(&renewed)).await
        }
        (sent, _) => {
            if sent.is_ok() && message.method == "notifications/initialized" {
                link.session.open(&message.body);
            }
            sent
        }
    }
}

async fn in_session(link: &Link, message: &Outgoing, session: Option<&Tokens>) -> Result<(), Trouble> {
    let reading = Reading { link, message, session, may_retry: false };
    attempt(&reading, session.map(Tokens::headers).unwrap_or_default()).await.map(drop)
}

async fn attempt(reading: &Reading<'_>, headers: HeaderMap) -> Result<Answer, Trouble> {
    let server = &reading.link.server;
    let body = reading.message.body.clone();
    let response = server.request(Method::POST, &server.url, headers, body, Accept::Messages).await?;
    reading.read(response).await
}
