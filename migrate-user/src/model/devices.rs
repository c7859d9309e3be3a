//! Where the pages of a mapping are, device by device.

use std::sync::Arc;

use super::Ended;

/// How many devices are told apart in each mapping.
const KEPT: usize = 8;

/// How many pages of a mapping are on devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resident {
    /// At least so many, but for what the process itself unmapped or freed. Unit: base pages.
    pub least: u64,
    /// At most so many of those whose arrival or departure was seen. Unit: base pages.
    pub most: u64,
}

/// A device, by its name, and the pages there; without a name, all of those that are not known.
pub type OnDevice = (Option<Arc<str>>, Resident);

/// What came to devices and left them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Devices {
    all: Vec<(Arc<str>, Flow)>,
    /// Of devices whose names are not known: several at once, or more than are told apart.
    unknown: Flow,
}

/// What came and went. Unit: base pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flow {
    arrived: u64,
    left: u64,
    /// How far more had left than had arrived, at most: so many were there before.
    before: u64,
}

impl Flow {
    /// Those that are there, if all is known.
    fn rest(&self) -> u64 {
        self.arrived
            .saturating_add(self.before)
            .saturating_sub(self.left)
    }

    fn settle(&mut self) {
        self.before = self.before.max(self.left.saturating_sub(self.arrived));
    }

    fn add(&mut self, other: &Self) {
        self.arrived = self.arrived.saturating_add(other.arrived);
        self.left = self.left.saturating_add(other.left);
        self.before = self.before.saturating_add(other.before);
    }
}

impl Devices {
    /// Adds one migration.
    pub(super) fn count(&mut self, migration: &Ended<'_>) {
        let (to, from) = (migration.to_devices, migration.from_devices);
        if to > 0 {
            let flow = self.of(migration.to_device);
            flow.arrived = flow.arrived.saturating_add(to);
        }
        if from > 0 {
            let flow = self.of(migration.from_device);
            flow.left = flow.left.saturating_add(from);
            flow.settle();
        }
    }

    fn of(&mut self, device: Option<&Arc<str>>) -> &mut Flow {
        let Some(device) = device else {
            return &mut self.unknown;
        };
        let is_it = |(name, _): &(Arc<str>, Flow)| Arc::ptr_eq(name, device) || name == device;
        let place = self.all.iter().position(is_it);
        match place {
            Some(place) => &mut self.all[place].1,
            None if self.all.len() < KEPT => {
                self.all.push((Arc::clone(device), Flow::default()));
                let last = self.all.len() - 1;
                &mut self.all[last].1
            }
            None => &mut self.unknown,
        }
    }

    /// Adds what was counted of the same mapping under another range.
    pub(super) fn join(&mut self, other: &Self) {
        for (device, flow) in &other.all {
            self.of(Some(device)).add(flow);
        }
        self.unknown.add(&other.unknown);
    }

    /// How many pages are on each device by name, and last on those whose name is not known, if
    /// there are any. Each may have lost `evicted` more.
    pub(super) fn resident(&self, evicted: u64) -> Vec<OnDevice> {
        let gone = evicted.saturating_add(self.unknown.left);
        let known = self.all.iter().map(|(device, flow)| {
            let resident = Resident {
                least: flow.rest().saturating_sub(gone),
                most: flow.rest().saturating_add(self.unknown.arrived),
            };
            (Some(Arc::clone(device)), resident)
        });
        let unknown = (self.unknown != Flow::default()).then(|| {
            let resident = Resident {
                least: 0,
                most: self.unknown.rest(),
            };
            (None, resident)
        });
        let mut all: Vec<_> = known.collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all.extend(unknown);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Migration, Row, Side};
    use migscope_testkit::Synthetic;

    fn side(system: u64, device: u64, place: Option<&str>) -> Side {
        Side {
            pages: [system, device, 0],
            place: place.map(Into::into),
        }
    }

    fn counted(moves: &[(Side, Side)]) -> Devices {
        let mut devices = Devices::default();
        for (from, to) in moves {
            let migration = Migration {
                from: from.clone(),
                to: to.clone(),
                ..Synthetic::new(1).migration()
            };
            devices.count(&Ended::new(&Row::from(&migration)));
        }
        devices
    }

    fn resident(devices: &Devices, evicted: u64) -> Vec<(Option<String>, u64, u64)> {
        let all = devices.resident(evicted).into_iter();
        all.map(|(device, of)| (device.map(|it| it.to_string()), of.least, of.most))
            .collect()
    }

    #[test]
    fn what_goes_from_one_to_the_other_is_on_the_other() {
        let system = |pages| side(pages, 0, Some("node0"));
        let one = |pages| side(0, pages, Some("a:0"));
        let other = |pages| side(0, pages, Some("a:1"));
        let devices = counted(&[
            (system(30), one(30)),
            (one(10), other(10)),
            (other(4), system(4)),
        ]);
        let at = |device: &str, least, most| (Some(device.to_owned()), least, most);
        assert_eq!(resident(&devices, 0), [at("a:0", 20, 20), at("a:1", 6, 6)]);
        assert_eq!(resident(&devices, 15), [at("a:0", 5, 20), at("a:1", 0, 6)]);
    }

    #[test]
    fn where_several_are_meant_each_can_be_it() {
        let devices = counted(&[
            (side(8, 0, None), side(0, 8, Some("a:0"))),
            (side(5, 0, None), side(0, 5, None)),
            (side(0, 3, None), side(3, 0, None)),
        ]);
        assert_eq!(
            resident(&devices, 0),
            [(Some("a:0".to_owned()), 5, 13), (None, 0, 2)]
        );
    }

    #[test]
    fn there_is_room_for_a_few() {
        let names: Vec<_> = (0..KEPT + 2).map(|nth| format!("a:{nth}")).collect();
        let moves: Vec<_> = names
            .iter()
            .map(|name| (side(1, 0, None), side(0, 1, Some(name))))
            .collect();
        let all = resident(&counted(&moves), 0);
        assert_eq!(all.len(), KEPT + 1);
        assert_eq!(all.last(), Some(&(None, 0, 2)));
    }
}
