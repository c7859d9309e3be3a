//! Arithmetic with the driver's totals.

use crate::uapi::{Ledger, Total, Totals, Truth, WaitTotals};

/// What one device's totals grew by, added to those of others.
pub fn add_growth(sums: &mut Totals, before: &Totals, after: &Totals) {
    let kinds = before.by_kind.iter().zip(&after.by_kind);
    for (sum, (before, after)) in sums.by_kind.iter_mut().zip(kinds) {
        sum.migrations += after.migrations - before.migrations;
        sum.ledger.add(&difference(&before.ledger, &after.ledger));
    }
    sums.log_lost += after.log_lost - before.log_lost;
    sums.unbalanced += after.unbalanced - before.unbalanced;
}

/// What one device's waits grew by, added to those of others.
pub fn add_waits(sums: &mut WaitTotals, before: &WaitTotals, after: &WaitTotals) {
    let kinds = before.by_kind.iter().zip(&after.by_kind);
    for (sum, (before, after)) in sums.by_kind.iter_mut().zip(kinds) {
        sum.calls += after.calls - before.calls;
        sum.pages += after.pages - before.pages;
        sum.total_ns += after.total_ns - before.total_ns;
        sum.lock_wait_ns += after.lock_wait_ns - before.lock_wait_ns;
    }
    sums.lost += after.lost - before.lost;
}

/// Counts one migration.
pub fn count(sums: &mut Totals, truth: &Truth) {
    let Total { migrations, ledger } =
        &mut sums.by_kind[Totals::index(truth.direction, truth.cause)];
    *migrations += 1;
    ledger.add(&truth.ledger);
    sums.unbalanced += u64::from(truth.unbalanced != 0);
}

fn difference(before: &Ledger, after: &Ledger) -> Ledger {
    Ledger {
        requested: after.requested - before.requested,
        skipped: after.skipped - before.skipped,
        declined: after.declined - before.declined,
        moved: after.moved - before.moved,
        populated: after.populated - before.populated,
        wasted_copy: after.wasted_copy - before.wasted_copy,
        wasted_fill: after.wasted_fill - before.wasted_fill,
        rolled_back: after.rolled_back - before.rolled_back,
        rejected: after.rejected - before.rejected,
        declined_holes: after.declined_holes - before.declined_holes,
        free: after.free - before.free,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uapi::{cause, direction};

    fn fault(moved: u64) -> Truth {
        Truth {
            direction: direction::TO_SYSTEM,
            cause: cause::CPU_FAULT,
            ledger: Ledger {
                requested: moved,
                moved,
                ..Ledger::default()
            },
            ..Truth::default()
        }
    }

    #[test]
    fn growth_of_several_devices_adds_up() {
        let mut before = Totals::default();
        count(&mut before, &fault(7));
        let mut after = before;
        count(&mut after, &fault(2));
        count(&mut after, &fault(1));
        let mut sums = Totals::default();
        add_growth(&mut sums, &before, &after);
        add_growth(&mut sums, &before, &after);
        let mut expected = Totals::default();
        for moved in [2, 1, 2, 1] {
            count(&mut expected, &fault(moved));
        }
        assert_eq!(sums, expected);
    }
}
