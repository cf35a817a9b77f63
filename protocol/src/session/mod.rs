//! A client's session up to revision 2025-11-25: the streams towards one client, and what can be
//! replayed on them.

mod event_log;
mod stream;

pub use event_log::{Event, EventLog, ReplayLimits};
pub use stream::{Class, Gone, Pushed, Read, Stream, StreamLimits, Ticket};
