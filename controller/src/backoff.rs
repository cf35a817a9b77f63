//! How long to wait before something is tried again.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

/// The first pause.
const FIRST: Duration = Duration::from_millis(200);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(300);

/// The pause after so many failures in a row: doubled each time, and by chance up to half of it shorter, so that what
/// failed together is not tried again together.
pub fn pause(failures: u32) -> Duration {
    between(failures, FIRST, LONGEST)
}

/// Likewise, with bounds of its own.
pub fn between(failures: u32, first: Duration, longest: Duration) -> Duration {
    let doubled = first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    let full = doubled.min(longest);
    full.mul_f64(1.0 - chance() / 2.0)
}

/// A time near the given one, so that what was started together drifts apart.
pub fn about(time: Duration) -> Duration {
    time.mul_f64(0.8 + chance() * 0.4)
}

/// A number from 0 up to 1. The standard library's hash keys are random enough for it.
fn chance() -> f64 {
    let bits = RandomState::new().hash_one(0_u8) >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_bounded() {
        for failures in 1..80 {
            let full = FIRST.saturating_mul(1 << (failures - 1).min(20)).min(LONGEST);
            let pause = pause(failures);
            assert!(pause <= full && pause >= full / 2, "{failures}: {pause:?} of {full:?}");
        }
    }

    #[test]
    fn pauses_of_many_differ() {
        let pauses: std::collections::HashSet<_> = (0..100).map(|_| pause(8)).collect();
        assert!(pauses.len() > 90, "{}", pauses.len());
    }
}
