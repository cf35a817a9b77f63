//! Waggle's data plane: any MCP server behind one URL that every MCP client can use.
//!
//! | module | concern |
//! |---|---|
//! | [`cli`], [`config`] | raw arguments, then only valid values |
//! | `server` | sockets, paths, who may talk to us, the admin port |
//! | `downstream` | towards the client: Streamable HTTP of both eras, and HTTP+SSE |
//! | `stream` | what messages for a client are put into: outlets and exchanges |
//! | `session` | one client's session: its streams and its place at an upstream |
//! | `upstream` | towards the server: what it speaks, processes or HTTP, and the multiplexers that serve many clients with them |
//! | [`demo`] | the built-in demo server |
//! | [`telemetry`] | logs and metrics |
//!
//! The rules of the protocol are values in `waggle_protocol`; this crate gives them sockets, processes and time.

pub mod cli;
mod clock;
pub mod config;
pub mod demo;
mod downstream;
mod error;
mod proxy;
mod server;
mod session;
mod stream;
pub mod telemetry;
mod upstream;

pub use proxy::{Error, Proxy};
pub use upstream::end_orphans;
