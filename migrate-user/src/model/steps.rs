//! How long the five steps take, and what else there are histograms of.

use hdrhistogram::Histogram;
use migrate_ebpf::wire::{Cause, Direction, Figure};

use super::Tally;
use crate::trace::{Exact, Step, Values, histogram::new_histogram};

/// Do so many values carry this quantile (0 to 1)? At least one of them has to lie beyond it: p50
/// takes 2, p90 10, p99 100 and p99.9 1,000 values. With fewer, it would be the largest value by
/// another name. The smallest and the largest themselves take one.
pub fn carries(count: u64, quantile: f64) -> bool {
    let is_end = quantile <= 0.0 || quantile >= 1.0;
    // What 1 - 0.9 lacks to a tenth.
    let rounding = 1e-9;
    let beyond = count as f64 * (1.0 - quantile) + rounding;
    if is_end { count > 0 } else { beyond >= 1.0 }
}

/// The value of this quantile; `None` where there are too few for it.
pub fn value_at(histogram: &Histogram<u64>, quantile: f64) -> Option<u64> {
    carries(histogram.len(), quantile).then(|| histogram.value_at_quantile(quantile))
}

/// The values of one figure, in its unit.
#[derive(Clone, Debug)]
pub struct Distribution {
    histogram: Histogram<u64>,
    sum: u64,
    /// `None` where only the histogram tells.
    largest: Option<u64>,
}

impl Distribution {
    /// Of counts, their exact sum and the largest value; `None` where only the counts tell that.
    pub(super) fn of_values(values: Option<&Values>, sum: u64, largest: Option<u64>) -> Self {
        Self {
            histogram: values.map_or_else(new_histogram, Values::histogram),
            sum,
            largest,
        }
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// All together. Exact.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The largest value; `None` if there is none. Exact where it comes from records; from the
    /// kernel's totals it is within 1%, and not too low.
    pub fn max(&self) -> Option<u64> {
        let largest = || self.largest.unwrap_or_else(|| self.histogram.max());
        (self.count() > 0).then(largest)
    }

    /// Each value that occurred, to within 1%, and how many times, smallest first.
    pub fn values(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let recorded = self.histogram.iter_recorded();
        recorded.map(|value| (value.value_iterated_to(), value.count_at_value()))
    }

    /// The value that the share `quantile` (0 to 1) of all does not exceed, within 1%; `None` where
    /// there are too few values for it to be one: see [`carries`].
    pub fn quantile(&self, quantile: f64) -> Option<u64> {
        let max = self.max()?;
        let value = value_at(&self.histogram, quantile)?;
        Some(value.min(max))
    }
}

/// Every figure, by direction.
#[derive(Clone, Copy, Debug)]
pub struct Steps<'a> {
    exact: &'a Exact,
    /// The largest value of each of [`Exact::figures`]; `None` where only the histogram tells.
    largest: Option<&'a [u64]>,
}

impl<'a> Steps<'a> {
    /// Of totals of which only the histograms are known.
    pub fn of_totals(exact: &'a Exact) -> Self {
        Self {
            exact,
            largest: None,
        }
    }

    /// Of records.
    pub fn of_records(tally: &'a Tally) -> Self {
        Self {
            exact: tally.exact(),
            largest: Some(tally.largest()),
        }
    }

    /// The values of a step or another figure, in one direction or in all together.
    pub fn of(&self, figure: impl Into<Figure>, direction: Option<Direction>) -> Distribution {
        self.together(self.matching(figure.into(), direction))
    }

    /// The values of a step or another figure, in one direction and for one reason.
    pub fn of_kind(
        &self,
        figure: impl Into<Figure>,
        direction: Direction,
        cause: Cause,
    ) -> Distribution {
        let classes = self.matching(figure.into(), Some(direction));
        self.together(classes.filter(|(at, _)| self.exact.figures[*at].cause == cause))
    }

    fn together(&self, classes: impl Iterator<Item = (usize, u64)>) -> Distribution {
        let mut all = Distribution {
            histogram: new_histogram(),
            sum: 0,
            largest: self.largest.map(|_| 0),
        };
        for (at, of) in classes {
            self.exact.figures[at].values.add_to(&mut all.histogram);
            all.sum = all.sum.saturating_add(of);
            all.largest = all
                .largest
                .zip(self.largest)
                .map(|(largest, of_figure)| largest.max(of_figure[at]));
        }
        all
    }

