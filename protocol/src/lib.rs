//! The Model Context Protocol on the wire, without I/O: bytes, events and time go in, effects come out.
//!
//! | module | concern |
//! |---|---|
//! | [`mod@line`] | newline-delimited messages out of arbitrary chunks (the stdio transport) |
//! | [`jsonrpc`] | one scan of a message, byte ranges of what routing needs, splicing |
//! | [`Gather`] | what all of them write into, ready for one vectored write |
//! | [`sse`] | server-sent events, both ways |
//! | [`session`] | streams towards one client, and their replay |
//! | [`mux`] | many sessions on one server process |
//! | [`modern`] | the edge of 2026-07-28: eras, metadata and headers |
//! | [`seal`] | state that a client keeps for us |
//! | [`version`] | what each revision allows |
//!
//! Nothing here waits, so there is nothing to cancel: dropping a driver's future between two calls leaves
//! every value in a consistent state.

#![forbid(unsafe_code)]

pub mod error;
mod gather;
mod input;
pub mod jsonrpc;
pub mod line;
pub mod modern;
pub mod mux;
pub mod seal;
pub mod session;
pub mod sse;
pub mod time;
pub mod version;

pub use gather::{COPY_LIMIT, Gather};
