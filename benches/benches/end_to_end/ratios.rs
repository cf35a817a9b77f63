//! What each bench took beside the floor and the pipe of the same run.

use std::{
    fmt,
    time::{Duration, Instant},
};

use criterion::{BenchmarkGroup, measurement::WallTime};

/// The server over HTTP, with nothing in front of it.
pub(crate) const FLOOR: &str = "floor";
/// The server over stdio, with no HTTP at all.
pub(crate) const PIPE: &str = "pipe";

/// Runs benches and remembers their times.
#[derive(Default)]
pub(crate) struct Ratios(Vec<Timed>);

struct Timed {
    group: String,
    name: String,
    /// How many rounds, and how long they took together.
    samples: Vec<(u64, Duration)>,
}

impl Ratios {
    /// Measures `round` in a group of benches.
    pub(crate) fn bench(
        &mut self,
        group: &mut BenchmarkGroup<'_, WallTime>,
        in_group: &str,
        name: &str,
        mut round: impl FnMut(),
    ) {
        let mut samples = Vec::new();
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|rounds| {
                let start = Instant::now();
                (0..rounds).for_each(|_| round());
                let took = start.elapsed();
                samples.push((rounds, took));
                took
            });
        });
        // One that was filtered out has none.
        if !samples.is_empty() {
            self.0.push(Timed { group: in_group.to_owned(), name: name.to_owned(), samples });
        }
    }
}

impl Timed {
    /// Microseconds of a round: half of all rounds were in quicker samples.
    fn median(&self) -> f64 {
        let mut samples = self.samples.clone();
        let each = |(rounds, took): (u64, Duration)| took.as_secs_f64() * 1e6 / rounds.max(1) as f64;
        samples.sort_by(|a, b| each(*a).total_cmp(&each(*b)));
        let half = samples.iter().map(|(rounds, _)| rounds).sum::<u64>().div_ceil(2);
        let mut before = 0;
        let middle = samples.into_iter().find(|(rounds, _)| {
            before += rounds;
            before >= half
        });
        middle.map_or(f64::NAN, each)
    }
}

impl fmt::Display for Ratios {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut group = "";
        for timed in &self.0 {
            if timed.group != group {
                group = &timed.group;
                writeln!(formatter, "\n{group:<44}{:>12}{:>10}{:>10}", "median", ": floor", ": pipe")?;
            }
            let median = timed.median();
            write!(formatter, "  {:<42}{median:>9.1} µs", timed.name)?;
            for reference in [FLOOR, PIPE] {
                let beside = self.0.iter().find(|other| other.group == group && other.name == reference);
                match beside {
                    Some(beside) => write!(formatter, "{:>10.2}", median / beside.median())?,
                    None => write!(formatter, "{:>10}", "-")?,
                }
            }
            writeln!(formatter)?;
        }
        Ok(())
    }
}
