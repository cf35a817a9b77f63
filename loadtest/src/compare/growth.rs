//! What must not grow from cell to cell.

use super::{
    file::{Cell, File, Growth, GrowthMeasure},
    measure::{Measure, mark},
    trial::{Spread, Trial, numbers},
};
use crate::scenario::Scenario;

/// A number that must not grow from cell to cell.
#[derive(Debug)]
pub struct GrowthRow {
    /// What it is.
    pub name: String,
    /// By how much the floor's own number grows, which says how much of it the machine is.
    pub floor: Option<f64>,
    /// By how much a number exceeds that of a smaller cell at the most, as a share, for each bridge. Negative if all shrink.
    pub bridges: Vec<Option<f64>>,
    /// By how much it may.
    pub within: f64,
}

/// Those of the file.
pub(super) fn rows(file: &File, bridges: &[String], trials: &[Trial]) -> Vec<GrowthRow> {
    file.growths.iter().map(|growth| row(growth, file, bridges, trials)).collect()
}

fn row(growth: &Growth, file: &File, bridges: &[String], trials: &[Trial]) -> GrowthRow {
    let mut cells: Vec<&Cell> = file.cells.iter().filter(|cell| growth.cells.contains(&cell.name)).collect();
    cells.sort_by_key(|cell| payload(cell));
    let own = |contender: &str| series(growth.measure, &cells, contender, trials);
    let floor = own("floor");
    let judged = |bridge: &str| match growth.measure.is_of_floor() {
        true => own(bridge).iter().zip(&floor).map(|(own, floor)| Some((*own)? / (*floor)?)).collect(),
        false => own(bridge),
    };
    GrowthRow {
        name: growth.name.clone(),
        bridges: bridges.iter().map(|bridge| most(&judged(bridge))).collect(),
        floor: most(&floor),
        within: growth.within,
    }
}

/// By how much one of the numbers exceeds one before it at the most, as a share.
fn most(numbers: &[Option<f64>]) -> Option<f64> {
    let known: Vec<f64> = numbers.iter().flatten().copied().filter(|number| *number > 0.0).collect();
    let later = |at: usize| known.iter().skip(at + 1);
    let pairs = known.iter().enumerate().flat_map(|(at, number)| later(at).map(move |next| (number, next)));
    pairs.map(|(number, next)| next / number - 1.0).max_by(f64::total_cmp)
}

/// A contender's own numbers: one for each cell, or for each step from a cell to the next larger one.
fn series(growth: GrowthMeasure, cells: &[&Cell], contender: &str, trials: &[Trial]) -> Vec<Option<f64>> {
    let median = |cell: &Cell, measure| {
        let numbers = numbers(trials, &cell.name, contender, measure).map(|number| number.1);
        Some(Spread::of(numbers)?.median)
    };
    match growth {
        GrowthMeasure::Cpu | GrowthMeasure::CpuOfFloor => {
            cells.iter().map(|cell| median(cell, Measure::Cpu)).collect()
        }
        GrowthMeasure::Slope | GrowthMeasure::SlopeOfFloor => {
            let steps = cells.windows(2).map(|step| {
                let bytes = payload(step[1]).checked_sub(payload(step[0])).filter(|bytes| *bytes > 0)?;
                Some((median(step[1], Measure::P50)? - median(step[0], Measure::P50)?) / bytes as f64)
            });
            steps.collect()
        }
    }
}

/// Bytes of each call's payload; 0 where a scenario has none.
fn payload(cell: &Cell) -> u64 {
    match &cell.scenario {
        Scenario::Calls(calls) => calls.payload.0 as u64,
        _ => 0,
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
    format!("{:+.0} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        compare::outcome::Outcome,
        endpoint::Endpoint,
        report::Report,
        transport::{Route, Target, Transport},
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
        name = "huge"
        scenario = "calls"
        payload = "64MiB"
        [[cell]]
        name = "large"
        scenario = "calls"
        payload = "8MiB"
        [[growth]]
        name = "alone"
        cells = ["small", "large", "huge"]
        measure = "slope"
        within = 0.1
        [[growth]]
        name = "beside the floor"
        cells = ["small", "large", "huge"]
        measure = "slope-of-floor"
        within = 0.1
    "#;

    fn trial(cell: &str, contender: &str, millis: u64) -> Trial {
        let route = Route::new(Endpoint::parse("http://127.0.0.1:1/mcp", false).unwrap(), None);
        let mut report = Report::new("calls", "calls", &Target::Http(route, Transport::StreamableHttp));
        report.latency.record(Duration::from_millis(millis).as_nanos() as u64).unwrap();
        Trial { round: 0, cell: cell.to_owned(), contender: contender.to_owned(), report: Ok(report) }
    }

    #[test]
    fn a_bridge_that_grows_as_the_floor_does_is_told_from_one_that_grows_more() {
        let file = File::parse(FILE).unwrap();
        // The floor takes 10 ms for each of the next 7 MiB, and 20 ms for each of the last 56.
        for (huge, alone, beside) in
            [(2410, "+100 % ✗", "+0 % ✓"), (3530, "+200 % ✗", "+50 % ✗"), (1850, "+50 % ✗", "-25 % ✓")]
        {
            let trials = vec![
                trial("small", "floor", 10),
                trial("large", "floor", 80),
                trial("huge", "floor", 1200),
                trial("small", "one", 30),
                trial("large", "one", 170),
                trial("huge", "one", huge),
            ];
            let outcome = Outcome::new(&file, trials);
            for (row, shown) in outcome.growths.iter().zip([alone, beside]) {
                assert_eq!((&*row.floor(), row.shown().collect()), ("+100 %", vec![shown.to_owned()]));
            }
            assert_eq!(outcome.missed(), [alone, beside].iter().filter(|shown| shown.ends_with('✗')).count());
        }
    }
}
