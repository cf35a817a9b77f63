//! The demo server, spoken to over a pipe in memory. Time is paused: it jumps to the next timer when all is idle.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

mod client;
mod content;
mod session;
mod tools;
