//! How much a figure has changed, and between which bounds the truth lies.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::Figure;
use super::bootstrap::{Units, scale};
use super::sample::{Block, Sample};

/// With at least so many recordings on both sides, they are what is drawn from.
const RECORDINGS: usize = 5;

/// How sure all intervals together are: in 19 of 20 comparisons, every one of them holds the truth.
const CONFIDENCE: f64 = 0.95;

/// Durations are known within 1%: no interval of a ratio is narrower than that lets it be.
const PRECISION: f64 = 0.005;

/// What is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Consecutive migrations of one recording: how much runs differ from each other is not known.
    Blocks,
    /// Whole recordings.
    Recordings,
}

impl Unit {
    /// The name used on screen and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::Recordings => "recordings",
        }
    }

    /// The better one that both sides allow.
    pub(super) fn of(base: &[Sample], new: &[Sample]) -> Self {
        if base.len().min(new.len()) >= RECORDINGS {
            Self::Recordings
        } else {
            Self::Blocks
        }
    }

    /// The samples, divided into these.
    pub(super) fn divide(self, samples: Vec<Sample>) -> Vec<Block> {
        let all = samples.into_iter();
        match self {
            Self::Blocks => all.flat_map(Sample::into_blocks).collect(),
            Self::Recordings => all.filter_map(Sample::into_whole).collect(),
        }
    }
}

/// A change: a ratio less 1 (0.1: a tenth more), or for shares a difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Change {
    pub(super) change: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// Both sides' units, and how far each figure varies among them.
pub(super) struct Sides<'a> {
    pub(super) base: &'a Units,
    pub(super) new: &'a Units,
    figures: &'a [Figure],
    base_errors: Vec<Option<f64>>,
    new_errors: Vec<Option<f64>>,
}

impl<'a> Sides<'a> {
    pub(super) fn new(base: &'a Units, new: &'a Units, figures: &'a [Figure]) -> Self {
        // Different seeds: with the same, a side that is drawn like the other would vary like it.
        let (base_errors, new_errors) = (base.errors(figures, 1), new.errors(figures, 2));
        Self {
            base,
            new,
            figures,
            base_errors,
            new_errors,
        }
    }

    /// The change of the n-th figure; `None` where one side does not tell.
    pub(super) fn change(&self, at: usize) -> Option<Change> {
        let figure = self.figures[at];
        let (base, new) = (self.base.value(figure)?, self.new.value(figure)?);
        let difference = scale(figure, new) - scale(figure, base);
        let errors = [self.base_errors[at]?, self.new_errors[at]?];
        let mut variance = errors[0].powi(2) + errors[1].powi(2);
        if !figure.is_share() {
            variance += PRECISION.powi(2);
        }
        let half = self.quantile()? * variance.sqrt();
        let back = |value: f64| {
            if figure.is_share() {
                value
            } else {
                value.exp_m1()
            }
        };
        Some(Change {
            change: back(difference),
            low: back(difference - half),
            high: back(difference + half),
        })
    }

    /// How many standard errors wide each half of an interval is, for all of them to hold at once (Bonferroni), and with as few degrees of
    /// freedom as the smaller side has.
    fn quantile(&self) -> Option<f64> {
        let freedom = self.base.len().min(self.new.len()).checked_sub(1)?;
        let beyond = (1.0 - CONFIDENCE) / 2.0 / self.figures.len() as f64;
        let t = StudentsT::new(0.0, 1.0, freedom as f64).ok()?;
        Some(t.inverse_cdf(1.0 - beyond))
    }

    /// The effect size of the n-th figure: how much more often a unit of the new side is above one of the base than below it, -1 to 1
    /// (Cliff's delta). `None` where no unit tells.
    pub(super) fn effect(&self, at: usize) -> Option<f64> {
        let figure = self.figures[at];
        let (base, new) = (self.base.each(figure), self.new.each(figure));
        let pairs = base.len() * new.len();
        let signs = new.iter().flat_map(|new| {
            base.iter().map(move |base| match new.total_cmp(base) {
                std::cmp::Ordering::Less => -1.0,
                std::cmp::Ordering::Equal => 0.0,
                std::cmp::Ordering::Greater => 1.0,
            })
        });
        (pairs > 0).then(|| signs.sum::<f64>() / pairs as f64)
    }
}
