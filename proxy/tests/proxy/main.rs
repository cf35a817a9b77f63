//! The real program, in front of a real server process, spoken to by clients that see every byte.
//!
//! Nothing here waits for a time to pass: a test waits for messages, for exits, or asks until a state is reached.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

mod streamable_http;
mod support;
