//! What the server's tools want repeated in headers (`x-mcp-header`), read from its own `tools/list`: fetched when
//! it is first needed, and again after the server says that its tools have changed.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{json, value::RawValue};
use tokio::time::timeout;
use waggle_protocol::{jsonrpc, modern::param_headers::ToolIndex, seal::Principal, version::MODERN};

use super::{Fleet, Settled, errand::Errand};
use crate::telemetry::metrics::MethodLabel;

/// More pages, and more bytes, than any server has; a listing that never ends is cut off here.
const PAGES: usize = 100;
const BYTES: usize = 64 << 20;

/// One page of `tools/list`.
#[derive(serde::Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    result: Page<'a>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    #[serde(borrow)]
    tools: &'a RawValue,
    next_cursor: Option<String>,
}

/// How much of a listing was read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Extent {
    All,
    /// The rest was cut off.
    Part,
}

/// Reads a listing page by page: `ask` has the answer for a cursor, `take` gets the raw array of tools. `None` if a
/// page cannot be had.
pub(super) async fn each_page<F>(
    ask: impl Fn(Option<String>) -> F,
    mut take: impl FnMut(&[u8]),
) -> Option<Extent>
where
    F: Future<Output = Option<Bytes>>,
{
    let (mut cursor, mut bytes) = (None, 0);
    for _ in 0..PAGES {
        let answer = ask(cursor).await?;
        let page = serde_json::from_slice::<Answer<'_>>(&answer).ok()?.result;
        take(page.tools.get().as_bytes());
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Some(Extent::All);
        }
        bytes += answer.len();
        if bytes > BYTES {
            break;
        }
    }
    Some(Extent::Part)
}

/// `tools/list`, as a modern server takes it; what a legacy one must not see is taken out on the way.
pub(super) fn request(cursor: Option<&str>) -> Bytes {
    let mut params = json!({ "_meta": {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    } });
    if let Some(cursor) = cursor {
        params["cursor"] = json!(cursor);
    }
    jsonrpc::build::request(1, "tools/list", Some(params.to_string().as_bytes()))
}

/// The newest index.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    known: Mutex<Known>,
    /// Held by whoever is fetching, so that the server is asked once.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    index: Option<Arc<ToolIndex>>,
    /// How often the tools were said to have changed: what was fetched before is not kept after.
    changes: u64,
}

impl Catalog {
    /// The tools have changed, or may have.
    pub(super) fn forget(&self) {
        let mut known = self.known.lock();
        known.index = None;
        known.changes += 1;
    }

    fn get(&self) -> (Option<Arc<ToolIndex>>, u64) {
        let known = self.known.lock();
        (known.index.clone(), known.changes)
    }

    fn keep(&self, index: &Arc<ToolIndex>, changes: u64) {
        let mut known = self.known.lock();
        if known.changes == changes {
            known.index = Some(index.clone());
        }
    }
}

impl Fleet {
    /// What the server's tools want repeated in headers. A server that cannot be asked wants nothing.
    pub(crate) async fn tools(&self, settled: &Settled) -> Arc<ToolIndex> {
        let catalog = &self.server.catalog;
        if let (Some(index), _) = catalog.get() {
            return index;
        }
        let _fetching = catalog.fetching.lock().await;
        let (known, changes) = catalog.get();
        if let Some(index) = known {
            return index;
        }
        let within = self.server.config.now().times.handshake_timeout;
        let fetched = timeout(within, self.fetch_tools(settled)).await.ok().flatten();
        match fetched.map(Arc::new) {
            Some(index) => {
                catalog.keep(&index, changes);
                index
            }
            None => {
                tracing::debug!("the server's tools could not be listed");
                Arc::default()
            }
        }
    }

    async fn fetch_tools(&self, settled: &Settled) -> Option<ToolIndex> {
        let mut index = ToolIndex::default();
        each_page(
            |cursor| self.tools_page(settled, cursor),
            |tools| {
                for invalid in index.add(tools) {
                    tracing::warn!(
                        tool = invalid.name,
                        reason = invalid.reason,
                        "the tool's x-mcp-header is ignored"
                    );
                }
            },
        )
        .await?;
        Some(index)
    }

    async fn tools_page(&self, settled: &Settled, cursor: Option<String>) -> Option<Bytes> {
        let message = request(cursor.as_deref());
        let envelope = jsonrpc::scan(&message).ok()?;
        let (errand, exchange) = Errand::new(&self.server, MethodLabel::ToolsList);
        let _caller = self.call(settled, Principal::ANONYMOUS, exchange, &message, &envelope).await.ok()?;
        errand.answer().await
    }
}
