//! Accepts connections within the limit and serves HTTP/1.1 and HTTP/2 (prior knowledge) on them.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

use hyper::{
    Request, Response,
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioTimer},
    server::{conn::auto, graceful::GracefulConnection},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{head_timer::HeadTimer, socket::Socket};
use crate::{
    config::Live, downstream::Body, slots::Slots, telemetry::metrics::Metrics, when_woken::WhenWoken,
};

/// Pause after a failed accept: the process is out of file descriptors, and trying at once burns a core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// HTTP/2: a peer that answers no ping within this time is gone.
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// HTTP/2: how every connection begins (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// HTTP/2: requests and streams that one connection may have open.
const STREAMS_PER_CONNECTION: u32 = 1000;

/// How connections are served.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) config: Arc<Live>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) tracker: TaskTracker,
    /// Stop accepting.
    pub(crate) closing: CancellationToken,
    /// End open connections once their requests are answered.
    pub(crate) drained: CancellationToken,
}

impl Listener {
    /// Accepts until `closing`. The slot is taken before the connection: beyond the limit clients wait in
    /// the kernel's queue, and nothing is spent on them.
    pub(crate) async fn run<S, F>(self: Arc<Self>, listener: TcpListener, slots: Arc<Slots>, answer: S)
    where
        S: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
    {
        loop {
            if slots.are_taken() {
                self.metrics.limit_hit("max_connections");
            }
            let accepted = tokio::select! {
                biased;
                () = self.closing.cancelled() => return,
                // The slot may be one too many now.
                () = self.config.replaced() => continue,
                accepted = async {
                    let slot = slots.take().await;
                    listener.accept().await.map(|(stream, _)| (stream, slot))
                } => accepted,
            };
            match accepted {
                Ok((stream, slot)) => {
                    let this = self.clone();
                    let answer = answer.clone();
                    self.tracker.spawn(async move {
                        this.metrics.connections.inc();
                        this.serve(stream, answer).await;
                        this.metrics.connections.dec();
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn serve<S, F>(&self, stream: TcpStream, answer: S)
    where
        S: Fn(Request<Incoming>) -> F + Send + 'static,
        F: Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
    {
        let within = {
            let times = &self.config.now().times;
            if let Err(error) = prepare(&stream, times.stall_timeout) {
                tracing::debug!(%error, "socket options");
            }
            times.header_timeout
        };
        let asked = Arc::new(AtomicBool::new(false));
        let first = asked.clone();
        let service = service_fn(move |request| {
            first.store(true, Ordering::Relaxed);
            // hyper keeps room for it as long as the connection lives, and most connections have nothing to answer.
            Box::pin(answer(request))
        });
        let served = tokio::select! {
            biased;
            served = self.serve_either(stream, service, &asked) => served,
            () = never_asks(&asked, within) => {
                self.metrics.limit_hit("header_timeout");
                return;
            }
        };
        if let Err(error) = served {
            tracing::debug!(error, "connection ended early");
        }
    }

    /// Serves the version of HTTP that the client speaks. That of most is HTTP/1.1, which is looked for first: what can
    /// speak both costs a connection more memory.
    async fn serve_either<S>(&self, stream: TcpStream, service: S, asked: &AtomicBool) -> Result<(), String>
    where
        S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
        S::Future: Send + 'static,
    {
        let is_http1 = tokio::select! {
            biased;
            is_http1 = begins_as_http1(&stream) => is_http1,
            () = self.drained.cancelled() => return Ok(()),
        };
        let stream = Socket::new(stream);
        if is_http1 {
            let connection = self.http1().serve_connection(stream, service);
            return self.until_drained(connection, asked).await.map_err(|error| error.to_string());
        }
        let builder = self.either();
        let connection = Box::pin(self.until_drained(builder.serve_connection(stream, service), asked));
        connection.await.map_err(|error| error.to_string())
    }

    fn http1(&self) -> http1::Builder {
        let mut builder = http1::Builder::new();
        let within = self.config.now().times.header_timeout;
        builder.timer(HeadTimer::default()).header_read_timeout(within);
        builder
    }

    fn either(&self) -> auto::Builder<TokioExecutor> {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        let times = &self.config.now().times;
        builder.http1().timer(TokioTimer::new()).header_read_timeout(times.header_timeout);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_PER_CONNECTION)
            .keep_alive_interval(times.keep_alive)
            .keep_alive_timeout(PING_TIMEOUT);
        builder
    }

    /// Drives the connection until it ends; once drained, until its requests are answered.
    async fn until_drained<C: GracefulConnection>(
        &self,
        connection: C,
        asked: &AtomicBool,
    ) -> Result<(), C::Error> {
        let mut connection = pin!(connection);
        tokio::select! {
            biased;
            served = connection.as_mut() => served,
            () = WhenWoken::new(self.drained.cancelled()) => {
                if !asked.load(Ordering::Relaxed) {
                    // Nothing is owed to it; hyper would wait for its first request.
                    return Ok(());
                }
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    }
}

/// Whether the first bytes that come are no preface of HTTP/2, nor the begin of one. They stay unread.
async fn begins_as_http1(stream: &TcpStream) -> bool {
    let mut bytes = [0; PREFACE.len()];
    let peeked = stream.peek(&mut bytes).await;
    peeked.is_ok_and(|length| !PREFACE.starts_with(&bytes[..length]))
}

/// Completes when the connection's first request has not come in time. The HTTP versions have their own limits
/// for their heads, but none for a client that does not even say which version it speaks.
async fn never_asks(asked: &AtomicBool, within: Duration) {
    let mut over = pin!(tokio::time::sleep(within));
    // A connection that has asked is polled for each of its requests: the timer is not looked at any more.
    poll_fn(|cx| match asked.load(Ordering::Relaxed) {
        true => Poll::Pending,
        false => over.as_mut().poll(cx),
    })
    .await
}

/// No delay for small answers; and a peer that takes no byte for `stall` is cut off by the kernel, dead or
/// merely not reading.
fn prepare(stream: &TcpStream, stall: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(stall))?;
    #[cfg(not(target_os = "linux"))]
    let _ = stall;
    Ok(())
}
