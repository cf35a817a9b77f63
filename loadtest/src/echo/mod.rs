//! The bundled server. Its tools give back their arguments, report progress, take their time and tell every client of
//! something. The same answers over stdio and over HTTP; the latter is the floor: what a server does with nothing in
//! front of it.
//!
//! - `request`: the few fields of a message that the server looks at, read in one pass.
//! - `answer`: what the server writes.
//! - `server`: what a message asks for.
//! - [`stdio`]: carried out on stdin and stdout.
//! - [`http`]: carried out over HTTP, on all three transports.

mod answer;
pub mod http;
mod request;
mod server;
pub mod stdio;

/// Which revisions the server speaks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Era {
    /// Those up to 2025-11-25, which open with `initialize`.
    #[default]
    Legacy,
    /// 2026-07-28, with metadata in every request.
    Modern,
    /// Both, told apart by each request.
    Dual,
}

/// The resource that can be subscribed to.
pub const RESOURCE: &str = "echo://notices";
/// The key of `_meta` under which a notification carries its tag.
pub const NOTICE: &str = "loadtest/notice";
