//! One connection, in the version of HTTP that its client speaks.

use std::sync::Arc;

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::net::TcpStream;

use super::{Shared, routes};

/// With this a client of HTTP/2 begins (RFC 9113 §3.4).
const HELLO: [u8; 24] = *b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// So much of a request's body comes before it is read, so that flow control is not what is measured.
const STREAM_WINDOW: u32 = 1 << 20;
/// As much as there can be: requests do not hold up one another.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// Serves it until it ends. There is a connection of HTTP/1.1 for each idle session, and its future is no larger for HTTP/2.
#[expect(clippy::manual_async_fn, reason = "an async fn has room for its arguments twice")]
pub(super) fn serve(stream: TcpStream, shared: Arc<Shared>) -> impl Future<Output = ()> + Send {
    async move {
        if may_be_http2(&stream).await {
            return Box::pin(serve_either(stream, shared)).await;
        }
        let service = service_fn(|request| routes::answer(request, &shared));
        let served =
            http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        // A client that goes away is no news.
        let _ = served.await;
    }
}

/// Whether what has come first is how HTTP/2 begins, as far as it goes.
async fn may_be_http2(stream: &TcpStream) -> bool {
    let mut first = [0; HELLO.len()];
    match stream.peek(&mut first).await {
        Ok(length) => HELLO.starts_with(&first[..length]),
        Err(_) => false,
    }
}

/// Waits for the rest of it where only its beginning has come, and finds out.
async fn serve_either(stream: TcpStream, shared: Arc<Shared>) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder
        .http2()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        // As with connections of HTTP/1.1, there may be as many as are asked for.
        .max_concurrent_streams(None);
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { routes::answer(request, &shared).await }
    });
    // A client that goes away is no news.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}
