//! Processes that are started ahead of need.

use tokio::sync::oneshot;

use super::process::Process;

/// A process that nobody uses yet, and that may still be on its way.
#[derive(Debug)]
pub(crate) enum Spare {
    Here(Box<Process>),
    /// Nothing comes if it could not be started.
    Coming(oneshot::Receiver<Box<Process>>),
}

impl Spare {
    /// The spare as it is now; `None` if it has ended, or never came.
    pub(super) fn alive(self) -> Option<Self> {
        use oneshot::error::TryRecvError::{Closed, Empty};
        match self {
            Self::Here(mut process) => (!process.has_ended()).then_some(Self::Here(process)),
            Self::Coming(mut coming) => match coming.try_recv() {
                Ok(process) => Self::Here(process).alive(),
                Err(Empty) => Some(Self::Coming(coming)),
                Err(Closed) => None,
            },
        }
    }

    /// The process as soon as it is there.
    pub(super) async fn process(self) -> Option<Box<Process>> {
        match self {
            Self::Here(process) => Some(process),
            Self::Coming(coming) => coming.await.ok(),
        }
    }

    /// Ends the process, also one that is still to come.
    pub(super) async fn stop(self) {
        if let Some(process) = self.process().await {
            process.stop().await;
        }
    }
}
