//! Which process migrates how much.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use super::{Ended, Sparkline, Sums};

/// How many processes are told apart.
pub const KEPT: usize = 1000;

/// How many are found without a search. The more, the less often two of them are in each other's
/// way.
const FOUND: usize = 256;

/// Sums over the records of one process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Its number; `None` for memory of which nobody is known to be the owner, as in evictions. One
    /// that is used again is taken for the same process.
    pub pid: Option<u32>,
    /// Its command name, as it was last.
    pub comm: Option<Arc<str>>,
    /// The memory cgroup that pays for its memory; `None` where it is not known.
    pub cgroup: Option<Arc<str>>,
    /// What its migrations did.
    pub sums: Sums,
    /// Pages that arrived, per second.
    pub recent: Sparkline,
}

/// The processes of all records.
#[derive(Clone, Debug)]
pub struct Processes {
    all: Vec<Process>,
    /// The place of each in `all`.
    places: HashMap<Option<u32>, usize>,
    /// Where processes were last found, by their numbers' lowest bits: quicker to ask than
    /// `places`, and may be wrong.
    found: [usize; FOUND],
    others: Others,
}

/// Processes that gave way to those that migrate more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// How often one gave way. It may come back, and be counted again.
    pub processes: u64,
    /// What their migrations did.
    pub sums: Sums,
}

impl Default for Processes {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            places: HashMap::new(),
            found: [0; FOUND],
            others: Others::default(),
        }
    }
}

impl Processes {
    /// Adds one migration.
    pub(super) fn count(&mut self, migration: &Ended<'_>) {
        let place = self.place(migration.pid);
        let process = &mut self.all[place];
        if let Some(comm) = migration.comm
            && !process
                .comm
                .as_ref()
                .is_some_and(|known| Arc::ptr_eq(known, comm))
        {
            process.comm = Some(Arc::clone(comm));
        }
        // An eviction does not tell.
        if let Some(cgroup) = migration.cgroup
            && !process
                .cgroup
                .as_ref()
                .is_some_and(|known| Arc::ptr_eq(known, cgroup))
        {
            process.cgroup = Some(Arc::clone(cgroup));
        }
        process.sums.count(migration);
        process.recent.count(migration.end_ns, migration.arrived);
    }

    fn place(&mut self, pid: Option<u32>) -> usize {
        let nth = pid.unwrap_or(0) as usize % FOUND;
        let found = self.found[nth];
        let is_there = |process: &Process| process.pid == pid;
        if self.all.get(found).is_some_and(is_there) {
            return found;
        }
        let known = self.places.get(&pid).copied();
        let place = known.unwrap_or_else(|| self.add(pid));
        self.found[nth] = place;
        place
    }

    /// A place for a process that is new: the one that migrated least gives way.
    fn add(&mut self, pid: Option<u32>) -> usize {
        let new = Process {
            pid,
            ..Process::default()
        };
        let place = if self.all.len() < KEPT {
            self.all.push(new);
            self.all.len() - 1
        } else {
            let least = |place: &usize| self.all[*place].sums.time_ns;
            let place = (0..KEPT).min_by_key(least).unwrap_or(0);
            let old = std::mem::replace(&mut self.all[place], new);
            self.places.remove(&old.pid);
            self.others.processes = self.others.processes.saturating_add(1);
            self.others.sums.add(&old.sums);
            place
        };
        self.places.insert(pid, place);
        place
    }

    /// Those whose migrations took most time first.
    pub fn sorted(&self) -> Vec<&Process> {
        let mut all: Vec<_> = self.all.iter().collect();
        all.sort_by_key(|process| (Reverse(process.sums.time_ns), process.pid));
        all
    }

    /// Every process, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Process> {
        self.all.iter()
    }

    /// How many there are, at most [`KEPT`].
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Those that gave way; `None` if none did.
    pub fn others(&self) -> Option<&Others> {
        (self.others.processes > 0).then_some(&self.others)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Migration;
    use super::*;
    use migscope_testkit::Synthetic;

    #[test]
    fn each_has_its_own_sums() {
        let all = Synthetic::new(3).batch(600).migrations;
        let mut processes = Processes::default();
        all.made()
            .iter()
            .for_each(|migration| processes.count(&Ended::new(&migration.into())));
        // And memory of nobody in particular, which was evicted.
        assert_eq!(processes.len(), 4);
        for process in processes.iter() {
            let own = || all.made().iter().filter(|m| m.pid == process.pid);
            assert_eq!(process.sums.migrations, own().count() as u64);
            assert_eq!(
                process.sums.time_ns,
                own().map(Migration::total_ns).sum::<u64>()
            );
            let comm = own().next_back().and_then(|m| m.comm.clone());
            assert_eq!(process.comm, comm);
        }
        let times: Vec<_> = processes.sorted().iter().map(|p| p.sums.time_ns).collect();
        assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
        assert_eq!(processes.others(), None);
    }

    #[test]
    fn memory_is_bounded_and_nothing_is_lost() {
        let mut migration = Synthetic::new(1).migration();
        let mut processes = Processes::default();
        migration.pid = Some(7);
        for _ in 0..5 {
            processes.count(&Ended::new(&(&migration).into()));
        }
        for pid in 1000..1000 + 3 * KEPT as u32 {
            migration.pid = Some(pid);
            processes.count(&Ended::new(&(&migration).into()));
        }
        assert_eq!((processes.len(), processes.places.len()), (KEPT, KEPT));
        let first = processes.sorted()[0];
        assert_eq!((first.pid, first.sums.migrations), (Some(7), 5));
        let others = processes.others().unwrap();
        assert_eq!(others.processes, 2 * KEPT as u64 + 1);
        let kept: u64 = processes.iter().map(|p| p.sums.migrations).sum();
        assert_eq!(kept + others.sums.migrations, 5 + 3 * KEPT as u64);
    }
}
