//! When modules came and went, and which symbols hold for which moment.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

/// Changes that are kept. Older ones matter only to calls that have been under way since.
const KEPT: usize = 256;

/// A module came or went: nanoseconds of CLOCK_BOOTTIME.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Change {
    /// None of its code has run before.
    Came(u64),
    /// None of its code runs afterwards.
    Went(u64),
}

impl Change {
    fn time_ns(self) -> u64 {
        match self {
            Self::Came(time_ns) | Self::Went(time_ns) => time_ns,
        }
    }
}

/// The changes that are known.
#[derive(Default)]
pub(super) struct History {
    known: VecDeque<Change>,
    /// What happened until then is not known any more.
    forgotten: Option<u64>,
}

impl History {
    pub(super) fn add(&mut self, change: Change) {
        if self.known.len() >= KEPT
            && let Some(oldest) = self.known.pop_front()
        {
            self.forget_until(oldest.time_ns());
        }
        self.known.push_back(change);
    }

    /// There were changes until this time of which nothing is known.
    pub(super) fn forget_until(&mut self, time_ns: u64) {
        self.forgotten = self.forgotten.max(Some(time_ns));
    }

    /// Do symbols that were read at a time hold for what ran at another? Not if code came to where
    /// it was after they were read, nor if it was gone when they were.
    pub(super) fn holds(&self, read: &RangeInclusive<u64>, ran: u64) -> bool {
        let is_known = self
            .forgotten
            .is_none_or(|until| until < ran && until < *read.start());
        is_known
            && !self.known.iter().any(|change| match change {
                Change::Came(at) => (*read.start()..=ran).contains(at),
                Change::Went(at) => (ran..=*read.end()).contains(at),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Symbols read before a driver goes, while another is in its place, and when the first is
    /// back.
    const READ: [RangeInclusive<u64>; 3] = [10..=20, 310..=320, 610..=620];

    fn history() -> History {
        let mut history = History::default();
        for change in [
            Change::Went(200),
            Change::Came(300),
            Change::Went(400),
            Change::Came(500),
        ] {
            history.add(change);
        }
        history
    }

    fn holding(history: &History, ran: u64) -> [bool; 3] {
        READ.map(|read| history.holds(&read, ran))
    }

    #[test]
    fn symbols_hold_between_two_changes() {
        let history = history();
        for (ran, holds) in [
            (5, [true, false, false]),
            (100, [true, false, false]),
            // Nothing new has come yet.
            (250, [true, true, false]),
            (350, [false, true, false]),
            (450, [false, true, true]),
            (550, [false, false, true]),
            (700, [false, false, true]),
        ] {
            assert_eq!(holding(&history, ran), holds, "{ran}");
        }
    }

    #[test]
    fn a_change_in_the_middle_of_a_reading_ends_what_it_tells() {
        let mut history = History::default();
        history.add(Change::Went(15));
        history.add(Change::Came(16));
        assert!(!history.holds(&READ[0], 12));
        assert!(!history.holds(&READ[0], 18));
    }

    #[test]
    fn without_changes_all_symbols_hold() {
        assert_eq!(holding(&History::default(), 100), [true; 3]);
    }

    #[test]
    fn what_is_forgotten_is_unknown() {
        let mut history = History::default();
        history.forget_until(305);
        assert_eq!(holding(&history, 100), [false; 3]);
        assert_eq!(holding(&history, 306), [false, true, true]);
        // Too many to keep.
        let mut history = History::default();
        for time_ns in 0..=KEPT as u64 {
            history.add(Change::Came(1000 + time_ns));
        }
        assert_eq!(history.known.len(), KEPT);
        assert!(!history.holds(&(0..=1), 500));
        assert!(!history.holds(&(2000..=2001), 1000));
        assert!(history.holds(&(2000..=2001), 1001));
    }
}
