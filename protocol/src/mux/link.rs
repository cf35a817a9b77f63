//! The link to a server process: its states, and what waits for it.
//!
//! ```text
//!            connecting          up
//!   Down ─────────────▶ Connecting ───▶ Up
//!    ▲                       │           │
//!    └──────── down ─────────┴── down ───┘
//! ```

use std::collections::VecDeque;

use super::in_flight::WireId;
use crate::jsonrpc::Payload;

/// See the drawing in the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Link {
    state: State,
    /// Lines for the server, in order, with the ids of those that are requests; empty while the link is up.
    held: VecDeque<(Option<WireId>, Payload)>,
    held_bytes: usize,
    /// Handshakes completed.
    handshakes: u64,
}

#[derive(Debug, Default, Eq, PartialEq)]
enum State {
    #[default]
    Down,
    Connecting,
    Up,
}

impl Link {
    pub(super) fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// Whether there is a process, though it may not have answered the handshake yet.
    pub(super) fn has_process(&self) -> bool {
        self.state != State::Down
    }

    /// Whether any process has ever answered the handshake.
    pub(super) fn has_been_up(&self) -> bool {
        self.handshakes > 0
    }

    /// Whether the process has taken the place of another one.
    pub(super) fn is_successor(&self) -> bool {
        self.handshakes > 1
    }

    /// Whether there is a process, or something waits for one.
    pub(super) fn is_wanted(&self) -> bool {
        self.has_process() || !self.held.is_empty()
    }

    /// Bytes that wait for the link to come up.
    pub(super) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// A process has started.
    pub(super) fn connecting(&mut self) {
        debug_assert!(self.state == State::Down, "connect without disconnected");
        self.state = State::Connecting;
    }

    /// The process has answered the handshake; yields what waited for that.
    pub(super) fn up(&mut self) -> impl Iterator<Item = Payload> + use<> {
        self.state = State::Up;
        self.handshakes += 1;
        self.release()
    }

    /// The process is gone, and so is what waited for it.
    pub(super) fn down(&mut self) {
        self.state = State::Down;
        drop(self.release());
    }

    /// Keeps the line while the link is not up, else gives it back.
    pub(super) fn hold(&mut self, request: Option<WireId>, payload: Payload) -> Option<Payload> {
        if self.is_up() {
            return Some(payload);
        }
        self.held_bytes += payload.len();
        self.held.push_back((request, payload));
        None
    }

    /// Forgets a request that is still held; false if it is not.
    pub(super) fn withdraw(&mut self, id: WireId) -> bool {
        let Some(position) = self.held.iter().position(|(held, _)| *held == Some(id)) else { return false };
        self.held_bytes -= self.held.remove(position).map_or(0, |(_, payload)| payload.len());
        true
    }

    fn release(&mut self) -> impl Iterator<Item = Payload> + use<> {
        self.held_bytes = 0;
        std::mem::take(&mut self.held).into_iter().map(|(_, payload)| payload)
    }
}
