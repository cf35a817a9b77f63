//! One question to a proxy's admin port, straight to the pod: the API server is not in between, so it takes no right.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode, header::HOST};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::TcpStream;

use crate::observed::ServerReport;

/// For all of it: a pod on the same network answers in a millisecond.
const PATIENCE: Duration = Duration::from_secs(2);
/// The pod is not ours: it may answer anything.
const LONGEST: usize = 64 * 1024;

/// Why a proxy did not tell its status.
#[derive(Debug, Error)]
pub(super) enum FetchError {
    #[error("no answer within {PATIENCE:?}")]
    Late,
    #[error("cannot connect: {0}")]
    Connect(#[from] std::io::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("HTTP status {0}")]
    Status(StatusCode),
    #[error("cannot read the answer: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
    #[error("not a status: {0}")]
    Json(#[from] serde_json::Error),
}

/// Asks a proxy for its status.
pub(super) async fn status(address: SocketAddr) -> Result<ServerReport, FetchError> {
    tokio::time::timeout(PATIENCE, ask(address)).await.unwrap_or(Err(FetchError::Late))
}

async fn ask(address: SocketAddr) -> Result<ServerReport, FetchError> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async move {
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.uri_mut() = http::Uri::from_static("/status");
        if let Ok(host) = address.to_string().try_into() {
            request.headers_mut().insert(HOST, host);
        }
        let response = sender.send_request(request).await?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), LONGEST).collect().await.map_err(FetchError::Body)?;
        Ok(serde_json::from_slice(&body.to_bytes())?)
    };
    // The connection does the work; its end, good or bad, shows in the exchange.
    tokio::select! {
        biased;
        report = exchange => report,
        Err(error) = connection => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    async fn asked(answer: &'static [u8]) -> Result<ServerReport, FetchError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).await.unwrap();
            assert!(request[..length].starts_with(b"GET /status HTTP/1.1\r\n"));
            stream.write_all(answer).await.unwrap();
            drop(stream);
        };
        tokio::join!(status(address), serve).0
    }

    #[tokio::test]
    async fn a_status_is_read() {
        let report = asked(
            b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"serverInfo\":{\"name\":\"a\"},\"era\":\"legacy\",\"tools\":3,\"x\":[]}",
        );
        let report = report.await.unwrap();
        assert_eq!((report.server_info.unwrap().name.as_str(), report.tools), ("a", Some(3)));
    }

    #[tokio::test]
    async fn anything_else_is_an_error() {
        let error = asked(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n").await.unwrap_err();
        assert!(matches!(error, FetchError::Status(StatusCode::SERVICE_UNAVAILABLE)), "{error}");
        let error = asked(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nlog").await.unwrap_err();
        assert!(matches!(error, FetchError::Json(_)), "{error}");
        assert!(asked(b"").await.is_err());
    }

    #[tokio::test]
    async fn a_long_answer_is_not_read_to_its_end() {
        let error = asked(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n{").await.unwrap_err();
        assert!(matches!(error, FetchError::Body(_)), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let error = status(listener.local_addr().unwrap()).await.unwrap_err();
        assert!(matches!(error, FetchError::Late), "{error}");
    }
}
