//! How a server is spoken to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How an MCP server is spoken to.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// JSON-RPC lines on the stdin and stdout of a process.
    Stdio,
    /// Streamable HTTP, revisions from 2025-03-26.
    StreamableHttp,
    /// HTTP+SSE of revision 2024-11-05.
    Sse,
}
