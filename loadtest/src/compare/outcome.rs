//! Rows with medians and spread.

use super::{
    file::{Cell, File},
    growth::{self, GrowthRow},
    measure::Measure,
    trial::{Spread, Trial, numbers},
};
use crate::{report::Report, verify::Tally};

/// All that was measured.
#[derive(Debug)]
pub struct Outcome {
    /// The bridges' names.
    pub bridges: Vec<String>,
    /// A number of a cell, beside the floor's.
    pub rows: Vec<Row>,
    /// What must not grow.
    pub growths: Vec<GrowthRow>,
    /// Every run.
    pub trials: Vec<Trial>,
}

/// A number of a cell.
#[derive(Debug)]
pub struct Row {
    /// The cell's name.
    pub cell: String,
    /// Which number.
    pub measure: Measure,
    /// The floor's own.
    pub floor: Option<Spread>,
    /// The pipe's own.
    pub pipe: Option<Spread>,
    /// The bridges', in their order.
    pub bridges: Vec<Entry>,
    /// What they must reach.
    pub must: Option<f64>,
    /// What would be better still.
    pub aim: Option<f64>,
}

/// What one bridge has reached.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// Its own numbers.
    pub own: Option<Spread>,
    /// What is judged: the number beside the floor's of the same round, or the number where that says it all.
    pub judged: Option<Spread>,
    /// Why there is none.
    pub reason: Option<String>,
}

impl Outcome {
    /// Puts the runs together.
    pub fn new(file: &File, trials: Vec<Trial>) -> Self {
        let bridges: Vec<_> = file.bridges.iter().map(|bridge| bridge.name.clone()).collect();
        let mut rows = Vec::new();
        for cell in &file.cells {
            for measure in &cell.measures {
                rows.push(row(cell, *measure, &bridges, &trials));
            }
        }
        let growths = growth::rows(file, &bridges, &trials);
        Self { bridges, rows, growths, trials }
    }

    /// What all contenders, or one of them, counted.
    pub fn tally(&self, contender: Option<&str>) -> Tally {
        let mut sum = Tally::default();
        for trial in &self.trials {
            if contender.is_none_or(|contender| trial.contender == contender) {
                match &trial.report {
                    Ok(report) => sum.add(&report.tally),
                    Err(_) => sum.broken += 1,
                }
            }
        }
        sum
    }

    /// Bounds that a bridge must meet and has not.
    pub fn missed(&self) -> usize {
        let misses = |row: &Row| row.bridges.iter().filter(|entry| row.verdict(entry) == Some(false)).count();
        let grown =
            |row: &GrowthRow| row.bridges.iter().flatten().filter(|share| **share > row.within).count();
        self.rows.iter().map(misses).sum::<usize>() + self.growths.iter().map(grown).sum::<usize>()
    }

    /// The last report of a contender in a cell.
    pub fn last(&self, cell: &str, contender: &str) -> Option<&Report> {
        let mut reports =
            self.trials.iter().filter(|trial| trial.cell == cell && trial.contender == contender);
        reports.next_back()?.report.as_ref().ok()
    }
}

impl Row {
    /// Whether a bridge does what it must; `None` if nothing is demanded, or nothing was measured.
    pub fn verdict(&self, entry: &Entry) -> Option<bool> {
        Some(self.measure.meets(entry.judged?.median, self.must?))
    }
}

fn row(cell: &Cell, measure: Measure, bridges: &[String], trials: &[Trial]) -> Row {
    let of =
        |contender: &str| -> Vec<(u32, f64)> { numbers(trials, &cell.name, contender, measure).collect() };
    let (floor, pipe) = (of("floor"), of("pipe"));
    let at = |numbers: &[(u32, f64)], round: u32| {
        numbers.iter().find(|number| number.0 == round).map(|number| number.1)
    };
    let entry = |name: &String| {
        let own = of(name);
        let judged = own.iter().filter_map(|(round, number)| {
            if measure.is_absolute() {
                return Some(*number);
            }
            let beside = match measure {
                Measure::P50OfBoth => at(&floor, *round)? + at(&pipe, *round)?,
                Measure::RateOfPipe => at(&pipe, *round)?,
                _ => at(&floor, *round)?,
            };
            (beside > 0.0).then(|| number / beside)
        });
        let mut mine = trials.iter().filter(|trial| trial.cell == cell.name && trial.contender == *name);
        let reason = mine.find_map(|trial| trial.report.as_ref().err().cloned());
        Entry { judged: Spread::of(judged), own: Spread::of(own.iter().map(|number| number.1)), reason }
    };
    let spread = |numbers: &[(u32, f64)]| Spread::of(numbers.iter().map(|number| number.1));
    Row {
        cell: cell.name.clone(),
        measure,
        bridges: bridges.iter().map(entry).collect(),
        floor: spread(&floor),
        pipe: spread(&pipe),
        must: cell.must.get(&measure).copied(),
        aim: cell.aim.get(&measure).copied(),
    }
}
