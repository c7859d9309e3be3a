//! Where pages went, by name.

use migrate_ebpf::wire::Ledger;

/// One row of the ledger below `requested`. Unit: base pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Row {
    /// Pages that now live at their destination.
    Moved,
    /// Holes in which the driver created a page.
    Populated,
    /// Not collected, or collected and not unmapped.
    Skipped,
    /// Collected, but the driver gave no destination.
    Declined,
    /// Copied, and the copy was thrown away.
    WastedCopy,
    /// Made for a hole, and thrown away.
    WastedFill,
    /// Collected, then finalized without `migrate_vma_pages`.
    RolledBack,
    /// Requested by a call that setup refused.
    Rejected,
}

impl Row {
    /// All rows, what succeeded first: the order in which views list them.
    pub const ALL: [Self; 8] = [
        Self::Moved,
        Self::Populated,
        Self::Skipped,
        Self::Declined,
        Self::WastedCopy,
        Self::WastedFill,
        Self::RolledBack,
        Self::Rejected,
    ];

    /// The name used on screen, in JSON, in columns and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Moved => "moved",
            Self::Populated => "populated",
            Self::Skipped => "skipped",
            Self::Declined => "declined",
            Self::WastedCopy => "wasted_copy",
            Self::WastedFill => "wasted_fill",
            Self::RolledBack => "rolled_back",
            Self::Rejected => "rejected",
        }
    }

    /// The pages of this row.
    pub const fn of(self, ledger: &Ledger) -> u64 {
        match self {
            Self::Moved => ledger.moved,
            Self::Populated => ledger.populated,
            Self::Skipped => ledger.skipped,
            Self::Declined => ledger.declined,
            Self::WastedCopy => ledger.wasted_copy,
            Self::WastedFill => ledger.wasted_fill,
            Self::RolledBack => ledger.rolled_back,
            Self::Rejected => ledger.rejected,
        }
    }
}

/// The pages that are where the driver wanted them: moved, or made there.
#[inline]
pub fn arrived(ledger: &Ledger) -> u64 {
    ledger.moved.saturating_add(ledger.populated)
}

/// The pages that were copied or made in vain.
pub fn wasted(ledger: &Ledger) -> u64 {
    ledger.wasted_copy.saturating_add(ledger.wasted_fill)
}

/// The sum of all rows below `requested`; `None` on overflow, which only bad input can cause.
#[inline]
pub fn balance(ledger: &Ledger) -> Option<u64> {
    Row::ALL
        .into_iter()
        .try_fold(0u64, |sum, row| sum.checked_add(row.of(ledger)))
}

/// Adds `more` to `sum`, row by row. Sums that only bad input can reach stay at the largest number.
#[inline]
pub fn add(sum: &mut Ledger, more: &Ledger) {
    *sum = each(sum, more, u64::saturating_add);
}

/// What came to `sum` since it was `before`, row by row.
pub fn difference(sum: &Ledger, before: &Ledger) -> Ledger {
    each(sum, before, u64::saturating_sub)
}

#[inline]
fn each(a: &Ledger, b: &Ledger, of: fn(u64, u64) -> u64) -> Ledger {
    Ledger {
        requested: of(a.requested, b.requested),
        skipped: of(a.skipped, b.skipped),
        declined: of(a.declined, b.declined),
        moved: of(a.moved, b.moved),
        populated: of(a.populated, b.populated),
        wasted_copy: of(a.wasted_copy, b.wasted_copy),
        wasted_fill: of(a.wasted_fill, b.wasted_fill),
        rolled_back: of(a.rolled_back, b.rolled_back),
        rejected: of(a.rejected, b.rejected),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balance_counts_every_row_once() {
        let mut ledger = Ledger {
            requested: 255,
            skipped: 1,
            declined: 2,
            moved: 4,
            populated: 8,
            wasted_copy: 16,
            wasted_fill: 32,
            rolled_back: 64,
            rejected: 128,
        };
        assert_eq!(balance(&ledger), Some(255));
        ledger.rejected = u64::MAX;
        assert_eq!(balance(&ledger), None);
    }

    #[test]
    fn sums_stay_at_the_largest_number() {
        let full = Ledger {
            moved: u64::MAX,
            ..Ledger::default()
        };
        let mut sum = full;
        add(
            &mut sum,
            &Ledger {
                moved: 1,
                skipped: 3,
                ..Ledger::default()
            },
        );
        assert_eq!((sum.moved, sum.skipped), (u64::MAX, 3));
        assert_eq!(arrived(&sum), u64::MAX);
    }
}
