//! `ramp`: load that rises until it is too much.

use std::time::Instant;

use clap::Args;
use serde::Deserialize;

use super::{Context, caller::Caller, calls, opening, seconds};
use crate::{
    report::{Report, Step, histogram},
    size::Size,
};

/// Its name.
pub const NAME: &str = "ramp";
/// A rate that is answered less than this is too much, whatever the latency of what was answered.
const REACHED: f64 = 0.95;

/// Its options.
#[derive(Args, Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ramp {
    /// Clients at once, each with a connection of its own.
    #[arg(long, default_value_t = 64)]
    pub sessions: usize,
    /// Size of each payload, such as 200, 64KiB or 1MiB.
    #[arg(long, default_value_t = Size(200))]
    pub payload: Size,
    /// Calls per second of all sessions together, at first.
    #[arg(long, default_value_t = 500.0)]
    pub from: f64,
    /// How much more with each step.
    #[arg(long, default_value_t = 1.5)]
    pub factor: f64,
    /// Seconds of each step.
    #[arg(long, default_value_t = 2.0)]
    pub seconds: f64,
    /// Milliseconds that 99 of 100 calls must not exceed. Latency counts from when a call was to begin.
    #[arg(long, default_value_t = 10.0)]
    pub limit: f64,
    /// The most steps.
    #[arg(long, default_value_t = 20)]
    pub steps: u32,
}

impl Default for Ramp {
    fn default() -> Self {
        Self {
            sessions: 64,
            payload: Size(200),
            from: 500.0,
            factor: 1.5,
            seconds: 2.0,
            limit: 10.0,
            steps: 20,
        }
    }
}

impl Ramp {
    /// Runs it.
    pub async fn run(&self, context: &Context) -> Report {
        let mut report = Report::new(NAME, "calls", &context.target)
            .with("sessions", self.sessions)
            .with("payload", self.payload)
            .with("limit", format!("{} ms", self.limit));
        let opening = Instant::now();
        let clients = opening::open(context, self.sessions).await.into_iter().enumerate();
        let callers = clients.map(|(number, client)| Caller::new(context, number, client)).collect();
        let mut callers = calls::warm(context, callers).await;
        report.phase("open", opening.elapsed());
        let meter = context.meter(NAME, seconds(self.seconds) * self.steps);
        let mut rate = self.from.max(0.1);
        let mut kept_rate = 0.0;
        for _ in 0..self.steps {
            let (step, back) = self.step(context, callers, rate, &mut report).await;
            callers = back;
            report.steps.push(step);
            if !step.kept {
                break;
            }
            kept_rate = rate;
            rate *= self.factor.max(1.01);
        }
        report.measured(NAME, meter.stop(&context.counter));
        report.value("held", kept_rate, "calls per second");
        for caller in &callers {
            report.add(&caller.tally, None, caller.fault.clone());
        }
        calls::close(context, callers).await;
        report
    }

    async fn step(
        &self,
        context: &Context,
        callers: Vec<Caller>,
        rate: f64,
        report: &mut Report,
    ) -> (Step, Vec<Caller>) {
        let (good, begun) = (context.counter.get(), Instant::now());
        let driven = calls::drive(context, callers, self.payload.0, Some(rate), seconds(self.seconds));
        let (mut callers, left) = driven.await;
        let time = begun.elapsed().as_secs_f64();
        let mut latency = histogram();
        for caller in &mut callers {
            // All have the same bounds.
            let _ = latency.add(&caller.latency);
            caller.latency.reset();
        }
        for late in left {
            latency.saturating_record(late.as_nanos().try_into().unwrap_or(u64::MAX));
        }
        let _ = report.latency.add(&latency);
        let micros = |quantile| latency.value_at_quantile(quantile) as f64 / 1e3;
        let reached = (context.counter.get() - good) as f64 / time.max(f64::EPSILON);
        let p99 = micros(0.99);
        let kept =
            p99 <= self.limit * 1e3 && reached >= rate * REACHED.min(self.seconds / time.max(f64::EPSILON));
        (Step { rate, reached, p50_microseconds: micros(0.5), p99_microseconds: p99, kept }, callers)
    }
}
