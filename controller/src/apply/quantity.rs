//! Kubernetes' quantities, compared as numbers: the API server writes `0.5` as `500m` and `1024Mi` as `1Gi`.

/// Whether both are quantities of the same amount.
pub(super) fn is_equal(left: &str, right: &str) -> bool {
    match (Amount::parse(left), Amount::parse(right)) {
        (Some(left), Some(right)) => left == right,
        _ => false,
    }
}

/// An exact amount: `digits * 2^binary * 10^decimal`, in lowest terms.
#[derive(Debug, Eq, PartialEq)]
struct Amount {
    negative: bool,
    digits: u128,
    binary: i32,
    decimal: i32,
}

impl Amount {
    fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, suffix) = rest.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return None;
        }
        let digits = format!("{whole}{fraction}").parse().ok()?;
        let (binary, decimal) = exponents(suffix)?;
        let decimal = decimal.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        Some(Self { negative, digits, binary, decimal }.reduced())
    }

    /// The same amount, always written in the same way: powers of two and ten are taken out of the digits, and a ten is a two and
    /// a five.
    fn reduced(mut self) -> Self {
        if self.digits == 0 {
            return Self { negative: false, digits: 0, binary: 0, decimal: 0 };
        }
        // As powers of two and five.
        self.binary += self.decimal;
        while self.digits.is_multiple_of(2) {
            self.digits /= 2;
            self.binary += 1;
        }
        while self.digits.is_multiple_of(5) {
            self.digits /= 5;
            self.decimal += 1;
        }
        self
    }
}

/// The exponents of two and of ten that a suffix stands for.
fn exponents(suffix: &str) -> Option<(i32, i32)> {
    Some(match suffix {
        "" => (0, 0),
        "n" => (0, -9),
        "u" => (0, -6),
        "m" => (0, -3),
        "k" => (0, 3),
        "M" => (0, 6),
        "G" => (0, 9),
        "T" => (0, 12),
        "P" => (0, 15),
        "E" => (0, 18),
        "Ki" => (10, 0),
        "Mi" => (20, 0),
        "Gi" => (30, 0),
        "Ti" => (40, 0),
        "Pi" => (50, 0),
        "Ei" => (60, 0),
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            (0, Some(exponent).filter(|exponent| exponent.abs() < 100)?)
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_same_amount_in_other_words() {
        for (left, right) in [
            ("0.5", "500m"),
            ("1024Mi", "1Gi"),
            ("1", "1000m"),
            ("1e3", "1k"),
            ("1E3", "1000"),
            ("0", "0Mi"),
            ("1.50", "1500m"),
            ("5", "5000000000n"),
            ("128974848", "123Mi"),
            ("-1", "-1000m"),
            (".5Gi", "512Mi"),
        ] {
            assert!(is_equal(left, right), "{left} {right}");
            assert!(is_equal(right, left), "{right} {left}");
        }
    }

    #[test]
    fn other_amounts_and_no_amounts() {
        for (left, right) in [
            ("1", "2"),
            ("1Mi", "1M"),
            ("1", "-1"),
            ("a", "a"),
            ("", ""),
            (".", "."),
            ("1.1.1", "1.1.1"),
            ("1x", "1x"),
        ] {
            assert!(!is_equal(left, right), "{left} {right}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_no_panic(left in "\\PC*", right in "[0-9.eEkKmMi+-]{0,40}") {
            is_equal(&left, &right);
            is_equal(&right, &left);
        }

        #[test]
        fn thousands_and_milli_agree(number in 0_u64..1_000_000_000) {
            let (thousands, milli) = (format!("{number}k"), format!("{number}000000m"));
            prop_assert!(is_equal(&thousands, &milli));
            let (binary, bytes) = (format!("{number}Mi"), (number * 1024 * 1024).to_string());
            prop_assert!(is_equal(&binary, &bytes));
        }
    }
}
