//! Adds migrations up in the kernel: exact counters, and histograms, which all CPUs share.

use aya_ebpf::{macros::map, maps::Array};
use migrate_ebpf::wire::{
    CLASSES, Counts, Figure, Histogram, Histograms, Ledger, Outcome, Record, Skips, Steps, UNKNOWN,
    anomaly, class, count_of, histogram::bucket,
};

use crate::atomic::add;

#[map]
static COUNTS: Array<Counts> = Array::with_max_entries((CLASSES * Outcome::ALL.len()) as u32, 0);

#[map]
static HISTOGRAMS: Array<Histograms> = Array::with_max_entries(CLASSES as u32, 0);

/// The counter of the tracer's own time, which is known last.
pub(super) struct ProbeTime(*mut u64);

impl ProbeTime {
    /// Adds nanoseconds.
    #[inline(always)]
    pub(super) fn add(self, ns: u64) {
        add(self.0, ns);
    }
}

/// Adds one migration, but for the tracer's own time. `total_ns` is the time of its steps.
#[inline(always)]
pub(super) fn count(record: &Record, outcome: Outcome, total_ns: u64) -> Option<ProbeTime> {
    let class = class(record.direction, record.trigger);
    if let Some(histograms) = HISTOGRAMS.get_ptr_mut(class as u32) {
        measure(histograms, record, total_ns);
    }
    let counts = COUNTS.get_ptr_mut(count_of(class, outcome) as u32)?;
    // SAFETY: words of the map's value, which lives as long as the program. Nothing is read or written through
    // these pointers but by atomic operations.
    unsafe {
        add(&raw mut (*counts).migrations, 1);
        pages(&raw mut (*counts).ledger, &record.ledger);
        skips(counts, &record.skips, record.ledger.skipped);
        let unbalanced = record.anomalies & anomaly::UNBALANCED != 0;
        add(&raw mut (*counts).unbalanced, u64::from(unbalanced));
        Some(ProbeTime(&raw mut (*counts).probe_ns))
    }
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
unsafe fn skips(counts: *mut Counts, skips: &Skips, skipped: u64) {
    if skipped == 0 {
        return;
    }
    // SAFETY: the caller's promise.
    unsafe {
        if skips.not_collected == UNKNOWN {
            add(&raw mut (*counts).unknown, skipped);
        } else {
            add(&raw mut (*counts).not_collected, skips.not_collected);
            add(&raw mut (*counts).unmap_failed, skips.unmap_failed);
        }
    }
}

/// The steps that happened, together.
#[inline(always)]
pub(super) fn total_ns(steps: &Steps) -> u64 {
    let mut total = 0;
    for ns in [
        steps.setup_ns,
        steps.alloc_and_copy_ns,
        steps.pages_ns,
        steps.finalize_and_map_ns,
        steps.finalize_ns,
    ] {
        if ns != UNKNOWN {
            total += ns;
        }
    }
    total
}

#[inline(always)]
fn measure(histograms: *mut Histograms, record: &Record, total_ns: u64) {
    let steps = &record.steps;
    for (figure, ns) in [
        (Figure::Setup, steps.setup_ns),
        (Figure::AllocAndCopy, steps.alloc_and_copy_ns),
        (Figure::Pages, steps.pages_ns),
        (Figure::FinalizeAndMap, steps.finalize_and_map_ns),
        (Figure::Finalize, steps.finalize_ns),
    ] {
        if ns != UNKNOWN {
            put(histograms, figure, ns);
        }
    }
    put(histograms, Figure::Total, total_ns);
    put(histograms, Figure::Batch, record.ledger.requested);
    let arrived = record.ledger.moved + record.ledger.populated;
    if let Some(per_page) = total_ns.checked_div(arrived) {
        put(histograms, Figure::PerPage, per_page);
    }
}

#[inline(always)]
fn put(histograms: *mut Histograms, figure: Figure, value: u64) {
    // SAFETY: words of the map's value, used by atomic operations only; the place is within the histogram.
    unsafe {
        let histogram: *mut Histogram = &raw mut (*histograms).of[figure as usize];
        add(&raw mut (*histogram).sum, value);
        let place = bucket(value);
        let buckets = &raw mut (*histogram).buckets;
        if place < (*buckets).len() {
            add(buckets.cast::<u64>().add(place), 1);
        }
    }
}
