//! What carries a client's requests: an HTTP/1.1 connection of its own, or one of HTTP/2 that it shares.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinHandle};

use super::{Fault, reason};

/// A client's way to send one request after the other.
#[derive(Debug)]
pub(super) enum Connection {
    Own(Own),
    /// It lives on when this client has gone.
    Shared(http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Fault> {
        match self {
            Self::Own(Own { sender, .. }) => {
                sender.ready().await.map_err(Fault::broken)?;
                sender.send_request(request).await.map_err(Fault::broken)
            }
            Self::Shared(sender) => {
                sender.ready().await.map_err(of_http2)?;
                sender.send_request(request).await.map_err(of_http2)
            }
        }
    }
}

/// Says what was spoken: servers that do not know it merely hang up.
fn of_http2(error: hyper::Error) -> Fault {
    Fault::Broken(format!("HTTP/2 with prior knowledge: {}", reason(&error)))
}

/// A connection of HTTP/1.1, which ends with its client.
#[derive(Debug)]
pub(super) struct Own {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Own {
    pub(super) async fn open(authority: &str) -> Result<Self, Fault> {
        let stream = dial(authority).await?;
        let (sender, connection) = http1::handshake(stream).await.map_err(Fault::broken)?;
        let driver = tokio::task::spawn(async move {
            // Its failure is told to whoever waits for the response.
            let _ = connection.await;
        });
        Ok(Self { sender, driver })
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Connects to this host and port.
pub(super) async fn dial(authority: &str) -> Result<TokioIo<TcpStream>, Fault> {
    let stream = TcpStream::connect(authority).await.map_err(Fault::broken)?;
    stream.set_nodelay(true).map_err(Fault::broken)?;
    Ok(TokioIo::new(stream))
}
