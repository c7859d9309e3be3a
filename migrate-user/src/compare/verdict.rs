//! Did it get worse?

use super::bootstrap::Units;
use super::interval::{Change, Sides};
use super::parts::{OfParts, Parts};
use super::waits::Sums;
use super::{Figure, Sample, Unit, interval, why};
use crate::trace::{DRIVER_PARTS, OF_DRIVER, WaitKind};

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

/// Of what a part of a step changed by, so much at least must be in the change of the step.
const HALF: f64 = 0.5;

/// What became of a figure, or of all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It is not worse by more than the limit, as its whole interval says.
    Same,
    /// It may have got worse by more than the limit, or not: more data would tell.
    Unsure,
    /// It may have got worse by more than the limit, or better by as much, or nothing could be
    /// compared: more data would tell.
    Inconclusive,
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
            Self::Inconclusive => "inconclusive",
            Self::Better => "better",
            Self::Worse => "worse",
        }
    }

    /// Does it leave open whether it got worse?
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Unsure | Self::Inconclusive)
    }

    fn of(change: Change, limit: f64, ratio: bool) -> Self {
        let better = if ratio { back(limit) } else { -limit };
        let Some((low, high)) = change.interval else {
            return Self::Inconclusive;
        };
        if low > limit {
            Self::Worse
        } else if high < better {
            Self::Better
        } else if high <= limit {
            Self::Same
        } else if low < better {
            Self::Inconclusive
        } else {
            Self::Unsure
        }
    }
}

/// The change that is as much better as the limit is worse: a tenth more, and back again.
fn back(limit: f64) -> f64 {
    1.0 / (1.0 + limit) - 1.0
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
    /// Cliff's delta, -1 to 1: how much more often a unit of the new side is above one of the base
    /// than below it; `None` where units of the two sides are not of like size.
    pub effect: Option<f64>,
    /// What became of it; `None` where a side does not have it, or more is neither better nor
    /// worse.
    pub verdict: Option<Verdict>,
}

impl Figures {
    /// Where calls ask for more or fewer pages than before, a typical call takes another time for
    /// that reason alone: what a page takes in calls that are alike tells whether it got worse.
    /// With waits it is the same.
    fn judged_by(self, alike: &Alike) -> Self {
        let of_waits = self.figure.kind_of_waits();
        let waits_are = of_waits.is_none_or(|kind| !alike.unlike_waits.contains(&kind));
        let is_open = self.figure.is_of_calls() && !(alike.calls && waits_are);
        self.not_sure(is_open)
    }

    /// Where a part of a step changes and the step does not, time has gone from one part to
    /// another: what a device copies, say, the CPU no longer does.
    fn judged_within(self, figures: &[Self]) -> Self {
        let Figure::PartPerPage(step, _) = self.figure else {
            return self;
        };
        let step = Figure::StepPerPage(OF_DRIVER[step]);
        let step = figures.iter().find(|found| found.figure == step);
        let by = |figures: &Self| Some(figures.new? - figures.base?);
        let both = step.and_then(by).zip(by(&self));
        let is_along = both.is_some_and(|(step, part)| step / part >= HALF);
        self.not_sure(!is_along)
    }

    fn not_sure(self, is_open: bool) -> Self {
        let verdict = match self.verdict {
            Some(Verdict::Worse | Verdict::Better) if is_open => Some(Verdict::Unsure),
            verdict => verdict,
        };
        Self { verdict, ..self }
    }

    /// What one recording tells of its slowest calls says nothing of the next recording's: how
    /// often a timer ticks in a call, say, differs from run to run, and hardly within one.
    fn known_by(self, unit: Unit) -> Self {
        let is_open = unit == Unit::Blocks && self.figure.is_of_the_slowest();
        self.not_sure(is_open)
    }
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
    /// Worse if any figure is. Else open if the [first](Comparison::first) is, and what that says
    /// if not; better if any other is, and the first is the same.
    pub verdict: Verdict,
    /// What it comes from, in words, the most important first.
    pub why: Vec<String>,
    /// Are both sides the same recordings?
    pub same: bool,
    /// Is something open because calls of one side ask for more pages than those of the other?
    pub calls_differ: bool,
}

