//! What is remembered of a request while the server is at work on it.

use bytes::Bytes;

use super::{ability::Abilities, dialogue::Dialogue};
use crate::{
    jsonrpc::{self, Envelope, Field},
    mux::{
        MemberKey,
        in_flight::{InFlight, WireId},
        level::Level,
        retain,
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
    /// Its driver, on nobody's behalf.
    Driver {
        to: X,
        /// The raw id that the driver gave it.
        id: Bytes,
    },
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
    /// Of a modern client, whose requests stand alone.
    pub(super) call: Option<Box<Call>>,
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

/// What a modern request says of its client, where a session would have said it once.
#[derive(Debug)]
pub(super) struct Call {
    kind: CallKind,
    /// The raw `params.uri`.
    uri: Option<Bytes>,
    /// The client's raw capabilities.
    capabilities: Option<Bytes>,
    /// The client wants log messages from this level on; none without it.
    pub(super) level: Option<Level>,
    /// What the server has been refused because the client does not declare it.
    pub(super) missing: Abilities,
    pub(super) dialogue: Dialogue,
}

/// Methods, as far as it matters here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum CallKind {
    /// Its result is to bear caching hints.
    List,
    /// Its result is to bear caching hints, and it may ask the client for input first.
    Read,
    /// It may ask the client for input first.
    Act,
    Other,
}

impl Call {
    pub(super) fn new(method: &str, message: &Bytes, envelope: &Envelope) -> Box<Self> {
        let kind = match method {
            "tools/call" | "prompts/get" => CallKind::Act,
            "resources/read" => CallKind::Read,
            "tools/list" | "prompts/list" | "resources/list" | "resources/templates/list" => CallKind::List,
            _ => CallKind::Other,
        };
        let raw = |field| envelope.span(field).map(|span| retain(span, message));
        Box::new(Self {
            kind,
            uri: raw(Field::ParamsUri),
            capabilities: raw(Field::MetaCapabilities),
            level: wanted_level(message, envelope),
            missing: Abilities::default(),
            dialogue: Dialogue::default(),
        })
    }

    /// The same request has come again: what it says of its client holds from now on.
    pub(super) fn renew(&mut self, message: &Bytes, envelope: &Envelope) {
        self.capabilities = envelope.span(Field::MetaCapabilities).map(|span| retain(span, message));
        self.level = wanted_level(message, envelope);
    }

    pub(super) fn is_cacheable(&self) -> bool {
        matches!(self.kind, CallKind::List | CallKind::Read)
    }

    /// Whether the method is one that may ask its client for input (multi-round-trip requests).
    pub(super) fn may_be_asked(&self) -> bool {
        matches!(self.kind, CallKind::Act | CallKind::Read)
    }

    pub(super) fn abilities(&self) -> Abilities {
        self.capabilities.as_deref().map(Abilities::parse).unwrap_or_default()
    }

    pub(super) fn uri(&self) -> Option<&[u8]> {
        self.uri.as_deref()
    }
}

impl<X> ClientRequest<X> {
    /// Whether it is a call whose client is to come back.
    pub(super) fn is_parked(&self) -> bool {
        self.call.as_ref().is_some_and(|call| call.dialogue.is_parked())
    }
}

impl<X> InFlight<Request<X>> {
    /// The client's request with this id.
    pub(super) fn client(&self, id: WireId) -> Option<&ClientRequest<X>> {
        match &self.get(id)?.from {
            From::Client(client) => Some(client),
            From::Own(_) | From::Driver { .. } => None,
        }
    }

    /// As [`InFlight::client`].
    pub(super) fn client_mut(&mut self, id: WireId) -> Option<&mut ClientRequest<X>> {
        match &mut self.get_mut(id)?.from {
            From::Client(client) => Some(client),
            From::Own(_) | From::Driver { .. } => None,
        }
    }

    /// The modern client's request with this id.
    pub(super) fn call_mut(&mut self, id: WireId) -> Option<&mut Call> {
        self.client_mut(id)?.call.as_deref_mut()
    }

    /// The clients' requests, oldest first.
    pub(super) fn clients(&self) -> impl Iterator<Item = (WireId, &ClientRequest<X>)> {
        self.iter().filter_map(|(id, request)| match &request.from {
            From::Client(client) => Some((id, client)),
            From::Own(_) | From::Driver { .. } => None,
        })
    }
}

fn wanted_level(message: &Bytes, envelope: &Envelope) -> Option<Level> {
    let span = envelope.span(Field::MetaLogLevel)?;
    Level::parse(&jsonrpc::text::string_value(span.of(message))?)
}
