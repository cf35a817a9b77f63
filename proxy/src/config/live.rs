//! The configuration in force, which may be replaced while the proxy runs.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::{Notify, futures::Notified};

use super::Config;
use crate::reload::Outcome;

/// One for all parts of a proxy. A part reads a value where it applies it and keeps none, so that a new one is in
/// force everywhere at once; reading takes no lock.
#[derive(Debug)]
pub(crate) struct Live {
    current: ArcSwap<Config>,
    replaced: Notify,
    /// What became of the file when it was last read.
    pub(crate) outcome: Outcome,
}

impl Live {
    pub(crate) fn new(config: Config) -> Arc<Self> {
        let current = ArcSwap::from_pointee(config);
        Arc::new(Self { current, replaced: Notify::new(), outcome: Outcome::default() })
    }

    /// What is in force now. Not to be kept for long: a single value is copied out.
    pub(crate) fn now(&self) -> Guard<Arc<Config>> {
        self.current.load()
    }

    pub(crate) fn replace(&self, config: Config) {
        self.current.store(Arc::new(config));
        self.replaced.notify_waiters();
    }

    /// Completes with the first replacement after this was called: for whoever sleeps for a configured time.
    pub(crate) fn replaced(&self) -> Notified<'_> {
        self.replaced.notified()
    }
}
