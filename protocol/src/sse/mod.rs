//! Server-sent events, both ways (WHATWG HTML, "Server-sent events").

mod decode;
pub mod encode;
mod id;

pub use decode::{Event, SseDecoder, TooLong};
pub use id::EventId;
