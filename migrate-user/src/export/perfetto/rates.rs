//! How fast memory arrives: bytes per second of each direction, over one short time after another.
//! A migration counts in the one in which it ended.

use std::collections::BTreeMap;
use std::mem;

use crate::trace::Direction;

/// How long each time is, nanoseconds.
pub(super) const WINDOW_NS: u64 = 10_000_000;
const SECOND_NS: u64 = 1_000_000_000;

/// Times that are still open: migrations are told nearly in the order in which they ended.
const OPEN: u64 = 64;

/// From a moment on, memory arrives at this rate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) direction: Direction,
    /// Nanoseconds of the recording's clock.
    pub(super) time_ns: u64,
    pub(super) bytes_per_second: u64,
}

/// The rates of all directions.
#[derive(Default)]
pub(super) struct Rates([Rate; Direction::ALL.len()]);

#[derive(Default)]
struct Rate {
    /// Bytes by the number of the time since the clock began.
    open: BTreeMap<u64, u64>,
    /// The last that was told, if it is not followed by none.
    told: Option<u64>,
    /// The first that was not told.
    next: u64,
}

impl Rates {
    /// Counts what arrived at a moment. The changes that are known by that.
    pub(super) fn count(&mut self, direction: Direction, time_ns: u64, bytes: u64) -> Vec<Change> {
        let rate = &mut self.0[direction as usize - 1];
        let now = time_ns / WINDOW_NS;
        // What comes too late counts in the first that is open.
        let sum = rate.open.entry(now.max(rate.next)).or_default();
        *sum = sum.saturating_add(bytes);
        rate.tell(direction, now.saturating_sub(OPEN))
    }

    /// All that is left.
    pub(super) fn end(&mut self) -> Vec<Change> {
        let all = Direction::ALL.iter();
        let tell = |direction: &Direction| {
            let rate = &mut self.0[*direction as usize - 1];
            let mut changes = rate.tell(*direction, u64::MAX);
            changes.extend(rate.stop(*direction));
            changes
        };
        all.flat_map(tell).collect()
    }
}

impl Rate {
    /// Tells the times before one.
    fn tell(&mut self, direction: Direction, before: u64) -> Vec<Change> {
        let later = self.open.split_off(&before);
        let mut changes = Vec::new();
        for (window, bytes) in mem::replace(&mut self.open, later) {
            if self.told.is_some_and(|told| told + 1 < window) {
                changes.extend(self.stop(direction));
            }
            changes.push(Change {
                direction,
                time_ns: window.saturating_mul(WINDOW_NS),
                bytes_per_second: bytes.saturating_mul(SECOND_NS / WINDOW_NS),
            });
            self.told = Some(window);
            self.next = window.saturating_add(1);
        }
        changes
    }

    /// Nothing arrives after the last time that was told.
    fn stop(&mut self, direction: Direction) -> Option<Change> {
        self.told.take().map(|told| Change {
            direction,
            time_ns: told.saturating_add(1).saturating_mul(WINDOW_NS),
            bytes_per_second: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(arrived: &[(u64, u64)]) -> Vec<(u64, u64)> {
        let mut rates = Rates::default();
        let mut changes = Vec::new();
        for (window, bytes) in arrived {
            let time_ns = window * WINDOW_NS + 5;
            changes.extend(rates.count(Direction::ToDevice, time_ns, *bytes));
        }
        changes.extend(rates.end());
        let told = changes.iter();
        told.map(|change| (change.time_ns / WINDOW_NS, change.bytes_per_second))
            .collect()
    }

    #[test]
    fn a_rate_holds_for_its_time() {
        assert_eq!(
            all(&[(3, 10), (3, 5), (4, 1), (9, 2)]),
            [(3, 1500), (4, 100), (5, 0), (9, 200), (10, 0)]
        );
        assert_eq!(all(&[]), []);
    }

    #[test]
    fn what_is_told_late_counts_once_and_is_in_order() {
        assert_eq!(all(&[(4, 1), (3, 2)]), [(3, 200), (4, 100), (5, 0)]);
        let changes = all(&[(3, 1), (1000, 1), (2, 7)]);
        assert_eq!(
            changes,
            [(3, 100), (4, 700), (5, 0), (1000, 100), (1001, 0)]
        );
    }

    #[test]
    fn memory_is_bounded() {
        let mut rates = Rates::default();
        for window in 0..10_000 {
            rates.count(Direction::ToSystem, window * WINDOW_NS, 1);
        }
        let open = rates.0.iter().map(|rate| rate.open.len());
        assert!(open.sum::<usize>() as u64 <= OPEN + 1);
    }
}
