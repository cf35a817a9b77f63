//! One HTTP/1.1 connection to the endpoint.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinHandle};

use super::Fault;
use crate::endpoint::Endpoint;

/// A connection that carries one request after the other.
#[derive(Debug)]
pub(super) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Connection {
    pub(super) async fn open(endpoint: &Endpoint) -> Result<Self, Fault> {
        let stream = TcpStream::connect(&endpoint.authority).await.map_err(Fault::broken)?;
        stream.set_nodelay(true).map_err(Fault::broken)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Fault::broken)?;
        let driver = tokio::task::spawn(async move {
            // Its failure is told to whoever waits for the response.
            let _ = connection.await;
        });
        Ok(Self { sender, driver })
    }

    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Fault> {
        self.sender.ready().await.map_err(Fault::broken)?;
        self.sender.send_request(request).await.map_err(Fault::broken)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
