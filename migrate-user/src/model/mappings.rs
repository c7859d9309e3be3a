//! Which memory migrates: by process and mapping, what arrived on devices and left them, what came
//! back soon, and what was refused.
//!
//! A mapping grows, shrinks, and is divided and joined by the kernel while a program runs. Those of
//! one process that have one name, and whose ranges overlap, are taken for one here, from the first
//! address to the last.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::devices::{Devices, OnDevice, Resident};
use super::ping_pong::Back;
use super::strip::Strip;
use super::{Ended, Sums};
use crate::trace::{Cause, MappingKind, MappingRow};

/// How many mappings are told apart.
pub const KEPT: usize = 1000;

/// How many that overlap are looked at, for one with the same name.
const LOOKED_AT: usize = 8;

/// How many are found without a search, by the number of their process.
const FOUND: usize = 64;

/// Sums over the records of one mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MappingUse {
    /// The process; `None` where nobody is known to be the owner.
    pub pid: Option<u32>,
    /// Its command name, as it was last.
    pub comm: Option<Arc<str>>,
    /// The first address, and the first behind the last.
    pub start: u64,
    /// See `start`.
    pub end: u64,
    /// What it is of; `None` where its name was lost.
    pub kind: Option<MappingKind>,
    /// What it is called; `None` where it is not known.
    pub name: Option<Arc<str>>,
    /// What its migrations did.
    pub sums: Sums,
    /// Pages that arrived on devices, from elsewhere or from another device. Unit: base pages.
    pub arrived: u64,
    /// Pages that left devices, for elsewhere or for another device. Unit: base pages.
    pub left: u64,
    /// Pages that came back within a second, either way: at least so many. Unit: base pages.
    pub bounced: u64,
    /// At most so many. Unit: base pages.
    pub most_bounced: u64,
    /// Where along the addresses pages arrived, either way.
    pub strip: Strip,
    /// How far more had left than had arrived, at most: so many were there before. Unit: base
    /// pages.
    before: u64,
    /// Pages that evictions had taken, of whatever mapping, when something first arrived here.
    evicted_before: Option<u64>,
    devices: Devices,
}

impl MappingUse {
    fn new(pid: Option<u32>, mapping: &MappingRow<'_>) -> Self {
        Self {
            pid,
            start: mapping.start,
            end: mapping.end,
            kind: mapping.kind,
            name: mapping.name.cloned(),
            strip: Strip::over(mapping.start, mapping.end),
            ..Self::default()
        }
    }

    /// Pages that the kernel did not collect, that the driver gave no destination, or that it took
    /// back. Unit: base pages.
    pub fn refused(&self) -> u64 {
        let ledger = &self.sums.ledger;
        [ledger.skipped, ledger.declined, ledger.rolled_back]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    fn is_called(&self, mapping: &MappingRow<'_>) -> bool {
        self.kind == mapping.kind
            && match (&self.name, mapping.name) {
                (Some(one), Some(other)) => Arc::ptr_eq(one, other) || one == other,
                (None, None) => true,
                _ => false,
            }
    }

    fn overlaps(&self, start: u64, end: u64) -> bool {
        self.start < end && start < self.end
    }

    fn count(&mut self, migration: &Ended<'_>, (back, page_size): (Back, u64), evicted: u64) {
        if let Some(comm) = migration.comm {
            self.comm = Some(Arc::clone(comm));
        }
        self.sums.count(migration);
        if let Some(address) = migration.address.filter(|_| migration.arrived > 0) {
            let bytes = migration.ledger.requested.saturating_mul(page_size);
            let end = address.saturating_add(bytes).min(self.end);
            self.strip.count(address, end, migration.arrived);
        }
        self.bounced = self.bounced.saturating_add(back.least);
        self.most_bounced = self.most_bounced.saturating_add(back.most);
        if migration.to_devices > 0 {
            self.evicted_before.get_or_insert(evicted);
        }
        self.arrived = self.arrived.saturating_add(migration.to_devices);
        self.left = self.left.saturating_add(migration.from_devices);
        self.before = self.before.max(self.left.saturating_sub(self.arrived));
        self.devices.count(migration);
    }

    /// Adds what was counted of the same mapping under another range.
    fn join(&mut self, other: &Self) {
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
        self.sums.add(&other.sums);
        self.strip.reach(self.start, self.end);
        self.strip.add(&other.strip);
        for (sum, more) in [
            (&mut self.arrived, other.arrived),
            (&mut self.left, other.left),
            (&mut self.bounced, other.bounced),
            (&mut self.most_bounced, other.most_bounced),
            (&mut self.before, other.before),
        ] {
            *sum = sum.saturating_add(more);
        }
        self.devices.join(&other.devices);
        self.evicted_before = [self.evicted_before, other.evicted_before]
            .into_iter()
            .flatten()
            .min();
    }
}

/// The mappings of all records.
#[derive(Clone, Debug)]
pub struct Mappings {
    all: Vec<MappingUse>,
    /// The place of each in `all`, by process and first address. Several can begin at one address,
    /// one after the other.
    places: BTreeMap<(Option<u32>, u64), Vec<usize>>,
    /// Where one was last found, by the lowest bits of its process's number: may be wrong.
    found: [usize; FOUND],
    /// Pages that evictions took of which nobody knows whose they were.
    evicted: u64,
    gave_way: u64,
    others: Sums,
    unknown: Sums,
}

impl Default for Mappings {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            places: BTreeMap::new(),
            found: [0; FOUND],
            evicted: 0,
            gave_way: 0,
            others: Sums::default(),
            unknown: Sums::default(),
        }
    }
}

