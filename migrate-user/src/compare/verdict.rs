//! Did it get worse?

use super::bootstrap::Units;
use super::interval::{Change, Sides};
use super::{Figure, Sample, Unit, why};

/// Changes up to here do not count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Of times, as a share of what they were: 0.1 is a tenth more.
    pub time: f64,
    /// Of shares of pages, as a difference: 0.01 is one page in a hundred.
    pub share: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: 0.1,
            share: 0.01,
        }
    }
}

/// What became of a figure, or of all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It has changed no more than the limit, or nothing shows.
    Same,
    /// It may have got worse by more than the limit, or not: more data would tell.
    Unsure,
    /// Its whole interval is better by more than the limit.
    Better,
    /// Its whole interval is worse by more than the limit.
    Worse,
}

impl Verdict {
    /// The name used on screen and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Unsure => "unsure",
            Self::Better => "better",
            Self::Worse => "worse",
        }
    }

    fn of(change: Change, limit: f64, ratio: bool) -> Self {
        // As much better as the limit is worse: a tenth more, and back again.
        let better = if ratio {
            1.0 / (1.0 + limit) - 1.0
        } else {
            -limit
        };
        if change.low > limit {
            Self::Worse
        } else if change.high < better {
            Self::Better
        } else if change.change > limit {
            Self::Unsure
        } else {
            Self::Same
        }
    }
}

/// One figure on both sides.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Which one.
    pub figure: Figure,
    /// What it was; `None` where there is too little to tell.
    pub base: Option<f64>,
    /// What it is.
    pub new: Option<f64>,
    /// The change: a ratio less 1, or for shares a difference; `None` where one side does not tell.
    pub change: Option<f64>,
    /// Where the true change lies: all intervals hold at once in 19 of 20 comparisons.
    pub interval: Option<(f64, f64)>,
    /// Cliff's delta, -1 to 1: how much more often a unit of the new side is above one of the base than below it.
    pub effect: Option<f64>,
    /// What became of it; `None` where that cannot be told, or more is neither better nor worse.
    pub verdict: Option<Verdict>,
}

/// Two runs, or two groups of them, compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What is drawn from to know how far figures vary.
    pub unit: Unit,
    /// How many there are of them, base and new.
    pub units: (usize, usize),
    /// Migrations, base and new.
    pub migrations: (u64, u64),
    /// Every figure.
    pub figures: Vec<Figures>,
    /// The worst of all figures, but better only if none is unsure.
    pub verdict: Verdict,
    /// What it comes from, in words, the most important first.
    pub why: Vec<String>,
}

/// Compares `new` with `base`, each one or more recordings.
pub fn compare(base: Vec<Sample>, new: Vec<Sample>, limits: Limits) -> Comparison {
    let unit = Unit::of(&base, &new);
    let (base, new) = (unit.divide(base), unit.divide(new));
    let (base, new) = (Units::new(&base), Units::new(&new));
    let all = Figure::all();
    let sides = Sides::new(&base, &new, &all);
    let figures: Vec<_> = (0..all.len())
        .map(|at| figures(&sides, all[at], at, limits))
        .collect();
    Comparison {
        unit,
        units: (base.len(), new.len()),
        migrations: (base.migrations(), new.migrations()),
        verdict: overall(&figures),
        why: why::why(&figures),
        figures,
    }
}

fn figures(sides: &Sides<'_>, figure: Figure, at: usize, limits: Limits) -> Figures {
    let change = sides.change(at);
    let limit = if figure.is_share() {
        limits.share
    } else {
        limits.time
    };
    let judged = change.filter(|_| figure.is_judged());
    Figures {
        figure,
        base: sides.base.value(figure),
        new: sides.new.value(figure),
        change: change.map(|change| change.change),
        interval: change.map(|change| (change.low, change.high)),
        effect: sides.effect(at),
        verdict: judged.map(|change| Verdict::of(change, limit, !figure.is_share())),
    }
}

fn overall(figures: &[Figures]) -> Verdict {
    let has = |verdict| figures.iter().any(|figure| figure.verdict == Some(verdict));
    let order = [Verdict::Worse, Verdict::Unsure, Verdict::Better];
    order
        .into_iter()
        .find(|verdict| has(*verdict))
        .unwrap_or(Verdict::Same)
}
