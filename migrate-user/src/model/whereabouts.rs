//! Where the pages of one block are, as far as migrations tell: on the device or in system memory,
//! since when, and how sure that is.
//!
//! A migration tells how many of its pages arrived, not which. Where all of them did, each is
//! known. Where only some did, each may have: until a later migration moves them all, what is told
//! of them is a bound.

use crate::trace::Direction;

/// A side: system memory, or that of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// To a device.
    Out = 0,
    /// To system memory.
    Home = 1,
}

impl Way {
    /// The side where pages go; `None` between devices, between nodes, or where it is not known.
    pub(super) fn of(direction: Direction) -> Option<Self> {
        match direction {
            Direction::ToDevice => Some(Self::Out),
            Direction::ToSystem => Some(Self::Home),
            _ => None,
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Out => Self::Home,
            Self::Home => Self::Out,
        }
    }
}

/// What is known of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// It arrived on that side, and nothing says that it has left.
    At { way: Way, ns: u64, evicted: u64 },
    /// It may have arrived on each side, at that time at the latest; 0: it has not, or long ago.
    Maybe([u64; 2]),
}

/// Of pages that have not been seen.
const NOTHING: Known = Known::Maybe([0; 2]);

/// Neighbours of which the same is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    /// The first page within the block, and the first behind the last.
    from: u16,
    to: u16,
    known: Known,
}

impl Run {
    fn len(&self) -> u64 {
        u64::from(self.to - self.from)
    }
}

/// A migration as it looks to the pages of a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passage {
    /// Where pages went.
    pub(super) way: Way,
    /// When it began, and when what arrived was there; 0 for an arrival that nobody waits for to
    /// leave again.
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
    /// How many pages evictions had taken by then of which nobody knows whose they were.
    pub(super) evicted: u64,
    /// How long a stay is short, nanoseconds.
    pub(super) soon_ns: u64,
}

/// What was known of some pages when a migration came to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Pages that had arrived on the other side a short time before, for certain.
    pub(super) short: u64,
    /// Pages of which that may be so: those that are certain are among them.
    pub(super) maybe_short: u64,
    /// The stays of those that are certain, added up, and the shortest, nanoseconds.
    pub(super) stays_ns: u64,
    pub(super) soonest_ns: Option<u64>,
    /// Pages that are where they were to go already.
    pub(super) there: u64,
    /// How many pages of somebody's have been evicted since the first of those arrived.
    pub(super) evicted_since: u64,
}

impl Seen {
    /// Adds what was known of others.
    pub(super) fn add(&mut self, more: &Self) {
        self.short += more.short;
        self.maybe_short += more.maybe_short;
        self.stays_ns = self.stays_ns.saturating_add(more.stays_ns);
        self.soonest_ns = [self.soonest_ns, more.soonest_ns]
            .into_iter()
            .flatten()
            .min();
        self.there += more.there;
        self.evicted_since = self.evicted_since.max(more.evicted_since);
    }
}

/// From so many runs on, those are joined of which nothing has to be told apart any more.
const JOINED_FROM: usize = 32;

/// The pages of one block.
#[derive(Clone, Debug, Default)]
pub(super) struct Whereabouts {
    /// In order, and none over another.
    runs: Vec<Run>,
    /// How many there may be before some are joined.
    room: usize,
}

impl Whereabouts {
    /// How many runs there are, which is what memory depends on.
    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The places of the runs that lie between two pages, at least with a part.
    fn overlapping(&self, from: u16, to: u16) -> std::ops::Range<usize> {
        let first = self.runs.partition_point(|run| run.to <= from);
        let behind = self.runs[first..].iter().take_while(|run| run.from < to);
        first..first + behind.count()
    }

    /// What is known of some pages when a migration comes to them.
    pub(super) fn look(&self, from: u16, to: u16, passage: &Passage) -> Seen {
        let mut seen = Seen::default();
        for run in &self.runs[self.overlapping(from, to)] {
            let pages = u64::from(run.to.min(to) - run.from.max(from));
            match run.known {
                Known::At { way, evicted, .. } if way == passage.way => {
                    seen.there += pages;
                    // Evictions take from the device only.
                    if way == Way::Out {
                        let since = passage.evicted.saturating_sub(evicted);
                        seen.evicted_since = seen.evicted_since.max(since);
                    }
                }
                Known::At { ns, .. } => {
                    let stay_ns = passage.start_ns.saturating_sub(ns);
                    if ns > 0 && stay_ns <= passage.soon_ns {
                        seen.short += pages;
                        seen.maybe_short += pages;
                        let stays_ns = stay_ns.saturating_mul(pages);
                        seen.stays_ns = seen.stays_ns.saturating_add(stays_ns);
                        let soonest = seen.soonest_ns.map_or(stay_ns, |ns| ns.min(stay_ns));
                        seen.soonest_ns = Some(soonest);
                    }
                }
                Known::Maybe(latest_ns) => {
                    let ns = latest_ns[passage.way.other() as usize];
                    if ns > 0 && passage.start_ns.saturating_sub(ns) <= passage.soon_ns {
                        seen.maybe_short += pages;
                    }
                }
            }
        }
        seen
    }

    /// All of these pages are on that side now.
    pub(super) fn arrive(&mut self, from: u16, to: u16, passage: &Passage) {
        let run = Run {
            from,
            to,
            known: at(passage),
        };
        let places = self.overlapping(from, to);
        if places.len() == 1 {
            let known = &mut self.runs[places.start];
            if (known.from, known.to) == (from, to) {
                *known = run;
                return;
            }
        }
        self.replace(places, &[run], passage);
    }

