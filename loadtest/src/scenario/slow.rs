//! `slow`: some clients do not read, and the others must not feel it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Args;
use serde::Deserialize;
use tokio::time::sleep;

use super::{
    Context,
    audience::{Audience, Group, Kind},
    caller::Caller,
    calls, opening, seconds,
};
use crate::{
    report::Report,
    size::Size,
    transport::{Client, Fault, Request, Stream, close_streams, request::tool},
    verify::{Notices, Tally},
};

/// Size of each notification of progress that is never read.
const PROGRESS: usize = 1024;

/// Its name.
pub const NAME: &str = "slow";

/// Its options.
#[derive(Args, Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Slow {
    /// Clients that call and read, each with a stream of a session beside it.
    #[arg(long, default_value_t = 64)]
    pub sessions: usize,
    /// Further sessions whose stream is open and never read, as a share of those; and as many that make a call and never
    /// read its answer.
    #[arg(long, default_value_t = 0.25)]
    pub stalled: f64,
    /// Size of the answers that are never read, with the progress before them.
    #[arg(long, default_value_t = Size(4 << 20))]
    pub answer: Size,
    /// Size of each call's payload, such as 200, 64KiB or 1MiB.
    #[arg(long, default_value_t = Size(200))]
    pub payload: Size,
    /// Notifications to all streams in each burst.
    #[arg(long, default_value_t = 100)]
    pub notifications: u64,
    /// Size of each notification.
    #[arg(long, default_value_t = Size(1024))]
    pub size: Size,
    /// Milliseconds from one burst to the next.
    #[arg(long, default_value_t = 50)]
    pub pause: u64,
    /// Seconds of load.
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
}

impl Default for Slow {
    fn default() -> Self {
        Self {
            sessions: 64,
            stalled: 0.25,
            answer: Size(4 << 20),
            payload: Size(200),
            notifications: 100,
            size: Size(1024),
            pause: 50,
            seconds: 5.0,
        }
    }
}

impl Slow {
    /// Runs it.
    pub async fn run(&self, context: &Context) -> Report {
        let stalled = (self.sessions as f64 * self.stalled.clamp(0.0, 100.0)).ceil() as usize;
        let mut report = Report::new(NAME, "calls", &context.target)
            .with("sessions", self.sessions)
            .with("stalled", format!("{stalled} streams, {stalled} answers of {}", self.answer))
            .with("payload", self.payload)
            .with("notifications", format!("{} x {}", self.notifications, self.size));
        let opening = Instant::now();
        let mut unread = report.opened(opening::open_streams(context, stalled, false).await);
        unread.extend(report.opened(self.leave_answers(context, stalled).await));
        let streams = report.opened(opening::open_streams(context, self.sessions, false).await);
        let clients = opening::open(context, self.sessions).await.into_iter().enumerate();
        let callers = clients.map(|(number, client)| Caller::new(context, number, client)).collect();
        let callers = calls::warm(context, callers).await;
        let teller = context.patiently(Client::open(&context.target)).await;
        let teller = Caller::new(context, self.sessions, teller);
        report.phase("open", opening.elapsed());

        let filling = "x".repeat(self.size.0.min(1 << 20));
        let owner = Notices::owner(context.run, None) + &filling;
        // Calls are counted here, and deliveries are verified.
        let unseen = Context { counter: crate::meter::Counter::default(), ..context.clone() };
        let told = vec![Group { caller: teller, owner, streams }];
        let mut audience = Audience::new(&unseen, told, self.notifications, Kind::ListChanged, false);
        let meter = context.meter(NAME, seconds(self.seconds));
        let end = meter.began() + seconds(self.seconds);
        let telling = async {
            while Instant::now() < end && audience.tell(&unseen).await {
                sleep(Duration::from_millis(self.pause)).await;
            }
        };
        let calling = calls::drive(context, callers, self.payload.0, None, seconds(self.seconds));
        let ((), (callers, _)) = tokio::join!(telling, calling);
        report.measured(NAME, meter.stop(&context.counter));
        for caller in &callers {
            report.add(&caller.tally, Some(&caller.latency), caller.fault.clone());
        }
        let closing = Instant::now();
        let mut told = Report::new(NAME, "deliveries", &context.target);
        let rounds = audience.rounds();
        audience.end(&unseen, &mut told).await;
        report.value("bursts", rounds as f64, "");
        report.value("deliveries", told.tally.good as f64, "to those who read");
        report.add(&Tally { good: 0, ..told.tally }, None, told.fault);
        // Whether sessions can be ended is not what is measured.
        let _ = context.patiently(close_streams(&context.target, unread)).await;
        calls::close(context, callers).await;
        report.phase("close", closing.elapsed());
        report
    }

    /// Makes so many calls, each of a session of its own, and reads no answer.
    async fn leave_answers(&self, context: &Context, count: usize) -> Vec<Result<Stream, Fault>> {
        // An answer after so much progress: the request is small, and no server refuses it for its size.
        let steps = self.answer.0.div_ceil(PROGRESS);
        let fields = tool("progress", &format!(r#""text":"{}","steps":{steps}"#, "x".repeat(PROGRESS)));
        let (target, fields) = (context.target.clone(), Arc::new(fields));
        opening::each(context, count, move |_| {
            let (target, fields) = (target.clone(), fields.clone());
            async move {
                let client = Client::open(&target).await?;
                let call = Request { progress: true, ..Request::call(1, "progress", &fields) };
                client.into_unread(&call).await
            }
        })
        .await
    }
}
