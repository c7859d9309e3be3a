//! How much per second, now and over the last minutes.
//!
//! Time is the recording's own: it passes when a record or a status says so, never by the wall clock.

use std::collections::VecDeque;

use migrate_ebpf::wire::Direction;

/// The width of one bin of the history, nanoseconds.
pub const BIN_NS: u64 = 1_000_000_000;

/// How many bins are kept: ten minutes.
pub const BINS: usize = 600;

/// What ended within one second, by direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bin {
    calls: [u64; Direction::ALL.len()],
    pages: [u64; Direction::ALL.len()],
}

impl Bin {
    /// Migrations that ended.
    pub fn calls(&self, direction: Option<Direction>) -> u64 {
        pick(&self.calls, direction)
    }

    /// Pages that arrived. Unit: base pages.
    pub fn pages(&self, direction: Option<Direction>) -> u64 {
        pick(&self.pages, direction)
    }
}

fn pick(counts: &[u64; Direction::ALL.len()], direction: Option<Direction>) -> u64 {
    match direction {
        Some(direction) => counts[super::index(direction)],
        None => counts
            .iter()
            .fold(0, |sum, count| sum.saturating_add(*count)),
    }
}

/// An average over some seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate {
    /// Migrations per second.
    pub calls: f64,
    /// Pages that arrived, per second. Unit: base pages.
    pub pages: f64,
}

/// The history of what ended when.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    /// When the first bin began, nanoseconds of the recording's clock.
    origin_ns: Option<u64>,
    /// The number of the bin at the front.
    front: u64,
    bins: VecDeque<Bin>,
}

impl Rates {
    /// Starts the first bin at this time.
    pub fn starting_at(origin_ns: u64) -> Self {
        Self {
            origin_ns: Some(origin_ns),
            ..Self::default()
        }
    }

    /// Lets time pass until `time_ns`. Bins in which nothing ended come into being.
    pub fn advance(&mut self, time_ns: u64) {
        let origin = *self.origin_ns.get_or_insert(time_ns);
        let number = time_ns.saturating_sub(origin) / BIN_NS;
        let next = self.front + self.bins.len() as u64;
        if number >= next.saturating_add(BINS as u64) {
            self.bins.clear();
            self.front = number;
        }
        while self.front + (self.bins.len() as u64) <= number {
            self.bins.push_back(Bin::default());
        }
        while self.bins.len() > BINS {
            self.bins.pop_front();
            self.front += 1;
        }
    }

    /// Counts a migration that ended at `end_ns`. One that is older than the history is not in it.
    pub fn count(&mut self, end_ns: u64, direction: Direction, pages: u64) {
        self.advance(end_ns);
        let number = end_ns.saturating_sub(self.origin_ns.unwrap_or(end_ns)) / BIN_NS;
        let Some(place) = number.checked_sub(self.front) else {
            return;
        };
        if let Some(bin) = self.bins.get_mut(place as usize) {
            let direction = super::index(direction);
            bin.calls[direction] = bin.calls[direction].saturating_add(1);
            bin.pages[direction] = bin.pages[direction].saturating_add(pages);
        }
    }

    /// The seconds that are over, oldest first: the one under way is left out, as it is not full yet.
    pub fn history(&self) -> impl DoubleEndedIterator<Item = &Bin> + ExactSizeIterator {
        self.bins.range(..self.bins.len().saturating_sub(1))
    }

    /// The average of the last `seconds` that are over, or of as many as there are; `None` in the first second.
    pub fn over(&self, seconds: usize, direction: Option<Direction>) -> Option<Rate> {
        let count = self.history().len().min(seconds);
        if count == 0 {
            return None;
        }
        let mut sum = Rate::default();
        for bin in self.history().rev().take(count) {
            sum.calls += bin.calls(direction) as f64;
            sum.pages += bin.pages(direction) as f64;
        }
        Some(Rate {
            calls: sum.calls / count as f64,
            pages: sum.pages / count as f64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = BIN_NS;

    #[test]
    fn averages_the_seconds_that_are_over() {
        let mut rates = Rates::starting_at(0);
        assert_eq!(rates.over(5, None), None);
        rates.count(S / 2, Direction::ToDevice, 100);
        rates.count(S + 1, Direction::ToSystem, 50);
        assert_eq!(
            rates.over(5, None),
            Some(Rate {
                calls: 1.0,
                pages: 100.0
            })
        );
        rates.advance(2 * S);
        assert_eq!(
            rates.over(5, None),
            Some(Rate {
                calls: 1.0,
                pages: 75.0
            })
        );
        assert_eq!(
            rates.over(1, Some(Direction::ToSystem)),
            Some(Rate {
                calls: 1.0,
                pages: 50.0
            })
        );
        rates.advance(4 * S);
        assert_eq!(rates.over(2, None), Some(Rate::default()));
    }

    #[test]
    fn a_late_record_counts_in_its_own_second() {
        let mut rates = Rates::starting_at(0);
        rates.advance(3 * S);
        rates.count(S / 2, Direction::ToDevice, 7);
        assert_eq!(rates.history().next().map(|bin| bin.pages(None)), Some(7));
    }

    #[test]
    fn memory_is_bounded_whatever_the_times() {
        let mut rates = Rates::starting_at(5);
        for time in [0, u64::MAX, 17 * S, u64::MAX / 2, 100_000 * S] {
            rates.count(time, Direction::ToDevice, u64::MAX);
            rates.count(time, Direction::ToDevice, u64::MAX);
            assert!(rates.bins.len() <= BINS);
        }
        let mut rates = Rates::starting_at(0);
        for second in 0..2 * BINS as u64 {
            rates.count(second * S, Direction::ToSystem, 1);
        }
        assert_eq!(rates.history().len(), BINS - 1);
        assert!(
            rates
                .history()
                .all(|bin| bin.calls(Some(Direction::ToSystem)) == 1)
        );
    }
}
