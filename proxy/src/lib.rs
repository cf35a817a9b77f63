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
//! | `child` | child processes with their groups, pipes and orphans |
//! | [`launch`] | the launcher, which runs the server in its own container, and what it and the proxy say to each other |
//! | [`demo`] | the built-in demo server |
//! | [`probe`] | a client's first steps, to see whether a server answers |
//! | [`telemetry`] | logs and metrics |
//! | [`program`] | `waggle-proxy` itself, and what it says at start |
//!
//! The rules of the protocol are values in `waggle_protocol`; this crate gives them sockets, processes and time.

mod banner;
mod child;
pub mod cli;
mod clock;
pub mod config;
pub mod demo;
mod downstream;
mod error;
mod gate;
pub mod launch;
pub mod probe;
pub mod program;
mod proxy;
mod reload;
mod secret;
mod server;
mod session;
mod slots;
mod stream;
pub mod telemetry;
mod upstream;
mod utc;
mod when_woken;

pub use child::end_orphans;
pub use proxy::{Error, Proxy};
pub use reload::Reloader;
