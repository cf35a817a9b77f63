//! The names of the headers that go with messages.

use http::HeaderName;
use waggle_protocol::modern::header;

pub(super) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static(header::PROTOCOL_VERSION);
pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// The method of the message (2026-07-28).
pub(super) const METHOD: HeaderName = HeaderName::from_static(header::METHOD);
/// What the method is applied to: a tool, a prompt, a resource, a task (2026-07-28).
pub(super) const NAME: HeaderName = HeaderName::from_static(header::NAME);
