//! How many tools the server has, for whoever looks after the proxy. The proxy lists them itself: after a handshake,
//! and when the server says that they have changed; each time on the connection that told. No client notices.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use waggle_protocol::jsonrpc;

use super::{
    Server, Upstream,
    catalog::{self, Extent},
    errand::Errand,
    multiplexer::Inquiry,
};
use crate::telemetry::metrics::MethodLabel;

/// Between two counts: a server may tell changes without end.
const PAUSE: Duration = Duration::from_secs(1);

/// The last count, and whom to ask next.
#[derive(Debug, Default)]
pub(super) struct Census {
    state: Mutex<State>,
    wanted: Notify,
    /// Nothing is counted any more.
    over: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    tools: Option<usize>,
    next: Option<Weak<Upstream>>,
}

impl Census {
    /// The number of tools, as far as it is known.
    pub(super) fn tools(&self) -> Option<usize> {
        self.state.lock().tools
    }

    /// Gives up what is being counted, as nobody is to wait for it.
    pub(super) fn end(&self) {
        self.over.cancel();
    }

    /// The tools of this upstream's server are to be counted.
    pub(super) fn ask(&self, upstream: &Weak<Upstream>) {
        self.state.lock().next = Some(upstream.clone());
        self.wanted.notify_one();
    }

    /// Counts the tools of an upstream that has nothing else to do, and ends it.
    pub(super) async fn conclude(upstream: Arc<Upstream>) {
        let server = upstream.server.clone();
        if server.is_full() {
            // Whoever comes first would be refused while it lives: that is to be short.
            let _ = timeout(PAUSE, upstream.count_tools()).await;
            return upstream.end();
        }
        server.tracker.spawn(async move {
            upstream.count_tools().await;
            upstream.end();
            upstream.server.warm_up();
        });
    }

    /// Counts whenever it is asked for. Never completes.
    pub(super) async fn keep(server: Arc<Server>) {
        loop {
            server.census.wanted.notified().await;
            let next = server.census.state.lock().next.take();
            if let Some(upstream) = next.and_then(|next| next.upgrade()) {
                upstream.count_tools().await;
                drop(upstream);
                sleep(PAUSE).await;
            }
        }
    }
}

impl Upstream {
    /// Lists the server's tools and keeps their number. A server that cannot be asked, or does not answer in the time
    /// of a handshake, has an unknown number.
    pub(super) async fn count_tools(&self) {
        let within = self.server.config.now().times.handshake_timeout;
        let tools = match self.server.handshakes.known() {
            Some(handshake) if !handshake.offers("tools") => Some(0),
            _ => {
                let listed = self.server.census.over.run_until_cancelled(timeout(within, self.listed()));
                listed.await.and_then(Result::ok).flatten()
            }
        };
        tracing::debug!(tools, "the server's tools were counted");
        self.server.census.state.lock().tools = tools;
    }

    async fn listed(&self) -> Option<usize> {
        let mut count = Some(0);
        let ask = |cursor: Option<String>| async move {
            self.inquire(&catalog::request(cursor.as_deref()), MethodLabel::ToolsList).await
        };
        let extent = catalog::each_page(ask, |tools| {
            count = count.and_then(|count: usize| Some(count + jsonrpc::elements(tools).ok()?.len()));
        });
        let extent = extent.await?;
        count.filter(|_| extent == Extent::All)
    }

    /// The response to a request of the proxy's own; `None` if there is no connection now.
    async fn inquire(&self, message: &Bytes, method: MethodLabel) -> Option<Bytes> {
        let envelope = jsonrpc::scan(message).ok()?;
        let (errand, exchange) = Errand::new(&self.server, method);
        let _waiting = {
            let (mut state, now) = self.lock_with_room(message.len(), self.server.clock.now()).await.ok()?;
            if !state.mux.is_up() {
                return None;
            }
            state.mux.set_limits(self.server.mux_limits());
            let sent = state.mux.inquire(exchange, message, &envelope, now);
            Waiting { upstream: self, inquiry: self.sent(&mut state, sent).ok()? }
        };
        errand.answer().await
    }
}

/// A request of the proxy's own; dropped, it is given up.
struct Waiting<'a> {
    upstream: &'a Upstream,
    inquiry: Inquiry,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.upstream.state.lock();
        state.mux.withdraw(self.inquiry, self.upstream.server.clock.now());
        self.upstream.perform(&mut state);
    }
}
