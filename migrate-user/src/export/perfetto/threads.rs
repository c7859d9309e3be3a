//! The tracks of threads.

use std::collections::HashMap;
use std::sync::Arc;

use super::messages::{ThreadDescriptor, TrackDescriptor};
use crate::trace::Migration;

/// Threads that are remembered. Who comes again after that is told again, which changes nothing.
const REMEMBERED: usize = 65_536;

/// The most tracks of a thread. No call nests so deep; a file may say anything.
const MOST_LANES: usize = 16;

/// Numbers of tracks, from the lowest bit: thread, process, lane, and one that is never 0.
const PROCESS: u32 = 31;
const LANE: u32 = 54;
const THREADS: u64 = 1 << 62;

/// Which tracks there are.
#[derive(Default)]
pub(super) struct Threads(HashMap<(u32, u32), Thread>);

struct Thread {
    name: Arc<str>,
    /// When the last migration on each of its tracks ended, nanoseconds.
    ends: Vec<u64>,
}

impl Threads {
    /// The track that a migration goes to: the thread's first on which it overlaps no other. And
    /// tracks that are new, or have another name.
    pub(super) fn track(&mut self, migration: &Migration) -> (u64, Vec<TrackDescriptor>) {
        let key = key(migration);
        if self.0.len() >= REMEMBERED && !self.0.contains_key(&key) {
            self.0.clear();
        }
        let mut new = Vec::new();
        let thread = self.0.entry(key).or_insert_with(|| Thread {
            name: "".into(),
            ends: Vec::new(),
        });
        let name = name(migration);
        if thread.ends.is_empty() || thread.name != name {
            thread.name = name;
            new.push(described(migration));
        }
        let is_free = |end: &u64| *end <= migration.time_ns;
        let free = thread.ends.iter().position(is_free);
        let lane = free.unwrap_or(thread.ends.len().min(MOST_LANES - 1));
        if lane == thread.ends.len() {
            thread.ends.push(0);
            if lane > 0 {
                new.push(below(migration, lane));
            }
        }
        thread.ends[lane] = migration.end_ns();
        (number(migration, lane), new)
    }
}

/// Process and thread of the track: those of the worker where one did it, which is a thread of the
/// kernel, mostly.
fn key(migration: &Migration) -> (u32, u32) {
    match &migration.worker {
        Some(worker) => (worker.tid, worker.tid),
        None => (migration.pid.unwrap_or(0), migration.tid.unwrap_or(0)),
    }
}

/// The name of that thread.
fn name(migration: &Migration) -> Arc<str> {
    let worker = migration.worker.as_ref().map(|worker| &worker.comm);
    worker
        .or(migration.comm.as_ref())
        .cloned()
        .unwrap_or_default()
}

fn number(migration: &Migration, lane: usize) -> u64 {
    let (process, thread) = key(migration);
    let process = u64::from(process) << PROCESS;
    THREADS ^ process ^ u64::from(thread) ^ ((lane as u64) << LANE)
}

fn described(migration: &Migration) -> TrackDescriptor {
    let (process, thread) = key(migration);
    TrackDescriptor {
        uuid: number(migration, 0),
        thread: Some(ThreadDescriptor {
            pid: process as i32,
            tid: thread.into(),
            thread_name: name(migration).to_string(),
        }),
        ..TrackDescriptor::default()
    }
}

fn below(migration: &Migration, lane: usize) -> TrackDescriptor {
    TrackDescriptor {
        uuid: number(migration, lane),
        parent_uuid: Some(number(migration, 0)),
        name: Some("migrations around others".to_owned()),
        ..TrackDescriptor::default()
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
            let (track, new) = threads.track(&migration);
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
}
