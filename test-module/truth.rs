// SPDX-License-Identifier: GPL-2.0

//! What the driver says about a migration: its own counts, taken at its own places in the code, and
//! its own times.

use crate::{
    layout,
    migrate::{Entry, Found, Rejected},
    places,
    timeline::{Span, Timeline},
    uapi::{Ledger, Memory, Steps, Truth, UNKNOWN, outcome},
    who::Who,
};

/// Base pages, counted where the driver handled them.
#[derive(Default)]
pub(crate) struct Count {
    /// Positions that setup left empty.
    pub(crate) skipped: u64,
    /// Of these, in an eviction: pages that nobody used.
    pub(crate) free: u64,
    /// Pages and holes that setup collected.
    collected: u64,
    /// Collected, and not given a destination.
    declined: u64,
    /// Of these, holes.
    declined_holes: u64,
    /// Pages that were copied to a destination.
    copied: u64,
    /// Holes that were given a page.
    filled: u64,
    /// Pages that arrived.
    pub(crate) moved: u64,
    /// Holes whose page arrived.
    pub(crate) populated: u64,
    /// Where those that moved were.
    pub(crate) from: Memory,
    /// Where what arrived is.
    pub(crate) to: Memory,
    /// Pages of folios on which a reference was taken.
    pub(crate) referenced: u64,
    /// Pages for which no destination could be had: some of the declined.
    failed: u64,
    /// Pages that were given a destination of their own although they were collected as a large
    /// folio.
    split: u64,
    /// Evictions that were made to find room for destinations.
    pub(crate) evictions: u64,
    /// Nanoseconds for which the copy engine was waited for.
    pub(crate) engine: u64,
    /// Nanoseconds that mirrors took in setup.
    pub(crate) invalidate: u64,
    /// Nanoseconds for which fences were waited for.
    pub(crate) fence: u64,
    /// The same for a mutex that another thread had.
    pub(crate) mutex: u64,
    /// Pages that arrived as part of a large folio.
    pub(crate) whole: u64,
}

/// Which pages of an entry got a destination.
#[derive(Clone, Copy, Default)]
pub(crate) struct Given {
    pub(crate) pages: usize,
    /// Wanted one, and there was none to be had.
    pub(crate) failed: usize,
    /// Each page got its own, although the entry is a large one.
    pub(crate) split: bool,
}

impl Count {
    /// Counts what became of an entry.
    pub(crate) fn filled(&mut self, entry: &Entry, given: Given) {
        let (all, pages) = (entry.size.pages() as u64, given.pages as u64);
        self.collected += all;
        self.declined += all - pages;
        if entry.found == Found::Hole {
            self.declined_holes += all - pages;
        }
        self.failed += given.failed as u64;
        if given.split {
            self.split += pages;
        }
        match entry.found {
            Found::Page => self.copied += pages,
            Found::Hole => self.filled += pages,
            Found::Skipped => {}
        }
    }

    /// Whether setup collected nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.collected == 0
    }

    /// Pages that were copied or cleared.
    pub(crate) fn written(&self) -> usize {
        (self.copied + self.filled) as usize
    }
}

/// What is known of a migration before it begins.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) who: Who,
    /// Where pages are to go, as far as what is asked of the kernel says so.
    pub(crate) asked: u32,
    pub(crate) cause: u32,
    pub(crate) address: usize,
    /// Where the mapping begins that the range is in, and ends; 0 where there is none.
    pub(crate) mapping: [usize; 2],
    pub(crate) requested: usize,
    pub(crate) pinned: usize,
    pub(crate) locked: usize,
    /// Number of the device.
    pub(crate) device: u32,
}

impl Kind {
    /// Setup, pages, finalize.
    pub(crate) fn completed(&self, count: &Count, timeline: &Timeline) -> Truth {
        let ledger = Ledger {
            requested: self.requested as u64,
            skipped: count.skipped,
            free: count.free,
            declined: count.declined,
            declined_holes: count.declined_holes,
            moved: count.moved,
            populated: count.populated,
            // Where more arrived than was sent the ledger will not balance, which is what there is
            // to say.
            wasted_copy: count.copied.saturating_sub(count.moved),
            wasted_fill: count.filled.saturating_sub(count.populated),
            ..Ledger::default()
        };
        self.truth(outcome::COMPLETED, count, ledger, timeline)
    }

    /// Setup, finalize.
    pub(crate) fn rolled_back(&self, count: &Count, timeline: &Timeline) -> Truth {
        let ledger = Ledger {
            requested: self.requested as u64,
            skipped: count.skipped,
            free: count.free,
            rolled_back: count.collected,
            ..Ledger::default()
        };
        self.truth(outcome::ROLLED_BACK, count, ledger, timeline)
    }

    /// Setup, which collected nothing.
    pub(crate) fn abandoned(&self, count: &Count, timeline: &Timeline) -> Truth {
        let ledger = Ledger {
            requested: self.requested as u64,
            skipped: count.skipped,
            free: count.free,
            ..Ledger::default()
        };
        self.truth(outcome::ABANDONED, count, ledger, timeline)
    }

    /// Setup refused.
    pub(crate) fn rejected(&self, rejected: &Rejected) -> Truth {
        let requested = self.requested as u64;
        let ledger = Ledger {
            requested,
            rejected: requested,
            ..Ledger::default()
        };
        let truth = self.truth(
            outcome::REJECTED,
            &Count::default(),
            ledger,
            &rejected.timeline,
        );
        Truth {
            errno: rejected.error.to_errno().unsigned_abs(),
            ..truth
        }
    }

    fn truth(&self, outcome: u32, count: &Count, ledger: Ledger, timeline: &Timeline) -> Truth {
        let (pid, tid) = layout::current_ids();
        Truth {
            time_ns: timeline.setup.map_or(0, |span| span.from),
            address: self.address as u64,
            mapping_start: self.mapping[0] as u64,
            mapping_end: self.mapping[1] as u64,
            owner: self.who.owner,
            worker: u32::from(self.who.is_worker),
            comm: self.who.comm,
            worker_comm: self.who.worker_comm,
            pid,
            tid,
            direction: places::direction(&count.from, &count.to, self.asked),
            cause: self.cause,
            outcome,
            errno: 0,
            unbalanced: u32::from(!ledger.balances()),
            device: self.device,
            pinned: self.pinned as u64,
            locked: self.locked as u64,
            referenced: count.referenced,
            failed: count.failed,
            whole: count.whole,
            split: count.split,
            evictions: count.evictions,
            engine_ns: count.engine,
            invalidate_ns: count.invalidate,
            fence_ns: count.fence,
            mutex_ns: count.mutex,
            ledger,
            from: count.from,
            to: count.to,
            steps: steps(timeline),
        }
    }
}

fn steps(timeline: &Timeline) -> Steps {
    let Timeline {
        setup,
        pauses,
        pages,
        finalize,
    } = *timeline;
    Steps {
        setup_ns: setup.map_or(UNKNOWN, |span| span.to - span.from - pauses),
        // Rolled back, the driver's work ends with finalize.
        alloc_and_copy_ns: gap(setup, pages.or(finalize)),
        pages_ns: length(pages),
        finalize_and_map_ns: gap(pages, finalize),
        finalize_ns: length(finalize),
    }
}

fn length(span: Option<Span>) -> u64 {
    span.map_or(UNKNOWN, |span| span.to - span.from)
}

fn gap(before: Option<Span>, after: Option<Span>) -> u64 {
    before
        .zip(after)
        .map_or(UNKNOWN, |(before, after)| after.from - before.to)
}
