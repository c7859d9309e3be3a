//! Reads what the kernel adds up by itself. Nothing stops meanwhile: each number is whole, and what
//! is counted while they are read is in some of them.

use std::sync::Arc;

use aya::Ebpf;
use migrate_bpf::Mapped;
use migrate_ebpf::wire::{
    CLASSES, Cause, Counts, Direction, Figure, Histograms, Outcome, WAIT_CLASSES, WaitCounts,
    WaitFigure, WaitHistogram, WaitKind, WaitResult, class, count_of, names, wait_class,
};
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::TracerError;
use migscope_recording::trace::{
    Exact, ExactCount, ExactFigure, ExactWaitFigure, ExactWaits, Reasons, Values,
};

const WORD: usize = size_of::<u64>();
const PLACES: usize = CLASSES * Outcome::ALL.len();
const COUNTS_WORDS: usize = size_of::<Counts>() / WORD;
const HISTOGRAMS_WORDS: usize = size_of::<Histograms>() / WORD;
const WAIT_COUNTS_WORDS: usize = size_of::<WaitCounts>() / WORD;
const WAIT_HISTOGRAM_WORDS: usize = size_of::<WaitHistogram>() / WORD;

/// The kernel's totals.
pub(super) struct Totals {
    counts: Mapped,
    histograms: Mapped,
    wait_counts: Mapped,
    wait_histograms: Mapped,
    /// What was last read, and how many migrations had ended before.
    last: Option<(u64, Arc<Exact>)>,
}

impl Totals {
    pub(super) fn open(tracer: &Ebpf) -> Result<Self, TracerError> {
        Ok(Self {
            counts: super::mapped(tracer, names::COUNTS, PLACES * COUNTS_WORDS)?,
            histograms: super::mapped(tracer, names::HISTOGRAMS, CLASSES * HISTOGRAMS_WORDS)?,
            wait_counts: super::mapped(
                tracer,
                names::WAIT_COUNTS,
                WAIT_CLASSES * WAIT_COUNTS_WORDS,
            )?,
            wait_histograms: super::mapped(
                tracer,
                names::WAIT_HISTOGRAMS,
                WaitFigure::ALL.len() * WAIT_HISTOGRAM_WORDS,
            )?,
            last: None,
        })
    }

    /// Counts and ledgers since the tracer started.
    pub(super) fn counts(&self) -> Vec<ExactCount> {
        let mut all = Vec::new();
        for &direction in Direction::ALL {
            for &cause in Cause::ALL {
                let class = class(direction as u8, cause as u8);
                for &outcome in Outcome::ALL {
                    let counts = self.counts_at(count_of(class, outcome as u8));
                    if counts.migrations > 0 {
                        all.push(count((direction, cause, outcome), &counts));
                    }
                }
            }
        }
        all
    }

    /// These counts, with the histograms that belong to them. `ended` is how many migrations had
    /// ended before the counts were read: as long as that stays, so do the totals.
    pub(super) fn with_figures(&mut self, ended: u64, counts: Vec<ExactCount>) -> Arc<Exact> {
        let waits = self.waits();
        if let Some((then, last)) = &self.last
            && *then == ended
            && last.counts == counts
            && last.waits == waits
        {
            return Arc::clone(last);
        }
        let figures = self.figures(&counts);
        let exact = Arc::new(Exact {
            counts,
            figures,
            wait_figures: if waits.is_empty() {
                Vec::new()
            } else {
                self.wait_figures()
            },
            waits,
        });
        self.last = Some((ended, Arc::clone(&exact)));
        exact
    }

    /// Waits that were counted, by kind and result.
    fn waits(&self) -> Vec<ExactWaits> {
        let kinds = WaitKind::ALL.iter();
        let classes = kinds.flat_map(|&kind| WaitResult::ALL.iter().map(move |&of| (kind, of)));
        let waits = classes.map(|(kind, result)| {
            let mut words = [0u64; WAIT_COUNTS_WORDS];
            let place = wait_class(kind as u8, result as u8) * WAIT_COUNTS_WORDS;
            self.wait_counts.copy_to(place, &mut words);
            let counts = WaitCounts::read_from_bytes(words.as_bytes()).unwrap_or_default();
            ExactWaits {
                kind,
                result,
                waits: counts.waits,
                pages: counts.pages,
                total_ns: counts.total_ns,
                before_setup_ns: counts.before_setup_ns,
                in_migration_ns: counts.in_migration_ns,
                page_lock_ns: counts.page_lock_ns,
            }
        });
        waits.filter(|waits| waits.waits > 0).collect()
    }

    fn wait_figures(&self) -> Vec<ExactWaitFigure> {
        let mut words = vec![0; WAIT_HISTOGRAM_WORDS];
        let figures = WaitFigure::ALL.iter().map(|&figure| {
            let place = figure as usize * WAIT_HISTOGRAM_WORDS;
            self.wait_histograms.copy_to(place, &mut words);
            let values = Values::of_places(words.iter().copied());
            ExactWaitFigure { figure, values }
        });
        figures.filter(|of| !of.values.is_empty()).collect()
    }

    fn counts_at(&self, place: usize) -> Counts {
        let mut words = [0u64; COUNTS_WORDS];
        self.counts.copy_to(place * COUNTS_WORDS, &mut words);
        Counts::read_from_bytes(words.as_bytes()).unwrap_or_default()
    }

    /// Those of every direction and cause that has been counted.
    fn figures(&self, counts: &[ExactCount]) -> Vec<ExactFigure> {
        let mut figures = Vec::new();
        let mut words = vec![0; HISTOGRAMS_WORDS];
        let kinds = counts.iter().map(|count| (count.direction, count.cause));
        let mut kinds: Vec<_> = kinds.collect();
        kinds.dedup();
        for (direction, cause) in kinds {
            let class = class(direction as u8, cause as u8);
            self.histograms
                .copy_to(class * HISTOGRAMS_WORDS, &mut words);
            // Sums of all figures, and then the counts of all figures in each place.
            let (sums, buckets) = words.split_at(Figure::ALL.len());
            for (&figure, &sum) in Figure::ALL.iter().zip(sums) {
                let counts = buckets[figure as usize..].iter().step_by(sums.len());
                let values = Values::of_places(counts.copied());
                if !values.is_empty() {
                    figures.push(ExactFigure {
                        direction,
                        cause,
                        figure,
                        sum,
                        values,
                    });
                }
            }
        }
        figures
    }
}

fn count((direction, cause, outcome): (Direction, Cause, Outcome), counts: &Counts) -> ExactCount {
    ExactCount {
        direction,
        cause,
        outcome,
        migrations: counts.migrations,
        ledger: counts.ledger,
        reasons: Reasons {
            not_collected: counts.not_collected,
            unmap_failed: counts.unmap_failed,
            unknown: counts.unknown,
            free: counts.free,
            declined_holes: counts.declined_holes,
        },
        probe_ns: counts.probe_ns,
        unbalanced: counts.unbalanced,
    }
}