impl Mappings {
    /// Adds one migration, of which so many pages came back.
    pub(super) fn count(&mut self, migration: &Ended<'_>, back: Back, page_size: u64) {
        let Some(mapping) = &migration.mapping else {
            if migration.cause == Cause::Eviction && migration.address.is_none() {
                self.evicted = self.evicted.saturating_add(migration.from_devices);
            }
            self.unknown.count(migration);
            return;
        };
        let place = self.place(migration.pid, mapping);
        self.all[place].count(migration, (back, page_size), self.evicted);
    }

    fn place(&mut self, pid: Option<u32>, mapping: &MappingRow<'_>) -> usize {
        let nth = pid.unwrap_or(0) as usize % FOUND;
        let found = self.found[nth];
        let is_there = |of: &MappingUse| {
            of.pid == pid
                && of.start <= mapping.start
                && mapping.end <= of.end
                && of.is_called(mapping)
        };
        if self.all.get(found).is_some_and(is_there) {
            return found;
        }
        let place = self.search(pid, mapping);
        self.found[nth] = place;
        place
    }

    /// The one of this name that overlaps, which reaches as far as all of these do from here on.
    fn search(&mut self, pid: Option<u32>, mapping: &MappingRow<'_>) -> usize {
        let same = self.same(pid, mapping);
        let Some((place, rest)) = same.split_first() else {
            return self.add(MappingUse::new(pid, mapping));
        };
        let mut joined = std::mem::take(&mut self.all[*place]);
        self.forget((joined.pid, joined.start), *place);
        for other in rest {
            let other_use = std::mem::take(&mut self.all[*other]);
            self.forget((other_use.pid, other_use.start), *other);
            joined.join(&other_use);
        }
        joined.start = joined.start.min(mapping.start);
        joined.end = joined.end.max(mapping.end);
        joined.strip.reach(joined.start, joined.end);
        self.note((joined.pid, joined.start), *place);
        self.all[*place] = joined;
        // From the last on, so that places in front of them stay.
        let mut rest = rest.to_vec();
        rest.sort_unstable_by_key(|place| Reverse(*place));
        let mut place = *place;
        for other in rest {
            place = self.remove(other, place);
        }
        place
    }

    /// The places of those of this name that overlap.
    fn same(&self, pid: Option<u32>, mapping: &MappingRow<'_>) -> Vec<usize> {
        let before = (pid, 0)..(pid, mapping.end);
        let places = self.places.range(before).rev().take(LOOKED_AT);
        let places = places.flat_map(|(_, places)| places.iter().copied());
        let is_same = |place: &usize| {
            let of = &self.all[*place];
            of.overlaps(mapping.start, mapping.end) && of.is_called(mapping)
        };
        places.filter(is_same).collect()
    }

