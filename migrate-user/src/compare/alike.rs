//! The time of a page in calls that are alike: of one direction, for one reason, with about as many
//! pages, all of which arrived or not.
//!
//! Most of what a page's time varies by is what is asked for: a page of a large call takes a
//! fraction of one that comes alone. Two runs are therefore compared call by call like with like.
//! Of each kind of call, the typical time of a page is the geometric mean, which a call that was
//! interrupted for long moves little; how often that happens, the high quantiles tell.

use std::collections::BTreeMap;

use crate::trace::{Outcome, Row, ledger};

/// A kind of call: direction, cause, the power of two that the number of pages that arrived has,
/// and whether those are all that were asked for.
pub(super) type Kind = (u8, u8, u32, bool);

/// Calls of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Alike {
    calls: f64,
    time_ns: f64,
    /// Of the time of a page in each call, nanoseconds.
    logarithms: f64,
}

impl Alike {
    fn add(&mut self, more: &Self, times: f64) {
        self.calls += more.calls * times;
        self.time_ns += more.time_ns * times;
        self.logarithms += more.logarithms * times;
    }

    fn mean(&self) -> f64 {
        self.logarithms / self.calls
    }
}

/// The calls of some migrations, by kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Kinds(BTreeMap<Kind, Alike>);

impl Kinds {
    pub(super) fn count(&mut self, migration: &Row<'_>) {
        let arrived = ledger::arrived(&migration.ledger);
        let time_ns = migration.total_ns() as f64;
        if migration.outcome != Outcome::Completed || arrived == 0 || time_ns < 1.0 {
            return;
        }
        let kind = (
            migration.direction as u8,
            migration.cause as u8,
            arrived.ilog2(),
            arrived == migration.ledger.requested,
        );
        let one = Alike {
            calls: 1.0,
            time_ns,
            logarithms: (time_ns / arrived as f64).ln(),
        };
        self.0.entry(kind).or_default().add(&one, 1.0);
    }

    pub(super) fn add(&mut self, more: &Self) {
        for (kind, alike) in &more.0 {
            self.0.entry(*kind).or_default().add(alike, 1.0);
        }
    }
}

/// The same of some units, fast to add up: each kind, and how many units have what of it.
#[derive(Debug, Default)]
pub(super) struct Table(Vec<(Kind, Vec<(usize, Alike)>)>);

impl Table {
    pub(super) fn new<'a>(units: impl Iterator<Item = &'a Kinds>) -> Self {
        let mut table: BTreeMap<Kind, Vec<(usize, Alike)>> = BTreeMap::new();
        for (at, kinds) in units.enumerate() {
            for (kind, alike) in &kinds.0 {
                table.entry(*kind).or_default().push((at, *alike));
            }
        }
        Self(table.into_iter().collect())
    }

    /// The units together, each taken so often. Kinds of which there are no calls are left out.
    fn together(&self, taken: &[u64]) -> Vec<(Kind, Alike)> {
        let one = |(kind, units): &(Kind, Vec<(usize, Alike)>)| {
            let mut sum = Alike::default();
            for (at, alike) in units {
                sum.add(alike, taken[*at] as f64);
            }
            (sum.calls > 0.0).then_some((*kind, sum))
        };
        self.0.iter().filter_map(one).collect()
    }
}

/// The typical time of a page on both sides, nanoseconds, over the kinds of calls that both have;
/// `None` if they have none in common.
///
/// Both sides' means have the same weights: of each kind, its share of the calls and of the time
/// (their geometric mean). By calls alone, the many that move a page would say everything; by time
/// alone, the few that move thousands.
pub(super) fn times(
    base: &Table,
    base_taken: &[u64],
    new: &Table,
    new_taken: &[u64],
) -> Option<(f64, f64)> {
    let (base, new) = (base.together(base_taken), new.together(new_taken));
    let mut rest = new.iter().peekable();
    let (mut weights, mut before, mut after) = (0.0, 0.0, 0.0);
    for (kind, base) in &base {
        while rest.next_if(|(other, _)| other < kind).is_some() {}
        let Some((_, new)) = rest.next_if(|(other, _)| other == kind) else {
            continue;
        };
        let both = |of: fn(&Alike) -> f64| of(base) * of(new) / (of(base) + of(new));
        let weight = (both(|alike| alike.calls) * both(|alike| alike.time_ns)).sqrt();
        weights += weight;
        before += weight * base.mean();
        after += weight * new.mean();
    }
    (weights > 0.0).then(|| ((before / weights).exp(), (after / weights).exp()))
}
