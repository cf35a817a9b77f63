//! What a server speaks, and on what terms an upstream speaks with it.

use bytes::Bytes;
use waggle_protocol::mux::Sharing;

use super::{handshake::Handshakes, http::HttpKind};

/// Whether a server opens with `initialize`, or takes every request by itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Era {
    /// Up to 2025-11-25.
    Legacy,
    /// 2026-07-28.
    Modern,
}

impl Era {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Modern => "modern",
        }
    }
}

/// How to speak with the server. Over stdio the two eras are told apart; over HTTP also the transports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Dialect {
    /// 2026-07-28.
    Modern,
    /// `initialize`, over stdio or Streamable HTTP.
    Legacy,
    /// `initialize`, over the deprecated HTTP+SSE.
    LegacySse,
}

impl Dialect {
    pub(crate) fn era(self) -> Era {
        match self {
            Self::Modern => Era::Modern,
            Self::Legacy | Self::LegacySse => Era::Legacy,
        }
    }
}

impl From<Dialect> for HttpKind {
    fn from(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Modern => Self::Modern,
            Dialect::Legacy => Self::Legacy,
            Dialect::LegacySse => Self::Sse,
        }
    }
}

/// The terms of one upstream.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) dialect: Dialect,
    /// Whether one client has the upstream for itself.
    pub(crate) sharing: Sharing,
    /// The raw params of the `initialize` that each connection is opened with; unused by a modern server.
    pub(crate) initialize: Bytes,
    /// A connection that does not come up ends it: somebody is finding out what the server speaks.
    pub(crate) tentative: bool,
}

impl Terms {
    /// For all clients of a server that takes every request by itself.
    pub(crate) fn modern() -> Self {
        Self::shared(Dialect::Modern)
    }

    /// For many clients behind one handshake of our own, which declares no capability.
    pub(crate) fn shared(dialect: Dialect) -> Self {
        Self { dialect, sharing: Sharing::Shared, initialize: Handshakes::own_params(), tentative: false }
    }

    /// For one client, which hears and is heard as if it had sent `initialize` itself.
    pub(crate) fn exclusive(dialect: Dialect, initialize: Bytes) -> Self {
        Self { dialect, sharing: Sharing::Exclusive, initialize, tentative: false }
    }

    /// The same, given up when the first connection does not come up.
    #[must_use]
    pub(crate) fn tentatively(self) -> Self {
        Self { tentative: true, ..self }
    }
}
