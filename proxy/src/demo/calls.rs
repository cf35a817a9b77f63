//! Tool calls in progress: each runs as a task of its own, so that a slow one holds up nobody.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::error::Error;
use super::message::RequestId;
use super::peer::ReplyTo;

/// Calls that may run at once.
const MAX_CALLS: usize = 1024;

/// The calls in progress, by the key of their request id.
pub(super) struct Calls {
    tasks: TaskTracker,
    stop: CancellationToken,
    running: Arc<Running>,
}

#[derive(Default)]
struct Running(Mutex<HashMap<String, CancellationToken>>);

impl Running {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Calls {
    /// Calls run on `tasks` until they end, are cancelled, or `stop` is.
    pub(super) fn new(tasks: TaskTracker, stop: CancellationToken) -> Self {
        Self { tasks, stop, running: Arc::default() }
    }

    /// Runs `call` and sends its outcome to `reply`.
    ///
    /// # Errors
    /// When too many calls run, or one of this id does; then `call` is dropped.
    pub(super) fn start<F>(&self, id: RequestId, reply: ReplyTo, call: F) -> Result<(), Error>
    where
        F: Future<Output = Result<Value, Error>> + Send + 'static,
    {
        let cancelled = self.stop.child_token();
        let mut running = self.running.lock();
        if running.len() >= MAX_CALLS {
            return Err(Error::TooManyCalls(MAX_CALLS));
        }
        if running.contains_key(id.key()) {
            return Err(Error::InvalidRequest("a call with this id is still running".to_owned()));
        }
        running.insert(id.key().to_owned(), cancelled.clone());
        drop(running);
        let running = Arc::clone(&self.running);
        self.tasks.spawn(async move {
            let outcome = cancelled.run_until_cancelled(call).await;
            // First, so that a client may use the id again as soon as it sees the answer.
            running.lock().remove(id.key());
            // A cancelled request gets no answer (cancellation, "Behavior Requirements").
            if let Some(outcome) = outcome {
                reply.send(Some(&id), &outcome).await;
            }
        });
        Ok(())
    }

    /// Cancels a call by the key of its id; one that has ended, or never was, is ignored.
    pub(super) fn cancel(&self, key: &str) {
        if let Some(call) = self.running.lock().get(key) {
            call.cancel();
        }
    }
}
