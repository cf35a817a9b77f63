//! An SSE response of the server, and where in it one is.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use http::HeaderMap;
use tokio::time::{Instant, timeout, timeout_at};
use waggle_protocol::sse::{Event, SseDecoder};

use super::{
    body::{Body, LEFTOVER_TIME},
    headers::LAST_EVENT_ID,
    trouble::Trouble,
};

/// Ids remembered of a stream, to know what a resumed one repeats.
const REMEMBERED: usize = 256;
/// The longest pause that a server can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The events of one response.
pub(super) struct Events {
    body: Body,
    decoder: SseDecoder,
    max_event: usize,
}

impl Events {
    pub(super) fn new(body: Body, max_event: usize) -> Self {
        Self { body, decoder: SseDecoder::new(max_event), max_event }
    }

    /// The next event; `None` at the end. With `idle`, neither event nor comment for so long is an
    /// error: bytes that complete nothing do not count.
    pub(super) async fn next(&mut self, idle: Option<Duration>) -> Result<Option<Event>, Trouble> {
        let mut since = Instant::now();
        loop {
            match self.decoder.next_event() {
                Some(Ok(event)) => return Ok(Some(event)),
                Some(Err(_)) => return Err(Trouble::too_large(self.max_event)),
                // An event without an end must not be read to its end.
                None if self.decoder.is_skipping() => return Err(Trouble::too_large(self.max_event)),
                None => {}
            }
            if self.decoder.buffered() == 0 {
                since = Instant::now();
            }
            let chunk = match idle {
                Some(idle) => timeout_at(since + idle, self.body.chunk())
                    .await
                    .map_err(|_| Trouble::silent(idle))
                    .and_then(|chunk| chunk)?,
                None => self.body.chunk().await?,
            };
            let Some(chunk) = chunk else { return Ok(None) };
            self.decoder.feed(&chunk);
        }
    }

    /// Reads on to the end after all that is wanted has come, so that the connection can be used again.
    pub(super) async fn drain(&mut self) {
        let rest = async { while let Ok(Some(_)) = self.next(None).await {} };
        let _ = timeout(LEFTOVER_TIME, rest).await;
    }

    /// How long the server wants clients to wait before they resume.
    pub(super) fn retry(&self) -> Option<Duration> {
        self.decoder.retry()
    }
}

/// How far a stream has been read, over all the responses that carried it.
#[derive(Debug, Default)]
pub(super) struct Position {
    last_id: String,
    seen: VecDeque<String>,
    /// From here on the server may repeat itself.
    resumed: bool,
    retry: Option<Duration>,
}

impl Position {
    /// What to send as `Last-Event-ID`.
    pub(super) fn last_id(&self) -> Option<&str> {
        (!self.last_id.is_empty()).then_some(&*self.last_id)
    }

    /// The headers with which the stream is gone on with from here.
    pub(super) fn resuming(&self, mut headers: HeaderMap) -> HeaderMap {
        if let Some(id) = self.last_id().and_then(|id| id.try_into().ok()) {
            headers.insert(LAST_EVENT_ID, id);
        }
        headers
    }

    /// The message in an event, unless it has none or has been seen.
    pub(super) fn advance(&mut self, event: Event) -> Option<Bytes> {
        if let Some(id) = event.id {
            if self.resumed && !id.is_empty() && self.seen.contains(&id) {
                return None;
            }
            if self.seen.len() == REMEMBERED {
                self.seen.pop_front();
            }
            self.seen.push_back(id.clone());
            self.last_id = id;
        }
        (event.event == "message" && !event.data.is_empty()).then_some(event.data)
    }

    /// A response has ended; notes what it said about the pause.
    pub(super) fn leave(&mut self, events: &Events) {
        self.retry = events.retry().or(self.retry);
        self.resumed = true;
    }

    /// How long to wait before attempt number `attempt` to resume (from 0): as long as the server asked for, else
    /// longer each time, and not all at once.
    pub(super) fn pause(&self, attempt: u32) -> Duration {
        match self.retry {
            Some(retry) => retry.min(LONGEST_PAUSE),
            None => {
                let longest =
                    Duration::from_millis(500).saturating_mul(1 << attempt.min(10)).min(LONGEST_PAUSE);
                longest.mul_f64(0.5 + jitter() / 2.0)
            }
        }
    }
}

/// A number from 0 to 1.
fn jitter() -> f64 {
    f64::from(getrandom::u32().unwrap_or_default()) / f64::from(u32::MAX)
}
