//! For people at a terminal.

use std::fmt;

use super::{
    growth::GrowthRow,
    measure::mark,
    outcome::{Entry, Outcome, Row},
    trial::Spread,
};

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![head(self)];
        lines.extend(self.rows.iter().map(|row| cells(row, shown)));
        for growth in &self.growths {
            lines.push(grown(growth));
        }
        let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            lines.iter().filter_map(|line| Some(line.get(column)?.chars().count())).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..columns).map(width).collect();
        for line in &lines {
            let padded: Vec<_> =
                line.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}")).collect();
            writeln!(formatter, "{}", padded.join("  ").trim_end())?;
        }
        writeln!(formatter)?;
        for name in ["floor", "pipe"].into_iter().chain(self.bridges.iter().map(String::as_str)) {
            if !self.trials.iter().any(|trial| trial.contender == name) {
                continue;
            }
            let tally = self.tally(Some(name));
            writeln!(
                formatter,
                "{name}: good {}, violations {} (leaks {}, wrong {}, corrupt {}, lost {}, duplicates {}), errors {}",
                tally.good,
                tally.violations(),
                tally.leaks,
                tally.wrong,
                tally.corrupt,
                tally.lost,
                tally.duplicates,
                tally.errors()
            )?;
        }
        Ok(())
    }
}

/// The names of the columns.
pub(super) fn head(outcome: &Outcome) -> Vec<String> {
    let fixed = ["cell", "measure", "floor"].map(str::to_owned);
    let bridges = outcome.bridges.iter().map(|name| format!("{name} : floor"));
    fixed.into_iter().chain(bridges).chain(["must".to_owned(), "aim".to_owned()]).collect()
}

/// The columns of a row.
pub(super) fn cells(row: &Row, shown: impl Fn(&Row, &Entry) -> String) -> Vec<String> {
    let bound = |bound: Option<f64>| bound.map_or_else(String::new, |bound| row.measure.bound(bound));
    let floor = row.floor.map_or_else(|| "-".to_owned(), |spread| row.measure.show(spread.median));
    let mut line = vec![row.cell.clone(), row.measure.name().to_owned(), floor];
    line.extend(row.bridges.iter().map(|entry| shown(row, entry)));
    line.extend([bound(row.must), bound(row.aim)]);
    line
}

/// The columns of a row of growth.
pub(super) fn grown(row: &GrowthRow) -> Vec<String> {
    let mut line = vec![row.name.clone(), "growth".to_owned(), row.floor()];
    line.extend(row.shown());
    line.extend([row.bound(), String::new()]);
    line
}

/// Median and spread of a bridge, and whether it does what it must.
pub(super) fn shown(row: &Row, entry: &Entry) -> String {
    match (&entry.judged, &entry.reason) {
        (Some(spread), _) => format!("{}{}", numbers(row, spread), mark(row.verdict(entry))),
        (None, Some(_)) => "failed".to_owned(),
        (None, None) => "-".to_owned(),
    }
}

pub(super) fn numbers(row: &Row, spread: &Spread) -> String {
    match row.measure.is_absolute() {
        true => format!("{} [{:.1}..{:.1}]", row.measure.show(spread.median), spread.low, spread.high),
        false => format!("{:.2} [{:.2}..{:.2}]", spread.median, spread.low, spread.high),
    }
}