    /// A place for one that is new: the one of which least was asked for gives way.
    fn add(&mut self, new: MappingUse) -> usize {
        let key = (new.pid, new.start);
        let place = if self.all.len() < KEPT {
            self.all.push(new);
            self.all.len() - 1
        } else {
            let least = |place: &usize| self.all[*place].sums.ledger.requested;
            let place = (0..KEPT).min_by_key(least).unwrap_or(0);
            let old = std::mem::replace(&mut self.all[place], new);
            self.forget((old.pid, old.start), place);
            self.gave_way = self.gave_way.saturating_add(1);
            self.others.add(&old.sums);
            place
        };
        self.note(key, place);
        place
    }

    /// Takes one out whose key is forgotten; the last takes its place. Where `other` is now.
    fn remove(&mut self, place: usize, other: usize) -> usize {
        let last = self.all.len() - 1;
        self.all.swap_remove(place);
        if place == last {
            return other;
        }
        let key = (self.all[place].pid, self.all[place].start);
        self.forget(key, last);
        self.note(key, place);
        if other == last { place } else { other }
    }

    fn note(&mut self, key: (Option<u32>, u64), place: usize) {
        self.places.entry(key).or_default().push(place);
    }

    fn forget(&mut self, key: (Option<u32>, u64), place: usize) {
        if let Some(places) = self.places.get_mut(&key) {
            places.retain(|other| *other != place);
            if places.is_empty() {
                self.places.remove(&key);
            }
        }
    }

    /// Those of processes of which most pages were asked for first, and of each process the same.
    pub fn sorted(&self) -> Vec<&MappingUse> {
        let mut asked: BTreeMap<Option<u32>, u64> = BTreeMap::new();
        for of in &self.all {
            let pages = asked.entry(of.pid).or_default();
            *pages = pages.saturating_add(of.sums.ledger.requested);
        }
        let mut all: Vec<_> = self.all.iter().collect();
        all.sort_by_key(|of| {
            let process = (Reverse(asked.get(&of.pid)), of.pid);
            (process, Reverse(of.sums.ledger.requested), of.start)
        });
        all
    }

    /// Every mapping, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &MappingUse> {
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

    /// What migrations did in mappings that gave way to others, and how often that was; `None` if
    /// none did.
    pub fn others(&self) -> Option<(u64, &Sums)> {
        (self.gave_way > 0).then_some((self.gave_way, &self.others))
    }

    /// What migrations did of which the mapping is not known: evictions, mostly.
    pub fn unknown(&self) -> &Sums {
        &self.unknown
    }

    /// How many pages of a mapping are on devices, if every migration since the start was recorded.
    pub(super) fn resident(&self, of: &MappingUse) -> Resident {
        let most = of.arrived.saturating_add(of.before).saturating_sub(of.left);
        Resident {
            least: most.saturating_sub(self.evicted_of(of)),
            most,
        }
    }

    /// The same on each device, by its name; last, without one, on those that are not known.
    pub(super) fn resident_by_device(&self, of: &MappingUse) -> Vec<OnDevice> {
        of.devices.resident(self.evicted_of(of))
    }

