//! The driver's clock: the core takes time as an argument.

use tokio::time::Instant;
use waggle_protocol::time::Timestamp;

/// Time since the program's start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// A clock whose epoch is now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// The time now.
    pub(crate) fn now(self) -> Timestamp {
        Timestamp::new(self.0.elapsed())
    }

    /// The runtime's instant for a moment of this clock.
    pub(crate) fn instant(self, at: Timestamp) -> Instant {
        self.0 + at.since_epoch()
    }
}
