//! How often each value occurred, in the places of the kernel's histograms.

use hdrhistogram::Histogram;
use migrate_ebpf::wire::histogram::{BUCKETS, bucket, lowest};

use super::histogram::new_histogram;

/// Counts of values, each within 1%: 35 KB. A value is added in a few instructions; what there is
/// to know of all of them, their [`histogram`](Self::histogram) tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values(Box<[u64; BUCKETS]>);

impl Default for Values {
    fn default() -> Self {
        Self(Box::new([0; BUCKETS]))
    }
}

impl Values {
    /// Takes over the counts of all places, from the first on.
    pub fn of_places(counts: impl IntoIterator<Item = u64>) -> Self {
        let mut values = Self::default();
        for (count, of) in values.0.iter_mut().zip(counts) {
            *count = of;
        }
        values
    }

    /// The counts of an HdrHistogram: where its places are others, each is counted where its lowest
    /// value belongs.
    pub fn of_histogram(histogram: &Histogram<u64>) -> Self {
        let mut values = Self::default();
        for place in histogram.iter_recorded() {
            let value = histogram.lowest_equivalent(place.value_iterated_to());
            let count = &mut values.0[bucket(value)];
            *count = count.saturating_add(place.count_at_value());
        }
        values
    }

    /// Adds one value. What is larger than [`HIGHEST`](super::histogram::HIGHEST) is counted as
    /// that.
    pub fn record(&mut self, value: u64) {
        self.record_in(bucket(value));
    }

    /// Adds one value that belongs in this place: that of
    /// [`bucket`](migrate_ebpf::wire::histogram::bucket).
    #[inline]
    pub fn record_in(&mut self, place: usize) {
        let count = &mut self.0[place];
        *count = count.saturating_add(1);
    }

    /// Adds all of others.
    pub(crate) fn add(&mut self, others: &Self) {
        for (count, of) in self.0.iter_mut().zip(&*others.0) {
            *count = count.saturating_add(*of);
        }
    }

    /// Those that came since `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let each = self.0.iter().zip(&*before.0);
        Self::of_places(each.map(|(now, then)| now.saturating_sub(*then)))
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.0
            .iter()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|count| *count == 0)
    }

    /// The lowest value of each place in which there are some, ascending, and how many are there.
    pub fn recorded(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let counts = self.0.iter().enumerate().filter(|(_, count)| **count > 0);
        counts.map(|(place, count)| (lowest(place), *count))
    }

    /// The same counts in an HdrHistogram, whose places are the same.
    pub fn histogram(&self) -> Histogram<u64> {
        let mut histogram = new_histogram();
        self.add_to(&mut histogram);
        histogram
    }

    /// Adds all of them to others.
    pub fn add_to(&self, histogram: &mut Histogram<u64>) {
        for (value, count) in self.recorded() {
            histogram.saturating_record_n(value, count);
        }
    }
}

#[cfg(test)]
mod tests {
    use migrate_ebpf::wire::histogram::LIMIT;

    use super::*;

    /// Around every power of two that is below the limit, and some that are not.
    fn numbers() -> impl Iterator<Item = u64> {
        let numbers = |shift: u32| [1_u64 << shift, (1 << shift) + 1, (3 << shift) / 2];
        (0..42).flat_map(numbers).chain([0, u64::MAX])
    }

    #[test]
    fn places_are_those_of_the_library() {
        let (mut values, mut expected) = (Values::default(), new_histogram());
        for value in numbers() {
            values.record(value);
            expected.saturating_record(value);
            let place = lowest(bucket(value));
            assert_eq!(expected.lowest_equivalent(value.min(LIMIT - 1)), place);
        }
        let histogram = values.histogram();
        for quantile in 0..=1000 {
            let quantile = f64::from(quantile) / 1000.0;
            assert_eq!(
                histogram.value_at_quantile(quantile),
                expected.value_at_quantile(quantile)
            );
        }
        assert_eq!(values.len(), expected.len());
        assert_eq!(Values::of_histogram(&expected), values);
    }

    #[test]
    fn the_kernels_counts_are_taken_over() {
        let mut counts = vec![0; BUCKETS];
        counts[bucket(70_000)] = 3;
        let values = Values::of_places(counts);
        assert_eq!(
            values.recorded().collect::<Vec<_>>(),
            [(lowest(bucket(70_000)), 3)]
        );
        assert!(!values.is_empty() && Values::default().is_empty());
    }

    #[test]
    fn a_difference_has_what_came_later() {
        let (mut before, mut later) = (Values::default(), Values::default());
        numbers().for_each(|value| before.record(value));
        let mut now = before.clone();
        for value in [7, 70_000] {
            now.record(value);
            later.record(value);
        }
        assert_eq!(now.since(&before), later);
    }
}
