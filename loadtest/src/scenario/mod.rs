//! Kinds of load, a file for each.
//!
//! - [`calls`]: sessions that each make one call after the other.
//! - [`fanout`]: notifications to many open streams.
//! - [`connect`]: sessions that come and go.
//! - [`idle`]: sessions that do nothing.
//! - [`mixed`]: what clients do in real life.
//! - [`slow`]: some clients do not read.
//! - [`ramp`]: load that rises until it is too much.
//! - `caller`: one session's calls, for whichever of them.
//! - `audience`: streams that are told of something.
//! - `opening`: many sessions, opened together.
//! - `pace`: when calls begin.

mod audience;
mod caller;
pub mod calls;
pub mod connect;
pub mod fanout;
pub mod idle;
pub mod mixed;
mod opening;
mod pace;
pub mod ramp;
pub mod slow;

use std::{
    future::Future,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::time::timeout;

use crate::{
    meter::{self, Counter, Meter},
    report::Report,
    transport::{Fault, Target},
    usage::Which,
};

/// What every scenario needs.
#[derive(Clone, Debug)]
pub struct Context {
    /// What is driven.
    pub target: Target,
    /// Tells this run's payloads from another's.
    pub run: u64,
    /// How long anything may take before it counts as lost.
    pub patience: Duration,
    /// The processes that are measured.
    pub watched: Vec<Which>,
    /// Counts what is done.
    pub counter: Counter,
}

impl Context {
    /// For a run that begins now.
    pub fn new(target: Target, patience: Duration, watched: Vec<Which>) -> Self {
        let run = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros() as u64);
        Self { target, run, patience, watched, counter: Counter::default() }
    }

    /// Waits no longer than patience allows.
    async fn patiently<T>(&self, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        timeout(self.patience, work).await.unwrap_or(Err(Fault::Lost))
    }

    /// Begins the measured phase.
    fn meter(&self, scenario: &str, expected: Duration) -> Meter {
        Meter::start(self.counter.clone(), &self.watched, expected, meter::bar(scenario))
    }
}

/// A kind of load with its options.
#[derive(Clone, Debug)]
pub enum Scenario {
    /// See [`calls`].
    Calls(calls::Calls),
    /// See [`fanout`].
    Fanout(fanout::Fanout),
    /// See [`connect`].
    Connect(connect::Connect),
    /// See [`idle`].
    Idle(idle::Idle),
    /// See [`mixed`].
    Mixed(mixed::Mixed),
    /// See [`slow`].
    Slow(slow::Slow),
    /// See [`ramp`].
    Ramp(ramp::Ramp),
}

/// The names of all.
const NAMES: [&str; 7] =
    [calls::NAME, fanout::NAME, connect::NAME, idle::NAME, mixed::NAME, slow::NAME, ramp::NAME];

impl Scenario {
    /// Reads the options of the scenario of this name.
    ///
    /// # Errors
    /// A sentence that says what to write instead.
    pub fn read(name: &str, options: toml::Table) -> Result<Self, String> {
        let read = match name {
            calls::NAME => options.try_into().map(Self::Calls),
            fanout::NAME => options.try_into().map(Self::Fanout),
            connect::NAME => options.try_into().map(Self::Connect),
            idle::NAME => options.try_into().map(Self::Idle),
            mixed::NAME => options.try_into().map(Self::Mixed),
            slow::NAME => options.try_into().map(Self::Slow),
            ramp::NAME => options.try_into().map(Self::Ramp),
            _ => return Err(format!("there is no scenario `{name}`; write one of {}", NAMES.join(", "))),
        };
        read.map_err(|error: toml::de::Error| error.message().to_owned())
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Calls(_) => calls::NAME,
            Self::Fanout(_) => fanout::NAME,
            Self::Connect(_) => connect::NAME,
            Self::Idle(_) => idle::NAME,
            Self::Mixed(_) => mixed::NAME,
            Self::Slow(_) => slow::NAME,
            Self::Ramp(_) => ramp::NAME,
        }
    }

    /// Runs it.
    pub async fn run(&self, context: &Context) -> Report {
        match self {
            Self::Calls(calls) => calls.run(context).await,
            Self::Fanout(fanout) => fanout.run(context).await,
            Self::Connect(connect) => connect.run(context).await,
            Self::Idle(idle) => idle.run(context).await,
            Self::Mixed(mixed) => mixed.run(context).await,
            Self::Slow(slow) => slow.run(context).await,
            Self::Ramp(ramp) => ramp.run(context).await,
        }
    }
}

/// Seconds of an option.
fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(if seconds.is_finite() { seconds.clamp(0.0, 86_400.0) } else { 0.0 })
}
