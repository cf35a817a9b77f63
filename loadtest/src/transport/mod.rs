//! One session of a client, a file for each transport.

mod connection;
mod events;
pub mod streamable_http;

use std::fmt;

/// The transports that can be driven.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Transport {
    /// Streamable HTTP of revisions up to 2025-11-25: `initialize`, then a session.
    StreamableHttp,
    /// Streamable HTTP of 2026-07-28: no session, metadata in every request.
    Stateless,
}

/// Why a request has no answer.
#[derive(Debug)]
pub enum Fault {
    /// It was refused with this status.
    Refused(hyper::StatusCode),
    /// The connection failed, before or amid the response.
    Broken(String),
    /// The response ended without the answer.
    Lost,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(status) => write!(formatter, "refused with {status}"),
            Self::Broken(reason) => write!(formatter, "the connection failed: {reason}"),
            Self::Lost => formatter.write_str("the response ended without an answer"),
        }
    }
}
