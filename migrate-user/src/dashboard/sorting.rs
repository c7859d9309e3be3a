//! By what tables are sorted.

use std::cmp::Ordering;

/// A table that can be sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// The steps.
    Steps,
    /// A step by direction and cause.
    Kinds,
    /// Calls by their size.
    Sizes,
    /// What a call and a page cost.
    Costs,
    /// Pages by driver and process.
    Parts,
    /// Ranges that came back, those with most pages.
    Bounces,
    /// Ranges that came back, the soonest.
    Soonest,
    /// Processes.
    Processes,
    /// Drivers.
    Drivers,
    /// Single migrations.
    Migrations,
    /// Waits by kind and result.
    Waits,
    /// Who waits.
    Waiters,
    /// The longest waits.
    Worst,
    /// Mappings.
    Mappings,
}

impl Table {
    /// All of them, in their order on screen.
    pub(super) const ALL: [Self; 14] = [
        Self::Steps,
        Self::Kinds,
        Self::Sizes,
        Self::Costs,
        Self::Parts,
        Self::Bounces,
        Self::Soonest,
        Self::Processes,
        Self::Drivers,
        Self::Migrations,
        Self::Waits,
        Self::Waiters,
        Self::Worst,
        Self::Mappings,
    ];
}

/// How a table is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sort {
    /// The place of the column; `None`: as the rows come.
    pub(super) by: Option<usize>,
    pub(super) reversed: bool,
}

impl Sort {
    /// By this column; if it was that already, the other way round.
    pub(super) fn choose(&mut self, column: usize) {
        self.reversed = self.by == Some(column) && !self.reversed;
        self.by = Some(column);
    }

    /// By the column so many places beside it, of those that can be seen.
    pub(super) fn beside(&mut self, columns: &[usize], places: isize) {
        let Some(last) = columns.len().checked_sub(1) else {
            return;
        };
        let next = match self.by {
            None if places > 0 => 0,
            None => last,
            Some(by) => {
                let before = columns.iter().filter(|column| **column < by).count();
                // From a column that is not there, the next one is already one to the right.
                let there = isize::from(columns.contains(&by) || places < 0);
                before.saturating_add_signed(places + there - 1).min(last)
            }
        };
        self.by = Some(columns[next]);
    }

    /// Which way round, as heads show it.
    pub(super) fn sign(self) -> &'static str {
        if self.reversed { "▲" } else { "▼" }
    }
}

/// What rows are sorted by; `None`: unknown.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key(Option<Value>);

/// What people look for is less.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Number(i128),
    Name(String),
}

impl Key {
    /// The largest first.
    pub(super) fn most(number: impl Into<Option<u64>>) -> Self {
        Self(
            number
                .into()
                .map(|number| Value::Number(-i128::from(number))),
        )
    }

    /// The largest first, to a millionth.
    pub(super) fn most_of(number: Option<f64>) -> Self {
        Self(number.map(|number| Value::Number(-((number * 1e6) as i128))))
    }

    /// The smallest first.
    pub(super) fn least(number: impl Into<Option<u64>>) -> Self {
        Self(number.into().map(|number| Value::Number(number.into())))
    }

    /// In the order of the alphabet.
    pub(super) fn name<'a>(name: impl Into<Option<&'a str>>) -> Self {
        Self(name.into().map(|name| Value::Name(name.to_owned())))
    }

    /// What is unknown comes last, whichever way round.
    pub(super) fn compare(&self, other: &Self, reversed: bool) -> Ordering {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) if reversed => b.cmp(a),
            (Some(a), Some(b)) => a.cmp(b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unknown_comes_last_whichever_way_round() {
        let mut keys = [Some(1), None, Some(3), Some(2)].map(Key::most);
        keys.sort_by(|a, b| a.compare(b, false));
        assert_eq!(keys, [Some(3), Some(2), Some(1), None].map(Key::most));
        keys.sort_by(|a, b| a.compare(b, true));
        assert_eq!(keys, [Some(1), Some(2), Some(3), None].map(Key::most));
        assert_eq!(
            Key::most_of(Some(0.5)).compare(&Key::most_of(Some(0.4)), false),
            Ordering::Less
        );
        assert_eq!(
            Key::name("a").compare(&Key::name("b"), false),
            Ordering::Less
        );
    }

    #[test]
    fn only_columns_that_are_seen_are_gone_to() {
        let mut sort = Sort::default();
        let mut by = |columns: &[usize], places| {
            sort.beside(columns, places);
            sort.by
        };
        assert_eq!(by(&[], 1), None);
        assert_eq!(by(&[1, 4, 6], -1), Some(6));
        assert_eq!(by(&[1, 4, 6], 1), Some(6));
        assert_eq!(by(&[1, 4, 6], -1), Some(4));
        // What it is sorted by has gone.
        assert_eq!(by(&[1, 6], 1), Some(6));
        assert_eq!(by(&[0, 4], -1), Some(4));
        assert_eq!(by(&[0, 4], -9), Some(0));
    }

    #[test]
    fn a_second_choice_turns_it_round() {
        let mut sort = Sort::default();
        let mut choose = |column| {
            sort.choose(column);
            sort.sign()
        };
        assert_eq!([choose(2), choose(2), choose(2)], ["▼", "▲", "▼"]);
        assert_eq!([choose(2), choose(3)], ["▲", "▼"]);
    }
}
