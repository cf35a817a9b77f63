//! One run, and its number among those of other rounds.

use super::measure::Measure;
use crate::report::Report;

/// One run of one cell with one contender.
#[derive(Debug)]
pub struct Trial {
    /// Which round, from zero.
    pub round: u32,
    /// The cell's name.
    pub cell: String,
    /// A bridge, `floor` or `pipe`.
    pub contender: String,
    /// What was measured, or why nothing was.
    pub report: Result<Report, String>,
}

/// A number in several rounds.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Spread {
    /// In the middle.
    pub median: f64,
    /// The smallest.
    pub low: f64,
    /// The largest.
    pub high: f64,
}

impl Spread {
    /// Of these numbers; `None` if there is none.
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut numbers: Vec<f64> = numbers.into_iter().filter(|number| number.is_finite()).collect();
        numbers.sort_by(f64::total_cmp);
        let (low, high) = (*numbers.first()?, *numbers.last()?);
        let middle = numbers.len() / 2;
        let median = match numbers.len() % 2 {
            0 => f64::midpoint(numbers[middle - 1], numbers[middle]),
            _ => numbers[middle],
        };
        Some(Self { median, low, high })
    }
}

/// The number in each round.
pub(super) fn numbers<'a>(
    trials: &'a [Trial],
    cell: &'a str,
    contender: &'a str,
    measure: Measure,
) -> impl Iterator<Item = (u32, f64)> + 'a {
    let mine = trials.iter().filter(move |trial| trial.cell == cell && trial.contender == contender);
    mine.filter_map(move |trial| Some((trial.round, measure.of(trial.report.as_ref().ok()?)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_ends() {
        let spread = |numbers: &[f64]| Spread::of(numbers.iter().copied()).map(|s| (s.median, s.low, s.high));
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some((2.0, 1.0, 3.0)));
        assert_eq!(spread(&[3.0, 1.0]), Some((2.0, 1.0, 3.0)));
        assert_eq!(spread(&[f64::NAN]), None);
    }
}
