//! The edge of the revision 2026-07-28: what a message over Streamable HTTP must be, before any server sees it.
//!
//! | module | concern |
//! |---|---|
//! | [`mod@claim`] | which era a body belongs to |
//! | [`mod@check`] | metadata, headers, version and method of one message, in the order that errors are expected in |
//! | [`method`] | the methods that there are, and those that are gone |
//! | [`rejection`] | what a refused client gets: an HTTP status and a JSON-RPC error |
//! | [`sentinel`] | text that does not fit a header as it is |
//! | [`param_headers`] | arguments of tools that are repeated in headers |
//! | [`discover`] | what a server says about itself, for clients of the other era |
//!
//! Headers are read through a function from a lower-case name to the value. It must answer `None` for a header that
//! occurs more than once or is not visible ASCII: with two values, a middle box and a server could read different ones.

pub mod check;
pub mod claim;
pub mod discover;
pub mod method;
pub mod param_headers;
pub mod rejection;
pub mod sentinel;

/// Names of headers, in lower case.
pub mod header {
    /// The revision; equal to `_meta["io.modelcontextprotocol/protocolVersion"]`.
    pub const PROTOCOL_VERSION: &str = "mcp-protocol-version";
    /// The method.
    pub const METHOD: &str = "mcp-method";
    /// What the method is about: a tool's or prompt's name, a resource's URI, a task's id.
    pub const NAME: &str = "mcp-name";
    /// What the names of headers that repeat an argument begin with.
    pub const PARAM_PREFIX: &str = "mcp-param-";
}
