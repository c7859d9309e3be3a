//! In which phases of programs memory migrates.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use super::{Ended, Sums};
use crate::trace::Step;

/// How many phases are told apart.
pub const KEPT: usize = 1000;

/// Sums over the records of one phase.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phase {
    /// Its path: names with `/` between them, the outermost first; empty for migrations in no
    /// phase, and `None` where it is not known.
    pub path: Option<Arc<str>>,
    /// What its migrations did.
    pub sums: Sums,
    /// How long each step took in all of them, nanoseconds, by [`Step`].
    pub steps_ns: [u64; Step::COUNT],
}

impl Phase {
    fn count(&mut self, migration: &Ended<'_>) {
        self.sums.count(migration);
        for (sum, ns) in self.steps_ns.iter_mut().zip(migration.steps) {
            *sum = sum.saturating_add(ns.unwrap_or(0));
        }
    }
}

/// The phases of all records. Each migration is in one of them.
#[derive(Clone, Debug, Default)]
pub struct Phases {
    all: Vec<Phase>,
    /// The place of each in `all`.
    places: HashMap<Option<Arc<str>>, usize>,
    /// The place that was last found: most migrations are in the phase of the one before.
    last: usize,
    others: Option<Phase>,
}

impl Phases {
    /// Adds one migration.
    pub(super) fn count(&mut self, migration: &Ended<'_>) {
        let path = migration.phase;
        let is_last = |phase: &Phase| phase.path.as_ref() == path;
        if !self.all.get(self.last).is_some_and(is_last) {
            let known = self.places.get(&path.cloned()).copied();
            let Some(place) = known.or_else(|| self.add(path.cloned())) else {
                return self.others.get_or_insert_default().count(migration);
            };
            self.last = place;
        }
        self.all[self.last].count(migration);
    }

    /// A place for a phase that is new, if there is one left.
    fn add(&mut self, path: Option<Arc<str>>) -> Option<usize> {
        let place = self.all.len();
        (place < KEPT).then(|| {
            self.places.insert(path.clone(), place);
            self.all.push(Phase {
                path,
                ..Phase::default()
            });
            place
        })
    }

    /// Those whose migrations took most time first.
    pub fn sorted(&self) -> Vec<&Phase> {
        let mut all: Vec<_> = self.all.iter().collect();
        all.sort_by_key(|phase| (Reverse(phase.sums.time_ns), &phase.path));
        all
    }

    /// Those that came when there were [`KEPT`] already, together; `None` if none did. It has no
    /// path.
    pub fn others(&self) -> Option<&Phase> {
        self.others.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use migscope_testkit::Synthetic;

    fn sum(phases: &Phases) -> (Sums, u64) {
        let mut sums = Sums::default();
        let mut steps_ns = 0;
        for phase in phases.all.iter().chain(phases.others()) {
            sums.add(&phase.sums);
            steps_ns += phase.steps_ns.iter().sum::<u64>();
        }
        (sums, steps_ns)
    }

    #[test]
    fn each_migration_is_in_one_phase() {
        let mut all = Synthetic::new(3).batch(600).migrations;
        let mut phases = Phases::default();
        let mut whole = Sums::default();
        let paths = [None, Some(""), Some("train"), Some("train/forward")];
        for (migration, path) in all.make().iter_mut().zip(paths.into_iter().cycle()) {
            migration.phase = path.map(Arc::from);
            let row = (&*migration).into();
            phases.count(&Ended::new(&row));
            whole.count(&Ended::new(&row));
        }
        let sorted = phases.sorted();
        assert_eq!(sorted.len(), paths.len());
        assert!(sorted.iter().all(|phase| phase.sums.migrations == 150));
        assert_eq!(sum(&phases), (whole, whole.time_ns));
        assert_eq!(phases.others(), None);
    }

    #[test]
    fn memory_is_bounded_and_nothing_is_lost() {
        let mut migration = Synthetic::new(1).migration();
        let mut phases = Phases::default();
        for step in 0..2 * KEPT {
            migration.phase = Some(format!("step {step}").into());
            phases.count(&Ended::new(&(&migration).into()));
        }
        assert_eq!((phases.all.len(), phases.places.len()), (KEPT, KEPT));
        assert_eq!(sum(&phases).0.migrations, 2 * KEPT as u64);
        let others = phases.others().unwrap();
        assert_eq!(others.sums.migrations, KEPT as u64);
    }
}
