//! The echo server over Streamable HTTP by itself: the floor that a bridge is compared with.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, Response, StatusCode, body::Incoming, header::CONTENT_TYPE, service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use super::Echo;

/// Sessions that are known.
#[derive(Debug, Default)]
struct Sessions {
    known: Mutex<HashMap<String, ()>>,
    next: AtomicU64,
}

/// Serves on the address, path `/mcp`, and prints the URL.
///
/// # Errors
/// The address cannot be listened on.
pub async fn serve(address: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    use std::io::Write as _;
    writeln!(io::stdout(), "http://{}/mcp", listener.local_addr()?)?;
    let sessions = Arc::new(Sessions::default());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let sessions = sessions.clone();
        tokio::task::spawn(async move {
            let service = service_fn(|request| answer(request, sessions.clone()));
            let served = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            // A client that goes away is no news.
            let _ = served.await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    sessions: Arc<Sessions>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    if request.method() != Method::POST || request.uri().path() != "/mcp" {
        return Ok(empty(StatusCode::METHOD_NOT_ALLOWED));
    }
    let session = request.headers().get("mcp-session-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let body = request.into_body().collect().await?.to_bytes();
    let is_initialize = memchr::memmem::find(&body, br#""method":"initialize""#).is_some();
    let known = session
        .is_some_and(|id| sessions.known.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&id));
    if !is_initialize && !known {
        return Ok(empty(StatusCode::NOT_FOUND));
    }
    let Some(answer) = Echo::new(false).answer(&body) else { return Ok(empty(StatusCode::ACCEPTED)) };
    let mut response = Response::builder().header(CONTENT_TYPE, "application/json");
    if is_initialize {
        let id = format!("floor-{}", sessions.next.fetch_add(1, Ordering::Relaxed));
        response = response.header("mcp-session-id", &id);
        sessions.known.lock().unwrap_or_else(PoisonError::into_inner).insert(id, ());
    }
    Ok(response
        .body(Full::new(Bytes::from(answer)))
        .unwrap_or_else(|_| empty(StatusCode::INTERNAL_SERVER_ERROR)))
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
