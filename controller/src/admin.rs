//! The admin port: health and metrics.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CONTENT_TYPE},
};
use http_body_util::Full;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::metrics::Metrics;

/// Connections at once; further ones wait.
const CONNECTIONS: usize = 64;
/// How long a client may take to ask.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after a failed accept: the process is out of file descriptors, and trying at once burns a core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Whether the process can do its work; if not, why not.
#[derive(Debug)]
pub struct Readiness(Mutex<Result<(), &'static str>>);

impl Default for Readiness {
    fn default() -> Self {
        Self(Mutex::new(Err("starting")))
    }
}

impl Readiness {
    /// Ready from now on.
    pub fn set(&self) {
        *self.0.lock() = Ok(());
    }

    /// Not ready from now on.
    pub fn unset(&self, why: &'static str) {
        *self.0.lock() = Err(why);
    }
}

/// What the admin port tells.
#[derive(Clone, Debug)]
pub struct Admin {
    /// For `/readyz`.
    pub readiness: Arc<Readiness>,
    /// For `/metrics`.
    pub metrics: Arc<Metrics>,
}

impl Admin {
    /// Serves until `stop`.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) {
        let tracker = TaskTracker::new();
        let permits = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = async {
                    let permit = permits.clone().acquire_owned().await;
                    listener.accept().await.map(|(stream, _)| (stream, permit))
                } => accepted,
            };
            match accepted {
                Ok((stream, permit)) => {
                    let connection = self.clone().connection(stream);
                    let stop = stop.clone();
                    tracker.spawn(async move {
                        stop.run_until_cancelled(connection).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn connection(self, stream: TcpStream) {
        let service = service_fn(|request| {
            let answer = self.answer(&request);
            async { Ok::<_, Infallible>(answer) }
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
        if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
            tracing::debug!(%error, "connection ended early");
        }
    }

    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "write GET");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match request.uri().path() {
            // The loop turns, or nobody would answer.
            "/livez" => text(StatusCode::OK, "ok"),
            "/readyz" => match *self.readiness.0.lock() {
                Ok(()) => text(StatusCode::OK, "ok"),
                Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, why),
            },
            "/metrics" => {
                let mut response = Response::new(Full::from(self.metrics.encode()));
                let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
                response
            }
            _ => text(StatusCode::NOT_FOUND, "there are /livez, /readyz and /metrics"),
        }
    }
}

fn text(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_tells_what_it_is_asked() {
        let admin = Admin { readiness: Arc::default(), metrics: Arc::default() };
        let ask = |method: Method, path: &str| {
            let request = Request::builder().method(method).uri(path).body(()).unwrap();
            admin.answer(&request).status().as_u16()
        };
        assert_eq!(ask(Method::GET, "/livez"), 200);
        assert_eq!(ask(Method::GET, "/readyz"), 503);
        admin.readiness.set();
        assert_eq!(ask(Method::GET, "/readyz"), 200);
        admin.readiness.unset("ending");
        assert_eq!(ask(Method::HEAD, "/readyz"), 503);
        assert_eq!(ask(Method::GET, "/metrics"), 200);
        assert_eq!(ask(Method::POST, "/metrics"), 405);
        assert_eq!(ask(Method::GET, "/debug"), 404);
    }
}
