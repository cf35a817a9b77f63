//! What was measured.
//!
//! - [`table`]: for people at a terminal.
//! - [`json`]: for programs.
//! - [`html`]: one file with plots, for people who were not there.
//! - [`chart`]: the plots.

pub mod chart;
pub mod html;
pub mod json;
pub mod table;

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::{
    meter::{Metered, Sample, Watched},
    transport::{Fault, Target},
    usage::{Usage, Which},
    verify::Tally,
};

/// Latencies up to an hour, in nanoseconds, to three digits.
const LONGEST: u64 = 3_600_000_000_000;

/// The outcome of one run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The kind of load.
    pub scenario: &'static str,
    /// How the target was spoken to.
    pub transport: &'static str,
    /// The number of connections of HTTP/2 that the sessions shared, if they did.
    pub http2: Option<usize>,
    /// The load's options.
    pub settings: Vec<(&'static str, String)>,
    /// What is counted: calls, deliveries, sessions.
    pub unit: &'static str,
    /// Each phase and its time, the measured one included.
    pub phases: Vec<(&'static str, Duration)>,
    /// Time of the measured phase.
    pub elapsed: Duration,
    /// What came back.
    pub tally: Tally,
    /// Times, in nanoseconds.
    pub latency: Histogram<u64>,
    /// Over time.
    pub samples: Vec<Sample>,
    /// Processes that were watched.
    pub watched: Vec<Watched>,
    /// What only this scenario measures.
    pub values: Vec<Value>,
    /// Of `ramp`: what was measured at each rate.
    pub steps: Vec<Step>,
    /// The first fault, as an example.
    pub fault: Option<String>,
}

/// A number that only one scenario knows.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Value {
    /// What it is.
    pub name: &'static str,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
}

/// One rate of a ramp.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Step {
    /// Calls per second that were asked for.
    pub rate: f64,
    /// And that were answered.
    pub reached: f64,
    /// Half were faster.
    pub p50_microseconds: f64,
    /// All but one in a hundred were faster.
    pub p99_microseconds: f64,
    /// Whether the limit was kept.
    pub kept: bool,
}

impl Report {
    /// An empty one.
    pub fn new(scenario: &'static str, unit: &'static str, target: &Target) -> Self {
        Self {
            scenario,
            transport: target.transport().map_or("pipe", |transport| transport.name()),
            http2: target.http2(),
            settings: Vec::new(),
            unit,
            phases: Vec::new(),
            elapsed: Duration::ZERO,
            tally: Tally::default(),
            latency: histogram(),
            samples: Vec::new(),
            watched: Vec::new(),
            values: Vec::new(),
            steps: Vec::new(),
            fault: None,
        }
    }

    /// Notes an option of the load.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.settings.push((name, value.to_string()));
        self
    }

    /// Adds what one session counted, and keeps the first fault as an example.
    pub fn add(&mut self, tally: &Tally, latency: Option<&Histogram<u64>>, fault: Option<String>) {
        self.tally.add(tally);
        if let Some(latency) = latency {
            // All have the same bounds.
            let _ = self.latency.add(latency);
        }
        self.fault = self.fault.take().or(fault);
    }

    /// Counts those that could not be opened, and gives the others.
    pub fn opened<T>(&mut self, results: Vec<Result<T, Fault>>) -> Vec<T> {
        let mut opened = Vec::new();
        for result in results {
            match result {
                Ok(one) => opened.push(one),
                Err(fault) => {
                    self.tally.count(&fault);
                    self.fault.get_or_insert_with(|| fault.to_string());
                }
            }
        }
        opened
    }

    /// Notes a phase that has ended.
    pub fn phase(&mut self, name: &'static str, time: Duration) {
        self.phases.push((name, time));
    }

    /// Notes a number.
    pub fn value(&mut self, name: &'static str, value: f64, unit: &'static str) {
        self.values.push(Value { name, value, unit });
    }

    /// Takes over what was seen of the measured phase.
    pub fn measured(&mut self, phase: &'static str, metered: Metered) {
        self.phase(phase, metered.elapsed);
        self.elapsed = metered.elapsed;
        self.samples = metered.samples;
        self.watched = metered.watched;
    }

    /// What was good, per second.
    pub fn rate(&self) -> f64 {
        self.tally.good as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }

    /// A quantile of the latency in microseconds; not a number if nothing was timed.
    pub fn micros(&self, quantile: f64) -> f64 {
        match self.latency.is_empty() {
            true => f64::NAN,
            false => self.latency.value_at_quantile(quantile) as f64 / 1e3,
        }
    }

    /// Microseconds of CPU for each good one.
    pub fn cpu_per_unit(&self, usage: &Usage) -> f64 {
        usage.cpu.as_secs_f64() * 1e6 / (self.tally.good as f64).max(1.0)
    }

    /// CPU of all bridges that were watched, in microseconds for each good one; `None` if none was watched.
    pub fn bridge_cpu(&self) -> Option<f64> {
        let trees = self.watched.iter().filter(|watched| matches!(watched.which, Which::Tree(_)));
        trees.map(|watched| self.cpu_per_unit(&watched.after.bridge)).reduce(|sum, one| sum + one)
    }

    /// One of the scenario's own numbers.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.values.iter().find(|value| value.name == name).map(|value| value.value)
    }
}

/// A histogram of the shape that reports add up.
///
/// # Panics
/// Never: the bounds are valid.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1_000, LONGEST, 3).expect("bounds and digits are valid")
}
