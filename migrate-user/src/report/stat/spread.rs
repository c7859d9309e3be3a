//! How much a figure varies from run to run.

use statrs::statistics::Statistics as _;

/// The mean of some runs, and how far they are from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) mean: f64,
    /// The standard deviation of the runs: that of a sample, by one less than there are. `None`
    /// where there is one run.
    pub(super) deviation: Option<f64>,
}

impl Spread {
    /// Of one value a run.
    pub(super) fn of(values: &[u64]) -> Self {
        let numbers = || values.iter().map(|value| *value as f64);
        Self {
            mean: numbers().mean(),
            deviation: (values.len() > 1).then(|| numbers().std_dev()),
        }
    }

    /// The deviation as a share of the mean; `None` where the mean is 0.
    pub(super) fn share(&self) -> Option<f64> {
        let deviation = self.deviation?;
        (self.mean > 0.0).then(|| deviation / self.mean)
    }

    /// The mean as a share of another.
    pub(super) fn part_of(&self, whole: Self) -> Option<f64> {
        (whole.mean > 0.0).then(|| self.mean / whole.mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deviations_are_those_of_a_sample() {
        let spread = Spread::of(&[2, 4, 4, 4, 5, 5, 7, 9]);
        assert_eq!(spread.mean, 5.0);
        // The sum of squares is 32.
        let expected = (32.0_f64 / 7.0).sqrt();
        let deviation = spread.deviation.unwrap();
        assert!((deviation - expected).abs() < 1e-12, "{deviation}");
        assert!((spread.share().unwrap() - expected / 5.0).abs() < 1e-12);
    }

    #[test]
    fn one_run_does_not_vary_and_nothing_has_no_share() {
        let one = Spread::of(&[7]);
        assert_eq!((one.mean, one.deviation, one.share()), (7.0, None, None));
        let none = Spread::of(&[0, 0]);
        assert_eq!(
            (none.mean, none.deviation, none.share()),
            (0.0, Some(0.0), None)
        );
        assert_eq!(one.part_of(none), None);
    }
}
