//! The echo server over HTTP by itself: Streamable HTTP of either era at `/mcp`, HTTP+SSE at `/sse`; by HTTP/1.1
//! and by HTTP/2 with prior knowledge.

mod body;
mod clients;
mod connection;
mod events;
mod routes;

use std::{io, net::SocketAddr, sync::Arc};

use tokio::net::TcpListener;

use super::{Era, server::Server};
use clients::Clients;

/// A server that listens.
#[derive(Debug)]
pub struct EchoHttp {
    listener: TcpListener,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: Server,
    clients: Arc<Clients>,
}

impl EchoHttp {
    /// Listens on the address.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn bind(address: SocketAddr, era: Era) -> io::Result<Self> {
        let shared = Shared { server: Server::new(era, false), clients: Arc::default() };
        Ok(Self { listener: TcpListener::bind(address).await?, shared: Arc::new(shared) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The socket has no address.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves for as long as it is polled.
    pub async fn serve(self) {
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                // Too many files: those who wait are served when others have gone.
                Err(_) => {
                    tokio::task::yield_now().await;
                    continue;
                }
            };
            let _ = stream.set_nodelay(true);
            tokio::task::spawn(connection::serve(stream, self.shared.clone()));
        }
    }
}
