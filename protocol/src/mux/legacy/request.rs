//! What is remembered of a request while the server is at work on it.

use bytes::Bytes;

use crate::{
    mux::{
        MemberKey,
        in_flight::{InFlight, WireId},
        level::Level,
    },
    time::Timestamp,
};

/// One request in flight.
#[derive(Debug)]
pub(super) struct Request<X> {
    pub(super) from: From<X>,
    /// When it was sent: its last extension is bounded from here.
    pub(super) sent: Timestamp,
    pub(super) deadline: Timestamp,
}

/// Who asked.
#[derive(Debug)]
pub(super) enum From<X> {
    Client(ClientRequest<X>),
    /// The multiplexer itself.
    Own(Own),
}

/// A client's request.
#[derive(Debug)]
pub(super) struct ClientRequest<X> {
    pub(super) member: MemberKey,
    pub(super) to: X,
    /// The client's raw id.
    pub(super) id: Bytes,
    /// The client's raw progress token.
    pub(super) token: Option<Bytes>,
    pub(super) then: Then,
}

/// What a successful response changes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Then {
    Nothing,
    Subscribed(String),
    Unsubscribed(String),
    LevelSet(Level),
}

/// A request of the multiplexer's own.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Own {
    Initialize,
    /// The first subscription to a URI, for all who wait for it.
    Subscribe(String),
    /// Restores or releases state; its answer changes nothing.
    Upkeep,
}

impl<X> InFlight<Request<X>> {
    /// The client's request with this id.
    pub(super) fn client(&self, id: WireId) -> Option<&ClientRequest<X>> {
        match &self.get(id)?.from {
            From::Client(client) => Some(client),
            From::Own(_) => None,
        }
    }

    /// The clients' requests, oldest first.
    pub(super) fn clients(&self) -> impl Iterator<Item = &ClientRequest<X>> {
        self.iter().filter_map(|(_, request)| match &request.from {
            From::Client(client) => Some(client),
            From::Own(_) => None,
        })
    }
}
