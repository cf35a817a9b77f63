//! JSON-RPC 2.0 messages as bytes.
//!
//! A message is never parsed into a tree. [`scan()`] validates it in one pass and yields an [`Envelope`]: its kind and
//! the byte ranges ([`Span`]) of a few [`Field`]s. [`splice()`] replaces such ranges and leaves every other byte as it
//! came, so number spelling, escapes, key order and unknown members survive.

mod batch;
pub mod build;
mod envelope;
mod error;
mod field;
mod lexer;
pub mod object;
mod payload;
mod scan;
mod span;
mod splice;
pub mod text;

pub use batch::{elements, is_batch};
pub use envelope::{Envelope, Kind};
pub use error::{INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, PARSE_ERROR, ScanError};
pub use field::Field;
pub use lexer::MAX_DEPTH;
pub use object::{Member, members};
pub use payload::{COMPACT_LIMIT, Payload};
pub use scan::scan;
pub use span::Span;
pub use splice::{Edit, one_line, splice};
