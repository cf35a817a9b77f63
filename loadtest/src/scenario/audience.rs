//! Streams that are told of something, round by round.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use clap::ValueEnum;
use hdrhistogram::Histogram;
use serde::Deserialize;
use tokio::{
    sync::{Notify, mpsc},
    task::JoinSet,
    time::timeout,
};

use super::{Context, caller::Caller, calls};
use crate::{
    report::{Report, histogram},
    transport::{Request, Stream, close_streams, request::tool},
    verify::{Notices, answer::Expected, notices::Seen},
};

/// What is told.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// That the tools have changed.
    #[default]
    ListChanged,
    /// That a resource has changed, to which all have subscribed.
    ResourceUpdated,
}

/// What the streams of a run share.
#[derive(Debug, Default)]
struct Shared {
    /// Positions that streams have reached, summed.
    reached: AtomicU64,
    target: AtomicU64,
    all_there: Notify,
    is_over: AtomicBool,
    over: Notify,
    /// Nanoseconds from the epoch to the begin of the round.
    round: AtomicU64,
}

#[derive(Debug)]
struct Listener {
    stream: Option<Stream>,
    /// What comes beside the answer to the call: also there a session may be told of what it asked for.
    answer: mpsc::Receiver<Vec<Bytes>>,
    notices: Notices,
    latency: Histogram<u64>,
    broken: Option<String>,
}

/// Streams, and the session that has the server tell them something.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) caller: Caller,
    /// What tells their notifications from those of others.
    pub(super) owner: String,
    pub(super) streams: Vec<Stream>,
}

/// Who asks for the notifications of a group.
#[derive(Debug)]
struct Teller {
    caller: Caller,
    owner: String,
    seen: Seen,
    /// To its one listener, what comes beside the answer; of several none is told.
    answer: Option<mpsc::Sender<Vec<Bytes>>>,
}

/// Streams that are read and verified, each by a task of its own.
#[derive(Debug)]
pub(super) struct Audience {
    listeners: JoinSet<Listener>,
    tellers: Vec<Teller>,
    shared: Arc<Shared>,
    kind: Kind,
    /// Whether each session is to be told of what it asks for, and no other.
    own: bool,
    per_round: u64,
    rounds: u64,
    count: u64,
    epoch: Instant,
}

impl Audience {
    /// Begins to read the streams, which expect so many notifications in each round.
    pub(super) fn new(context: &Context, groups: Vec<Group>, per_round: u64, kind: Kind, own: bool) -> Self {
        let (shared, epoch) = (Arc::new(Shared::default()), Instant::now());
        let (mut listeners, mut tellers) = (JoinSet::new(), Vec::new());
        for Group { caller, owner, streams } in groups {
            let (seen, mut answer) = (Seen::default(), None);
            for stream in streams {
                let notices = Notices::new(owner.clone(), per_round, seen.clone());
                let (heard, received) = mpsc::channel(1);
                answer = own.then_some(heard);
                let listener = Listener {
                    stream: Some(stream),
                    answer: received,
                    notices,
                    latency: histogram(),
                    broken: None,
                };
                listeners.spawn(listener.run(context.clone(), shared.clone(), epoch));
            }
            tellers.push(Teller { caller, owner, seen, answer });
        }
        let count = listeners.len() as u64;
        Self { listeners, tellers, shared, kind, own, per_round, rounds: 0, count, epoch }
    }

    /// How often it was told.
    pub(super) fn rounds(&self) -> u64 {
        self.rounds
    }

    /// One round; false if not everything came, or somebody could not ask for it.
    pub(super) async fn tell(&mut self, context: &Context) -> bool {
        let has_arrived = self.send(context, self.per_round).await;
        self.rounds += 1;
        has_arrived && self.tellers.iter().all(|teller| teller.caller.client.is_some())
    }