    /// Some of these pages are on that side now. Where `others` are known to have arrived, those
    /// that were there already have not moved, and all others have.
    pub(super) fn arrive_in_part(&mut self, from: u16, to: u16, passage: &Passage, others: bool) {
        let places = self.overlapping(from, to);
        if self.are_just(&places, from, to) {
            for run in &mut self.runs[places] {
                run.known = some(run.known, passage, others);
            }
            return;
        }
        let mut runs = Vec::with_capacity(2 * places.len() + 1);
        let mut next = from;
        for run in &self.runs[places.clone()] {
            let (first, last) = (run.from.max(from), run.to.min(to));
            if next < first {
                push(&mut runs, next, first, some(NOTHING, passage, others));
            }
            push(&mut runs, first, last, some(run.known, passage, others));
            next = last;
        }
        if next < to {
            push(&mut runs, next, to, some(NOTHING, passage, others));
        }
        self.replace(places, &runs, passage);
    }

    /// Are these runs all of those pages, and no others?
    fn are_just(&self, places: &std::ops::Range<usize>, from: u16, to: u16) -> bool {
        let mut next = from;
        let runs = &self.runs[places.clone()];
        runs.iter()
            .all(|run| std::mem::replace(&mut next, run.to) == run.from)
            && next == to
    }

    /// Puts runs in the place of others, of which there may be something left at both ends.
    fn replace(&mut self, places: std::ops::Range<usize>, runs: &[Run], passage: &Passage) {
        let (Some(first), Some(last)) = (runs.first(), runs.last()) else {
            return;
        };
        let before = self.runs[places.clone()].first().copied();
        let before = before.filter(|run| run.from < first.from);
        let behind = self.runs[places.clone()].last().copied();
        let behind = behind.filter(|run| run.to > last.to);
        let before = before.map(|run| Run {
            to: first.from,
            ..run
        });
        let behind = behind.map(|run| Run {
            from: last.to,
            ..run
        });
        // Mostly one run is replaced by up to three.
        let behind = behind.as_slice().iter();
        let mut new = before.as_slice().iter().chain(runs).chain(behind).copied();
        let mut place = places.start;
        while place < places.end
            && let Some(run) = new.next()
        {
            self.runs[place] = run;
            place += 1;
        }
        if place < places.end {
            self.runs.drain(place..places.end);
        } else {
            // What is behind moves once, however many come.
            let (len, more) = (self.runs.len(), new.clone().count());
            self.runs.resize(len + more, *first);
            self.runs.copy_within(place..len, place + more);
            for (run, at) in new.zip(place..) {
                self.runs[at] = run;
            }
        }
        if self.runs.len() > self.room.max(JOINED_FROM) {
            self.join(passage.start_ns.saturating_sub(passage.soon_ns));
        }
    }

    /// Joins neighbours that arrived so long ago that it does not matter when, and forgets what is
    /// not certain of that time.
    pub(super) fn join(&mut self, old_ns: u64) {
        let mut joined: Vec<Run> = Vec::with_capacity(JOINED_FROM);
        for run in &self.runs {
            let known = match run.known {
                Known::At { way, ns, evicted } if ns < old_ns => Known::At {
                    way,
                    ns: 0,
                    evicted,
                },
                Known::Maybe(latest_ns) if latest_ns.iter().all(|ns| *ns < old_ns) => continue,
                known => known,
            };
            match joined.last_mut() {
                Some(last) if last.to == run.from && alike(last.known, known) => {
                    (last.to, last.known) = (run.to, earlier(last.known, known));
                }
                _ => joined.push(Run { known, ..*run }),
            }
        }
        self.runs = joined;
        self.room = 2 * self.runs.len();
    }

    /// Pages of which something is known.
    pub(super) fn pages(&self) -> u64 {
        self.runs.iter().map(Run::len).sum()
    }
}

/// Is the same known of both, but for how many evictions there have been since?
fn alike(one: Known, other: Known) -> bool {
    earlier(one, other) == earlier(other, one)
}

/// What is known of one, with as many evictions since as there were for either.
fn earlier(one: Known, other: Known) -> Known {
    match (one, other) {
        (Known::At { way, ns, evicted }, Known::At { evicted: less, .. }) => Known::At {
            way,
            ns,
            evicted: evicted.min(less),
        },
        _ => one,
    }
}

fn at(passage: &Passage) -> Known {
    Known::At {
        way: passage.way,
        ns: passage.end_ns,
        evicted: passage.evicted,
    }
}

/// Adds a run behind the others; to the last one where the same is known of that.
fn push(runs: &mut Vec<Run>, from: u16, to: u16, known: Known) {
    match runs.last_mut() {
        Some(last) if last.known == known => last.to = to,
        _ => runs.push(Run { from, to, known }),
    }
}

/// What is known of pages of which some arrived.
fn some(known: Known, passage: &Passage, others: bool) -> Known {
    match known {
        // Moved again or not, there they are.
        Known::At { way, .. } if way == passage.way => known,
        _ if others => at(passage),
        Known::At { way, ns, .. } => {
            let mut latest_ns = [0; 2];
            latest_ns[way as usize] = ns;
            latest_ns[passage.way as usize] = passage.end_ns;
            Known::Maybe(latest_ns)
        }
        Known::Maybe(mut latest_ns) => {
            let of = &mut latest_ns[passage.way as usize];
            *of = passage.end_ns.max(*of);
            Known::Maybe(latest_ns)
        }
    }
}
