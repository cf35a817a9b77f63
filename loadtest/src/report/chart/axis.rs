//! Scales and their marks.

/// One dimension of a plot.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What it shows, with its unit.
    pub label: &'static str,
    /// Whether each step multiplies.
    pub logarithmic: bool,
}

/// An axis with its ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
}

impl Scale {
    /// From these values. A linear one begins at zero.
    pub(super) fn over(values: impl Iterator<Item = f64>, logarithmic: bool) -> Self {
        let values = values.filter(|value| value.is_finite() && (!logarithmic || *value > 0.0));
        let (low, high) =
            values.fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        match (logarithmic, low.is_finite()) {
            (_, false) => Self { low: 1.0, high: 10.0, logarithmic },
            (true, true) => {
                let (low, high) = (10_f64.powf(low.log10().floor()), 10_f64.powf(high.log10().ceil()));
                Self { low, high: if high > low { high } else { low * 10.0 }, logarithmic }
            }
            (false, true) => Self { low: 0.0, high: if high > 0.0 { high * 1.05 } else { 1.0 }, logarithmic },
        }
    }

    /// Where a value is, from 0 to 1.
    pub(super) fn place(&self, value: f64) -> f64 {
        let place = match self.logarithmic {
            true => (value.max(self.low).log10() - self.low.log10()) / (self.high.log10() - self.low.log10()),
            false => (value - self.low) / (self.high - self.low),
        };
        place.clamp(0.0, 1.0)
    }

    /// Values that are marked.
    pub(super) fn marks(&self) -> Vec<f64> {
        if self.logarithmic {
            let decades = (self.high / self.low).log10().round().clamp(1.0, 20.0) as i32;
            return (0..=decades).map(|decade| self.low * 10_f64.powi(decade)).collect();
        }
        let rough = (self.high - self.low) / 5.0;
        let decade = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * decade);
        let step = step.into_iter().find(|step| *step >= rough).unwrap_or(rough);
        (0..=(self.high / step) as u32).map(|number| f64::from(number) * step).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round() {
        assert_eq!(Scale::over([3.0, 9.2].into_iter(), false).marks(), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!(Scale::over([30.0, 9000.0].into_iter(), true).marks(), [10.0, 100.0, 1000.0, 10_000.0]);
        // Nothing, and nothing but zero.
        for values in [vec![], vec![0.0], vec![f64::NAN]] {
            for logarithmic in [false, true] {
                let scale = Scale::over(values.clone().into_iter(), logarithmic);
                assert!(!scale.marks().is_empty() && scale.place(0.5).is_finite());
            }
        }
    }
}
