//! What is remembered of a request while the server is at work on it.

use bytes::Bytes;

use super::{filter::Kinds, rounds::Rounds};
use crate::{
    mux::{
        MemberKey,
        in_flight::{InFlight, WireId},
    },
    time::Timestamp,
};

/// One request in flight.
#[derive(Debug)]
pub(super) struct Request<X> {
    pub(super) from: From<X>,
    /// When it was sent: its last extension is bounded from here.
    pub(super) sent: Timestamp,
    /// When its time is over, if it has one.
    pub(super) deadline: Option<Timestamp>,
}

/// Who asked.
#[derive(Debug)]
pub(super) enum From<X> {
    Call(Call<X>),
    Listen(Listen<X>),
    /// The multiplexer itself.
    Own(Own),
}

/// A request of the multiplexer's own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Own {
    Discover,
    /// `subscriptions/listen` for all legacy sessions.
    Feed,
}

/// A client's request that ends in a response.
#[derive(Debug)]
pub(super) struct Call<X> {
    pub(super) member: MemberKey,
    pub(super) to: X,
    /// The client's raw id.
    pub(super) id: Bytes,
    /// The client's raw progress token.
    pub(super) token: Option<Bytes>,
    /// Whether it bears a `logLevel`: the server logs for no other.
    pub(super) logs: bool,
    /// What a legacy client's call needs besides.
    pub(super) legacy: Option<Box<LegacyCall>>,
}

/// One `subscriptions/listen`.
#[derive(Debug)]
pub(super) struct Listen<X> {
    pub(super) member: MemberKey,
    pub(super) to: X,
    /// The client's raw id, and so the subscription's to the client.
    pub(super) id: Bytes,
    /// The request as it came, for the next process.
    pub(super) message: Bytes,
    /// The lists whose changes the client was promised, once the server has acknowledged the subscription.
    pub(super) granted: Option<Kinds>,
}

/// What is remembered of a legacy client's call.
#[derive(Debug)]
pub(super) struct LegacyCall {
    pub(super) method: Method,
    /// The greatest progress that the client has seen.
    pub(super) progress: f64,
    pub(super) rounds: Rounds,
}

/// The methods whose results or errors a legacy client may not understand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Method {
    ToolsCall,
    ToolsList,
    PromptsGet,
    ResourcesRead,
    Other,
}

impl Method {
    pub(super) fn parse(name: &str) -> Self {
        match name {
            "tools/call" => Self::ToolsCall,
            "tools/list" => Self::ToolsList,
            "prompts/get" => Self::PromptsGet,
            "resources/read" => Self::ResourcesRead,
            _ => Self::Other,
        }
    }

    /// Whether its result may ask for input.
    pub(super) fn may_ask(self) -> bool {
        matches!(self, Self::ToolsCall | Self::PromptsGet | Self::ResourcesRead)
    }
}

impl<X> From<X> {
    /// Whether an answer must come in time. The time for a handshake is the driver's to bound, and
    /// subscriptions live on.
    pub(super) fn is_bounded(&self) -> bool {
        matches!(self, Self::Call(_) | Self::Own(Own::Feed))
    }
}

impl<X> Call<X> {
    /// Whether the server has answered that it needs input, and the client is being asked for it.
    pub(super) fn asks(&self) -> bool {
        self.legacy.as_ref().is_some_and(|legacy| legacy.rounds.asks())
    }
}

impl<X> InFlight<Request<X>> {
    /// The call with this id.
    pub(super) fn call(&self, id: WireId) -> Option<&Call<X>> {
        match &self.get(id)?.from {
            From::Call(call) => Some(call),
            _ => None,
        }
    }

    pub(super) fn call_mut(&mut self, id: WireId) -> Option<&mut Call<X>> {
        match &mut self.get_mut(id)?.from {
            From::Call(call) => Some(call),
            _ => None,
        }
    }

    /// The client's subscription with this id.
    pub(super) fn listen_mut(&mut self, id: WireId) -> Option<&mut Listen<X>> {
        match &mut self.get_mut(id)?.from {
            From::Listen(listen) => Some(listen),
            _ => None,
        }
    }
}
