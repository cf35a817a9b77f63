//! The real program, in front of a real server process, spoken to by clients that see every byte.
//!
//! Nothing here waits for a time to pass: a test waits for messages, for exits, or asks until a state is reached.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

mod access;
mod admin;
mod answers;
mod back_pressure;
mod batches;
mod eras;
mod faults;
mod fidelity;
mod http_faults;
mod http_sse;
mod http_upstream;
mod launcher;
mod launcher_drain;
mod launcher_faults;
mod launcher_limits;
mod launcher_pod;
mod launcher_start;
mod legacy_on_modern;
mod limits;
mod many;
mod modern_edge;
mod modern_input;
mod modern_leases;
mod modern_listen;
mod modern_on_legacy;
mod modern_on_modern;
mod probe;
mod processes;
mod reload;
mod restarts;
mod resumption;
mod sessions;
mod shared;
mod shutdown;
mod startup;
mod status;
mod streamable_http;
mod support;
