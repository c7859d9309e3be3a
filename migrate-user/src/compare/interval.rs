//! How much a figure has changed, and between which bounds the truth lies.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::Figure;
use super::bootstrap::{Units, scale};
use super::sample::{Block, Sample};

/// With at least so many recordings on both sides, they are what is drawn from.
const RECORDINGS: usize = 5;

/// With fewer units on a side, how much they vary is not known: no figure has an interval.
pub const FEWEST: usize = 5;

/// How sure all intervals together are: in 19 of 20 comparisons, every one of them holds the truth.
const CONFIDENCE: f64 = 0.95;

/// The part of what may be wrong that is for the first figure, which the verdict rests on; the
/// others share the rest.
const FOR_THE_FIRST: f64 = 0.5;

/// A ratio that may be so large or so small is not known at all.
const MOST: f64 = 1000.0;

/// Durations are known within 1%: no interval of a ratio is narrower than that lets it be.
const PRECISION: f64 = 0.005;

/// Blocks of one side may have so many times as many migrations as those of the other to be of
/// like size. Those of a run are 8, 16, 32, and so on.
const LIKE: f64 = 1.5;

/// Have units of both sides about as many migrations?
pub(super) fn are_alike(units: (usize, usize), migrations: (u64, u64)) -> bool {
    let size = |units: usize, migrations: u64| migrations as f64 / units.max(1) as f64;
    let (base, new) = (size(units.0, migrations.0), size(units.1, migrations.1));
    base.max(new) <= LIKE * base.min(new)
}

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
    /// Where the true one lies; `None` where there is too little to tell.
    pub(super) interval: Option<(f64, f64)>,
}

/// Both sides' units, and how far each figure varies among them.
pub(super) struct Sides<'a> {
    unit: Unit,
    base: &'a Units,
    new: &'a Units,
    figures: &'a [Figure],
    base_errors: Vec<Option<f64>>,
    new_errors: Vec<Option<f64>>,
    alike_error: Option<f64>,
}

impl<'a> Sides<'a> {
    pub(super) fn new(unit: Unit, base: &'a Units, new: &'a Units, figures: &'a [Figure]) -> Self {
        let enough = base.len().min(new.len()) >= FEWEST;
        let errors = |units: &Units, seed| match enough {
            true => units.errors(figures, seed),
            false => vec![None; figures.len()],
        };
        Self {
            unit,
            base,
            new,
            figures,
            // Different seeds: with the same, a side that is drawn like the other would vary like
            // it.
            base_errors: errors(base, 1),
            new_errors: errors(new, 2),
            alike_error: enough.then(|| base.alike_error(new, 3)).flatten(),
        }
    }

    /// A figure of the base.
    pub(super) fn base_of(&self, figure: Figure) -> Option<f64> {
        self.base.value(figure)
    }

    /// The n-th figure on both sides; `None` where one does not tell.
    pub(super) fn values(&self, at: usize) -> (Option<f64>, Option<f64>) {
        match self.figures[at] {
            Figure::TimeAlike => self.base.alike(self.new).unzip(),
            figure => (self.base.value(figure), self.new.value(figure)),
        }
    }

    /// The change of the n-th figure; `None` where one side does not tell.
    pub(super) fn change(&self, at: usize) -> Option<Change> {
        let figure = self.figures[at];
        let (base, new) = self.values(at);
        let (base, new) = (base?, new?);
        let difference = scale(figure, new) - scale(figure, base);
        let interval = || {
            let half = self.quantile(at)? * self.error(at)?;
            let (low, high) = (difference - half, difference + half);
            if figure.is_share() {
                // There is no share below 0 or above 1.
                return Some((low.max(-base), high.min(1.0 - base)));
            }
            (half < MOST.ln()).then(|| (low.exp_m1(), high.exp_m1()))
        };
        let change = if figure.is_share() {
            difference
        } else {
            difference.exp_m1()
        };
        Some(Change {
            change,
            interval: interval(),
        })
    }

    /// The standard error of the change.
    fn error(&self, at: usize) -> Option<f64> {
        let figure = self.figures[at];
        let variance = match figure {
            Figure::TimeAlike => self.alike_error?.powi(2),
            _ => self.base_errors[at]?.powi(2) + self.new_errors[at]?.powi(2),
        };
        // What no unit has may still be: once in as many migrations, or waits, as there are.
        let once = |units: &Units| (units.number(figure) as f64).max(1.0).recip().powi(2);
        let least = if figure.is_share() {
            once(self.base) + once(self.new)
        } else {
            PRECISION.powi(2)
        };
        Some((variance + least).sqrt())
    }

    /// How many standard errors wide each half of an interval is, for all of them to hold at once
    /// (Bonferroni), and with as few degrees of freedom as the smaller side has.
    fn quantile(&self, at: usize) -> Option<f64> {
        let freedom = self.base.len().min(self.new.len()).checked_sub(1)?;
        let part = if at == 0 {
            FOR_THE_FIRST
        } else {
            (1.0 - FOR_THE_FIRST) / (self.figures.len() - 1) as f64
        };
        let beyond = (1.0 - CONFIDENCE) / 2.0 * part;
        let t = StudentsT::new(0.0, 1.0, freedom as f64).ok()?;
        Some(t.inverse_cdf(1.0 - beyond))
    }

    /// The effect size of the n-th figure: how much more often a unit of the new side is above one
    /// of the base than below it, -1 to 1 (Cliff's delta). `None` where no unit tells, where there
    /// are few of them, and where blocks are not of like size.
    pub(super) fn effect(&self, at: usize) -> Option<f64> {
        let units = (self.base.len(), self.new.len());
        let migrations = (self.base.migrations(), self.new.migrations());
        if units.0.min(units.1) < FEWEST
            || self.unit == Unit::Blocks && !are_alike(units, migrations)
        {
            return None;
        }
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
