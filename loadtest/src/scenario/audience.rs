//! Streams that are told of something, round by round.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use clap::ValueEnum;
use hdrhistogram::Histogram;
use serde::Deserialize;
use tokio::{sync::Notify, task::JoinSet, time::timeout};

use super::{Context, caller::Caller};
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
    notices: Notices,
    latency: Histogram<u64>,
    broken: Option<String>,
}

/// Streams that are read and verified, each by a task of its own.
#[derive(Debug)]
pub(super) struct Audience {
    listeners: JoinSet<Listener>,
    shared: Arc<Shared>,
    seen: Seen,
    owner: String,
    kind: Kind,
    per_round: u64,
    rounds: u64,
    count: u64,
    epoch: Instant,
}

impl Audience {
    /// Begins to read the streams, which expect so many notifications in each round.
    pub(super) fn new(
        context: &Context,
        streams: Vec<Stream>,
        owner: String,
        per_round: u64,
        kind: Kind,
    ) -> Self {
        let (shared, seen, epoch) = (Arc::new(Shared::default()), Seen::default(), Instant::now());
        let count = streams.len() as u64;
        let mut listeners = JoinSet::new();
        for stream in streams {
            let notices = Notices::new(owner.clone(), per_round, seen.clone());
            let listener = Listener { stream: Some(stream), notices, latency: histogram(), broken: None };
            listeners.spawn(listener.run(context.clone(), shared.clone(), epoch));
        }
        Self { listeners, shared, seen, owner, kind, per_round, rounds: 0, count, epoch }
    }

    /// How often it was told.
    pub(super) fn rounds(&self) -> u64 {
        self.rounds
    }

    /// One round; false if not everything came, or nobody could ask for it.
    pub(super) async fn tell(&mut self, context: &Context, caller: &mut Caller) -> bool {
        let has_arrived = self.send(context, caller, self.per_round).await;
        self.rounds += 1;
        has_arrived && caller.client.is_some()
    }

    async fn send(&self, context: &Context, caller: &mut Caller, count: u64) -> bool {
        let position = self.rounds * self.per_round;
        self.seen.begin(position);
        self.shared.target.store(self.count * (position + count), Ordering::Relaxed);
        self.shared.round.store(self.epoch.elapsed().as_nanos() as u64, Ordering::Relaxed);
        let kind = match self.kind {
            Kind::ListChanged => "list-changed",
            Kind::ResourceUpdated => "resource-updated",
        };
        let tag = Notices::tag(&self.owner, self.rounds);
        let fields = tool("notify", &format!(r#""count":{count},"tag":"{tag}","kind":"{kind}""#));
        let call = caller.next_tag();
        let request = Request::call(caller.id(call), "notify", &fields);
        let good = caller.tally.good;
        caller.exchange(context, &request, Expected::Text("notified"), Instant::now()).await;
        // Deliveries are counted, and calls are not.
        context.counter.sub(caller.tally.good - good);
        self.shared.arrive(context.patience).await
    }

    /// Sends one more notification, which is not measured: what a round brought too much has come before it. Then counts
    /// what came and what did not, and ends the sessions.
    pub(super) async fn end(mut self, context: &Context, caller: &mut Caller, report: &mut Report) {
        let fenced = self.rounds * self.per_round + 1;
        self.send(context, caller, 1).await;
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
        // Whether sessions can be ended is not what is measured.
        let _ = context.patiently(close_streams(&context.target, streams)).await;
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
        let Some(mut stream) = self.stream.take() else { return self };
        loop {
            let over = shared.over.notified();
            if shared.is_over.load(Ordering::Relaxed) {
                break;
            }
            let (before, good) = (self.notices.next(), self.notices.tally.good);
            let notices = &mut self.notices;
            let open = tokio::select! {
                open = stream.next(|message| notices.judge(message)) => open,
                () = over => break,
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
            match open {
                Ok(true) => {}
                Ok(false) => {
                    self.broken = Some("a stream has ended".to_owned());
                    return self;
                }
                Err(fault) => {
                    self.broken = Some(fault.to_string());
                    return self;
                }
            }
        }
        self.stream = Some(stream);
        self
    }
}
