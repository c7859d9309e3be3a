//! Which migration somebody waited for who did not make it: the one of the same process whose range
//! has the address, at the same time. Where there are several, none is named.
//!
//! A wait can end before the migration that it is for, so that each waits here for a while.

use std::collections::VecDeque;

use crate::trace::{Extent, Migration, Wait};

/// Migrations that are remembered.
const REMEMBERED: usize = 2048;

/// Waits that are held.
const HELD: usize = 1024;

/// How long one is held after its end, by the recording's clock, nanoseconds.
const HELD_NS: u64 = 1_000_000_000;

/// An arrow from a wait to a migration.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// That of the wait.
    pub(super) flow: u64,
    /// The track of the migration.
    pub(super) track: u64,
    /// When both were under way, nanoseconds.
    pub(super) time_ns: u64,
}

struct Ended {
    sequence: u64,
    extent: Extent,
    track: u64,
}

struct Waiting {
    about: Extent,
    /// The migration that it made itself.
    own: Option<u64>,
    flow: u64,
}

/// Migrations and waits of the last while.
#[derive(Default)]
pub(super) struct Links {
    ended: VecDeque<Ended>,
    waiting: VecDeque<Waiting>,
}

impl Links {
    pub(super) fn migration(&mut self, migration: &Migration, track: u64, page_size: u64) {
        let (Some(pid), Some(address)) = (migration.pid, migration.address) else {
            return;
        };
        let bytes = migration.ledger.requested.saturating_mul(page_size);
        if self.ended.len() >= REMEMBERED {
            self.ended.pop_front();
        }
        self.ended.push_back(Ended {
            sequence: migration.sequence,
            extent: Extent {
                pid,
                start: address,
                end: address.saturating_add(bytes),
                from_ns: migration.time_ns,
                until_ns: migration.end_ns(),
            },
            track,
        });
    }

    /// Takes in a wait for what somebody else moves, with the number of its arrow.
    pub(super) fn wait(&mut self, wait: &Wait, flow: u64) {
        if let (Some(pid), Some(address)) = (wait.pid, wait.address) {
            self.waiting.push_back(Waiting {
                // A page is asked for at one address.
                about: Extent {
                    pid,
                    start: address,
                    end: address.saturating_add(1),
                    from_ns: wait.time_ns,
                    until_ns: wait.end_ns(),
                },
                own: wait.migration,
                flow,
            });
        }
    }

    /// What has come of waits that have been held long enough; of all where no time is told, at the
    /// end.
    pub(super) fn due(&mut self, now_ns: Option<u64>) -> Vec<Link> {
        let is_due = |waiting: &Waiting| {
            now_ns.is_none_or(|now| waiting.about.until_ns.saturating_add(HELD_NS) <= now)
        };
        let mut links = Vec::new();
        while self.waiting.len() > HELD || self.waiting.front().is_some_and(is_due) {
            let waiting = self.waiting.pop_front();
            links.extend(waiting.and_then(|waiting| self.link(&waiting)));
        }
        links
    }

    /// To the only migration that it can have been.
    fn link(&self, waiting: &Waiting) -> Option<Link> {
        let mut these = self.ended.iter().filter(|ended| ended.is_for(waiting));
        let (only, None) = (these.next()?, these.next()) else {
            return None;
        };
        Some(Link {
            flow: waiting.flow,
            track: only.track,
            time_ns: only.extent.from_ns.max(waiting.about.from_ns),
        })
    }
}

impl Ended {
    fn is_for(&self, waiting: &Waiting) -> bool {
        waiting.own != Some(self.sequence) && waiting.about.can_be_for(&self.extent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{WaitKind, WaitResult};
    use migscope_testkit::Synthetic;

    const PAGE: u64 = 4096;

    /// A migration of four pages from page 10 on, from 100 to 200 ns.
    fn migration() -> Migration {
        let mut migration = Synthetic::new(1).migration();
        (migration.pid, migration.address) = (Some(7), Some(10 * PAGE));
        migration.ledger.requested = 4;
        (migration.sequence, migration.time_ns) = (5, 100);
        migration.steps = [Some(100), None, None, None, None];
        migration.probe = [0; 3];
        migration
    }

    /// Somebody waits for page 13 from 150 to 190 ns.
    fn wait() -> Wait {
        let mut wait = Synthetic::new(1).with_waits().batch(1).waits.remove(0);
        (wait.kind, wait.result) = (WaitKind::Migrating, WaitResult::Done);
        (wait.pid, wait.address) = (Some(7), Some(13 * PAGE));
        (wait.time_ns, wait.total_ns, wait.migration) = (150, 40, None);
        wait
    }

    fn links(migrations: &[Migration], wait: &Wait) -> Vec<Link> {
        let mut links = Links::default();
        links.wait(wait, 1);
        for (track, migration) in (30..).zip(migrations) {
            links.migration(migration, track, PAGE);
        }
        links.due(None)
    }

    #[test]
    fn it_is_the_one_of_that_process_address_and_time() {
        let link = Link {
            flow: 1,
            track: 30,
            time_ns: 150,
        };
        assert_eq!(links(&[migration()], &wait()), [link]);
        let others: [fn(&mut Wait); 7] = [
            |wait| wait.pid = Some(8),
            |wait| wait.pid = None,
            |wait| wait.address = Some(14 * PAGE),
            |wait| wait.address = Some(9 * PAGE),
            |wait| wait.time_ns = 200,
            |wait| (wait.time_ns, wait.total_ns) = (0, 99),
            |wait| wait.migration = Some(5),
        ];
        for (nth, change) in others.into_iter().enumerate() {
            let mut wait = wait();
            change(&mut wait);
            assert_eq!(links(&[migration()], &wait), [], "{nth}");
        }
    }

    #[test]
    fn where_it_can_be_two_none_is_named() {
        let mut other = migration();
        other.sequence = 6;
        assert_eq!(links(&[migration(), other.clone()], &wait()), []);
        other.address = Some(0);
        assert_eq!(links(&[migration(), other], &wait()).len(), 1);
    }

    #[test]
    fn they_are_held_for_a_while_and_not_without_end() {
        let mut links = Links::default();
        links.wait(&wait(), 1);
        assert_eq!(links.due(Some(HELD_NS)), []);
        links.migration(&migration(), 30, PAGE);
        assert_eq!(links.due(Some(HELD_NS + 190)).len(), 1);
        for _ in 0..HELD + 9 {
            links.wait(&wait(), 1);
        }
        assert_eq!(links.due(Some(0)).len(), 9);
        for _ in 0..2 * REMEMBERED {
            links.migration(&migration(), 30, PAGE);
        }
        assert_eq!(links.ended.len(), REMEMBERED);
    }
}
