//! What waits for the server to take it.

use std::collections::VecDeque;

use waggle_protocol::jsonrpc::Payload;

use super::stdin;

/// Messages that wait for the server to read.
#[derive(Debug)]
pub(super) enum Outgoing {
    Pipe(stdin::Queue),
    /// Each becomes a request of its own.
    Http(VecDeque<Payload>),
}

impl Outgoing {
    pub(super) fn push(&mut self, line: Payload) {
        match self {
            Self::Pipe(queue) => queue.push(&line),
            Self::Http(queue) => queue.push_back(line),
        }
    }

    /// Sends what is queued here and now; false if it is for the connection's task to send.
    pub(super) fn send_at_once(&mut self) -> bool {
        match self {
            Self::Pipe(queue) => queue.write_at_once(),
            Self::Http(_) => false,
        }
    }

    /// Bytes that the server has not read from us.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Pipe(queue) => queue.bytes(),
            Self::Http(queue) => queue.iter().map(Payload::len).sum(),
        }
    }

    pub(super) fn clear(&mut self) {
        match self {
            Self::Pipe(queue) => *queue = stdin::Queue::default(),
            Self::Http(queue) => queue.clear(),
        }
    }
}
