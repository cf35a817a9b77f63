//! `fanout`: the echo server tells every client of something, again and again.

use std::time::Instant;

use clap::Args;
use serde::Deserialize;

use super::{
    Context,
    audience::{Audience, Kind},
    caller::Caller,
    opening, seconds,
};
use crate::{
    report::Report,
    transport::{Client, Target, Transport},
    verify::Notices,
};

/// Its name.
pub const NAME: &str = "fanout";

/// Its options.
#[derive(Args, Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fanout {
    /// Open streams, each of a session of its own.
    #[arg(long, default_value_t = 100)]
    pub streams: usize,
    /// Notifications that the server sends at once, in each round.
    #[arg(long, default_value_t = 100)]
    pub notifications: u64,
    /// Seconds after which no further round begins; there is always one.
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
    /// What the notifications tell.
    #[arg(long, value_enum, default_value = "list-changed")]
    pub kind: Kind,
}

impl Default for Fanout {
    fn default() -> Self {
        Self { streams: 100, notifications: 100, seconds: 5.0, kind: Kind::ListChanged }
    }
}

impl Fanout {
    /// Runs it.
    pub async fn run(&self, context: &Context) -> Report {
        let mut report = Report::new(NAME, "deliveries", &context.target)
            .with("streams", self.streams)
            .with("notifications", self.notifications);
        let opening = Instant::now();
        let is_stateless = matches!(context.target, Target::Http(_, Transport::Stateless));
        let subscribe = self.kind == Kind::ResourceUpdated && !is_stateless;
        let streams = opening::open_streams(context, self.streams, subscribe).await;
        let streams = report.opened(streams);
        let client = context.patiently(Client::open(&context.target)).await;
        let mut caller = Caller::new(context, self.streams, client);
        report.phase("open", opening.elapsed());

        let owner = Notices::owner(context.run, None);
        let mut audience = Audience::new(context, streams, owner, self.notifications, self.kind);
        let meter = context.meter(NAME, seconds(self.seconds));
        let began = meter.began();
        // There is always a round, and none after one that did not arrive.
        while audience.tell(context, &mut caller).await && began.elapsed() < seconds(self.seconds) {}
        report.measured(NAME, meter.stop(&context.counter));
        report.value("rounds", audience.rounds() as f64, "");
        let closing = Instant::now();
        audience.end(context, &mut caller, &mut report).await;
        // Calls are not what is counted.
        caller.tally.good = 0;
        report.add(&caller.tally, None, caller.fault.take());
        super::calls::close(context, vec![caller]).await;
        report.phase("close", closing.elapsed());
        report
    }
}
