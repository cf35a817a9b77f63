//! Sessions attached to one server process.

use crate::mux::{in_flight::WireId, level::Level};

/// One attached session.
#[derive(Debug)]
pub(super) struct Member<S> {
    pub(super) session: S,
    /// The client has sent `notifications/initialized`.
    pub(super) initialized: bool,
    /// The level that the client asked for.
    pub(super) level: Option<Level>,
    /// Its requests in flight, oldest first: few, so a list.
    pub(super) in_flight: Vec<WireId>,
}

impl<S> Member<S> {
    pub(super) fn new(session: S) -> Self {
        Self { session, initialized: false, level: None, in_flight: Vec::new() }
    }

    pub(super) fn forget(&mut self, id: WireId) {
        if let Some(position) = self.in_flight.iter().rposition(|held| *held == id) {
            self.in_flight.remove(position);
        }
    }
}
