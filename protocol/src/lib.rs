//! The Model Context Protocol on the wire, without I/O.
//!
//! Bytes go in, byte ranges and bytes come out: no sockets, no clock, no runtime. The layers, lowest first:
//!
//! - [`mod@line`]: newline-delimited messages out of arbitrary chunks (the stdio transport),
//! - [`jsonrpc`]: the byte ranges of the few fields that routing needs, and messages rewritten by replacing
//!   exactly such ranges,
//! - [`sse`]: server-sent events, both ways,
//! - [`Gather`]: what all of them write into, ready for one vectored write.

mod gather;
mod input;
pub mod jsonrpc;
pub mod line;
pub mod sse;

pub use gather::{COPY_LIMIT, Gather};
