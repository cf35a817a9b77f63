//! `idle`: sessions that are there and do nothing.

use std::time::{Duration, Instant};

use clap::Args;
use serde::Deserialize;
use tokio::{task::JoinSet, time};

use super::{Context, opening, seconds};
use crate::{meter::Watched, report::Report, transport::close_streams, usage::Watch};

/// Its name.
pub const NAME: &str = "idle";

/// Its options.
#[derive(Args, Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Idle {
    /// Sessions, each with its stream open.
    #[arg(long, default_value_t = 1000)]
    pub sessions: usize,
    /// Seconds that they stay, before memory is read.
    #[arg(long, default_value_t = 2.0)]
    pub seconds: f64,
}

impl Default for Idle {
    fn default() -> Self {
        Self { sessions: 1000, seconds: 2.0 }
    }
}

impl Idle {
    /// Runs it.
    pub async fn run(&self, context: &Context) -> Report {
        let mut report = Report::new(NAME, "sessions", &context.target).with("sessions", self.sessions);
        // What is needed once, and not for each session, is there afterwards.
        let first = opening::open_streams(context, 1, false).await;
        let at_rest: Vec<_> = context.watched.iter().cloned().map(|which| Watch::new(which).read()).collect();
        let meter = context.meter(NAME, seconds(self.seconds));
        let opening = Instant::now();
        let streams = opening::open_streams(context, self.sessions, false).await;
        let streams = report.opened(streams);
        report.tally.good = streams.len() as u64;
        context.counter.add(report.tally.good);
        let opened = opening.elapsed();
        report.phase("open", opened);
        let mut staying = JoinSet::new();
        for mut stream in streams {
            let end = seconds(self.seconds);
            staying.spawn(async move {
                let ended =
                    time::timeout(end, async { while let Ok(true) = stream.next(|_| {}).await {} }).await;
                // It must not end by itself.
                ended.is_err().then_some(stream)
            });
        }
        let streams = staying.join_all().await;
        let metered = meter.stop(&context.counter);
        memory(&mut report, self.sessions, &at_rest, &metered.watched);
        report.measured(NAME, metered);
        // Sessions are counted over the time that it took to open them.
        report.elapsed = opened.max(Duration::from_nanos(1));
        let broken = streams.iter().filter(|stream| stream.is_none()).count() as u64;
        if broken > 0 {
            report.tally.broken += broken;
            report.fault.get_or_insert_with(|| "an idle stream was ended".to_owned());
        }
        let closing = Instant::now();
        let streams = streams.into_iter().flatten().chain(first.into_iter().flatten());
        // Whether sessions can be ended is not what is measured.
        let _ = context.patiently(close_streams(&context.target, streams)).await;
        report.phase("close", closing.elapsed());
        report
    }
}

/// Memory of the first process tree, of the bridge alone and with its servers.
fn memory(report: &mut Report, sessions: usize, at_rest: &[crate::usage::Reading], watched: &[Watched]) {
    let (Some(rest), Some(watched)) = (at_rest.first(), watched.first()) else { return };
    let each = |now: u64, before: u64| (now as f64 - before as f64) / 1024.0 / (sessions as f64).max(1.0);
    let bridge = each(watched.after.bridge.resident_bytes, rest.bridge.resident_bytes);
    let servers = each(watched.after.servers.resident_bytes, rest.servers.resident_bytes);
    report.value("at rest", rest.bridge.resident_bytes as f64 / f64::from(1 << 20), "MiB");
    report.value("a session", bridge, "KiB");
    report.value("its server", servers, "KiB");
}
