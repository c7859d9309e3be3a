//! What the model counts of a migration, and what follows from it, made once.

use std::ops::Deref;

use migrate_ebpf::wire::{Figure, histogram::bucket};

use crate::trace::{Row, ledger};

/// A migration that ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended<'a> {
    row: &'a Row<'a>,
    /// [`Migration::total_ns`].
    pub(super) total_ns: u64,
    /// [`Migration::probe_ns`].
    pub(super) probe_ns: u64,
    /// [`Migration::end_ns`].
    pub(super) end_ns: u64,
    /// [`ledger::arrived`].
    pub(super) arrived: u64,
    /// What it adds to each figure, in the order of [`Figure::ALL`]; `None` where it has no such
    /// value.
    pub(super) values: [Option<u64>; Figure::ALL.len()],
    /// Where histograms count these values; 0 where there is none.
    pub(super) places: [u16; Figure::ALL.len()],
}

impl<'a> Ended<'a> {
    #[inline]
    pub(super) fn new(row: &'a Row<'a>) -> Self {
        let total_ns = row.total_ns();
        let arrived = ledger::arrived(&row.ledger);
        let [setup, alloc_and_copy, pages, finalize_and_map, finalize] = row.steps;
        let values = [
            setup,
            alloc_and_copy,
            pages,
            finalize_and_map,
            finalize,
            Some(total_ns),
            Some(row.ledger.requested),
            total_ns.checked_div(arrived),
        ];
        let mut places = [0; Figure::ALL.len()];
        for (place, value) in places.iter_mut().zip(&values) {
            *place = bucket(value.unwrap_or(0)) as u16;
        }
        Self {
            row,
            total_ns,
            probe_ns: row.probe_ns(),
            end_ns: row.end_ns(),
            arrived,
            values,
            places,
        }
    }
}

impl<'a> Deref for Ended<'a> {
    type Target = Row<'a>;

    fn deref(&self) -> &Row<'a> {
        self.row
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Ledger;
    use migscope_testkit::Synthetic;

    #[test]
    fn figures_are_what_the_wire_says_they_are() {
        let mut migration = Synthetic::new(1).migration();
        migration.steps = [Some(100), Some(50), None, None, Some(7)];
        migration.ledger = Ledger {
            requested: 12,
            moved: 3,
            populated: 1,
            skipped: 8,
            ..Default::default()
        };
        let expected = [100, 50, 0, 0, 7, 157, 12, 39];
        let got = Ended::new(&Row::from(&migration)).values;
        assert_eq!(got.map(|value| value.unwrap_or(0)), expected);
        assert_eq!((got[2], got[3]), (None, None));
        migration.ledger.moved = 0;
        migration.ledger.populated = 0;
        assert_eq!(
            Ended::new(&Row::from(&migration)).values[7],
            None,
            "nothing arrived"
        );
    }

    #[test]
    fn what_follows_is_what_the_migration_says() {
        for migration in Synthetic::new(3).batch(200).migrations {
            let row = Row::from(&migration);
            let ended = Ended::new(&row);
            assert_eq!(ended.total_ns, migration.total_ns());
            assert_eq!(ended.probe_ns, migration.probe_ns());
            assert_eq!(ended.end_ns, migration.end_ns());
            assert_eq!(ended.is_balanced(), migration.is_balanced());
            for (value, place) in ended.values.iter().zip(ended.places) {
                assert_eq!(usize::from(place), value.map_or(0, bucket));
            }
        }
    }
}