impl Comparison {
    /// The figure that the verdict rests on: the typical time of a page in calls that are alike.
    /// Where nothing tells that, the first other of the time of any page and the median of whole
    /// migrations that both sides have.
    pub fn first(&self) -> Option<&Figures> {
        first(&self.figures)
    }

    /// The same of one run, or group, that stands on both sides: nothing can have changed, however
    /// little the figures tell.
    pub fn of_the_same(self) -> Self {
        Self {
            verdict: Verdict::Same,
            why: vec!["both sides are the same recording".to_owned()],
            same: true,
            ..self
        }
    }

    /// Are units of both sides of about the same size? A page that is skipped now and then is in
    /// every large block and in few small ones, so that blocks of different sizes cannot be
    /// compared one by one. A recording is a run, however long it is.
    pub fn has_units_alike(&self) -> bool {
        self.unit == Unit::Recordings || interval::are_alike(self.units, self.migrations)
    }

    /// How many migrations a unit has on average, base and new.
    pub fn units_have(&self) -> (u64, u64) {
        let average = |units: usize, migrations: u64| migrations / (units.max(1) as u64);
        let (units, migrations) = (self.units, self.migrations);
        (
            average(units.0, migrations.0),
            average(units.1, migrations.1),
        )
    }

    /// Does any figure have an interval?
    pub fn has_intervals(&self) -> bool {
        self.figures
            .iter()
            .any(|figures| figures.interval.is_some())
    }
}

/// Compares `new` with `base`, each one or more recordings.
pub fn compare(base: Vec<Sample>, new: Vec<Sample>, limits: Limits) -> Comparison {
    let unit = Unit::of(&base, &new);
    let followed = followed(base.iter().chain(&new));
    let known_parts = known_parts(base.iter().chain(&new));
    let (base, new) = (unit.divide(base), unit.divide(new));
    let (base, new) = (Units::new(&base), Units::new(&new));
    let waits = (base.waits(), new.waits());
    let occurs = |kind: &WaitKind| waits.0.waits(*kind).max(waits.1.waits(*kind)) > 0;
    let kinds: Vec<_> = followed.into_iter().filter(occurs).collect();
    let parts = Figure::of_parts(occurring(known_parts, &[base.parts(), new.parts()]));
    let all = [Figure::of_migrations(), parts, Figure::of_waits(&kinds)].concat();
    let sides = Sides::new(unit, &base, &new, &all);
    let figures: Vec<_> = (0..all.len())
        .map(|at| figures(&sides, all[at], at, limits).known_by(unit))
        .collect();
    let alike = Alike::new(&figures, (&waits.0, &waits.1), &kinds, limits);
    let judged = |of: &Figures| of.clone().judged_by(&alike).judged_within(&figures);
    let known: Vec<_> = figures.iter().map(judged).collect();
    let is_open = |at: &usize| known[*at].verdict != figures[*at].verdict;
    let open: Vec<_> = (0..known.len()).filter(is_open).map(|at| all[at]).collect();
    let calls_differ = !alike.calls && open.iter().any(|of| of.is_of_calls());
    let unlike = calls_differ.then(|| why::unlike(&known)).flatten();
    let of_open = |kind: &WaitKind| open.iter().any(|of| of.kind_of_waits() == Some(*kind));
    let unlike_waits = alike.unlike_waits.into_iter().filter(of_open);
    let figures = known;
    let verdict = overall(&figures);
    let mut why = why::why(&figures, verdict);
    why.extend(unlike);
    why.extend(why::unlike_waits(unlike_waits));
    why.extend(why::within(&open));
    Comparison {
        calls_differ,
        unit,
        units: (base.len(), new.len()),
        migrations: (base.migrations(), new.migrations()),
        verdict,
        why,
        figures,
        same: false,
    }
}

