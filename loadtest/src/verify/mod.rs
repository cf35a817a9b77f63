//! Unique payloads, and what can be wrong with an answer or a notification.
//!
//! - [`tag`]: what makes a payload unique.
//! - [`tally`]: what is counted.
//! - [`answer`]: answers of tools.
//! - [`notices`]: numbered notifications.

pub mod answer;
pub mod notices;
pub mod tag;
pub mod tally;

pub use self::{answer::Exchange, notices::Notices, tag::Tag, tally::Tally};
