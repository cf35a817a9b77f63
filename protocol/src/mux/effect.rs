//! What the multiplexer asks its driver to do.

use super::MemberKey;
use crate::jsonrpc::Payload;

/// One effect; effects are performed in the order in which they come.
///
/// `S` stands for a client's session, `X` for the exchange that one request of it opened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Effect<S, X> {
    /// Write one line to the server.
    ToServer(Payload),
    /// The exchange's response: nothing follows it.
    Answer {
        /// The exchange.
        to: X,
        /// The response, with the client's own id.
        message: Payload,
        /// The error's code, if the response is one.
        error: Option<i64>,
    },
    /// The server asks the client of a modern exchange something before it can answer: the exchange is to be
    /// answered with `input_required` (2026-07-28, multi-round-trip requests), and the call stays open until
    /// the client comes back, or the driver gives it up with `detach`.
    InputRequired {
        /// The exchange; nothing else follows on it.
        to: X,
        /// The client's raw id for it.
        id: bytes::Bytes,
        /// The caller that waits, to be named when the client comes back.
        member: MemberKey,
        /// Which round this is, from 1.
        round: u32,
        /// The raw `inputRequests` object.
        requests: bytes::Bytes,
    },
    /// The server says that one of its lists has changed: what was concluded from it is outdated.
    ListChanged(ListKind),
    /// A message that belongs to the exchange's stream and precedes its response.
    Related {
        /// The exchange.
        to: X,
        /// A notification or a request of the server's.
        message: Payload,
    },
    /// A message for the session's standalone stream.
    Background {
        /// The session.
        to: S,
        /// A notification or a request of the server's.
        message: Payload,
    },
    /// The exchange gets no response: its request was cancelled.
    End {
        /// The exchange.
        to: X,
    },
    /// The server has answered the handshake and everything held for it has been sent.
    Ready {
        /// The raw `result` of its `initialize` or `server/discover`.
        handshake: bytes::Bytes,
    },
    /// The server has refused the handshake.
    Refused {
        /// The raw response.
        response: bytes::Bytes,
    },
    /// A message was dropped.
    Dropped(DropReason),
}

/// A list of the server's that can change.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum ListKind {
    /// `tools/list`
    Tools,
    /// `prompts/list`
    Prompts,
    /// `resources/list`
    Resources,
}

impl ListKind {
    pub(super) const ALL: [Self; 3] = [Self::Tools, Self::Prompts, Self::Resources];

    /// The notification of a change.
    pub fn notification(self) -> &'static str {
        match self {
            Self::Tools => "notifications/tools/list_changed",
            Self::Prompts => "notifications/prompts/list_changed",
            Self::Resources => "notifications/resources/list_changed",
        }
    }

    /// The list whose change the notification tells.
    pub(super) fn of_notification(method: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.notification() == method)
    }
}

/// Why a message was dropped; a closed set, counted by name.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum DropReason {
    /// A response to a request that is not in flight: late, or never sent.
    UnknownResponse,
    /// Progress for a request that is not in flight, or that asked for none.
    UnknownProgress,
    /// A cancellation of a request that is not in flight in that session.
    UnknownCancellation,
    /// A client's response to a question that it was not asked.
    UnknownAnswer,
    /// A log message that cannot be given to one session with certainty.
    UnattributableLog,
    /// A log message below the level that the session asked for.
    BelowLevel,
    /// A message of the server's that has no owner when clients share it.
    Unattributable,
    /// A client's notification that concerns a server of its own, not a shared one.
    NotShareable,
    /// A message about a call whose client is away, beyond what is kept until it comes back.
    ClientAway,
    /// Progress that is not greater than what the client has seen.
    StaleProgress,
    /// A message of a subscription that is not open, or not any more.
    UnknownSubscription,
}

impl DropReason {
    /// Every reason.
    pub const ALL: [Self; 11] = [
        Self::UnknownResponse,
        Self::UnknownProgress,
        Self::UnknownCancellation,
        Self::UnknownAnswer,
        Self::UnattributableLog,
        Self::BelowLevel,
        Self::Unattributable,
        Self::NotShareable,
        Self::ClientAway,
        Self::StaleProgress,
        Self::UnknownSubscription,
    ];

    /// The reason's name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownResponse => "unknown_response",
            Self::UnknownProgress => "unknown_progress",
            Self::UnknownCancellation => "unknown_cancellation",
            Self::UnknownAnswer => "unknown_answer",
            Self::UnattributableLog => "unattributable_log",
            Self::BelowLevel => "below_level",
            Self::Unattributable => "unattributable",
            Self::NotShareable => "not_shareable",
            Self::ClientAway => "client_away",
            Self::StaleProgress => "stale_progress",
            Self::UnknownSubscription => "unknown_subscription",
        }
    }
}