    /// The place and the sum of each class with this figure.
    fn matching(
        &self,
        figure: Figure,
        direction: Option<Direction>,
    ) -> impl Iterator<Item = (usize, u64)> {
        let figures = self.exact.figures.iter().enumerate();
        figures
            .filter(move |(_, of)| {
                of.figure == figure && direction.is_none_or(|direction| direction == of.direction)
            })
            .map(|(at, of)| (at, of.sum))
    }

    /// All values of a step or another figure together.
    pub fn sum(&self, figure: impl Into<Figure>, direction: Option<Direction>) -> u64 {
        self.matching(figure.into(), direction)
            .fold(0, |sum, (_, of)| sum.saturating_add(of))
    }

    /// The share of a step in the time of all five, 0 to 1; `None` if no time has been measured.
    pub fn share(&self, step: Step, direction: Option<Direction>) -> Option<f64> {
        let total = self.total_ns(direction);
        (total > 0).then(|| self.sum(step, direction) as f64 / total as f64)
    }

    /// All five steps of all migrations together, nanoseconds.
    pub fn total_ns(&self, direction: Option<Direction>) -> u64 {
        self.sum(Figure::Total, direction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::histogram::HIGHEST;
    use migscope_testkit::Synthetic;

    /// A tally of migrations whose setup took so long.
    fn tally(setup_ns: impl Iterator<Item = u64>) -> Tally {
        let mut tally = Tally::default();
        let mut migration = Synthetic::new(1).migration();
        for ns in setup_ns {
            migration.steps = [Some(ns), None, None, None, None];
            tally.count(&(&migration).into());
        }
        tally
    }

    #[test]
    fn quantiles_are_within_one_percent_and_never_above_the_maximum() {
        let tally = tally(1..=100_000);
        let setup = Steps::of_records(&tally).of(Step::Setup, None);
        let pages = Steps::of_records(&tally).of(Step::Pages, None);
        assert_eq!((pages.quantile(0.5), pages.max()), (None, None));
        for (quantile, exact) in [(0.5, 50_000.0), (0.9, 90_000.0), (0.99, 99_000.0)] {
            let got = setup.quantile(quantile).unwrap() as f64;
            assert!(
                (got / exact - 1.0).abs() < 0.01,
                "{quantile}: {got} for {exact}"
            );
        }
        assert_eq!(setup.quantile(1.0), Some(100_000));
        assert_eq!(setup.sum(), 100_000 * 100_001 / 2);
    }

    #[test]
    fn no_quantile_is_beyond_what_the_count_carries() {
        for (quantile, least) in [(0.5, 2), (0.9, 10), (0.99, 100), (0.999, 1000)] {
            for (count, told) in [(least - 1, false), (least, true)] {
                let tally = tally(1..=count);
                let setup = Steps::of_records(&tally).of(Step::Setup, None);
                assert_eq!(
                    setup.quantile(quantile).is_some(),
                    told,
                    "{quantile} {count}"
                );
            }
        }
        assert!(carries(1, 1.0) && carries(1, 0.0) && !carries(0, 1.0));
    }

    #[test]
    fn totals_alone_tell_the_maximum_within_one_percent() {
        let tally = tally(1..=100_000);
        let setup = Steps::of_totals(tally.exact()).of(Step::Setup, None);
        let max = setup.max().unwrap();
        assert!((100_000..=101_000).contains(&max), "{max}");
        assert_eq!(setup.quantile(1.0), Some(max));
    }

    #[test]
    fn takes_any_number() {
        let tally = tally([0, 1, u64::MAX, u64::MAX - 1].into_iter());
        let setup = Steps::of_records(&tally).of(Step::Setup, None);
        assert_eq!(setup.count(), 4);
        assert_eq!(setup.max(), Some(u64::MAX));
        assert_eq!(setup.quantile(0.0), Some(0));
        assert_eq!(setup.quantile(1.0), Some(HIGHEST));
    }
}
