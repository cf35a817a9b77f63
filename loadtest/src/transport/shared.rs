//! Connections of HTTP/2 that all clients share, as behind an ingress.

use std::{
    num::NonZeroUsize,
    sync::atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Mutex;

use super::{Fault, connection::dial};

/// So much of a response that is not read comes all the same. It is plenty, so that flow control is not what is measured.
const STREAM_WINDOW: u32 = 1 << 20;
/// As much as there can be (RFC 9113 §6.9.1): streams that nobody reads must not hold up those beside them.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

type Sender = http2::SendRequest<Full<Bytes>>;

/// A fixed number of connections, each opened when its turn first comes.
#[derive(Debug)]
pub(super) struct Shared {
    connections: Box<[Mutex<Option<Sender>>]>,
    turn: AtomicUsize,
}

impl Shared {
    pub(super) fn new(count: NonZeroUsize) -> Self {
        let connections = (0..count.get()).map(|_| Mutex::default()).collect();
        Self { connections, turn: AtomicUsize::new(0) }
    }

    pub(super) fn count(&self) -> usize {
        self.connections.len()
    }

    /// A part in the next connection, which is opened again if it has ended.
    pub(super) async fn join(&self, authority: &str) -> Result<Sender, Fault> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.connections.len();
        // Whoever comes while it is being opened waits, and opens no other.
        let mut connection = self.connections[turn].lock().await;
        if let Some(sender) = connection.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let sender = open(authority).await?;
        Ok(connection.insert(sender).clone())
    }
}

async fn open(authority: &str) -> Result<Sender, Fault> {
    let stream = dial(authority).await?;
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(STREAM_WINDOW).initial_connection_window_size(CONNECTION_WINDOW);
    let (sender, connection) = builder.handshake(stream).await.map_err(Fault::broken)?;
    // It ends with the last who has a part in it. Its failure is told to whoever waits for a response.
    tokio::task::spawn(connection);
    Ok(sender)
}
