//! What is counted.

use serde::{Deserialize, Serialize};

use crate::transport::Fault;

/// Good and bad, each kind by itself.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Tally {
    /// Right answers, sessions or notifications, whatever the scenario is about.
    pub good: u64,
    /// Messages that belong to another session.
    pub leaks: u64,
    /// Answers with this session's payload of another call, or with another id; messages out of their order.
    pub wrong: u64,
    /// Messages whose content is nobody's.
    pub corrupt: u64,
    /// Calls that never got an answer, and notifications that never came.
    pub lost: u64,
    /// Messages that came a second time.
    pub duplicates: u64,
    /// Requests that were refused with an HTTP status.
    pub refused: u64,
    /// Calls that were answered with a JSON-RPC error.
    pub rpc_errors: u64,
    /// Connections that failed, and streams that ended.
    pub broken: u64,
}

impl Tally {
    /// Adds what another one counted.
    pub fn add(&mut self, other: &Self) {
        self.good += other.good;
        self.leaks += other.leaks;
        self.wrong += other.wrong;
        self.corrupt += other.corrupt;
        self.lost += other.lost;
        self.duplicates += other.duplicates;
        self.refused += other.refused;
        self.rpc_errors += other.rpc_errors;
        self.broken += other.broken;
    }

    /// Counts a request without an answer.
    pub fn count(&mut self, fault: &Fault) {
        match fault {
            Fault::Refused(_) => self.refused += 1,
            Fault::Broken(_) => self.broken += 1,
            Fault::Lost => self.lost += 1,
        }
    }

    /// Faults that no load excuses: something reached the wrong reader, or nobody.
    pub fn violations(&self) -> u64 {
        self.leaks + self.wrong + self.corrupt + self.lost + self.duplicates
    }

    /// Calls that ended in an honest error.
    pub fn errors(&self) -> u64 {
        self.refused + self.rpc_errors + self.broken
    }
}
