//! What must not grow from cell to cell.

use super::{
    file::{Cell, File, Growth, GrowthMeasure},
    measure::Measure,
    outcome::{Spread, Trial, numbers},
    table::mark,
};
use crate::scenario::Scenario;

/// A number that must be the same in several cells.
#[derive(Debug)]
pub struct GrowthRow {
    /// What it is.
    pub name: String,
    /// By how much the floor's own number grows, which says how much of it the machine is.
    pub floor: Option<f64>,
    /// By how much the largest exceeds the smallest, as a share, for each bridge.
    pub bridges: Vec<Option<f64>>,
    /// By how much it may.
    pub within: f64,
}

/// Those of the file.
pub(super) fn rows(file: &File, bridges: &[String], trials: &[Trial]) -> Vec<GrowthRow> {
    file.growths.iter().map(|growth| row(growth, file, bridges, trials)).collect()
}

fn row(growth: &Growth, file: &File, bridges: &[String], trials: &[Trial]) -> GrowthRow {
    let share = |of: &dyn Fn(&Cell) -> Option<f64>| {
        let cells = file.cells.iter().filter(|cell| growth.cells.contains(&cell.name));
        let typical: Vec<f64> = cells.filter_map(of).collect();
        let spread = Spread::of(typical.iter().copied()).filter(|_| typical.len() > 1)?;
        (spread.low > 0.0).then(|| spread.high / spread.low - 1.0)
    };
    let own = |cell: &Cell, contender: &str| typical(growth.measure, cell, contender, trials);
    let judged = |cell: &Cell, bridge: &str| match growth.measure.is_of_floor() {
        true => Some(own(cell, bridge)? / own(cell, "floor")?),
        false => own(cell, bridge),
    };
    GrowthRow {
        name: growth.name.clone(),
        floor: share(&|cell| own(cell, "floor")),
        bridges: bridges.iter().map(|bridge| share(&|cell| judged(cell, bridge))).collect(),
        within: growth.within,
    }
}

/// The median of a contender's own numbers in a cell.
fn typical(growth: GrowthMeasure, cell: &Cell, contender: &str, trials: &[Trial]) -> Option<f64> {
    let median = |measure| {
        let numbers = numbers(trials, &cell.name, contender, measure).map(|number| number.1);
        Some(Spread::of(numbers)?.median)
    };
    match (growth, &cell.scenario) {
        (GrowthMeasure::Cpu | GrowthMeasure::CpuOfFloor, _) => median(Measure::Cpu),
        (GrowthMeasure::TimePerByte | GrowthMeasure::TimePerByteOfFloor, Scenario::Calls(calls)) => {
            Some(median(Measure::P50)? / (calls.payload.0 as f64).max(1.0))
        }
        (GrowthMeasure::TimePerByte | GrowthMeasure::TimePerByteOfFloor, _) => None,
    }
}

impl GrowthRow {
    /// By how much the floor's number grows, as it is shown.
    pub(super) fn floor(&self) -> String {
        self.floor.map_or_else(String::new, percent)
    }

    /// By how much each bridge's grows, and whether it may.
    pub(super) fn shown(&self) -> impl Iterator<Item = String> {
        let shown = |share| format!("{}{}", percent(share), mark(Some(share <= self.within)));
        self.bridges.iter().map(move |share| share.map_or_else(|| "-".to_owned(), shown))
    }

    /// By how much it may, as it is shown.
    pub(super) fn bound(&self) -> String {
        format!("≤ {:.0} %", self.within * 100.0)
    }
}

fn percent(share: f64) -> String {
    format!("+{:.0} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        compare::outcome::Outcome,
        endpoint::Endpoint,
        report::Report,
        transport::{Target, Transport},
    };

    const FILE: &str = r#"
        [[bridge]]
        name = "one"
        command = ["one", "{port}"]
        urls = { streamable-http = "http://127.0.0.1:{port}/mcp" }
        [[cell]]
        name = "small"
        scenario = "calls"
        payload = "1MiB"
        [[cell]]
        name = "large"
        scenario = "calls"
        payload = "4MiB"
        [[growth]]
        name = "alone"
        cells = ["small", "large"]
        measure = "time-per-byte"
        within = 0.1
        [[growth]]
        name = "beside the floor"
        cells = ["small", "large"]
        measure = "time-per-byte-of-floor"
        within = 0.1
    "#;

    fn trial(cell: &str, contender: &str, millis: u64) -> Trial {
        let endpoint = Endpoint::parse("http://127.0.0.1:1/mcp", false).unwrap();
        let mut report = Report::new("calls", "calls", &Target::Http(endpoint, Transport::StreamableHttp));
        report.latency.record(Duration::from_millis(millis).as_nanos() as u64).unwrap();
        Trial { round: 0, cell: cell.to_owned(), contender: contender.to_owned(), report: Ok(report) }
    }

    #[test]
    fn a_bridge_that_grows_as_the_floor_does_is_told_from_one_that_grows_more() {
        let file = File::parse(FILE).unwrap();
        for (large, alone, beside) in [(160, "+100 % ✗", "+0 % ✓"), (240, "+200 % ✗", "+50 % ✗")] {
            let trials = vec![
                trial("small", "floor", 10),
                trial("large", "floor", 80),
                trial("small", "one", 20),
                trial("large", "one", large),
            ];
            let outcome = Outcome::new(&file, trials);
            for (row, shown) in outcome.growths.iter().zip([alone, beside]) {
                assert_eq!((&*row.floor(), row.shown().collect()), ("+100 %", vec![shown.to_owned()]));
            }
            assert_eq!(outcome.missed(), [alone, beside].iter().filter(|shown| shown.ends_with('✗')).count());
        }
    }
}
