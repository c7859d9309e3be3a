//! From the kernel's histograms to those of monitoring systems.

use std::iter;
use std::str::FromStr;

use migrate_ebpf::wire::histogram::{bucket, lowest};

use super::definition::Octaves;
use crate::trace::Values;

/// The resolution of native and exponential histograms: 64 buckets in each power of two, each 1.1%
/// wide.
///
/// A place of the kernel's histograms is up to 0.8% wide, so the next finer schema (0.5%) would say
/// more than is known. A place counts in the bucket of its middle; together a quantile is at most
/// 1.9% off.
pub const SCHEMA: i32 = 6;
const PER_DOUBLING: f64 = (1 << SCHEMA) as f64;

/// How many classic buckets there are in each power of two: a power of two itself, up to 64.
///
/// A quantile lies in the right bucket, but where in it is not known: with 1 it can be off by a
/// factor of 2, with 2 by 1.5, with 64 by 1.6%. Each bucket is a series of its own in the
/// monitoring system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerOctave(u32);

impl PerOctave {
    /// The largest. The kernel's histograms have twice as many places.
    const MOST: u32 = 64;
}

impl Default for PerOctave {
    fn default() -> Self {
        Self(2)
    }
}

impl FromStr for PerOctave {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.parse().ok();
        number
            .filter(|number: &u32| number.is_power_of_two() && *number <= Self::MOST)
            .map(Self)
            .ok_or("expected a power of two from 1 to 64")
    }
}

/// Values as the kernel counted them.
#[derive(Clone, Copy, Debug)]
pub struct Histogram<'a> {
    values: &'a Values,
    sum: u64,
    /// How many of the kernel's units are one of the family's.
    per_unit: f64,
}

/// Counts by powers of 2^(1/64).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Native {
    /// Values of 0.
    pub zero: u64,
    /// Counts by `i`, ascending: values above 2^((i-1)/64) and up to 2^(i/64).
    pub buckets: Vec<(i32, u64)>,
}

impl<'a> Histogram<'a> {
    /// Values in nanoseconds.
    pub(super) fn of_ns(values: &'a Values, sum: u64) -> Self {
        Self {
            values,
            sum,
            per_unit: 1e9,
        }
    }

    /// Numbers of things.
    pub(super) fn of_numbers(values: &'a Values, sum: u64) -> Self {
        Self {
            values,
            sum,
            per_unit: 1.0,
        }
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.values.len()
    }

    /// All values together, exact.
    pub fn sum(&self) -> f64 {
        self.unit(self.sum)
    }

    /// Upper bounds, and how many values do not exceed them. A bound is the largest value of a
    /// place, so that the counts are exact.
    pub fn classic(&self, octaves: Octaves, per_octave: PerOctave) -> Vec<(f64, u64)> {
        let mut recorded = self.values.recorded().peekable();
        let mut cumulative = 0_u64;
        let counted = bounds(octaves, per_octave).map(|bound| {
            let bound = next(bound) - 1;
            while let Some((_, count)) = recorded.next_if(|(value, _)| *value <= bound) {
                cumulative = cumulative.saturating_add(count);
            }
            (self.unit(bound), cumulative)
        });
        counted.collect()
    }

    /// The same values by powers of 2^(1/64).
    pub fn native(&self) -> Native {
        let mut native = Native::default();
        for (value, count) in self.values.recorded() {
            if value == 0 {
                native.zero = count;
                continue;
            }
            let middle = self.unit((value + next(value)) / 2);
            let index = (middle.log2() * PER_DOUBLING).ceil() as i32;
            match native.buckets.last_mut() {
                Some((last, sum)) if *last == index => *sum = sum.saturating_add(count),
                _ => native.buckets.push((index, count)),
            }
        }
        native
    }

    fn unit(&self, value: u64) -> f64 {
        value as f64 / self.per_unit
    }
}

/// The first value behind the place of this one.
fn next(value: u64) -> u64 {
    lowest(bucket(value) + 1)
}

/// Whole numbers at equal distances in each power of two, and the power that ends the last.
fn bounds(octaves: Octaves, PerOctave(per_octave): PerOctave) -> impl Iterator<Item = u64> {
    let range = octaves.range();
    let end = 1 << range.end;
    let within = range.flat_map(move |octave| {
        let parts = u64::from(per_octave).min(1 << octave);
        (0..parts).map(move |part| (1 << octave) + (part << octave) / parts)
    });
    within.chain(iter::once(end))
}