/// The kinds of waits that all of these know.
fn followed<'a>(samples: impl Iterator<Item = &'a Sample> + Clone) -> Vec<WaitKind> {
    let kinds = WaitKind::ALL.iter().copied();
    let is_followed = |kind: &WaitKind| samples.clone().all(|sample| sample.follows(*kind));
    kinds.filter(is_followed).collect()
}

/// The parts of the driver's steps that all of these know.
fn known_parts<'a>(samples: impl Iterator<Item = &'a Sample>) -> OfParts {
    samples.fold([true; DRIVER_PARTS.len()], |all, sample| {
        let knows = sample.knows_parts();
        std::array::from_fn(|part| all[part] && knows[part])
    })
}

/// Those of them that occur on a side, by step.
fn occurring(known: OfParts, sides: &[Parts; 2]) -> [OfParts; OF_DRIVER.len()] {
    let occurs = |step, part| known[part] && sides.iter().any(|side| side.of(step, part) > 0);
    std::array::from_fn(|step| std::array::from_fn(|part| occurs(step, part)))
}

/// What is alike on both sides.
struct Alike {
    calls: bool,
    /// Kinds of waits that are not.
    unlike_waits: Vec<WaitKind>,
}

impl Alike {
    fn new(
        figures: &[Figures],
        (base, new): (&Sums, &Sums),
        kinds: &[WaitKind],
        limits: Limits,
    ) -> Self {
        let unlike = |kind: &WaitKind| !base.are_alike(new, *kind, limits.time);
        Self {
            calls: are_alike(figures, limits),
            unlike_waits: kinds.iter().copied().filter(unlike).collect(),
        }
    }
}

/// Do calls ask for about as many pages on both sides?
fn are_alike(figures: &[Figures], limits: Limits) -> bool {
    let find = |found: &&Figures| found.figure == Figure::PagesPerCall;
    let change = figures.iter().find(find).and_then(|found| found.change);
    change.is_none_or(|by| (back(limits.time)..=limits.time).contains(&by))
}

fn figures(sides: &Sides<'_>, figure: Figure, at: usize, limits: Limits) -> Figures {
    let change = sides.change(at);
    let limit = limit(sides, figure, at, limits);
    let judged = change.filter(|_| figure.is_judged());
    let (base, new) = sides.values(at);
    Figures {
        figure,
        base,
        new,
        change: change.map(|change| change.change),
        interval: change.and_then(|change| change.interval),
        effect: sides.effect(at),
        verdict: judged.map(|change| Verdict::of(change, limit, !figure.is_share())),
    }
}

/// A change up to here does not count. That of a part counts by what it is of its step: twice as
/// much of next to nothing is next to nothing.
fn limit(sides: &Sides<'_>, figure: Figure, at: usize, limits: Limits) -> f64 {
    let Figure::PartPerPage(step, _) = figure else {
        return if figure.is_share() {
            limits.share
        } else {
            limits.time
        };
    };
    let step = sides.base_of(Figure::StepPerPage(OF_DRIVER[step]));
    let part = sides.values(at).0.unwrap_or(0.0);
    // As small as scales tell.
    let times = step.unwrap_or(0.0) / part.max(1.0);
    limits.time * times.max(1.0)
}

fn first(figures: &[Figures]) -> Option<&Figures> {
    let order = [
        Figure::TimeAlike,
        Figure::TimePerPage,
        Figure::Quantile(None, 500),
    ];
    let find = |figure| {
        let is_it = |found: &&Figures| found.figure == figure && found.verdict.is_some();
        figures.iter().find(is_it)
    };
    order.into_iter().find_map(find)
}

fn overall(figures: &[Figures]) -> Verdict {
    let has = |verdict| figures.iter().any(|figure| figure.verdict == Some(verdict));
    match first(figures).and_then(|first| first.verdict) {
        _ if has(Verdict::Worse) => Verdict::Worse,
        None => Verdict::Inconclusive,
        Some(Verdict::Same) if has(Verdict::Better) => Verdict::Better,
        Some(first) => first,
    }
}
