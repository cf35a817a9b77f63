//! A black-box load tester for MCP endpoints: it drives any of them, and verifies every answer.
//!
//! - [`cli`]: what can be said on the command line.
//! - [`endpoint`]: the URL under test; only loopback unless told otherwise.
//! - [`transport`]: one session of a client, a file for each transport.
//! - [`verify`]: unique payloads, and what can be wrong with an answer.
//! - [`scenario`]: kinds of load, a file for each.
//! - [`usage`]: CPU and memory of the processes under test.
//! - [`report`]: what was measured, as a table or as JSON.
//! - [`echo`]: the bundled server, which speaks stdio, and HTTP by itself for the floor.

pub mod cli;
pub mod echo;
pub mod endpoint;
pub mod report;
pub mod scenario;
pub mod transport;
pub mod usage;
pub mod verify;
