//! Counts what the kernel tells by records, as the probes count what they do not tell. It is spared
//! the thread that migrates, and is exact all the same: a record that found no room is counted in
//! the kernel.

use migrate_ebpf::wire::{
    Counted, Counts, Figure, Histograms, Record, Steps, UNKNOWN, Wait, WaitFigure, anomaly, class,
    count_of, histogram::bucket, wait_class,
};
use zerocopy::{FromBytes as _, FromZeros as _, IntoBytes as _};

/// What was told so far.
pub(super) struct Told(Box<Counted>);

impl Told {
    pub(super) fn new() -> Self {
        // Memory is taken where something is counted: few directions and causes occur.
        Self(Counted::new_box_zeroed().expect("there is room for a few megabytes"))
    }

    /// All of it, as the kernel's has it.
    pub(super) fn words(&self) -> &[u64] {
        <[u64]>::ref_from_bytes(self.0.as_bytes()).expect("it is made of words")
    }

    /// Adds a migration. One whose direction, cause or outcome has no name is refused elsewhere.
    pub(super) fn count(&mut self, record: &Record) {
        if record.direction == 0 || record.cause == 0 || record.outcome == 0 {
            return;
        }
        let class = class(record.direction, record.cause);
        let place = count_of(class, record.outcome);
        if let (Some(histograms), Some(counts)) = (
            self.0.histograms.get_mut(class),
            self.0.counts.get_mut(place),
        ) {
            measure(histograms, record);
            sum(counts, record);
        }
    }

    /// Adds a wait.
    pub(super) fn count_wait(&mut self, wait: &Wait) {
        if wait.kind == 0 || wait.result == 0 {
            return;
        }
        self.put_wait(usize::from(wait.kind) - 1, wait.total_ns);
        let before_ns = known(wait.before_setup_ns);
        if let Some(before_ns) = before_ns {
            self.put_wait(WaitFigure::BeforeSetup as usize, before_ns);
        }
        if let Some(counts) = self
            .0
            .wait_counts
            .get_mut(wait_class(wait.kind, wait.result))
        {
            counts.waits += 1;
            add(&mut counts.pages, wait.pages);
            add(&mut counts.total_ns, wait.total_ns);
            add(&mut counts.before_setup_ns, before_ns.unwrap_or(0));
            add(&mut counts.in_migration_ns, wait.in_migration_ns);
            add(&mut counts.page_lock_ns, wait.page_lock_ns);
        }
    }

    fn put_wait(&mut self, figure: usize, value: u64) {
        if let Some(histogram) = self.0.wait_histograms.get_mut(figure) {
            histogram[bucket(value)] += 1;
        }
    }
}

fn known(value: u64) -> Option<u64> {
    (value != UNKNOWN).then_some(value)
}

/// The ledger of a migration that does not balance can hold any number.
fn add(sum: &mut u64, value: u64) {
    *sum = sum.wrapping_add(value);
}

fn sum(counts: &mut Counts, record: &Record) {
    let (sums, ledger) = (&mut counts.ledger, &record.ledger);
    counts.migrations += 1;
    add(&mut sums.requested, ledger.requested);
    add(&mut sums.skipped, ledger.skipped);
    add(&mut sums.declined, ledger.declined);
    add(&mut sums.moved, ledger.moved);
    add(&mut sums.populated, ledger.populated);
    add(&mut sums.wasted_copy, ledger.wasted_copy);
    add(&mut sums.wasted_fill, ledger.wasted_fill);
    add(&mut sums.rolled_back, ledger.rolled_back);
    add(&mut sums.rejected, ledger.rejected);
    let probe = &record.probe;
    add(&mut counts.probe_ns, probe.setup_ns);
    add(&mut counts.probe_ns, probe.pages_ns);
    add(&mut counts.probe_ns, probe.finalize_ns);
    counts.unbalanced += u64::from(record.anomalies & anomaly::UNBALANCED != 0);
    reasons(counts, record);
}

/// What the rows `skipped` and `declined` are made of.
fn reasons(counts: &mut Counts, record: &Record) {
    let (skips, apart) = (&record.skips, &record.apart);
    if record.ledger.declined != 0 {
        add(
            &mut counts.declined_holes,
            known(apart.declined_holes).unwrap_or(0),
        );
    }
    let skipped = record.ledger.skipped;
    if skipped == 0 {
        return;
    }
    add(&mut counts.free, known(apart.free).unwrap_or(0));
    if let Some(not_collected) = known(skips.not_collected) {
        add(&mut counts.not_collected, not_collected);
        add(&mut counts.unmap_failed, skips.unmap_failed);
    } else {
        add(&mut counts.unknown, skipped);
    }
}

fn measure(histograms: &mut Histograms, record: &Record) {
    let mut total_ns = 0;
    for (figure, ns) in by_step(&record.steps) {
        if let Some(ns) = known(ns) {
            put(histograms, figure, ns);
            add(&mut total_ns, ns);
        }
    }
    put(histograms, Figure::Total, total_ns);
    put(histograms, Figure::Batch, record.ledger.requested);
    let arrived = record.ledger.moved.wrapping_add(record.ledger.populated);
    if let Some(per_page) = total_ns.checked_div(arrived) {
        put(histograms, Figure::PerPage, per_page);
    }
}

