//! How many threads migrate, and how long they are busy with it.

use std::collections::HashMap;

use super::Ended;

/// How many threads are told apart.
pub const KEPT: usize = 4096;

/// How many are found without a search.
const FOUND: usize = 256;

/// Migrations of a thread that the next one may turn out to have been around.
const INNER: usize = 16;

/// The threads of all records. Bounded.
#[derive(Clone, Debug)]
pub struct Threads {
    all: Vec<Thread>,
    /// The place of each in `all`.
    places: HashMap<u32, usize>,
    /// Where threads were last found, by their numbers' lowest bits.
    found: [usize; FOUND],
    nested_ns: u64,
    has_others: bool,
}

#[derive(Clone, Debug)]
struct Thread {
    tid: u32,
    /// When the last migrations began, and how long they took: those that no later one was around.
    last: Vec<(u64, u64)>,
}

impl Default for Threads {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            places: HashMap::new(),
            found: [0; FOUND],
            nested_ns: 0,
            has_others: false,
        }
    }
}

impl Threads {
    /// Adds one migration.
    pub(super) fn count(&mut self, migration: &Ended<'_>) {
        let Some(thread) = migration.tid.and_then(|tid| self.thread(tid)) else {
            self.has_others = true;
            return;
        };
        // What began later and has ended was in the middle of this one.
        let mut nested_ns = 0u64;
        while let Some((_, ns)) = thread
            .last
            .pop_if(|(start_ns, _)| *start_ns > migration.time_ns)
        {
            nested_ns = nested_ns.saturating_add(ns);
        }
        if thread.last.len() >= INNER {
            thread.last.remove(0);
        }
        thread.last.push((migration.time_ns, migration.total_ns));
        self.nested_ns = self.nested_ns.saturating_add(nested_ns);
    }

    fn thread(&mut self, tid: u32) -> Option<&mut Thread> {
        let nth = tid as usize % FOUND;
        let found = self.found[nth];
        if self.all.get(found).is_some_and(|thread| thread.tid == tid) {
            return self.all.get_mut(found);
        }
        let place = match self.places.get(&tid) {
            Some(place) => *place,
            None if self.all.len() < KEPT => {
                let last = Vec::with_capacity(2);
                self.all.push(Thread { tid, last });
                self.places.insert(tid, self.all.len() - 1);
                self.all.len() - 1
            }
            None => return None,
        };
        self.found[nth] = place;
        self.all.get_mut(place)
    }

    /// How many there are, at most [`KEPT`].
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Are there more than were counted, or some that are not known?
    pub fn has_others(&self) -> bool {
        self.has_others
    }

    /// The time of migrations that were made in the middle of others by the same thread,
    /// nanoseconds: it is in the steps of both.
    pub fn nested_ns(&self) -> u64 {
        self.nested_ns
    }
}

#[cfg(test)]
mod tests {
    use super::super::Migration;
    use super::*;
    use migscope_testkit::Synthetic;

    fn count(threads: &mut Threads, tid: u32, start_ns: u64, total_ns: u64) {
        let migration = Migration {
            time_ns: start_ns,
            tid: Some(tid),
            worker: None,
            steps: [Some(total_ns), None, None, None, None],
            ..Synthetic::new(1).migration()
        };
        threads.count(&Ended::new(&(&migration).into()));
    }

    #[test]
    fn what_is_in_the_middle_of_another_is_nested() {
        let mut threads = Threads::default();
        count(&mut threads, 7, 100, 50);
        count(&mut threads, 7, 210, 30);
        count(&mut threads, 7, 250, 10);
        // Around the last two; and another thread's at the same time.
        count(&mut threads, 7, 200, 90);
        count(&mut threads, 8, 190, 110);
        assert_eq!((threads.len(), threads.nested_ns()), (2, 40));
        count(&mut threads, 7, 150, 300);
        assert_eq!(threads.nested_ns(), 130);
        assert!(!threads.has_others());
    }

    #[test]
    fn memory_is_bounded() {
        let mut threads = Threads::default();
        for tid in 0..3 * KEPT as u32 {
            count(&mut threads, tid, u64::from(tid), 1);
        }
        assert_eq!(threads.len(), KEPT);
        assert!(threads.has_others());
    }
}
