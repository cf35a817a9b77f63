//! `calls`: sessions that each make one call after the other, or all together so many per second.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Args;
use serde::Deserialize;
use tokio::task::JoinSet;

use super::{
    Context,
    caller::Caller,
    opening,
    pace::{Pace, Schedule},
    seconds,
};
use crate::{report::Report, size::Size};

/// Its name.
pub const NAME: &str = "calls";

/// Its options.
#[derive(Args, Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Calls {
    /// Clients at once.
    #[arg(long, default_value_t = 16)]
    pub sessions: usize,
    /// Size of each payload, such as 200, 64KiB or 1MiB.
    #[arg(long, default_value_t = Size(200))]
    pub payload: Size,
    /// Seconds of load.
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
    /// Calls per second of all sessions together, whatever the answers do; latency counts from when a call was to begin.
    /// Without it, each session calls again as soon as it has its answer.
    #[arg(long)]
    pub rate: Option<f64>,
    /// Milliseconds that the server takes for each answer, for many at the same time: its tool `sleep` is called, and
    /// not `echo`.
    #[arg(long, default_value_t = 0)]
    pub delay: u32,
}

impl Default for Calls {
    fn default() -> Self {
        Self { sessions: 16, payload: Size(200), seconds: 5.0, rate: None, delay: 0 }
    }
}

impl Calls {
    /// Runs it.
    pub async fn run(&self, context: &Context) -> Report {
        let mut report = Report::new(NAME, "calls", &context.target)
            .with("sessions", self.sessions)
            .with("payload", self.payload);
        if let Some(rate) = self.rate {
            report = report.with("rate", rate);
        }
        if self.delay > 0 {
            report = report.with("delay", self.delay);
        }
        let opening = Instant::now();
        let clients = opening::open(context, self.sessions).await;
        let callers = clients.into_iter().enumerate();
        let callers = callers
            .map(|(number, client)| Caller::new(context, number, client).delayed(self.delay))
            .collect();
        report.phase("open", opening.elapsed());
        let warming = Instant::now();
        let callers = warm(context, callers).await;
        report.phase("first call", warming.elapsed());
        let meter = context.meter(NAME, seconds(self.seconds));
        let (callers, left) = drive(context, callers, self.payload.0, self.rate, seconds(self.seconds)).await;
        report.measured(NAME, meter.stop(&context.counter));
        for caller in &callers {
            report.add(&caller.tally, Some(&caller.latency), caller.fault.clone());
        }
        if self.rate.is_some() {
            report.value("not begun", left.len() as f64, "calls");
        }
        for late in left {
            report.latency.saturating_record(late.as_nanos().try_into().unwrap_or(u64::MAX));
        }
        let closing = Instant::now();
        close(context, callers).await;
        report.phase("close", closing.elapsed());
        report
    }
}

/// Lets each of them make a call that is verified and not measured: a bridge may start a server for it.
pub(super) async fn warm(context: &Context, callers: Vec<Caller>) -> Vec<Caller> {
    let mut tasks = JoinSet::new();
    for mut caller in callers {
        let context = context.clone();
        tasks.spawn(async move {
            caller.warm(&context).await;
            caller
        });
    }
    let callers = tasks.join_all().await;
    context.counter.reset();
    callers
}

/// Lets all of them call for a time. Also gives how late those calls were that a rate asked for, and nobody could begin.
pub(super) async fn drive(
    context: &Context,
    callers: Vec<Caller>,
    payload: usize,
    rate: Option<f64>,
    time: Duration,
) -> (Vec<Caller>, Vec<Duration>) {
    let schedule = rate.map(|rate| Arc::new(Schedule::new(rate, time)));
    let pace = match &schedule {
        Some(schedule) => Pace::Open(schedule.clone()),
        None => Pace::Closed(Instant::now() + time),
    };
    let count = callers.len();
    let mut tasks = JoinSet::new();
    for mut caller in callers {
        let (context, pace) = (context.clone(), pace.clone());
        tasks.spawn(async move {
            caller.echo(&context, payload, &pace).await;
            caller
        });
    }
    let mut left = Vec::new();
    if let Some(schedule) = &schedule
        && schedule.run(count).await.is_err()
    {
        schedule.abandon(count);
    }
    let callers = tasks.join_all().await;
    if let Some(schedule) = schedule {
        left.extend(schedule.left(Instant::now()));
    }
    (callers, left)
}

/// Ends the sessions. Whether that is possible is not what is measured.
pub(super) async fn close(context: &Context, callers: Vec<Caller>) {
    let mut clients = callers.into_iter().filter_map(|caller| caller.client).collect::<Vec<_>>().into_iter();
    opening::each(context, clients.len(), |_| {
        let client = clients.next();
        async move {
            match client {
                Some(client) => client.close().await,
                None => Ok(()),
            }
        }
    })
    .await;
}
