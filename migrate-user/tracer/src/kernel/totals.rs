//! Adds up what the kernel has counted, and what it has told by records. Nothing stops meanwhile:
//! each number is whole, and what is counted while they are read is in some of them.

use std::mem::offset_of;
use std::sync::Arc;

use aya::Ebpf;
use migrate_bpf::Mapped;
use migrate_ebpf::wire::{
    Cause, Counted, Counts, Direction, Figure, Histograms, Outcome, WaitCounts, WaitFigure,
    WaitHistogram, WaitKind, WaitResult, class, count_of, names, wait_class,
};
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::TracerError;
use super::told::Told;
use migscope_recording::trace::{
    Exact, ExactCount, ExactFigure, ExactWaitFigure, ExactWaits, Reasons, Values,
};

const WORD: usize = size_of::<u64>();
const WORDS: usize = size_of::<Counted>() / WORD;

/// The totals of all migrations and waits.
pub(super) struct Totals {
    /// Of those that have no record.
    counted: Mapped,
    /// Of the others.
    told: Told,
    /// What was last read, and how many migrations had ended before.
    last: Option<(u64, Arc<Exact>)>,
}

impl Totals {
    pub(super) fn open(tracer: &Ebpf) -> Result<Self, TracerError> {
        Ok(Self {
            counted: super::mapped(tracer, names::COUNTED, WORDS)?,
            told: Told::new(),
            last: None,
        })
    }

    /// Those that the kernel tells by records.
    pub(super) fn told(&mut self) -> &mut Told {
        &mut self.told
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
            let place = wait_class(kind as u8, result as u8);
            let words = self.read::<WaitCounts>(offset_of!(Counted, wait_counts), place);
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
        let figures = WaitFigure::ALL.iter().map(|&figure| {
            let histograms = offset_of!(Counted, wait_histograms);
            let words = self.read::<WaitHistogram>(histograms, figure as usize);
            let values = Values::of_places(words.iter().copied());
            ExactWaitFigure { figure, values }
        });
        figures.filter(|of| !of.values.is_empty()).collect()
    }

    fn counts_at(&self, place: usize) -> Counts {
        let words = self.read::<Counts>(offset_of!(Counted, counts), place);
        Counts::read_from_bytes(words.as_bytes()).unwrap_or_default()
    }

    /// The words of one element of an array that begins at this offset.
    fn read<T>(&self, array: usize, place: usize) -> Vec<u64> {
        let mut words = vec![0; size_of::<T>() / WORD];
        let first = array / WORD + place * words.len();
        self.counted.copy_to(first, &mut words);
        for (word, told) in words.iter_mut().zip(&self.told.words()[first..]) {
            *word = word.wrapping_add(*told);
        }
        words
    }

    /// Those of every direction and cause that has been counted.
    fn figures(&self, counts: &[ExactCount]) -> Vec<ExactFigure> {
        let mut figures = Vec::new();
        let kinds = counts.iter().map(|count| (count.direction, count.cause));
        let mut kinds: Vec<_> = kinds.collect();
        kinds.dedup();
        for (direction, cause) in kinds {
            let class = class(direction as u8, cause as u8);
            let words = self.read::<Histograms>(offset_of!(Counted, histograms), class);
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