    async fn send(&mut self, context: &Context, count: u64) -> bool {
        let position = self.rounds * self.per_round;
        self.shared.target.store(self.count * (position + count), Ordering::Relaxed);
        self.shared.round.store(self.epoch.elapsed().as_nanos() as u64, Ordering::Relaxed);
        let kind = match self.kind {
            Kind::ListChanged => "list-changed",
            Kind::ResourceUpdated => "resource-updated",
        };
        let mut telling = JoinSet::new();
        for mut teller in self.tellers.drain(..) {
            teller.seen.begin(position);
            let tag = Notices::tag(&teller.owner, self.rounds);
            let own = self.own;
            let fields =
                tool("notify", &format!(r#""count":{count},"tag":"{tag}","kind":"{kind}","own":{own}"#));
            let context = context.clone();
            telling.spawn(async move {
                teller.ask(&context, &fields).await;
                teller
            });
        }
        self.tellers = telling.join_all().await;
        self.shared.arrive(context.patience).await
    }

    /// Sends one more notification, which is not measured: what a round brought too much has come before it. Then counts
    /// what came and what did not, and ends the sessions.
    pub(super) async fn end(mut self, context: &Context, report: &mut Report) {
        let fenced = self.rounds * self.per_round + 1;
        self.send(context, 1).await;
        self.shared.is_over.store(true, Ordering::Relaxed);
        self.shared.over.notify_waiters();
        let mut streams = Vec::new();
        while let Some(Ok(mut listener)) = self.listeners.join_next().await {
            listener.notices.end(fenced);
            if listener.notices.next() == fenced {
                listener.notices.tally.good -= 1;
            }
            report.add(&listener.notices.tally, Some(&listener.latency), None);
            if let Some(fault) = listener.broken {
                report.tally.broken += 1;
                report.fault.get_or_insert(fault);
            }
            streams.extend(listener.stream);
        }
        let mut callers = Vec::new();
        for Teller { mut caller, .. } in self.tellers {
            // Calls are not what is counted.
            caller.tally.good = 0;
            report.add(&caller.tally, None, caller.fault.take());
            callers.push(caller);
        }
        // Whether sessions can be ended is not what is measured.
        match self.own {
            // They are those of the callers.
            true => drop(streams),
            false => drop(context.patiently(close_streams(&context.target, streams)).await),
        }
        calls::close(context, callers).await;
    }
}

impl Teller {
    async fn ask(&mut self, context: &Context, fields: &str) {
        let caller = &mut self.caller;
        let tag = caller.next_tag();
        let request = Request::call(caller.id(tag), "notify", fields);
        let good = caller.tally.good;
        let (mut heard, expected) = (Vec::new(), Expected::Text("notified"));
        let hear = |message: &[u8]| {
            if self.answer.is_some() {
                heard.push(Bytes::copy_from_slice(message));
            }
        };
        caller.exchange_heard(context, &request, expected, Instant::now(), hear).await;
        if let Some(answer) = &self.answer {
            // A listener that has left has said why.
            let _ = answer.send(heard).await;
        }
        // Deliveries are counted, and calls are not.
        context.counter.sub(caller.tally.good - good);
    }
}

impl Shared {
    /// Waits until every stream has come as far as it should; false if that lasts too long.
    async fn arrive(&self, patience: Duration) -> bool {
        let arrived = async {
            loop {
                let notified = self.all_there.notified();
                if self.reached.load(Ordering::Relaxed) >= self.target.load(Ordering::Relaxed) {
                    return;
                }
                notified.await;
            }
        };
        timeout(patience, arrived).await.is_ok()
    }
}

impl Listener {
    async fn run(mut self, context: Context, shared: Arc<Shared>, epoch: Instant) -> Self {
        if let Some(stream) = self.stream.take() {
            match self.listen(stream, &context, &shared, epoch).await {
                Ok(stream) => self.stream = Some(stream),
                Err(reason) => self.broken = Some(reason),
            }
        }
        // Who still has something for us is not to wait.
        self.answer.close();
        self
    }

    /// Listens until it is over; an error says why that was too early.
    async fn listen(
        &mut self,
        mut stream: Stream,
        context: &Context,
        shared: &Shared,
        epoch: Instant,
    ) -> Result<Stream, String> {
        loop {
            let over = shared.over.notified();
            if shared.is_over.load(Ordering::Relaxed) {
                return Ok(stream);
            }
            let (before, good) = (self.notices.next(), self.notices.tally.good);
            let notices = &mut self.notices;
            let open = tokio::select! {
                open = stream.next(|message| notices.judge(message)) => open,
                Some(messages) = self.answer.recv() => {
                    messages.iter().for_each(|message| notices.judge(message));
                    Ok(true)
                }
                () = over => return Ok(stream),
            };
            let (further, good) = (self.notices.next() - before, self.notices.tally.good - good);
            if further > 0 {
                let late = epoch.elapsed().as_nanos() as u64 - shared.round.load(Ordering::Relaxed);
                self.latency.saturating_record_n(late, good);
                context.counter.add(good);
                let reached = shared.reached.fetch_add(further, Ordering::Relaxed) + further;
                if reached >= shared.target.load(Ordering::Relaxed) {
                    shared.all_there.notify_waiters();
                }
            }
            if !open.map_err(|fault| fault.to_string())? {
                return Err("a stream has ended".to_owned());
            }
        }
    }
}
