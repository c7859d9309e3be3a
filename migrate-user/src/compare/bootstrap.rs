//! What figures would have been, had other units been drawn: by drawing from those that there are,
//! again and again.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;

use super::Figure;
use super::alike::{Table, times};
use super::durations::{Durations, longest};
use super::parts::Parts;
use super::sample::{Block, TIMES};
use super::waits::{FIGURES, Sums};
use crate::trace::{Ledger, Step, WaitKind, WaitResult, ledger};

/// How often is drawn: a standard error takes no more (Efron and Tibshirani, An Introduction to the
/// Bootstrap, 6.4).
const DRAWS: usize = 200;

/// Fewer values than this beyond a quantile do not tell it.
const BEYOND: f64 = 10.0;

/// What figures of some units need, fast to add up.
pub(super) struct Units {
    ledgers: Vec<Ledger>,
    migrations: Vec<u64>,
    steps_ns: Vec<[u64; Step::COUNT]>,
    times: [Times; TIMES],
    alike: Table,
    parts: Vec<Parts>,
    waits: Vec<Sums>,
    wait_times: [Times; FIGURES],
}

/// The durations of all units: each value that occurs, and for each of them how many are not above
/// it, by unit.
struct Times {
    values: Vec<u64>,
    up_to: Vec<Vec<u64>>,
}

impl Times {
    fn new(blocks: &[Block], of: impl Fn(&Block) -> &Durations) -> Self {
        let times = || blocks.iter().map(&of);
        let places: BTreeSet<_> = times()
            .flat_map(|times| times.places().map(|(place, _)| place))
            .collect();
        let row_of: BTreeMap<_, _> = places.iter().copied().zip(0..).collect();
        let mut up_to = vec![vec![0; blocks.len()]; places.len()];
        for (unit, times) in times().enumerate() {
            for (place, count) in times.places() {
                up_to[row_of[&place]][unit] = count;
            }
        }
        for row in 1..up_to.len() {
            let (before, rest) = up_to.split_at_mut(row);
            for (sum, before) in rest[0].iter_mut().zip(&before[row - 1]) {
                *sum += before;
            }
        }
        let values = places.into_iter().map(longest).collect();
        Self { values, up_to }
    }

    /// The quantile of the units, each taken so often; `None` if there are too few values to tell.
    fn quantile(&self, taken: &[u64], thousandths: u16) -> Option<f64> {
        let quantile = f64::from(thousandths) / 1000.0;
        let count = |by_unit: &[u64]| {
            let mut sum = 0;
            for (count, taken) in by_unit.iter().zip(taken) {
                sum += count * taken;
            }
            sum as f64
        };
        let all = count(self.up_to.last()?);
        if all * quantile.min(1.0 - quantile) < BEYOND {
            return None;
        }
        let below = |by_unit: &Vec<u64>| count(by_unit) < quantile * all;
        let at = self.up_to.partition_point(below);
        self.values.get(at).map(|ns| *ns as f64)
    }
}

