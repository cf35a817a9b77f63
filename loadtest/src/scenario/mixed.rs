//! `mixed`: what clients do in real life.

use std::time::{Duration, Instant};

use clap::Args;
use serde::Deserialize;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{Context, caller::Caller, calls, opening, seconds};
use crate::{
    report::Report,
    size::Size,
    transport::{
        Client, Fault, Request, Stream, Target,
        request::{is_answer, tool},
    },
    verify::{Exchange, answer::Expected},
};

/// Its name.
pub const NAME: &str = "mixed";
/// A cancelled call that has not ended by then is left alone: servers need not answer it.
const GIVE_UP: Duration = Duration::from_millis(250);

/// Its options.
#[derive(Args, Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Mixed {
    /// Clients at once.
    #[arg(long, default_value_t = 64)]
    pub sessions: usize,
    /// The largest payload; most are much smaller.
    #[arg(long, default_value_t = Size(16 << 10))]
    pub payload: Size,
    /// Milliseconds that a client thinks before its next step, on average.
    #[arg(long, default_value_t = 5.0)]
    pub think: f64,
    /// Seconds of load.
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
}

impl Default for Mixed {
    fn default() -> Self {
        Self { sessions: 64, payload: Size(16 << 10), think: 5.0, seconds: 5.0 }
    }
}

/// One client's life.
struct Life {
    caller: Caller,
    stream: Option<Stream>,
    chance: Chance,
    steps: Steps,
}

/// How often each kind of step was taken.
#[derive(Clone, Copy, Debug, Default)]
struct Steps {
    calls: u64,
    lists: u64,
    progress: u64,
    cancels: u64,
    reconnects: u64,
    sessions: u64,
}

impl Mixed {
    /// Runs it.
    pub async fn run(&self, context: &Context) -> Report {
        let mut report = Report::new(NAME, "calls", &context.target)
            .with("sessions", self.sessions)
            .with("payload", format!("up to {}", self.payload))
            .with("think", format!("{} ms", self.think));
        let opening = Instant::now();
        let clients = opening::open(context, self.sessions).await.into_iter().enumerate();
        let lives: Vec<_> = clients
            .map(|(number, client)| Life {
                caller: Caller::new(context, number, client),
                stream: None,
                chance: Chance(context.run.wrapping_add(number as u64) | 1),
                steps: Steps::default(),
            })
            .collect();
        report.phase("open", opening.elapsed());
        let meter = context.meter(NAME, seconds(self.seconds));
        let end = meter.began() + seconds(self.seconds);
        let mut tasks = JoinSet::new();
        for mut life in lives {
            let (context, mixed) = (context.clone(), self.clone());
            tasks.spawn(async move {
                while life.caller.client.is_some() && Instant::now() < end {
                    life.think(mixed.think).await;
                    life.step(&context, mixed.payload.0).await;
                }
                life
            });
        }
        let lives = tasks.join_all().await;
        report.measured(NAME, meter.stop(&context.counter));
        let sum = |of: fn(&Steps) -> u64| lives.iter().map(|life| of(&life.steps)).sum::<u64>() as f64;
        report.value("echoes", sum(|steps| steps.calls), "calls");
        report.value("lists", sum(|steps| steps.lists), "calls");
        report.value("progress", sum(|steps| steps.progress), "calls");
        report.value("cancels", sum(|steps| steps.cancels), "calls");
        report.value("reconnects", sum(|steps| steps.reconnects), "streams");
        report.value("anew", sum(|steps| steps.sessions), "sessions");
        let callers: Vec<_> = lives.into_iter().map(|life| life.caller).collect();
        for caller in &callers {
            report.add(&caller.tally, Some(&caller.latency), caller.fault.clone());
        }
        calls::close(context, callers).await;
        report
    }
}

impl Life {
    /// Pauses, and meanwhile reads the stream. Nothing on it answers anything: that would be somebody else's.
    async fn think(&mut self, average: f64) {
        let pause = average.clamp(0.0, 60_000.0) * -(1.0 - self.chance.share()).max(1e-9).ln();
        let pause = sleep(Duration::from_secs_f64(pause / 1e3));
        let Some(stream) = &mut self.stream else { return pause.await };
        tokio::pin!(pause);
        let mut answers = 0;
        loop {
            let open = tokio::select! {
                () = &mut pause => break,
                open = stream.next(|message| answers += u64::from(is_answer(message))) => open,
            };
            if !matches!(open, Ok(true)) {
                self.stream = None;
                self.caller.tally.broken += 1;
                self.caller.fault.get_or_insert_with(|| "a stream was ended".to_owned());
                pause.await;
                break;
            }
        }
        self.caller.tally.leaks += answers;
    }

