//! The way to the client: one bounded queue of messages, and the requests that wait for its answer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::error::Error;
use super::message::{self, ClientAnswer, RequestId};

/// Messages that may wait to be written. Beyond it senders wait.
const QUEUED: usize = 1024;

/// How long a request to the client may take: a person may have to read and type.
const PATIENCE: Duration = Duration::from_secs(300);

/// A handle to the client; clones share the queue. The queue closes when the last clone is gone.
#[derive(Clone)]
pub(super) struct Peer {
    outbox: mpsc::Sender<String>,
    asked: Arc<Asked>,
}

/// Requests of ours without an answer yet.
#[derive(Default)]
struct Asked {
    last_id: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<ClientAnswer>>>,
}

/// Why the client gave no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error("the client refused {method}: {message} (code {code})")]
    Refused { method: &'static str, code: i64, message: String },
    #[error("the client did not answer {method} within {} s", PATIENCE.as_secs())]
    TimedOut { method: &'static str },
}

impl Peer {
    /// A handle and the queue to write to the client.
    pub(super) fn new() -> (Self, mpsc::Receiver<String>) {
        let (outbox, queue) = mpsc::channel(QUEUED);
        (Self { outbox, asked: Arc::default() }, queue)
    }

    /// Queues one line. Waits for room; a client that is gone takes nothing, and the reader will notice.
    pub(super) async fn send(&self, line: String) {
        let _ = self.outbox.send(line).await;
    }

    /// Sends a notification; `params` may be null for none.
    pub(super) async fn notify(&self, method: &str, params: Value) {
        self.send(message::notification(method, &params)).await;
    }

    /// Sends a request and waits for its answer. When the answer no longer matters (the time is over, or this
    /// future is dropped because its call was cancelled) the client is told by `notifications/cancelled`.
    pub(super) async fn request(&self, method: &'static str, params: Value) -> Result<Value, ClientError> {
        let id = self.asked.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let (answered, answer) = oneshot::channel();
        self.asked.waiting().insert(id, answered);
        let _withdraw = Withdraw { peer: self, id };
        let exchange = async {
            self.send(message::request(id, method, &params)).await;
            answer.await
        };
        match timeout(PATIENCE, exchange).await {
            Ok(Ok(Ok(result))) => Ok(result),
            Ok(Ok(Err(error))) => Err(ClientError::Refused {
                method,
                code: error["code"].as_i64().unwrap_or_default(),
                message: error["message"].as_str().unwrap_or("no message").to_owned(),
            }),
            // The sender lives in the table until it is used or withdrawn, so only time can end the wait.
            Ok(Err(_)) | Err(_) => Err(ClientError::TimedOut { method }),
        }
    }

    /// Hands an answer to the request that waits for it; an answer nobody waits for is dropped.
    pub(super) fn answered(&self, id: &RequestId, answer: ClientAnswer) {
        let waiting = id.as_u64().and_then(|id| self.asked.waiting().remove(&id));
        if let Some(waiting) = waiting {
            let _ = waiting.send(answer);
        }
    }
}

impl Asked {
    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<ClientAnswer>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a request back unless it was answered.
struct Withdraw<'a> {
    peer: &'a Peer,
    id: u64,
}

impl Drop for Withdraw<'_> {
    fn drop(&mut self) {
        if self.peer.asked.waiting().remove(&self.id).is_some() {
            let params = json!({ "requestId": self.id, "reason": "the answer is no longer needed" });
            // Advisory, and a drop cannot wait for room.
            let _ = self.peer.outbox.try_send(message::notification("notifications/cancelled", &params));
        }
    }
}

/// Where the answer to a request goes.
#[derive(Clone)]
pub(super) enum ReplyTo {
    /// To the client, as a message of its own.
    Client(Peer),
    /// Into the answer to the batch that the request came in. Dropping the last clone completes the batch.
    Batch(mpsc::Sender<String>),
}

impl ReplyTo {
    /// Answers a request.
    pub(super) async fn send(&self, id: Option<&RequestId>, outcome: &Result<Value, Error>) {
        let line = message::response(id, outcome);
        match self {
            Self::Client(peer) => peer.send(line).await,
            Self::Batch(batch) => _ = batch.send(line).await,
        }
    }
}
