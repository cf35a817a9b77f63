//! What is taken from a report.

use serde::{Deserialize, Serialize};

use crate::{report::Report, scenario::Scenario};

/// A number of a report.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Calls, deliveries or sessions per second.
    Rate,
    /// The bridge's CPU for each of them.
    Cpu,
    /// Calls per second, beside what the raw pipe carries.
    RateOfPipe,
    /// Median latency.
    P50,
    /// Latency that one in a hundred exceeds.
    P99,
    /// Median latency, beside that of the floor and of the pipe together.
    P50OfBoth,
    /// Memory of an idle session.
    Memory,
    /// Memory of the bridge before any load.
    Rest,
}

impl Measure {
    /// Those of a scenario if the file names none.
    pub fn usual(scenario: &Scenario) -> Vec<Self> {
        match scenario {
            Scenario::Idle(_) => vec![Self::Memory, Self::Rest],
            Scenario::Fanout(_) | Scenario::Connect(_) => vec![Self::Rate, Self::Cpu],
            _ => vec![Self::Rate, Self::Cpu, Self::P50, Self::P99],
        }
    }

    /// As it is shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::RateOfPipe => "rate of the pipe",
            Self::Cpu => "CPU",
            Self::P50 => "p50",
            Self::P99 => "p99",
            Self::P50OfBoth => "p50 of floor + pipe",
            Self::Memory => "memory of a session",
            Self::Rest => "memory at rest",
        }
    }

    /// The number in a report; `None` if it has none.
    pub fn of(self, report: &Report) -> Option<f64> {
        let number = match self {
            Self::Rate | Self::RateOfPipe => Some(report.rate()).filter(|_| report.tally.good > 0),
            Self::Cpu => report.bridge_cpu().filter(|_| report.tally.good > 0),
            Self::P50 | Self::P50OfBoth => Some(report.micros(0.5)),
            Self::P99 => Some(report.micros(0.99)),
            Self::Memory => report.number("a session"),
            Self::Rest => report.number("at rest"),
        };
        number.filter(|number| number.is_finite())
    }

    /// Whether it says something by itself, and not beside the floor's.
    pub fn is_absolute(self) -> bool {
        matches!(self, Self::Memory | Self::Rest)
    }

    fn more_is_better(self) -> bool {
        matches!(self, Self::Rate | Self::RateOfPipe)
    }

    /// Whether `number` is at least as good as `bound`.
    pub fn meets(self, number: f64, bound: f64) -> bool {
        match self.more_is_better() {
            true => number >= bound,
            false => number <= bound,
        }
    }

    /// A bound as it is shown.
    pub fn bound(self, bound: f64) -> String {
        format!("{} {bound}", if self.more_is_better() { "≥" } else { "≤" })
    }

    /// A number of a report with its unit.
    pub fn show(self, number: f64) -> String {
        match self {
            Self::Rate | Self::RateOfPipe => format!("{number:.0}/s"),
            Self::Cpu => format!("{number:.1} µs"),
            Self::P50 | Self::P99 | Self::P50OfBoth => crate::report::table::micros(number).replace('u', "µ"),
            Self::Memory => format!("{number:.1} KiB"),
            Self::Rest => format!("{number:.1} MiB"),
        }
    }
}

/// Behind a number: whether it is what it must be, if that is known.
pub(super) fn mark(verdict: Option<bool>) -> &'static str {
    match verdict {
        Some(true) => " ✓",
        Some(false) => " ✗",
        None => "",
    }
}
