//! The generated schema: it is up to date, the API server can take it, and its words are true.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

mod examples;
mod fields;
mod generated;
mod manifests;
mod reference;
mod structure;
mod validate;
