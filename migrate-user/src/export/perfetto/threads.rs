//! The tracks of threads.

use std::collections::HashMap;
use std::sync::Arc;

use super::messages::{ThreadDescriptor, TrackDescriptor};
use crate::trace::{Migration, Wait, Worker};

/// Threads that are remembered. Who comes again after that is told again, which changes nothing.
const REMEMBERED: usize = 65_536;

/// The most tracks of a thread for migrations, and for waits. No call nests so deep; a file may say
/// anything.
const MOST_LANES: usize = 16;

/// Numbers of tracks, from the lowest bit: thread, process, lane, what it is of, and one that is
/// never 0.
const PROCESS: u32 = 31;
const LANE: u32 = 54;
const KIND: u32 = 58;
const THREADS: u64 = 1 << 62;

/// Which tracks there are.
#[derive(Default)]
pub(super) struct Threads(HashMap<(u32, u32), Thread>);

struct Thread {
    name: Arc<str>,
    /// When the last on each of its tracks ended, by [`Kind`], nanoseconds.
    ends: [Vec<u64>; 2],
}

/// What a track is of. Waits have tracks of their own: one around a migration begins and ends by
/// other probes than that, and would seem to be in it, or to end too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Migrations,
    Waits,
}

/// What goes to a track: whose it is, from when to when.
pub(super) struct Stay {
    process: u32,
    thread: u32,
    name: Arc<str>,
    kind: Kind,
    time_ns: u64,
    end_ns: u64,
}

impl From<&Migration> for Stay {
    fn from(migration: &Migration) -> Self {
        let owner = (migration.pid, migration.tid, &migration.comm);
        let (process, thread, name) = who(owner, migration.worker.as_ref());
        Self {
            process,
            thread,
            name,
            kind: Kind::Migrations,
            time_ns: migration.time_ns,
            end_ns: migration.end_ns(),
        }
    }
}

impl From<&Wait> for Stay {
    fn from(wait: &Wait) -> Self {
        let owner = (wait.pid, wait.tid, &wait.comm);
        let (process, thread, name) = who(owner, wait.worker.as_ref());
        Self {
            process,
            thread,
            name,
            kind: Kind::Waits,
            time_ns: wait.time_ns,
            end_ns: wait.end_ns(),
        }
    }
}

/// Process and thread of a track, and its name: those of the worker where one did it, which is a
/// thread of the kernel, mostly.
fn who(
    (pid, tid, comm): (Option<u32>, Option<u32>, &Option<Arc<str>>),
    worker: Option<&Worker>,
) -> (u32, u32, Arc<str>) {
    match worker {
        Some(worker) => (worker.tid, worker.tid, Arc::clone(&worker.comm)),
        None => {
            let name = comm.clone().unwrap_or_default();
            (pid.unwrap_or(0), tid.unwrap_or(0), name)
        }
    }
}

impl Threads {
    /// The track that it goes to: the thread's first on which it overlaps no other. And tracks that
    /// are new, or have another name.
    pub(super) fn track(&mut self, stay: &Stay) -> (u64, Vec<TrackDescriptor>) {
        let key = (stay.process, stay.thread);
        if self.0.len() >= REMEMBERED && !self.0.contains_key(&key) {
            self.0.clear();
        }
        let mut new = Vec::new();
        let thread = self.0.entry(key).or_insert_with(|| Thread {
            name: "".into(),
            ends: Default::default(),
        });
        let is_new = thread.ends.iter().all(Vec::is_empty);
        if is_new || thread.name != stay.name {
            thread.name = Arc::clone(&stay.name);
            new.push(stay.described());
        }
        let ends = &mut thread.ends[stay.kind as usize];
        let is_free = |end: &u64| *end <= stay.time_ns;
        let free = ends.iter().position(is_free);
        let lane = free.unwrap_or(ends.len().min(MOST_LANES - 1));
        if lane == ends.len() {
            ends.push(0);
            new.extend(stay.below(lane));
        }
        ends[lane] = stay.end_ns;
        (stay.number(lane), new)
    }
}

impl Stay {
    fn number(&self, lane: usize) -> u64 {
        let kind = (self.kind as u64) << KIND;
        self.number_of_thread() ^ ((lane as u64) << LANE) ^ kind
    }

    /// The first track of migrations, which is that of the thread.
    fn number_of_thread(&self) -> u64 {
        let process = u64::from(self.process) << PROCESS;
        THREADS ^ process ^ u64::from(self.thread)
    }

    fn described(&self) -> TrackDescriptor {
        TrackDescriptor {
            uuid: self.number_of_thread(),
            thread: Some(ThreadDescriptor {
                pid: self.process as i32,
                tid: self.thread.into(),
                thread_name: self.name.to_string(),
            }),
            ..TrackDescriptor::default()
        }
    }

    /// A track below that of the thread, where it is not that itself.
    fn below(&self, lane: usize) -> Option<TrackDescriptor> {
        let name = match (self.kind, lane) {
            (Kind::Migrations, 0) => return None,
            (Kind::Migrations, _) => "migrations around others",
            (Kind::Waits, 0) => "waits",
            (Kind::Waits, _) => "waits around others",
        };
        Some(TrackDescriptor {
            uuid: self.number(lane),
            parent_uuid: Some(self.number_of_thread()),
            name: Some(name.to_owned()),
            ..TrackDescriptor::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use migscope_testkit::Synthetic;

    #[test]
    fn what_overlaps_has_tracks_of_its_own() {
        let mut threads = Threads::default();
        let mut at = |time_ns: u64, ns: u64| {
            let mut migration = Synthetic::new(1).migration();
            migration.time_ns = time_ns;
            migration.steps = [Some(ns), None, None, None, None];
            migration.probe = [0; 3];
            let (track, new) = threads.track(&Stay::from(&migration));
            (track, new.len())
        };
        let (inner, new) = at(100, 50);
        assert_eq!(new, 1);
        let (outer, new) = at(90, 100);
        assert_eq!((new, outer != inner), (1, true));
        assert_eq!(at(190, 10), (inner, 0));
        for depth in 2..100 {
            let (_, new) = at(0, 1000);
            assert_eq!(new, usize::from(depth < MOST_LANES));
        }
    }

    #[test]
    fn waits_lie_below_their_thread_and_not_among_its_migrations() {
        let mut threads = Threads::default();
        let mut batch = Synthetic::new(1).with_waits().batch(3);
        let (wait, migration) = (&mut batch.waits[0], &mut batch.migrations.make()[0]);
        (wait.pid, wait.tid, wait.worker) = (Some(7), Some(8), None);
        (migration.pid, migration.tid, migration.worker) = (Some(7), Some(8), None);
        wait.comm = migration.comm.clone();
        let (of_wait, new) = threads.track(&Stay::from(&*wait));
        // The thread has to be told first.
        assert_eq!((new.len(), new[1].uuid), (2, of_wait));
        assert_eq!(new[1].parent_uuid, Some(new[0].uuid));
        assert_eq!(new[1].name.as_deref(), Some("waits"));
        let (of_migration, more) = threads.track(&Stay::from(&*migration));
        assert_eq!((of_migration, more.len()), (new[0].uuid, 0));
    }
}
