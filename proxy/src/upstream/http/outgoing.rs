//! A message on its way to the server.

use bytes::Bytes;
use waggle_protocol::jsonrpc::{self, Envelope, Field, Kind, Payload, text};

/// A message to the server.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) body: Bytes,
    pub(super) envelope: Envelope,
    /// Empty for a response.
    pub(super) method: String,
    /// Its id, if it is a request; the multiplexer's are numbers.
    pub(super) id: Option<u64>,
}

impl Outgoing {
    pub(super) fn read(message: &Payload) -> Option<Self> {
        let body = message.to_bytes();
        let envelope = jsonrpc::scan(&body).ok()?;
        let method = envelope.method(&body).into_owned();
        let id = match envelope.kind() {
            Kind::Request => Some(text::integer_value(envelope.span(Field::Id)?.of(&body))?),
            _ => None,
        };
        Some(Self { body, envelope, method, id })
    }

    pub(super) fn is_request(&self) -> bool {
        self.id.is_some()
    }
}
