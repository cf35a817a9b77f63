//! What is remembered of a server between two looks at it. All of it can be lost: it saves requests, nothing more.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;
use waggle_crds::McpServerStatus;

use crate::{observed::Part, plan::Notice};

/// How long a notice that was told is not told again.
const TOLD: Duration = Duration::from_secs(3600);
/// How many told notices are remembered of one server.
const MOST_TOLD: usize = 16;

/// A server's namespace and name.
pub type Key = (String, String);

/// What is remembered of all servers of one scope; a server that is gone is forgotten.
#[derive(Debug, Default)]
pub struct Memory(Mutex<HashMap<Key, Remembered>>);

#[derive(Debug, Default)]
struct Remembered {
    failures: u32,
    settled: BTreeMap<Part, Settled>,
    status: Option<Written>,
    told: Vec<(u64, Instant)>,
}

/// An object that the API server has changed while it took it, so that it never looks like what was planned.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settled {
    /// What was planned.
    pub hash: String,
    /// The object's identity and version after it.
    pub version: String,
}

#[derive(Debug)]
struct Written {
    /// The resource's version before.
    before: String,
    status: McpServerStatus,
}

impl Memory {
    /// One more failure in a row; how many there are now.
    pub fn failed(&self, key: &Key) -> u32 {
        let mut all = self.0.lock();
        let failures = &mut all.entry(key.clone()).or_default().failures;
        *failures = failures.saturating_add(1);
        *failures
    }

    /// No failure any more.
    pub fn succeeded(&self, key: &Key) {
        if let Some(remembered) = self.0.lock().get_mut(key) {
            remembered.failures = 0;
        }
    }

    /// How many servers have failed at the last look.
    pub fn failing(&self) -> usize {
        self.0.lock().values().filter(|remembered| remembered.failures > 0).count()
    }

    /// Keeps that an object will never look like its plan.
    pub fn settle(&self, key: &Key, part: Part, settled: Settled) {
        self.0.lock().entry(key.clone()).or_default().settled.insert(part, settled);
    }

    /// Whether that was kept.
    pub fn is_settled(&self, key: &Key, part: Part, settled: &Settled) -> bool {
        self.0.lock().get(key).and_then(|remembered| remembered.settled.get(&part)) == Some(settled)
    }

    /// Keeps the status that was just written over the version `before`.
    pub fn wrote(&self, key: &Key, before: String, status: McpServerStatus) {
        self.0.lock().entry(key.clone()).or_default().status = Some(Written { before, status });
    }

    /// The status that was written over this version of the resource: who still sees that version sees an old status.
    pub fn status_after(&self, key: &Key, version: &str) -> Option<McpServerStatus> {
        let all = self.0.lock();
        let written = all.get(key)?.status.as_ref()?;
        (written.before == version).then(|| written.status.clone())
    }

    /// Whether a notice about the resource with this uid is news. From now on it is none.
    pub fn is_news(&self, key: &Key, uid: &str, notice: &Notice) -> bool {
        let mut hasher = DefaultHasher::new();
        (uid, notice.warning, notice.reason, &notice.message).hash(&mut hasher);
        let hash = hasher.finish();
        let mut all = self.0.lock();
        let told = &mut all.entry(key.clone()).or_default().told;
        told.retain(|(_, at)| at.elapsed() < TOLD);
        if told.iter().any(|(known, _)| *known == hash) {
            return false;
        }
        if told.len() == MOST_TOLD {
            told.remove(0);
        }
        told.push((hash, Instant::now()));
        true
    }

    /// Forgets a server.
    pub fn forget(&self, key: &Key) {
        self.0.lock().remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        ("tools".to_owned(), "notes".to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn a_notice_is_told_once_an_hour() {
        let memory = Memory::default();
        let notice = Notice { warning: true, reason: "Crashed", message: "exit code 3".to_owned() };
        assert!(memory.is_news(&key(), "u1", &notice));
        assert!(!memory.is_news(&key(), "u1", &notice));
        assert!(memory.is_news(&key(), "u2", &notice), "another resource of that name");
        tokio::time::advance(TOLD).await;
        assert!(memory.is_news(&key(), "u1", &notice));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_of_notices_is_bounded() {
        let memory = Memory::default();
        for n in 0..100 {
            let notice = Notice { warning: true, reason: "Crashed", message: n.to_string() };
            assert!(memory.is_news(&key(), "u1", &notice));
        }
        assert_eq!(memory.0.lock()[&key()].told.len(), MOST_TOLD);
    }

    #[test]
    fn failures_count_until_a_success() {
        let memory = Memory::default();
        assert_eq!((memory.failed(&key()), memory.failed(&key())), (1, 2));
        assert_eq!(memory.failing(), 1);
        memory.succeeded(&key());
        assert_eq!((memory.failing(), memory.failed(&key())), (0, 1));
    }
}
