//! `connect`: sessions that come and go.

use std::time::Instant;

use clap::Args;
use hdrhistogram::Histogram;
use serde::Deserialize;
use tokio::task::JoinSet;

use super::{Context, seconds};
use crate::{
    report::{Report, histogram},
    transport::{Client, Request, Target, Transport},
    verify::{Exchange, Tally, answer::Expected},
};

/// Its name.
pub const NAME: &str = "connect";

/// Its options.
#[derive(Args, Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Connect {
    /// Clients at once. Each connects, shakes hands and leaves, again and again.
    #[arg(long, default_value_t = 16)]
    pub clients: usize,
    /// Seconds of load.
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
    /// Leave without ending the session, as clients do that crash.
    #[arg(long)]
    pub keep: bool,
}

impl Default for Connect {
    fn default() -> Self {
        Self { clients: 16, seconds: 5.0, keep: false }
    }
}

#[derive(Default)]
struct Seen {
    tally: Tally,
    latency: Option<Histogram<u64>>,
    fault: Option<String>,
}

impl Connect {
    /// Runs it.
    pub async fn run(&self, context: &Context) -> Report {
        let mut report = Report::new(NAME, "sessions", &context.target).with("clients", self.clients);
        let meter = context.meter(NAME, seconds(self.seconds));
        let end = meter.began() + seconds(self.seconds);
        let mut clients = JoinSet::new();
        for _ in 0..self.clients {
            clients.spawn(come_and_go(context.clone(), end, self.keep));
        }
        let clients = clients.join_all().await;
        report.measured(NAME, meter.stop(&context.counter));
        for seen in clients {
            report.add(&seen.tally, seen.latency.as_ref(), seen.fault);
        }
        report
    }
}

async fn come_and_go(context: Context, end: Instant, keep: bool) -> Seen {
    let mut seen = Seen::default();
    let mut latency = histogram();
    while Instant::now() < end {
        let begun = Instant::now();
        let opened = context.patiently(async {
            let mut client = Client::open(&context.target).await?;
            if matches!(context.target, Target::Http(_, Transport::Stateless)) {
                // There is no handshake: this is what clients ask first.
                let mut exchange = Exchange::new(1, Expected::Anything);
                client
                    .request(&Request::plain(1, "server/discover"), |message| exchange.judge(message))
                    .await?;
                exchange.end();
                seen.tally.add(&exchange.tally);
                return Ok((client, exchange.tally.good > 0));
            }
            seen.tally.good += 1;
            Ok((client, true))
        });
        let opened = opened.await;
        let time = begun.elapsed();
        let left = match opened {
            Ok((client, is_good)) => {
                if is_good {
                    latency.saturating_record(time.as_nanos().try_into().unwrap_or(u64::MAX));
                    context.counter.add(1);
                }
                match keep {
                    true => Ok(()),
                    false => context.patiently(client.close()).await,
                }
            }
            Err(fault) => Err(fault),
        };
        if let Err(fault) = left {
            seen.tally.count(&fault);
            seen.fault.get_or_insert_with(|| fault.to_string());
            // One that is down is not asked thousands of times per second.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
    seen.latency = Some(latency);
    seen
}
