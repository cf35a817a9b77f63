//! Requests that the server has sent to a client and that the client has not answered yet.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{MemberKey, same};

/// One open question.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) member: MemberKey,
    /// The server's raw id.
    pub(super) id: Bytes,
}

/// By the id that the client sees. That id is ours, so that an answer meant for a process that has died
/// never reaches its successor.
#[derive(Debug, Default)]
pub(super) struct Questions {
    open: BTreeMap<u64, Question>,
    count: u64,
}

impl Questions {
    /// More than any server asks at once; beyond it a new question is refused.
    pub(super) const LIMIT: usize = 1024;

    pub(super) fn is_full(&self) -> bool {
        self.open.len() >= Self::LIMIT
    }

    /// Opens a question; returns the id to show to the client.
    pub(super) fn ask(&mut self, question: Question) -> u64 {
        self.count += 1;
        self.open.insert(self.count, question);
        self.count
    }

    /// Closes the question that the client's answer names, if this client was asked it.
    pub(super) fn answer(&mut self, id: u64, member: MemberKey) -> Option<Question> {
        self.open.get(&id).filter(|question| question.member == member)?;
        self.open.remove(&id)
    }

    /// Closes the question that the server withdraws; returns the client's id for it.
    pub(super) fn withdraw(&mut self, server_id: &[u8]) -> Option<(u64, MemberKey)> {
        let (&id, question) = self.open.iter().find(|(_, question)| same(&question.id, server_id))?;
        let member = question.member;
        self.open.remove(&id);
        Some((id, member))
    }

    /// Closes and returns all questions to `member`.
    pub(super) fn take_of(&mut self, member: MemberKey) -> Vec<Question> {
        let ids: Vec<u64> = self.open.iter().filter(|(_, q)| q.member == member).map(|(id, _)| *id).collect();
        ids.into_iter().filter_map(|id| self.open.remove(&id)).collect()
    }

    /// Closes all; returns the clients' ids.
    pub(super) fn take_all(&mut self) -> Vec<(u64, MemberKey)> {
        std::mem::take(&mut self.open).into_iter().map(|(id, question)| (id, question.member)).collect()
    }

    /// Whether `member` has been asked something.
    pub(super) fn any_of(&self, member: MemberKey) -> bool {
        self.open.values().any(|question| question.member == member)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}
