//! `fanout`: the echo server tells every client of something, again and again.

use std::time::Instant;

use clap::Args;
use serde::Deserialize;

use super::{
    Context,
    audience::{Audience, Group, Kind},
    caller::{self, Caller},
    opening, seconds,
};
use crate::{
    report::Report,
    transport::{Client, Fault, Target, Transport},
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
    /// Each session asks for notifications of its own, and must be told of no other's: for servers that have a process
    /// for each session. Only over `streamable-http`, where a session calls beside its stream.
    #[arg(long)]
    pub own: bool,
}

impl Default for Fanout {
    fn default() -> Self {
        Self { streams: 100, notifications: 100, seconds: 5.0, kind: Kind::ListChanged, own: false }
    }
}

impl Fanout {
    /// Runs it.
    pub async fn run(&self, context: &Context) -> Report {
        let mut report = Report::new(NAME, "deliveries", &context.target)
            .with("streams", self.streams)
            .with("notifications", self.notifications);
        if self.own {
            report = report.with("own", true);
        }
        let opening = Instant::now();
        let groups = match self.own {
            true => self.each_its_own(context, &mut report).await,
            false => vec![self.all_together(context, &mut report).await],
        };
        report.phase("open", opening.elapsed());
        let mut audience = Audience::new(context, groups, self.notifications, self.kind, self.own);
        let meter = context.meter(NAME, seconds(self.seconds));
        let began = meter.began();
        // There is always a round, and none after one that did not arrive.
        while audience.tell(context).await && began.elapsed() < seconds(self.seconds) {}
        report.measured(NAME, meter.stop(&context.counter));
        report.value("rounds", audience.rounds() as f64, "");
        let closing = Instant::now();
        audience.end(context, &mut report).await;
        report.phase("close", closing.elapsed());
        report
    }

    /// One session asks for what all streams are told.
    async fn all_together(&self, context: &Context, report: &mut Report) -> Group {
        let is_stateless = matches!(context.target, Target::Http(_, Transport::Stateless));
        let subscribe = self.kind == Kind::ResourceUpdated && !is_stateless;
        let streams = opening::open_streams(context, self.streams, subscribe).await;
        let streams = report.opened(streams);
        let client = context.patiently(Client::open(&context.target)).await;
        let caller = Caller::new(context, self.streams, client);
        Group { caller, owner: Notices::owner(context.run, None), streams }
    }

    /// Each session asks for what its own stream is told.
    async fn each_its_own(&self, context: &Context, report: &mut Report) -> Vec<Group> {
        let (target, subscribe) = (context.target.clone(), self.kind == Kind::ResourceUpdated);
        let opened = opening::each(context, self.streams, move |number| {
            let target = target.clone();
            async move {
                let mut client = Client::open(&target).await?;
                if subscribe {
                    caller::subscribe(&mut client).await?;
                }
                let stream = match target.transport() {
                    Some(Transport::StreamableHttp) => client.stream(None).await?,
                    _ => None,
                };
                let none = || Fault::Broken("`--own` needs `--transport streamable-http`".to_owned());
                Ok((number, client, stream.ok_or_else(none)?))
            }
        });
        let opened = report.opened(opened.await).into_iter();
        let group = |(number, client, stream)| {
            let caller = Caller::new(context, number, Ok(client));
            Group { caller, owner: Notices::owner(context.run, Some(number)), streams: vec![stream] }
        };
        opened.map(group).collect()
    }
}
