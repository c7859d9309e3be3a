//! How often each duration occurred among a few migrations.

use std::collections::BTreeMap;

use migrate_ebpf::wire::histogram::{BUCKETS, bucket, lowest};

/// Counts by the places of the kernel's histograms, each within 1%. A block of migrations is in few
/// of the thousands of places.
#[derive(Clone, Debug, Default)]
pub(super) struct Durations(BTreeMap<usize, u64>);

impl Durations {
    /// Adds one duration, nanoseconds.
    pub(super) fn record(&mut self, ns: u64) {
        self.record_n(ns, 1);
    }

    /// Adds so many of one duration.
    pub(super) fn record_n(&mut self, ns: u64, count: u64) {
        let sum = self.0.entry(bucket(ns)).or_default();
        *sum = sum.saturating_add(count);
    }

    /// Adds all of others.
    pub(super) fn add(&mut self, more: &Self) {
        for (place, count) in &more.0 {
            let sum = self.0.entry(*place).or_default();
            *sum = sum.saturating_add(*count);
        }
    }

    /// The places in which there are some, ascending, and how many are there.
    pub(super) fn places(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.0.iter().map(|(place, count)| (*place, *count))
    }
}

/// The longest duration of a place, nanoseconds.
pub(super) fn longest(place: usize) -> u64 {
    match place + 1 {
        next if next < BUCKETS => lowest(next) - 1,
        _ => lowest(place),
    }
}

#[cfg(test)]
mod tests {
    use crate::trace::histogram::new_histogram;

    use super::*;

    /// As an HdrHistogram has them.
    #[test]
    fn places_and_counts_are_those_of_the_library() {
        let mut expected = new_histogram();
        let (mut one, mut other) = (Durations::default(), Durations::default());
        for ns in (0..200_000).step_by(37).chain([1 << 33, 7, 7]) {
            expected.saturating_record(ns);
            let half = if ns % 2 == 0 { &mut one } else { &mut other };
            half.record(ns);
        }
        one.add(&other);
        let all: Vec<_> = one.places().map(|(place, n)| (longest(place), n)).collect();
        let recorded = expected.iter_recorded();
        let library: Vec<_> = recorded
            .map(|value| (value.value_iterated_to(), value.count_at_value()))
            .collect();
        assert_eq!(all, library);
    }
}
