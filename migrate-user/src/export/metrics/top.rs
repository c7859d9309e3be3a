//! Series of those that matter most, of what there may be any number of.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{MappingUse, Model, Phase, Sums};
use crate::trace::{Ledger, WaitKind, ledger};

/// What is counted of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) migrations: u64,
    pub(super) ledger: Ledger,
    /// All their steps together, nanoseconds.
    pub(super) time_ns: u64,
    /// By [`WaitKind`]: how many, and nanoseconds.
    waits: [[u64; 2]; WaitKind::ALL.len()],
}

impl Counts {
    pub(super) fn of_phase(phase: &Phase) -> Self {
        let mut counts = Self::of_sums(&phase.sums);
        for kind in WaitKind::ALL {
            let sums = phase.waits(*kind);
            counts.waits[nth(*kind)] = [sums.waits, sums.total_ns];
        }
        counts
    }

    pub(super) fn of_sums(sums: &Sums) -> Self {
        Self {
            migrations: sums.migrations,
            ledger: sums.ledger,
            time_ns: sums.time_ns,
            ..Self::default()
        }
    }

    /// How many waits, and their time, nanoseconds.
    pub(super) fn waits(&self, kind: WaitKind) -> [u64; 2] {
        self.waits[nth(kind)]
    }

    pub(super) fn add(&mut self, more: &Self) {
        self.migrations = self.migrations.saturating_add(more.migrations);
        ledger::add(&mut self.ledger, &more.ledger);
        self.time_ns = self.time_ns.saturating_add(more.time_ns);
        self.each_wait(more, u64::saturating_add);
    }

    pub(super) fn without(mut self, less: &Self) -> Self {
        self.migrations = self.migrations.saturating_sub(less.migrations);
        self.ledger = ledger::difference(&self.ledger, &less.ledger);
        self.time_ns = self.time_ns.saturating_sub(less.time_ns);
        self.each_wait(less, u64::saturating_sub);
        self
    }

    fn each_wait(&mut self, other: &Self, of: fn(u64, u64) -> u64) {
        let others = other.waits.as_flattened();
        for (number, other) in self.waits.as_flattened_mut().iter_mut().zip(others) {
            *number = of(*number, *other);
        }
    }
}

/// The place of a kind in arrays: numbers on the wire begin at 1.
fn nth(kind: WaitKind) -> usize {
    kind as usize - 1
}

/// A mapping as series tell it: those of one process that have one name are one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Memory {
    pub(super) pid: Option<u32>,
    pub(super) comm: Option<Arc<str>>,
    pub(super) name: Option<Arc<str>>,
}

impl Memory {
    fn of(mapping: &MappingUse) -> Self {
        Self {
            pid: mapping.pid,
            comm: mapping.comm.clone(),
            name: mapping.name.clone(),
        }
    }
}

/// The phases and mappings that have series of their own. They are chosen whenever the model has
/// changed.
#[derive(Clone, Debug)]
pub struct Tops {
    pub(super) phases: Top<Arc<str>>,
    pub(super) mappings: Top<Memory>,
}

impl Tops {
    /// Of so many phases, and of so many mappings; 0: none is asked for.
    pub fn new(phases: usize, mappings: usize) -> Self {
        Self {
            phases: Top::new(phases),
            mappings: Top::new(mappings),
        }
    }

    /// Takes in what has been counted by now.
    pub fn look(&mut self, model: &Model) {
        if self.phases.is_asked() {
            let all = model.phases().all().iter();
            let named = all.filter_map(|phase| Some((phase.path.clone()?, phase)));
            let named = named.filter(|(path, _)| !path.is_empty());
            let named = named.map(|(path, phase)| (path, Counts::of_phase(phase)));
            self.phases.look(named.collect());
        }
        if self.mappings.is_asked() {
            let mut all = BTreeMap::new();
            for of in model.mappings().iter() {
                let counts: &mut Counts = all.entry(Memory::of(of)).or_default();
                counts.add(&Counts::of_sums(&of.sums));
            }
            self.mappings.look(all);
        }
    }
}

/// Those whose migrations took most time, so many at most. What each has counted here only grows:
/// one that takes another's place begins at 0, and what it had counted before stays with the rest.
/// Else the rest would shrink, and be taken for a counter that began afresh.
#[derive(Clone, Debug)]
pub(super) struct Top<K> {
    most: usize,
    shown: BTreeMap<K, Shown>,
    /// All that there were when they were last looked at.
    known: BTreeSet<K>,
}

/// One that has a series.
#[derive(Clone, Copy, Debug, Default)]
struct Shown {
    counted: Counts,
    /// What there was of it when it was last looked at.
    last: Counts,
}

impl<K: Ord + Clone> Top<K> {
    fn new(most: usize) -> Self {
        Self {
            most,
            shown: BTreeMap::new(),
            known: BTreeSet::new(),
        }
    }

    /// Are there to be any?
    pub(super) fn is_asked(&self) -> bool {
        self.most > 0
    }

    /// Those that have series, and what is in these.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &Counts)> {
        self.shown.iter().map(|(key, shown)| (key, &shown.counted))
    }

    /// What is left of all without these.
    pub(super) fn rest(&self, all: Counts) -> Counts {
        let shown = self.shown.values();
        shown.fold(all, |left, shown| left.without(&shown.counted))
    }

    fn look(&mut self, all: BTreeMap<K, Counts>) {
        let mut first: Vec<_> = all.iter().collect();
        first.sort_by_key(|(_, counts)| Reverse(counts.time_ns));
        let first = first.into_iter().take(self.most);
        self.shown = first
            .map(|(key, now)| (key.clone(), self.grown(key, now)))
            .collect();
        self.known = all.into_keys().collect();
    }

    fn grown(&self, key: &K, now: &Counts) -> Shown {
        let mut grown = match self.shown.get(key) {
            Some(shown) => *shown,
            // It had none, and others counted for it.
            None if self.known.contains(key) => Shown {
                last: *now,
                ..Shown::default()
            },
            None => Shown::default(),
        };
        grown.counted.add(&now.without(&grown.last));
        grown.last = *now;
        grown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many migrations, which took ten times as many nanoseconds.
    fn all(migrations: &[(&'static str, u64)]) -> BTreeMap<&'static str, Counts> {
        let counts = |(name, migrations): &(&'static str, u64)| {
            let counts = Counts {
                migrations: *migrations,
                time_ns: 10 * *migrations,
                ..Counts::default()
            };
            (*name, counts)
        };
        migrations.iter().map(counts).collect()
    }

    fn shown(top: &Top<&'static str>) -> Vec<(&'static str, u64)> {
        top.iter().map(|(key, of)| (*key, of.migrations)).collect()
    }

    #[test]
    fn counters_only_grow_whoever_takes_whose_place() {
        let mut top = Top::new(2);
        top.look(all(&[("a", 5), ("b", 4), ("c", 3)]));
        assert_eq!(shown(&top), [("a", 5), ("b", 4)]);
        // What it had counted before is the rest's.
        top.look(all(&[("a", 6), ("b", 4), ("c", 9)]));
        assert_eq!(shown(&top), [("a", 6), ("c", 0)]);
        top.look(all(&[("a", 6), ("b", 5), ("c", 11)]));
        assert_eq!(shown(&top), [("a", 6), ("c", 2)]);
        let whole = Counts {
            migrations: 22,
            ..Counts::default()
        };
        assert_eq!(top.rest(whole).migrations, 22 - 6 - 2);
        // One that was never seen has all of its own.
        top.look(all(&[("c", 11), ("d", 70)]));
        assert_eq!(shown(&top), [("c", 2), ("d", 70)]);
    }
}
