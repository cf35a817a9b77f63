//! The controller against an API server in memory: what it asks for, what it writes, and what it does when it is refused.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

mod fake;
mod lease;
mod merge;
mod scenarios;
mod world;
