//! Adds up in the kernel what has no record: exact counters, and histograms, which all CPUs share.
//! User space does the same with what has one.

use migrate_ebpf::wire::{
    CLASSES, Counts, Figure, Histograms, Ledger, Outcome, Record, UNKNOWN, WAIT_CLASSES, Wait,
    WaitFigure, anomaly, class, count_of,
    histogram::{BUCKETS, bucket},
    wait_class,
};

use crate::{
    atomic::add,
    counted::{Counted, element},
    in_flight::Call,
};

const PLACES: usize = CLASSES * Outcome::ALL.len();

/// Where one migration is added up.
#[derive(Clone, Copy)]
pub(super) struct Sums(Option<*mut Counts>);

impl Sums {
    /// Adds the tracer's own time of the migration, which is known last.
    #[inline(always)]
    pub(super) fn add_probe_time(self, ns: u64) {
        if let Some(counts) = self.0 {
            // SAFETY: as in `count`.
            add(unsafe { &raw mut (*counts).probe_ns }, ns);
        }
    }
}

/// Adds one migration, but for the tracer's own time.
#[inline(always)]
pub(super) fn count(counted: Counted, call: &mut Call) -> Sums {
    let class = class(call.record.direction, call.record.cause);
    let place = count_of(class, call.record.outcome);
    if class >= CLASSES || place >= PLACES {
        return Sums(None);
    }
    // SAFETY: arrays in the map's value.
    let (histograms, counts) = unsafe {
        (
            element(&raw mut (*counted).histograms, class),
            element(&raw mut (*counted).counts, place),
        )
    };
    measure(histograms, call);
    let record = &call.record;
    // SAFETY: words of the map's value. Nothing is read or written through this pointer but by
    // atomic operations.
    unsafe {
        add(&raw mut (*counts).migrations, 1);
        pages(&raw mut (*counts).ledger, &record.ledger);
        skips(counts, record);
        if record.anomalies & anomaly::UNBALANCED != 0 {
            add(&raw mut (*counts).unbalanced, 1);
        }
    }
    Sums(Some(counts))
}

/// # Safety
///
/// `sums` points into a map's value.
#[inline(always)]
unsafe fn pages(sums: *mut Ledger, ledger: &Ledger) {
    // SAFETY: the caller's promise.
    unsafe {
        add(&raw mut (*sums).requested, ledger.requested);
        add(&raw mut (*sums).moved, ledger.moved);
        if ledger.moved == ledger.requested {
            return;
        }
        add(&raw mut (*sums).populated, ledger.populated);
        add(&raw mut (*sums).skipped, ledger.skipped);
        add(&raw mut (*sums).declined, ledger.declined);
        add(&raw mut (*sums).wasted_copy, ledger.wasted_copy);
        add(&raw mut (*sums).wasted_fill, ledger.wasted_fill);
        add(&raw mut (*sums).rolled_back, ledger.rolled_back);
        add(&raw mut (*sums).rejected, ledger.rejected);
    }
}

/// # Safety
///
/// `counts` points into a map's value.
#[inline(always)]
unsafe fn skips(counts: *mut Counts, record: &Record) {
    let (skips, apart, skipped) = (&record.skips, &record.apart, record.ledger.skipped);
    // SAFETY: the caller's promise.
    unsafe {
        if record.ledger.declined != 0 && apart.declined_holes != UNKNOWN {
            add(&raw mut (*counts).declined_holes, apart.declined_holes);
        }
        if skipped == 0 {
            return;
        }
        if apart.free != UNKNOWN {
            add(&raw mut (*counts).free, apart.free);
        }
        if skips.not_collected == UNKNOWN {
            add(&raw mut (*counts).unknown, skipped);
        } else {
            add(&raw mut (*counts).not_collected, skips.not_collected);
            add(&raw mut (*counts).unmap_failed, skips.unmap_failed);
        }
    }
}

#[inline(always)]
fn measure(histograms: *mut Histograms, call: &mut Call) {
    let steps = &call.record.steps;
    // One by one: of a loop the compiler makes one that gets each from the stack.
    let total_ns = step(histograms, Figure::Setup, steps.setup_ns)
        + step(histograms, Figure::AllocAndCopy, steps.alloc_and_copy_ns)
        + step(histograms, Figure::Pages, steps.pages_ns)
        + step(
            histograms,
            Figure::FinalizeAndMap,
            steps.finalize_and_map_ns,
        )
        + step(histograms, Figure::Finalize, steps.finalize_ns);
    let total_ns = call.forget(total_ns);
    put(histograms, Figure::Total, total_ns);
    put(histograms, Figure::Batch, call.record.ledger.requested);
    let arrived = call.record.ledger.moved + call.record.ledger.populated;
    if let Some(per_page) = total_ns.checked_div(arrived) {
        put(histograms, Figure::PerPage, call.forget(per_page));
    }
}

/// Counts a step, if it happened; how long it took.
#[inline(always)]
fn step(histograms: *mut Histograms, figure: Figure, ns: u64) -> u64 {
    if ns == UNKNOWN {
        return 0;
    }
    put(histograms, figure, ns);
    ns
}

#[inline(always)]
fn put(histograms: *mut Histograms, figure: Figure, value: u64) {
    // SAFETY: words of the map's value, used by atomic operations only; the place is within the
    // histogram.
    unsafe {
        add(&raw mut (*histograms).sums[figure as usize], value);
        let place = bucket(value);
        if place < BUCKETS {
            let buckets = (&raw mut (*histograms).buckets).cast::<[u64; Figure::ALL.len()]>();
            add(&raw mut (*buckets.add(place))[figure as usize], 1);
        }
    }
}

/// Adds one wait.
#[inline(always)]
pub(super) fn count_wait(counted: Counted, wait: &Wait) {
    put_wait(
        counted,
        usize::from(wait.kind).wrapping_sub(1),
        wait.total_ns,
    );
    let before_ns = if wait.before_setup_ns == UNKNOWN {
        0
    } else {
        let figure = WaitFigure::BeforeSetup as usize;
        put_wait(counted, figure, wait.before_setup_ns);
        wait.before_setup_ns
    };
    let class = wait_class(wait.kind, wait.result);
    if class >= WAIT_CLASSES {
        return;
    }
    // SAFETY: words of the map's value, used by atomic operations only.
    unsafe {
        let counts = element(&raw mut (*counted).wait_counts, class);
        add(&raw mut (*counts).waits, 1);
        add(&raw mut (*counts).pages, wait.pages);
        add(&raw mut (*counts).total_ns, wait.total_ns);
        add(&raw mut (*counts).before_setup_ns, before_ns);
        add(&raw mut (*counts).in_migration_ns, wait.in_migration_ns);
        add(&raw mut (*counts).page_lock_ns, wait.page_lock_ns);
    }
}

#[inline(always)]
fn put_wait(counted: Counted, figure: usize, value: u64) {
    let place = bucket(value);
    if figure < WaitFigure::ALL.len() && place < BUCKETS {
        // SAFETY: a word of the map's value, within the histogram, used by atomic operations only.
        unsafe {
            let histogram = element(&raw mut (*counted).wait_histograms, figure);
            add(histogram.cast::<u64>().add(place), 1);
        }
    }
}
