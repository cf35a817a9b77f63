//! A black-box load tester for MCP endpoints: it drives any of them, and verifies every answer.
//!
//! - [`cli`]: what can be said on the command line.
//! - [`endpoint`]: the URL under test; only loopback unless told otherwise.
//! - [`transport`]: one session of a client, a file for each transport.
//! - [`verify`]: unique payloads, and what can be wrong with an answer.
//! - [`scenario`]: kinds of load, a file for each.
//! - [`limits`]: as many open files as there may be; [`machine`]: what it is.
//! - [`size`]: numbers of bytes as people write them.
//! - [`meter`], [`usage`]: throughput over time; CPU and memory of the processes under test.
//! - [`compare`]: several bridges in turn, beside the bare server.
//! - [`report`]: what was measured, as a table, as JSON and as HTML with plots.
//! - [`echo`]: the bundled server, which speaks stdio, and HTTP by itself for the floor.

#![forbid(unsafe_code)]

pub mod cli;
pub mod compare;
pub mod echo;
pub mod endpoint;
pub mod limits;
pub mod machine;
pub mod meter;
pub mod report;
pub mod scenario;
pub mod size;
pub mod transport;
pub mod usage;
pub mod verify;
