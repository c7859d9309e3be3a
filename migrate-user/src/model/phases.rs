//! In which phases of programs memory migrates, and threads wait.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use super::waits::WaitSums;
use super::{Ended, Sums};
use crate::trace::{Batch, Step, Wait, WaitKind};

/// How many phases are told apart.
pub const KEPT: usize = 1000;

/// Sums over the records of one phase.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phase {
    /// Its path: names with `/` between them, the outermost first; empty for what is in no phase,
    /// and `None` where it is not known.
    pub path: Option<Arc<str>>,
    /// What its migrations did.
    pub sums: Sums,
    /// How long each step took in all of them, nanoseconds, by [`Step`].
    pub steps_ns: [u64; Step::COUNT],
    waits: [WaitSums; WaitKind::ALL.len()],
}

impl Phase {
    /// What its threads waited for, of this kind.
    pub fn waits(&self, kind: WaitKind) -> &WaitSums {
        &self.waits[nth(kind)]
    }

    fn count(&mut self, migration: &Ended<'_>) {
        self.sums.count(migration);
        for (sum, ns) in self.steps_ns.iter_mut().zip(migration.steps) {
            *sum = sum.saturating_add(ns.unwrap_or(0));
        }
    }
}

/// The place of a kind in arrays: numbers on the wire begin at 1.
fn nth(kind: WaitKind) -> usize {
    kind as usize - 1
}

/// The phases of all records. Each migration is in one of them, and each wait.
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
    /// Adds all that came together.
    pub fn take(&mut self, batch: &Batch) {
        let all = &batch.migrations;
        all.each(|row| self.count(&Ended::new(row)));
        batch.waits.iter().for_each(|wait| self.count_wait(wait));
    }

    /// Adds one migration.
    pub(super) fn count(&mut self, migration: &Ended<'_>) {
        self.of(migration.phase).count(migration);
    }

    /// Adds one wait.
    pub(super) fn count_wait(&mut self, wait: &Wait) {
        self.of(wait.phase.as_ref()).waits[nth(wait.kind)].count(wait);
    }

    /// The phase with this path.
    fn of(&mut self, path: Option<&Arc<str>>) -> &mut Phase {
        let is_last = |phase: &Phase| phase.path.as_ref() == path;
        if !self.all.get(self.last).is_some_and(is_last) {
            let known = self.places.get(&path.cloned()).copied();
            let Some(place) = known.or_else(|| self.add(path.cloned())) else {
                return self.others.get_or_insert_default();
            };
            self.last = place;
        }
        &mut self.all[self.last]
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

    /// All of them, in the order in which they came, but for [`others`](Self::others).
    pub fn all(&self) -> &[Phase] {
        &self.all
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
    fn waits_are_in_the_phase_of_who_waits() {
        let mut batch = Synthetic::new(3).with_details().with_waits().batch(600);
        let mut phases = Phases::default();
        phases.take(&batch);
        for phase in &phases.all {
            for kind in WaitKind::ALL {
                let is = |wait: &&Wait| wait.kind == *kind && wait.phase == phase.path;
                let mut sums = WaitSums::default();
                let of_phase = batch.waits.iter().filter(is);
                of_phase.for_each(|wait| sums.count(wait));
                assert_eq!(phase.waits(*kind), &sums);
            }
        }
        let forward = |phase: &Phase| phase.path.as_deref() == Some("train/forward");
        let forward = phases.all.iter().find(|phase| forward(phase)).unwrap();
        assert!(forward.waits(WaitKind::Fault).waits > 0);
        // One in which nothing migrates.
        batch.waits.truncate(1);
        batch.waits[0].phase = Some("sleep".into());
        batch.migrations = Vec::new().into();
        phases.take(&batch);
        let last = phases.all.last().unwrap();
        assert_eq!(
            (last.path.as_deref(), last.sums.migrations),
            (Some("sleep"), 0)
        );
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
