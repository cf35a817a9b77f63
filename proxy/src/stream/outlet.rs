//! A stream towards a client, shared by those who write to it and the response that carries it.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use parking_lot::{Mutex, MutexGuard};
use waggle_protocol::{
    jsonrpc::Payload,
    session::{Class, Event, Gone, Read, ReplayLimits, Stream, StreamLimits, Ticket},
    time::Timestamp,
};

use super::silence::{Patient, Silence};
use crate::{clock::Clock, config::Live, telemetry::metrics::Metrics, upstream::Server};

/// One stream and whoever waits for it.
#[derive(Debug)]
pub(crate) struct Outlet {
    /// The stream's number within its session; 0 is the standalone stream.
    pub(crate) number: u32,
    keeps: Keeps,
    config: Arc<Live>,
    clock: Clock,
    metrics: Arc<Metrics>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    stream: Stream,
    waker: Option<Waker>,
    /// Only responses are wanted: the client takes no SSE, or has gone before there was a stream.
    responses_only: bool,
    /// Nothing has come for as long as that may last.
    silent: bool,
    /// The code of the last response that is an error: it may decide on the status.
    error: Option<i64>,
}

/// What a POST is answered with, once that can be said.
#[derive(Debug)]
pub(crate) enum First {
    /// One JSON body: every response is there, and nothing else.
    Answers(Vec<Payload>),
    /// An SSE stream: something precedes the response, or there will be none.
    Stream,
}

/// What a stream keeps of what has been sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Keeps {
    /// Enough to be resumed.
    Replay,
    /// Nothing.
    Nothing,
    /// Nothing; and what has not been read yet waits for its only reader, however long that takes.
    Unread,
}

impl Outlet {
    pub(crate) fn new(number: u32, stream: Stream, keeps: Keeps, server: &Server) -> Self {
        Self {
            number,
            keeps,
            config: server.config.clone(),
            clock: server.clock,
            metrics: server.metrics.clone(),
            state: Mutex::new(State {
                stream,
                waker: None,
                responses_only: false,
                silent: false,
                error: None,
            }),
        }
    }

    /// The stream of one call of a modern client: nothing of it is kept for later.
    pub(crate) fn for_call(server: &Server) -> Self {
        Self::new(0, Stream::for_requests(1), Keeps::Unread, server)
    }

    fn limits(&self) -> StreamLimits {
        let config = self.config.now();
        let (limits, times) = (&config.limits, &config.times);
        let replay = match self.keeps {
            Keeps::Replay => ReplayLimits {
                bytes: limits.replay_bytes,
                events: limits.replay_events,
                age: times.replay_age,
            },
            Keeps::Nothing => ReplayLimits::NONE,
            Keeps::Unread => ReplayLimits { age: Duration::MAX, ..ReplayLimits::NONE },
        };
        StreamLimits { queue_bytes: limits.stream_queue, replay }
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The time of the clock that ages what is held.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Appends a message that is no response to a request of this stream.
    pub(crate) fn message(&self, message: Payload) {
        self.push(self.state.lock(), message, Class::Message, self.now());
    }

    /// Appends a response.
    pub(crate) fn response(&self, message: Payload) {
        self.push(self.state.lock(), message, Class::Response, self.now());
    }

    /// Appends a response, and notes its code if it is an error.
    pub(super) fn answer(&self, message: Payload, error: Option<i64>, now: Timestamp) {
        let mut state = self.state.lock();
        if error.is_some() {
            state.error = error;
        }
        self.push(state, message, Class::Response, now);
    }

    /// The code of the last response that is an error.
    pub(crate) fn error_code(&self) -> Option<i64> {
        self.state.lock().error
    }

    /// Whether anything else than responses has come.
    pub(crate) fn has_messages(&self) -> bool {
        self.state.lock().stream.has_messages()
    }

    fn push(&self, mut state: MutexGuard<'_, State>, message: Payload, class: Class, now: Timestamp) {
        let pushed = state.stream.push(message, class, &self.limits(), now);
        for _ in 0..pushed.dropped {
            self.metrics.dropped("unread");
        }
        Self::wake(state);
    }

    /// Whether the stream carries anything but responses.
    pub(crate) fn takes_messages(&self) -> bool {
        !self.state.lock().responses_only
    }

    /// From now on only responses are wanted here.
    pub(crate) fn refuse_messages(&self) {
        self.state.lock().responses_only = true;
    }

    /// One response fewer will come.
    pub(crate) fn forgo_response(&self) {
        let mut state = self.state.lock();
        state.stream.forgo_response();
        Self::wake(state);
    }

    /// Ends the stream after what it holds.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.stream.close();
        Self::wake(state);
    }

    /// Wakes the waiting response after the lock is free.
    fn wake(mut state: MutexGuard<'_, State>) {
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether there is, or will be, a response that no reader has read.
    pub(crate) fn owes_response(&self) -> bool {
        self.state.lock().stream.owes_response()
    }

    /// Whether no further message is accepted.
    pub(crate) fn is_finished(&self) -> bool {
        self.state.lock().stream.is_finished()
    }

    /// Whether an HTTP response carries it now.
    pub(crate) fn has_reader(&self) -> bool {
        self.state.lock().stream.has_reader()
    }

    /// Bytes held for replay or to be sent.
    pub(crate) fn bytes(&self) -> usize {
        self.state.lock().stream.bytes()
    }

    /// Drops what is too old to be replayed.
    pub(crate) fn trim(&self) {
        let limits = self.limits();
        self.state.lock().stream.trim(&limits, self.clock.now());
    }

    /// Makes the caller the stream's reader: after `sequence`, or where the last reader stopped.
    pub(crate) fn attach(&self, sequence: Option<u64>) -> Result<Ticket, Gone> {
        let mut state = self.state.lock();
        let ticket = match sequence {
            Some(sequence) => state.stream.attach(sequence)?,
            None => state.stream.resume(),
        };
        // The reader before this one learns that it was replaced.
        Self::wake(state);
        Ok(ticket)
    }

    pub(crate) fn detach(&self, ticket: Ticket) {
        self.state.lock().stream.detach(ticket);
    }

    /// Hands over pending events; on [`Read::Pending`] the task will be woken.
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        ticket: Ticket,
        budget: usize,
        sink: impl FnMut(u64, &Event),
    ) -> Read {
        let mut state = self.state.lock();
        let read = state.stream.read(ticket, budget, sink);
        if read == Read::Pending {
            state.waker = Some(cx.waker().clone());
        }
        read
    }

    /// Waits until it is known how to answer the POST, at the latest `until` then.
    pub(crate) async fn first(self: &Arc<Self>, silence: &Silence<Self>, until: Timestamp) -> First {
        let _place = silence.bear(self.clone(), until);
        poll_fn(|cx| self.poll_first(cx)).await
    }

    fn poll_first(&self, cx: &mut Context<'_>) -> Poll<First> {
        let mut state = self.state.lock();
        if state.stream.is_plain_answer() {
            return Poll::Ready(First::Answers(state.stream.take_answers()));
        }
        if state.stream.has_messages() || state.stream.is_finished() || state.silent {
            return Poll::Ready(First::Stream);
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

/// Who waits for the first message.
impl Patient for Outlet {
    fn waited_enough(&self) {
        let mut state = self.state.lock();
        state.silent = true;
        Self::wake(state);
    }
}
