//! Requests that nobody waits for any more, while the server may still be at work on them: what it logs
//! meanwhile may be theirs.

use std::collections::VecDeque;

use super::{MemberKey, in_flight::WireId};
use crate::time::Timestamp;

/// Remembered at once; beyond it the oldest is taken to be over.
const LIMIT: usize = 4096;

#[derive(Debug)]
struct Entry {
    id: WireId,
    member: MemberKey,
    /// A server need not answer what was cancelled, so at some time the work is taken to be over.
    until: Timestamp,
}

/// Oldest first.
#[derive(Debug, Default)]
pub(super) struct Abandoned(VecDeque<Entry>);

impl Abandoned {
    pub(super) fn push(&mut self, id: WireId, member: MemberKey, until: Timestamp) {
        if self.0.len() == LIMIT {
            self.0.pop_front();
        }
        self.0.push_back(Entry { id, member, until });
    }

    /// The server has answered after all.
    pub(super) fn answered(&mut self, id: WireId) {
        self.0.retain(|entry| entry.id != id);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Forgets what is taken to be over.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while self.next().is_some_and(|oldest| oldest <= now) {
            self.0.pop_front();
        }
    }

    /// When the oldest is taken to be over.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.0.front().map(|oldest| oldest.until)
    }

    /// Whether the server may be at work for another session than `member`.
    pub(super) fn of_another(&mut self, member: MemberKey, now: Timestamp) -> bool {
        self.expire(now);
        self.0.iter().any(|entry| entry.member != member)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
