//! What was measured.

use std::{fmt, time::Duration};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::{
    usage::{Usage, Which, usage},
    verify::Tally,
};

/// Latencies up to an hour, in nanoseconds, to three digits.
const LONGEST: u64 = 3_600_000_000_000;

/// The outcome of one run.
#[derive(Debug)]
pub struct Report {
    sessions: usize,
    payload: usize,
    opened: Duration,
    elapsed: Duration,
    /// What came back.
    pub tally: Tally,
    /// Time of each answered call, in nanoseconds.
    pub latency: Histogram<u64>,
    watched: Vec<(String, Usage)>,
    fault: Option<String>,
}

impl Report {
    /// An empty one.
    pub fn new(sessions: usize, payload: usize, opened: Duration) -> Self {
        Self {
            sessions,
            payload,
            opened,
            elapsed: Duration::ZERO,
            tally: Tally::default(),
            latency: Self::histogram(),
            watched: Vec::new(),
            fault: None,
        }
    }

    /// A histogram of the shape that reports add up.
    ///
    /// # Panics
    /// Never: the bounds are valid.
    pub fn histogram() -> Histogram<u64> {
        Histogram::new_with_bounds(1_000, LONGEST, 3).expect("bounds and digits are valid")
    }

    /// Keeps the first fault, as an example.
    pub fn note(&mut self, fault: Option<String>) {
        self.fault = self.fault.take().or(fault);
    }

    /// Ends the measured part.
    pub fn finish(&mut self, elapsed: Duration, watched: &[Which], before: &[Usage]) {
        self.elapsed = elapsed;
        self.watched = watched
            .iter()
            .zip(before)
            .map(|(which, before)| {
                let now = usage(which);
                (which.to_string(), Usage { cpu: now.cpu.saturating_sub(before.cpu), ..now })
            })
            .collect();
    }

    /// Right answers per second.
    pub fn rate(&self) -> f64 {
        self.tally.good as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }

    fn micros(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1e3
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let watched = self.watched.iter().map(|(name, used)| {
            json!({
                "name": name,
                "processes": used.processes,
                "cpu_seconds": used.cpu.as_secs_f64(),
                "cpu_microseconds_per_call": used.cpu.as_secs_f64() * 1e6 / (self.tally.good as f64).max(1.0),
                "resident_bytes": used.resident_bytes,
            })
        });
        json!({
            "sessions": self.sessions,
            "payload_bytes": self.payload,
            "open_seconds": self.opened.as_secs_f64(),
            "seconds": self.elapsed.as_secs_f64(),
            "calls_per_second": self.rate(),
            "latency_microseconds": {
                "p50": self.micros(0.5), "p90": self.micros(0.9), "p99": self.micros(0.99),
                "p999": self.micros(0.999), "max": self.latency.max() as f64 / 1e3,
            },
            "tally": self.tally,
            "violations": self.tally.violations(),
            "errors": self.tally.errors(),
            "example_of_a_fault": self.fault,
            "watched": watched.collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{} sessions x {} bytes, {:.1} s: {:.0} calls/s, p50 {:.0} us, p99 {:.0} us",
            self.sessions,
            self.payload,
            self.elapsed.as_secs_f64(),
            self.rate(),
            self.micros(0.5),
            self.micros(0.99),
        )?;
        for (name, used) in &self.watched {
            let per_call = used.cpu.as_secs_f64() * 1e6 / (self.tally.good as f64).max(1.0);
            let resident = used.resident_bytes as f64 / f64::from(1 << 20);
            writeln!(
                formatter,
                "  {name}: {} processes, {per_call:.1} us CPU per call, {resident:.1} MiB resident",
                used.processes
            )?;
        }
        let tally = &self.tally;
        writeln!(
            formatter,
            "  good {}, leaks {}, wrong {}, corrupt {}, lost {}, duplicates {}; refused {}, errors {}, broken {}",
            tally.good,
            tally.leaks,
            tally.wrong,
            tally.corrupt,
            tally.lost,
            tally.duplicates,
            tally.refused,
            tally.rpc_errors,
            tally.broken,
        )?;
        match &self.fault {
            Some(fault) => writeln!(formatter, "  first fault: {fault}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Which {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tree(pid) => write!(formatter, "pid {pid}"),
            Self::Named(name) => formatter.write_str(name),
        }
    }
}
