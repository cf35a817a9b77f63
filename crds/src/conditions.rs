//! The conditions of an `MCPServer`, in the order in which they become true, and their sum.

use std::fmt;

/// What a condition is about; its `type` in the status.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ConditionType {
    /// The specification can be carried out as it is written.
    Accepted,
    /// It is known what to run: the command was given, or read from the image in its registry.
    ImageResolved,
    /// As many pods as wanted are ready.
    Available,
    /// The server has answered an MCP handshake, and the proxy in front of it serves clients.
    Reachable,
    /// The sum of all others: clients can use the server under `status.url`.
    Ready,
}

impl ConditionType {
    /// All, in their order in the status.
    pub const ALL: [Self; 5] =
        [Self::Accepted, Self::ImageResolved, Self::Available, Self::Reachable, Self::Ready];

    /// The text in the field `type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::ImageResolved => "ImageResolved",
            Self::Available => "Available",
            Self::Reachable => "Reachable",
            Self::Ready => "Ready",
        }
    }
}

impl fmt::Display for ConditionType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
