//! What the kernel counts by itself of migrations, counted here in a way of its own.

use std::collections::BTreeMap;

use migscope_recording::trace::{
    Cause, Direction, Exact, ExactCount, ExactFigure, ExactWaitFigure, ExactWaits, Figure,
    Migration, Outcome, Reasons, Values, Wait, WaitFigure, WaitKind, WaitResult, ledger,
};

use crate::waits;

/// Totals, in the order of the enumerations.
#[derive(Clone, Default)]
pub(crate) struct Kernel {
    counts: BTreeMap<(Direction, Cause, Outcome), ExactCount>,
    figures: BTreeMap<(Direction, Cause, Figure), ExactFigure>,
    waits: BTreeMap<(WaitKind, WaitResult), ExactWaits>,
    wait_figures: BTreeMap<WaitFigure, ExactWaitFigure>,
}

impl Kernel {
    /// Adds one migration.
    pub(crate) fn count(&mut self, migration: &Migration) {
        let (direction, cause, outcome) = (migration.direction, migration.cause, migration.outcome);
        let count = self
            .counts
            .entry((direction, cause, outcome))
            .or_insert_with(|| ExactCount::new(direction, cause, outcome));
        count.migrations += 1;
        ledger::add(&mut count.ledger, &migration.ledger);
        add(&mut count.reasons, migration);
        count.probe_ns += migration.probe.iter().sum::<u64>();
        count.unbalanced += u64::from(!migration.is_balanced());
        for (figure, value) in measured(migration) {
            let of = self
                .figures
                .entry((direction, cause, figure))
                .or_insert_with(|| ExactFigure::new(direction, cause, figure));
            of.sum += value;
            of.values.record(value);
        }
    }

    /// Adds one wait.
    pub(crate) fn count_wait(&mut self, wait: &Wait) {
        let (kind, result) = (wait.kind, wait.result);
        let count = self
            .waits
            .entry((kind, result))
            .or_insert_with(|| ExactWaits::new(kind, result));
        count.waits += 1;
        count.pages += wait.pages.unwrap_or(0);
        count.total_ns += wait.total_ns;
        count.before_setup_ns += wait.before_setup_ns.unwrap_or(0);
        count.in_migration_ns += wait.in_migration_ns.unwrap_or(0);
        count.page_lock_ns += wait.page_lock_ns;
        for (figure, value) in waits::measured(wait) {
            let of = self
                .wait_figures
                .entry(figure)
                .or_insert_with(|| ExactWaitFigure {
                    figure,
                    values: Values::default(),
                });
            of.values.record(value);
        }
    }

    /// All that was counted.
    pub(crate) fn exact(&self) -> Exact {
        Exact {
            counts: self.counts.values().cloned().collect(),
            figures: self.figures.values().cloned().collect(),
            waits: self.waits.values().cloned().collect(),
            wait_figures: self.wait_figures.values().cloned().collect(),
        }
    }
}

fn add(reasons: &mut Reasons, migration: &Migration) {
    match migration.skips {
        Some(skips) => {
            reasons.not_collected += skips.not_collected;
            reasons.unmap_failed += skips.unmap_failed;
        }
        None => reasons.unknown += migration.ledger.skipped,
    }
    reasons.free += migration.free.unwrap_or(0);
    reasons.declined_holes += migration.declined_holes.unwrap_or(0);
}

/// What was measured of a migration. A page has a share of its time only where some arrived.
fn measured(migration: &Migration) -> impl Iterator<Item = (Figure, u64)> {
    let total: u64 = migration.steps.iter().flatten().sum();
    let arrived = migration.ledger.moved + migration.ledger.populated;
    let rest = [
        Some(total),
        Some(migration.ledger.requested),
        total.checked_div(arrived),
    ];
    let values = migration.steps.into_iter().chain(rest);
    let figures = Figure::ALL.iter().copied().zip(values);
    figures.filter_map(|(figure, value)| Some((figure, value?)))
}
