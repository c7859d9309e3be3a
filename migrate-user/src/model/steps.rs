//! How long the five steps take: one histogram per step and direction.

use hdrhistogram::Histogram;
use migrate_ebpf::wire::Direction;

use super::{Migration, Step};

/// Significant decimal digits of every histogram: a relative error of at most 1%, as in the kernel.
pub const DIGITS: u8 = 2;

/// Durations of one step, nanoseconds.
#[derive(Clone, Debug)]
pub struct Durations {
    histogram: Histogram<u64>,
    sum_ns: u64,
    max_ns: u64,
}

impl Default for Durations {
    fn default() -> Self {
        Self {
            histogram: new_histogram(),
            sum_ns: 0,
            max_ns: 0,
        }
    }
}

/// An empty histogram of this program's resolution, for any 64-bit number: 60 KB.
pub fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, u64::MAX, DIGITS)
        .expect("these bounds are within the crate's limits")
}

impl Durations {
    /// Adds one duration.
    pub fn record(&mut self, duration_ns: u64) {
        self.histogram.saturating_record(duration_ns);
        self.sum_ns = self.sum_ns.saturating_add(duration_ns);
        self.max_ns = self.max_ns.max(duration_ns);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// All together, nanoseconds. Exact.
    pub fn sum_ns(&self) -> u64 {
        self.sum_ns
    }

    /// The longest, nanoseconds. Exact; `None` if there is none.
    pub fn max_ns(&self) -> Option<u64> {
        (self.count() > 0).then_some(self.max_ns)
    }

    /// The duration that the share `quantile` (0 to 1) of all does not exceed, nanoseconds, within 1%;
    /// `None` if there is none.
    pub fn quantile_ns(&self, quantile: f64) -> Option<u64> {
        (self.count() > 0).then(|| self.histogram.value_at_quantile(quantile).min(self.max_ns))
    }
}

/// All durations, by step and direction.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    /// Both directions together.
    all: [Durations; Step::COUNT],
    by_direction: [[Durations; Step::COUNT]; Direction::ALL.len()],
}

impl Steps {
    /// Adds the steps of one migration that happened.
    pub fn record(&mut self, migration: &Migration) {
        let of_direction = &mut self.by_direction[super::index(migration.direction)];
        for (step, duration) in Step::ALL.into_iter().zip(migration.steps) {
            if let Some(duration) = duration {
                self.all[step as usize].record(duration);
                of_direction[step as usize].record(duration);
            }
        }
    }

    /// The durations of a step, in one direction or in all together.
    pub fn of(&self, step: Step, direction: Option<Direction>) -> &Durations {
        match direction {
            Some(direction) => &self.by_direction[super::index(direction)][step as usize],
            None => &self.all[step as usize],
        }
    }

    /// The share of a step in the time of all five, 0 to 1; `None` if no time has been measured.
    pub fn share(&self, step: Step, direction: Option<Direction>) -> Option<f64> {
        let total = self.total_ns(direction);
        (total > 0).then(|| self.of(step, direction).sum_ns as f64 / total as f64)
    }

    /// All five steps of all migrations together, nanoseconds.
    pub fn total_ns(&self, direction: Option<Direction>) -> u64 {
        Step::ALL.into_iter().fold(0, |sum, step| {
            sum.saturating_add(self.of(step, direction).sum_ns)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_one_percent_and_never_above_the_maximum() {
        let mut durations = Durations::default();
        assert_eq!(
            (durations.quantile_ns(0.5), durations.max_ns()),
            (None, None)
        );
        for ns in 1..=100_000u64 {
            durations.record(ns);
        }
        for (quantile, exact) in [(0.5, 50_000.0), (0.9, 90_000.0), (0.99, 99_000.0)] {
            let got = durations.quantile_ns(quantile).unwrap() as f64;
            assert!(
                (got / exact - 1.0).abs() < 0.01,
                "{quantile}: {got} for {exact}"
            );
        }
        assert_eq!(durations.quantile_ns(1.0), Some(100_000));
        assert_eq!(durations.sum_ns(), 100_000 * 100_001 / 2);
    }

    #[test]
    fn takes_any_number() {
        let mut durations = Durations::default();
        for ns in [0, 1, u64::MAX, u64::MAX - 1] {
            durations.record(ns);
        }
        assert_eq!(durations.count(), 4);
        assert_eq!(durations.max_ns(), Some(u64::MAX));
        assert_eq!(durations.quantile_ns(0.0), Some(0));
    }
}
