//! Reads what the kernel adds up by itself. Nothing stops meanwhile: each number is whole, and what
//! is counted while they are read is in some of them.

use std::sync::Arc;

use aya::Ebpf;
use migrate_bpf::Mapped;
use migrate_ebpf::wire::{
    CLASSES, Cause, Counts, Direction, Figure, Histograms, Outcome, class, count_of, names,
};
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::TracerError;
use migscope_recording::trace::{Exact, ExactCount, ExactFigure, Reasons, Values};

const WORD: usize = size_of::<u64>();
const PLACES: usize = CLASSES * Outcome::ALL.len();
const COUNTS_WORDS: usize = size_of::<Counts>() / WORD;
const HISTOGRAMS_WORDS: usize = size_of::<Histograms>() / WORD;

/// The kernel's totals.
pub(super) struct Totals {
    counts: Mapped,
    histograms: Mapped,
    /// What was last read, and how many migrations had ended before.
    last: Option<(u64, Arc<Exact>)>,
}

impl Totals {
    pub(super) fn open(tracer: &Ebpf) -> Result<Self, TracerError> {
        Ok(Self {
            counts: super::mapped(tracer, names::COUNTS, PLACES * COUNTS_WORDS)?,
            histograms: super::mapped(tracer, names::HISTOGRAMS, CLASSES * HISTOGRAMS_WORDS)?,
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
        if let Some((then, last)) = &self.last
            && *then == ended
            && last.counts == counts
        {
            return Arc::clone(last);
        }
        let figures = self.figures(&counts);
        let exact = Arc::new(Exact {
            counts,
            figures,
            ..Exact::default()
        });
        self.last = Some((ended, Arc::clone(&exact)));
        exact
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
