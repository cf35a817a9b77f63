//! A reader of server-sent events.

use std::future::Future;

use serde_json::Value;
pub(crate) use waggle_protocol::sse::Event;
use waggle_protocol::sse::SseDecoder;

use super::{Response, within};

/// The events of one response. Dropping it closes the connection.
pub(crate) struct Events {
    response: Response,
    decoder: SseDecoder,
    raw: Vec<u8>,
    cut_off: bool,
}

impl Events {
    pub(crate) fn new(response: Response) -> Self {
        Self { response, decoder: SseDecoder::new(1 << 30), raw: Vec::new(), cut_off: false }
    }

    /// The next event; `None` at the end of the stream.
    #[track_caller]
    pub(crate) fn next(&mut self) -> impl Future<Output = Option<Event>> {
        // Signs of life are no events, and come for ever.
        within("an event", async {
            loop {
                if let Some(event) = self.decoder.next_event() {
                    return Some(event.unwrap());
                }
                if !self.more().await {
                    return None;
                }
            }
        })
    }

    /// The next message; events without data (priming) are passed over.
    pub(crate) async fn message(&mut self) -> Value {
        self.try_message().await.expect("a message")
    }

    pub(crate) async fn try_message(&mut self) -> Option<Value> {
        loop {
            let event = self.next().await?;
            if !event.data.is_empty() {
                assert_eq!(event.event, "message");
                return Some(serde_json::from_slice(&event.data).unwrap());
            }
        }
    }

    /// All messages up to the end of the stream.
    pub(crate) async fn rest(mut self) -> Vec<Value> {
        let mut messages = Vec::new();
        while let Some(message) = self.try_message().await {
            messages.push(message);
        }
        messages
    }

    /// Reads until the stream so far contains `text`.
    #[track_caller]
    pub(crate) fn until(&mut self, text: &str) -> impl Future<Output = ()> {
        within("text in the stream", async move {
            while !self.raw().contains(text) {
                assert!(self.more().await, "the stream ended without {text:?}: {}", self.raw());
            }
        })
    }

    /// Everything that has been read.
    pub(crate) fn raw(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }

    /// What a client names as `Last-Event-ID`.
    pub(crate) fn last_id(&self) -> String {
        self.decoder.last_event_id().to_owned()
    }

    pub(crate) fn retry(&self) -> Option<std::time::Duration> {
        self.decoder.retry()
    }

    /// Whether the connection broke before the proper end of the body.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.cut_off
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response.header(name)
    }

    async fn more(&mut self) -> bool {
        match self.response.try_piece().await {
            Ok(Some(piece)) => {
                self.decoder.feed(&piece);
                self.raw.extend(piece);
                true
            }
            Ok(None) => false,
            Err(()) => {
                self.cut_off = true;
                false
            }
        }
    }
}