    async fn step(&mut self, context: &Context, largest: usize) {
        match (self.chance.share() * 100.0) as u32 {
            0..60 => {
                // Small ones are common.
                let size = 100 + (largest as f64 * self.chance.share().powi(4)) as usize;
                self.caller.echo_once(context, size, Instant::now()).await;
                self.steps.calls += 1;
            }
            60..72 => {
                let tag = self.caller.next_tag();
                let request = Request::plain(self.caller.id(tag), "tools/list");
                self.caller.exchange(context, &request, Expected::Tools, Instant::now()).await;
                self.steps.lists += 1;
            }
            72..88 => self.progress(context).await,
            88..92 => self.cancel(context).await,
            92..97 => self.reconnect(context).await,
            _ => self.begin_anew(context).await,
        }
    }

    async fn progress(&mut self, context: &Context) {
        let tag = self.caller.next_tag();
        let (text, steps) = (tag.payload(context.run, 60), 1 + (self.chance.share() * 5.0) as u64);
        let fields = tool("progress", &format!(r#""text":"{text}","steps":{steps}"#));
        let request = Request { progress: true, ..Request::call(self.caller.id(tag), "progress", &fields) };
        self.caller.exchange(context, &request, Expected::Progress(&text, steps), Instant::now()).await;
        self.steps.progress += 1;
    }

    /// Asks for something that takes long, and gives it up.
    async fn cancel(&mut self, context: &Context) {
        let tag = self.caller.next_tag();
        let (id, text) = (self.caller.id(tag), tag.payload(context.run, 60));
        let Some(mut client) = self.caller.client.take() else { return };
        let canceller = match context.patiently(client.canceller()).await {
            Ok(canceller) => canceller,
            Err(fault) => return self.caller.count(&fault),
        };
        let fields = tool("sleep", &format!(r#""text":"{text}","milliseconds":20000"#));
        let request = Request::call(id, "sleep", &fields);
        let mut exchange = Exchange::new(id, Expected::Cancelled(&text));
        let ended = {
            let waiting = client.request(&request, |message| exchange.judge(message));
            tokio::pin!(waiting);
            let early = timeout(Duration::from_millis(20), &mut waiting).await;
            let cancelled = context.patiently(canceller.cancel(id)).await;
            match (early, cancelled) {
                (Ok(early), _) => early.map(|()| true),
                (Err(_), Err(fault)) => Err(fault),
                (Err(_), Ok(())) => {
                    timeout(GIVE_UP, waiting).await.map_or(Ok(false), |ended| ended.map(|()| true))
                }
            }
        };
        exchange.end();
        context.counter.add(exchange.tally.good);
        self.caller.tally.add(&exchange.tally);
        self.steps.cancels += 1;
        let client = match ended {
            Ok(true) => Ok(client),
            Ok(false) => context.patiently(client.renew()).await,
            Err(fault) => Err(fault),
        };
        self.keep(client);
    }

    /// Loses the stream, and takes it up where it was lost.
    async fn reconnect(&mut self, context: &Context) {
        let last = self.stream.take().and_then(|stream| stream.last_event_id());
        let Some(client) = &self.caller.client else { return };
        match context.patiently(client.stream(last.as_deref())).await {
            Ok(stream) => {
                self.steps.reconnects += u64::from(stream.is_some());
                self.stream = stream;
            }
            Err(fault) => {
                self.caller.tally.count(&fault);
                self.caller.fault.get_or_insert_with(|| fault.to_string());
            }
        }
    }

    /// Leaves, and comes back as another session.
    async fn begin_anew(&mut self, context: &Context) {
        self.stream = None;
        let Some(client) = self.caller.client.take() else { return };
        let anew = context.patiently(async {
            client.close().await?;
            Client::open(&context.target).await
        });
        let client = anew.await;
        self.keep(client);
        self.steps.sessions += u64::from(!matches!(context.target, Target::Pipe(_)));
    }

    fn keep(&mut self, client: Result<Client, Fault>) {
        match client {
            Ok(client) => self.caller.client = Some(client),
            Err(fault) => self.caller.count(&fault),
        }
    }
}

/// Chance that is the same again for the same seed (xorshift64*).
#[derive(Clone, Copy, Debug)]
struct Chance(u64);

impl Chance {
    /// From 0 to less than 1.
    fn share(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