fn by_step(steps: &Steps) -> [(Figure, u64); 5] {
    [
        (Figure::Setup, steps.setup_ns),
        (Figure::AllocAndCopy, steps.alloc_and_copy_ns),
        (Figure::Pages, steps.pages_ns),
        (Figure::FinalizeAndMap, steps.finalize_and_map_ns),
        (Figure::Finalize, steps.finalize_ns),
    ]
}

fn put(histograms: &mut Histograms, figure: Figure, value: u64) {
    add(&mut histograms.sums[figure as usize], value);
    histograms.buckets[bucket(value)][figure as usize] += 1;
}

#[cfg(test)]
mod tests {
    use migrate_ebpf::wire::{Cause, Direction, Outcome, WaitKind, WaitResult};

    use super::*;

    fn migration() -> Record {
        let mut record = Record::new_zeroed();
        record.direction = Direction::ToDevice as u8;
        record.cause = Cause::Prefetch as u8;
        record.outcome = Outcome::RolledBack as u8;
        record.ledger.requested = 16;
        record.ledger.skipped = 4;
        record.ledger.rolled_back = 12;
        record.skips.not_collected = 3;
        record.skips.unmap_failed = 1;
        record.steps = Steps {
            setup_ns: 5000,
            alloc_and_copy_ns: 300,
            pages_ns: UNKNOWN,
            finalize_and_map_ns: UNKNOWN,
            finalize_ns: 0,
        };
        record.probe.setup_ns = 7;
        record.probe.finalize_ns = 2;
        record
    }

    fn counts(told: &Told) -> &Counts {
        let class = class(Direction::ToDevice as u8, Cause::Prefetch as u8);
        &told.0.counts[count_of(class, Outcome::RolledBack as u8)]
    }

    #[test]
    fn a_migration_is_where_its_kind_is_counted() {
        let mut told = Told::new();
        told.count(&migration());
        told.count(&migration());
        let counts = counts(&told);
        assert_eq!((counts.migrations, counts.ledger.requested), (2, 32));
        assert_eq!((counts.ledger.skipped, counts.ledger.rolled_back), (8, 24));
        assert_eq!((counts.not_collected, counts.unmap_failed), (6, 2));
        assert_eq!((counts.unknown, counts.probe_ns), (0, 18));
        let all: u64 = told.0.counts.iter().map(|counts| counts.migrations).sum();
        assert_eq!(all, 2);
    }

    #[test]
    fn steps_that_did_not_happen_have_no_time() {
        let mut told = Told::new();
        told.count(&migration());
        let histograms =
            &told.0.histograms[class(Direction::ToDevice as u8, Cause::Prefetch as u8)];
        let values = |figure: Figure| -> u64 {
            let counts = histograms.buckets.iter().map(|of| of[figure as usize]);
            counts.sum()
        };
        let of = |&figure: &Figure| (histograms.sums[figure as usize], values(figure));
        let seen: Vec<_> = Figure::ALL.iter().map(of).collect();
        let none = (0, 0);
        assert_eq!(
            seen,
            [
                (5000, 1),
                (300, 1),
                none,
                none,
                (0, 1),
                (5300, 1),
                (16, 1),
                none
            ]
        );
        assert_eq!(histograms.buckets[bucket(5300)][Figure::Total as usize], 1);
    }

    #[test]
    fn a_reason_that_nobody_saw_is_unknown() {
        let mut told = Told::new();
        let mut record = migration();
        record.skips.not_collected = UNKNOWN;
        record.skips.unmap_failed = UNKNOWN;
        record.apart.free = UNKNOWN;
        told.count(&record);
        let counts = counts(&told);
        assert_eq!((counts.unknown, counts.free), (4, 0));
        assert_eq!((counts.not_collected, counts.unmap_failed), (0, 0));
    }

    #[test]
    fn a_wait_is_where_its_kind_is_counted() {
        let mut told = Told::new();
        let mut wait = Wait::new_zeroed();
        wait.kind = WaitKind::Fault as u8;
        wait.result = WaitResult::Moved as u8;
        (wait.pages, wait.total_ns, wait.before_setup_ns) = (1, 9000, 400);
        told.count_wait(&wait);
        wait.before_setup_ns = UNKNOWN;
        told.count_wait(&wait);
        let counts = &told.0.wait_counts[wait_class(wait.kind, wait.result)];
        assert_eq!((counts.waits, counts.pages), (2, 2));
        assert_eq!((counts.total_ns, counts.before_setup_ns), (18_000, 400));
        assert_eq!(told.0.wait_histograms[0][bucket(9000)], 2);
        let before = &told.0.wait_histograms[WaitFigure::BeforeSetup as usize];
        assert_eq!((before[bucket(400)], before.iter().sum::<u64>()), (1, 1));
    }

    #[test]
    fn what_has_no_name_is_in_no_place() {
        let mut told = Told::new();
        let mut record = migration();
        record.outcome = 0;
        told.count(&record);
        record.outcome = 200;
        told.count(&record);
        assert!(told.words().iter().all(|word| *word == 0));
    }
}
