//! Reads what the kernel adds up by itself. Nothing stops meanwhile: each number is whole, and what is counted while they are
//! read is in some of them.

use std::sync::Arc;

use aya::Ebpf;
use aya::maps::{Array, MapData};
use migrate_ebpf::wire::{
    CLASSES, Cause, Counts, Direction, Figure, Histograms, Outcome, class, count_of,
};
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::TracerError;
use crate::model::{Exact, ExactCount, ExactFigure, Reasons, Values};

/// Values as aya takes them: without `unsafe`, numbers only.
type AllCounts = [u64; PLACES * COUNTS_WORDS];
const PLACES: usize = CLASSES * Outcome::ALL.len();
const COUNTS_WORDS: usize = size_of::<Counts>() / 8;
/// The map of all [`Counts`]: one value.
const COUNTS: &str = ".bss.counts";
type HistogramsWords = [u64; size_of::<Histograms>() / 8];

/// The kernel's totals.
pub(super) struct Totals {
    counts: Array<MapData, AllCounts>,
    histograms: Array<MapData, HistogramsWords>,
    /// What was last read, and how many migrations had ended before.
    last: Option<(u64, Arc<Exact>)>,
}

impl Totals {
    pub(super) fn open(tracer: &mut Ebpf) -> Result<Self, TracerError> {
        let mut take = |name| tracer.take_map(name).ok_or(TracerError::Object(name));
        Ok(Self {
            counts: Array::try_from(take(COUNTS)?).map_err(TracerError::Map)?,
            histograms: Array::try_from(take("HISTOGRAMS")?).map_err(TracerError::Map)?,
            last: None,
        })
    }

    /// Everything since the tracer started. `ended` is how many migrations had ended before this is read: as long as that stays, so do
    /// the totals.
    pub(super) fn read(&mut self, ended: u64) -> Result<Arc<Exact>, TracerError> {
        if let Some((then, last)) = &self.last
            && *then == ended
        {
            return Ok(Arc::clone(last));
        }
        let exact = Arc::new(self.read_all()?);
        self.last = Some((ended, Arc::clone(&exact)));
        Ok(exact)
    }

    fn read_all(&self) -> Result<Exact, TracerError> {
        let mut exact = Exact::default();
        let all = self.counts.get(&0, 0).map_err(TracerError::Map)?;
        for &direction in Direction::ALL {
            for &cause in Cause::ALL {
                let class = class(direction as u8, cause as u8);
                let before = exact.counts.len();
                for &outcome in Outcome::ALL {
                    let counts = counts_at(&all, count_of(class, outcome))?;
                    if counts.migrations > 0 {
                        let of = (direction, cause, outcome);
                        exact.counts.push(count(of, &counts));
                    }
                }
                if exact.counts.len() > before {
                    self.figures(class, (direction, cause), &mut exact.figures)?;
                }
            }
        }
        Ok(exact)
    }

    fn figures(
        &self,
        class: usize,
        (direction, cause): (Direction, Cause),
        figures: &mut Vec<ExactFigure>,
    ) -> Result<(), TracerError> {
        let words = self.histograms.get(&(class as u32), 0);
        let words = words.map_err(TracerError::Map)?;
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
        Ok(())
    }
}

fn counts_at(all: &AllCounts, place: usize) -> Result<Counts, TracerError> {
    let words = &all[place * COUNTS_WORDS..][..COUNTS_WORDS];
    Counts::read_from_bytes(words.as_bytes()).map_err(|_| TracerError::Object(COUNTS))
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
