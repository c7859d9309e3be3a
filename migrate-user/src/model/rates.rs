//! How much per second, now and over the last minutes.
//!
//! Time is the recording's own: it passes when a record or a status says so, never by the wall
//! clock.

use std::collections::VecDeque;

use migrate_ebpf::wire::Direction;

use super::Model;
use crate::trace::ledger;

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

    /// Lets time pass until `time_ns`. Bins in which nothing ended come into being. The number of
    /// the bin with this time.
    pub fn advance(&mut self, time_ns: u64) -> u64 {
        self.origin_ns.get_or_insert(time_ns);
        let number = self.number(time_ns);
        let next = self.front + self.bins.len() as u64;
        if number >= next.saturating_add(BINS as u64) {
            self.bins.clear();
            self.front = number - (BINS as u64 - 1);
        }
        while self.front + (self.bins.len() as u64) <= number {
            self.bins.push_back(Bin::default());
        }
        while self.bins.len() > BINS {
            self.bins.pop_front();
            self.front += 1;
        }
        number
    }

    /// Counts a migration that ended at `end_ns`. One that is older than the history is not in it.
    pub fn count(&mut self, end_ns: u64, direction: Direction, pages: u64) {
        let number = self.advance(end_ns);
        self.add(number, direction, (1, pages));
    }

    /// Counts migrations and their pages of which is known only that they ended between two times:
    /// as much in each moment as in every other.
    pub fn spread(
        &mut self,
        from_ns: u64,
        to_ns: u64,
        direction: Direction,
        (calls, pages): (u64, u64),
    ) {
        self.advance(to_ns);
        let (first, last) = (self.number(from_ns), self.number(to_ns));
        let origin = self.origin_ns.unwrap_or(to_ns);
        // What is older than the history is not in it.
        let mut done = if first < self.front {
            let start = origin.saturating_add(self.front.saturating_mul(BIN_NS));
            (
                part(calls, from_ns, start, to_ns),
                part(pages, from_ns, start, to_ns),
            )
        } else {
            (0, 0)
        };
        for number in first.max(self.front)..=last {
            let end = origin
                .saturating_add((number + 1).saturating_mul(BIN_NS))
                .min(to_ns);
            let until = (
                part(calls, from_ns, end, to_ns),
                part(pages, from_ns, end, to_ns),
            );
            self.add(number, direction, (until.0 - done.0, until.1 - done.1));
            done = until;
        }
    }

    fn add(&mut self, number: u64, direction: Direction, (calls, pages): (u64, u64)) {
        let Some(place) = number.checked_sub(self.front) else {
            return;
        };
        if let Some(bin) = self.bins.get_mut(place as usize) {
            let direction = super::index(direction);
            bin.calls[direction] = bin.calls[direction].saturating_add(calls);
            bin.pages[direction] = bin.pages[direction].saturating_add(pages);
        }
    }

    /// The number of the bin with this time.
    fn number(&self, time_ns: u64) -> u64 {
        time_ns.saturating_sub(self.origin_ns.unwrap_or(time_ns)) / BIN_NS
    }

    /// The seconds that are over, oldest first: the one under way is left out, as it is not full
    /// yet.
    pub fn history(&self) -> impl DoubleEndedIterator<Item = &Bin> + ExactSizeIterator {
        self.bins.range(..self.bins.len().saturating_sub(1))
    }

    /// The average of the last `seconds` that are over, or of as many as there are; `None` in the
    /// first second.
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

/// How much of `amount`, which came evenly between two times, had come at a time between them. All
/// of it at the end.
fn part(amount: u64, from_ns: u64, at_ns: u64, to_ns: u64) -> u64 {
    let (all, until) = (to_ns.saturating_sub(from_ns), at_ns.saturating_sub(from_ns));
    if until >= all {
        return amount;
    }
    (u128::from(amount) * u128::from(until) / u128::from(all)) as u64
}

impl Model {
    /// The average over the last seconds; `None` if none has passed, or a filter leaves the
    /// direction out.
    pub fn rate(&self, seconds: usize, direction: Option<Direction>) -> Option<Rate> {
        let known = !self.hides(direction);
        known.then(|| self.rates().over(seconds, direction))?
    }

    fn hides(&self, direction: Option<Direction>) -> bool {
        direction.is_some_and(|direction| self.hidden.direction(direction))
    }

    /// The average over all the time that [`Model::totals`] are about; `None` if no time has
    /// passed, or a filter leaves the direction out.
    pub fn average(&self, direction: Option<Direction>) -> Option<Rate> {
        if self.hides(direction) {
            return None;
        }
        let seconds = self.span_ns()? as f64 / 1e9;
        let totals = self.totals();
        let calls = match direction {
            Some(direction) => totals.in_direction(direction),
            None => totals.migrations(),
        };
        let pages = ledger::arrived(&totals.ledger(direction));
        (seconds > 0.0).then(|| Rate {
            calls: calls as f64 / seconds,
            pages: pages as f64 / seconds,
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

    /// Pages in each second that is over.
    fn pages(rates: &Rates) -> Vec<u64> {
        rates.history().map(|bin| bin.pages(None)).collect()
    }

    #[test]
    fn what_ended_somewhere_between_two_times_is_spread_and_adds_up() {
        let mut rates = Rates::starting_at(0);
        rates.spread(S / 2, 3 * S, Direction::ToDevice, (1, 1000));
        rates.spread(3 * S, 3 * S + 1, Direction::ToDevice, (1, 7));
        rates.spread(5 * S, 5 * S, Direction::ToSystem, (1, 9));
        rates.advance(6 * S);
        assert_eq!(pages(&rates), [200, 400, 400, 7, 0, 9]);
        let calls: u64 = rates.history().map(|bin| bin.calls(None)).sum();
        assert_eq!(calls, 3);
    }

    #[test]
    fn what_is_older_than_the_history_is_left_out_and_no_more() {
        let mut rates = Rates::starting_at(0);
        let seconds = 2 * BINS as u64;
        rates.spread(0, seconds * S, Direction::ToDevice, (seconds, 3 * seconds));
        assert!(pages(&rates).iter().all(|pages| *pages == 3));
        assert_eq!(pages(&rates).len(), BINS - 1);
    }

    #[test]
    fn memory_is_bounded_whatever_the_times() {
        let mut rates = Rates::starting_at(5);
        for time in [0, u64::MAX, 17 * S, u64::MAX / 2, 100_000 * S] {
            rates.count(time, Direction::ToDevice, u64::MAX);
            rates.count(time, Direction::ToDevice, u64::MAX);
            rates.spread(0, time, Direction::ToDevice, (u64::MAX, 1));
            rates.spread(time, 0, Direction::ToDevice, (u64::MAX, 1));
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