impl Units {
    pub(super) fn new(blocks: &[Block]) -> Self {
        Self {
            ledgers: blocks.iter().map(|block| block.ledger).collect(),
            migrations: blocks.iter().map(|block| block.migrations).collect(),
            steps_ns: blocks.iter().map(|block| block.steps_ns).collect(),
            times: std::array::from_fn(|at| Times::new(blocks, |block| &block.times[at])),
            alike: Table::new(blocks.iter().map(|block| &block.kinds)),
            parts: blocks.iter().map(|block| block.parts).collect(),
            waits: blocks.iter().map(|block| block.waits.sums).collect(),
            wait_times: std::array::from_fn(|at| {
                Times::new(blocks, |block| &block.waits.times[at])
            }),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ledgers.len()
    }

    /// Migrations of all units.
    pub(super) fn migrations(&self) -> u64 {
        self.migrations.iter().sum()
    }

    /// Where the time of the driver's steps went in all units.
    pub(super) fn parts(&self) -> Parts {
        let mut all = Parts::default();
        self.parts.iter().for_each(|unit| all.add(unit));
        all
    }

    /// The waits of all units.
    pub(super) fn waits(&self) -> Sums {
        Sums::together(&self.waits, &vec![1; self.len()])
    }

    /// Of how many a share is: waits, or else migrations.
    pub(super) fn number(&self, figure: Figure) -> u64 {
        match figure {
            Figure::RetryShare => self.waits().waits(WaitKind::RangeFault),
            Figure::BeforeSetupShare => self.waits().waits(WaitKind::Fault),
            _ => self.migrations(),
        }
    }

    /// A figure of all units.
    pub(super) fn value(&self, figure: Figure) -> Option<f64> {
        self.value_of(figure, &vec![1; self.len()])
    }

    /// A figure of each unit by itself, where it has one.
    pub(super) fn each(&self, figure: Figure) -> Vec<f64> {
        let one = |at: usize| {
            let mut taken = vec![0; self.len()];
            taken[at] = 1;
            self.value_of(figure, &taken)
        };
        (0..self.len()).filter_map(one).collect()
    }

    /// How far a figure would vary from one run to another: the standard error of its logarithm, or
    /// for shares of itself; of each figure.
    pub(super) fn errors(&self, figures: &[Figure], seed: u64) -> Vec<Option<f64>> {
        let mut rng = Rng::with_seed(seed);
        let mut drawn = vec![Vec::with_capacity(DRAWS); figures.len()];
        for _ in 0..DRAWS {
            let taken = self.draw(&mut rng);
            for (values, figure) in drawn.iter_mut().zip(figures) {
                let value = self.value_of(*figure, &taken);
                values.extend(value.map(|value| scale(*figure, value)));
            }
        }
        drawn
            .iter()
            .map(|values| Some(deviation(values)? * self.correction()))
            .collect()
    }

    /// As many units as there are, any of them again and again: how often each was drawn.
    fn draw(&self, rng: &mut Rng) -> Vec<u64> {
        let units = self.len();
        let mut taken = vec![0u64; units];
        (0..units).for_each(|_| taken[rng.usize(..units)] += 1);
        taken
    }

    /// The deviation among draws is that much too small.
    fn correction(&self) -> f64 {
        let units = self.len() as f64;
        (units / (units - 1.0).max(1.0)).sqrt()
    }

    /// The typical time of a page in calls that both sides have, on both sides, nanoseconds.
    pub(super) fn alike(&self, new: &Self) -> Option<(f64, f64)> {
        let all = |units: &Self| vec![1; units.len()];
        times(&self.alike, &all(self), &new.alike, &all(new))
    }

    /// How far the logarithm of the ratio of these two would vary from one pair of runs to another:
    /// its standard error. Which calls both sides have is part of what varies, so both are drawn at
    /// once.
    pub(super) fn alike_error(&self, new: &Self, seed: u64) -> Option<f64> {
        let mut rng = Rng::with_seed(seed);
        let draws = (0..DRAWS).filter_map(|_| {
            let taken = (self.draw(&mut rng), new.draw(&mut rng));
            let (base, new) = times(&self.alike, &taken.0, &new.alike, &taken.1)?;
            Some((new / base).ln())
        });
        let draws: Vec<_> = draws.collect();
        Some(deviation(&draws)? * self.correction().max(new.correction()))
    }

    fn value_of(&self, figure: Figure, taken: &[u64]) -> Option<f64> {
        match figure {
            // It is one of two sides.
            Figure::TimeAlike => None,
            Figure::TimePerPage => {
                let ns: f64 = Step::ALL
                    .into_iter()
                    .map(|step| self.step_ns(step, taken))
                    .sum();
                ratio(ns, self.pages(taken, ledger::arrived))
            }
            Figure::StepPerPage(step) => ratio(
                self.step_ns(step, taken),
                self.pages(taken, ledger::arrived),
            ),
            Figure::PartPerPage(step, part) => ratio(
                self.part_ns(step, part, taken),
                self.pages(taken, ledger::arrived),
            ),
            Figure::Quantile(step, thousandths) => {
                let at = step.map_or(Step::COUNT, |step| step as usize);
                self.times[at].quantile(taken, thousandths)
            }
            Figure::WastedShare => {
                let wasted = self.pages(taken, ledger::wasted);
                ratio(wasted, wasted + self.pages(taken, ledger::arrived))
            }
            Figure::SkippedShare => self.of_requested(taken, |ledger| ledger.skipped),
            Figure::DeclinedShare => self.of_requested(taken, |ledger| ledger.declined),
            Figure::FailedShare => self.of_requested(taken, |ledger| {
                ledger.rolled_back.saturating_add(ledger.rejected)
            }),
            Figure::PagesPerCall => {
                let calls = self
                    .migrations
                    .iter()
                    .zip(taken)
                    .map(|(calls, taken)| calls * taken);
                ratio(
                    self.pages(taken, |ledger| ledger.requested),
                    calls.sum::<u64>() as f64,
                )
            }
            Figure::WaitMean(of) => Sums::together(&self.waits, taken).mean(of),
            Figure::WaitQuantile(of, thousandths) => {
                self.wait_times[of as usize].quantile(taken, thousandths)
            }
            Figure::BeforeSetupShare => Sums::together(&self.waits, taken).before_setup(),
            Figure::RetryShare => {
                let sums = Sums::together(&self.waits, taken);
                sums.share(WaitKind::RangeFault, WaitResult::Retry)
            }
        }
    }

    fn step_ns(&self, step: Step, taken: &[u64]) -> f64 {
        let units = self.steps_ns.iter().zip(taken);
        units
            .map(|(ns, taken)| ns[step as usize] as f64 * *taken as f64)
            .sum()
    }

    fn part_ns(&self, step: usize, part: usize, taken: &[u64]) -> f64 {
        let units = self.parts.iter().zip(taken);
        units
            .map(|(unit, taken)| unit.of(step, part) as f64 * *taken as f64)
            .sum()
    }

    fn pages(&self, taken: &[u64], of: impl Fn(&Ledger) -> u64) -> f64 {
        let units = self.ledgers.iter().zip(taken);
        units
            .map(|(ledger, taken)| of(ledger) as f64 * *taken as f64)
            .sum()
    }

    fn of_requested(&self, taken: &[u64], of: impl Fn(&Ledger) -> u64) -> Option<f64> {
        ratio(
            self.pages(taken, of),
            self.pages(taken, |ledger| ledger.requested),
        )
    }
}

/// The scale on which a figure's changes are measured.
pub(super) fn scale(figure: Figure, value: f64) -> f64 {
    if figure.is_share() {
        value
    } else {
        // A duration that the clock could not tell from 0 counts as the shortest that it can.
        value.max(1.0).ln()
    }
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// The standard deviation; `None` of fewer than two values.
fn deviation(values: &[f64]) -> Option<f64> {
    let n = values.len() as f64;
    if n < 2.0 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / (n - 1.0)).sqrt())
}