    /// Pages that evictions took since something is there, and did not tell whose: any of them can
    /// be its.
    fn evicted_of(&self, of: &MappingUse) -> u64 {
        of.evicted_before.map_or(0, |before| self.evicted - before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Direction, Ledger, Mapping, Migration, Row, Side};
    use migscope_testkit::Synthetic;

    const PAGE: u64 = 4096;

    /// A migration of so many pages in this mapping.
    fn migration(name: &str, range: (u64, u64), way: Direction, moved: u64) -> Migration {
        let mut migration = Synthetic::new(1).migration();
        migration.pid = Some(7);
        migration.cause = Cause::Driver;
        migration.direction = way;
        migration.ledger = Ledger {
            requested: moved,
            moved,
            ..Ledger::default()
        };
        let device = Side {
            pages: [0, moved, 0],
            place: None,
        };
        let system = Side {
            pages: [moved, 0, 0],
            place: None,
        };
        (migration.from, migration.to) = match way {
            Direction::ToDevice => (system, device),
            _ => (device, system),
        };
        migration.address = Some(range.0 * PAGE);
        migration.mapping = Some(Mapping {
            start: range.0 * PAGE,
            end: range.1 * PAGE,
            kind: Some(MappingKind::Named),
            name: Some(name.into()),
            file: None,
        });
        migration
    }

    fn count(mappings: &mut Mappings, migration: &Migration) {
        mappings.count(&Ended::new(&Row::from(migration)), Back::default(), PAGE);
    }

    fn counted(migrations: &[Migration]) -> Mappings {
        let mut mappings = Mappings::default();
        for migration in migrations {
            count(&mut mappings, migration);
        }
        mappings
    }

    fn resident(mappings: &Mappings, nth: usize) -> (u64, u64) {
        let Resident { least, most } = mappings.resident(mappings.sorted()[nth]);
        (least, most)
    }

    #[test]
    fn what_arrived_and_has_not_left_is_there() {
        use Direction::{ToDevice, ToSystem};
        let mut mappings = counted(&[
            migration("a", (0, 100), ToDevice, 50),
            migration("b", (100, 200), ToDevice, 40),
            migration("a", (0, 100), ToSystem, 20),
        ]);
        assert_eq!(mappings.len(), 2);
        assert_eq!(
            (resident(&mappings, 0), resident(&mappings, 1)),
            ((30, 30), (40, 40))
        );
        // Whose they were it does not tell.
        let mut evicted = migration("", (0, 1), ToSystem, 25);
        (evicted.mapping, evicted.address, evicted.pid) = (None, None, None);
        evicted.cause = Cause::Eviction;
        count(&mut mappings, &evicted);
        assert_eq!(
            (resident(&mappings, 0), resident(&mappings, 1)),
            ((5, 30), (15, 40))
        );
        assert_eq!(mappings.unknown().ledger.moved, 25);
        // Of what comes now none of those was.
        count(&mut mappings, &migration("c", (300, 400), ToDevice, 9));
        assert_eq!(resident(&mappings, 2), (9, 9));
    }

    #[test]
    fn what_was_there_before_is_noticed_when_it_leaves() {
        use Direction::{ToDevice, ToSystem};
        let mappings = counted(&[
            migration("a", (0, 100), ToSystem, 60),
            migration("a", (0, 100), ToDevice, 10),
        ]);
        assert_eq!(resident(&mappings, 0), (10, 10));
    }

    #[test]
    fn one_that_grows_is_one_and_one_of_another_name_is_another() {
        use Direction::ToDevice;
        let mappings = counted(&[
            migration("a", (10, 20), ToDevice, 1),
            migration("a", (30, 40), ToDevice, 2),
            migration("b", (12, 18), ToDevice, 4),
            // What was between them is there, too.
            migration("a", (5, 40), ToDevice, 8),
            migration("a", (10, 20), ToDevice, 16),
            migration("a", (50, 60), ToDevice, 32),
        ]);
        let found: Vec<_> = mappings
            .sorted()
            .into_iter()
            .map(|of| {
                (
                    of.name.as_deref().unwrap(),
                    of.start / PAGE,
                    of.end / PAGE,
                    of.arrived,
                )
            })
            .collect();
        assert_eq!(
            found,
            [("a", 50, 60, 32), ("a", 5, 40, 27), ("b", 12, 18, 4)]
        );
    }

    #[test]
    fn memory_is_bounded_and_nothing_is_lost() {
        let mut mappings = Mappings::default();
        count(
            &mut mappings,
            &migration("a", (0, 1), Direction::ToDevice, 1000),
        );
        for nth in 1..3 * KEPT as u64 {
            let range = (2 * nth, 2 * nth + 1);
            count(
                &mut mappings,
                &migration("a", range, Direction::ToDevice, 1),
            );
        }
        assert_eq!(mappings.len(), KEPT);
        assert_eq!(mappings.places.values().map(Vec::len).sum::<usize>(), KEPT);
        assert_eq!(mappings.sorted()[0].arrived, 1000);
        let (gave_way, others) = mappings.others().unwrap();
        assert_eq!(gave_way, 2 * KEPT as u64);
        let kept: u64 = mappings.sorted().iter().map(|of| of.sums.migrations).sum();
        assert_eq!(kept + others.migrations, 3 * KEPT as u64);
    }
}
