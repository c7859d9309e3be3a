//! Which driver migrates how much.

use std::cmp::Reverse;
use std::sync::Arc;

use super::{Ended, Sparkline, Sums};

/// How many drivers are told apart. No machine has so many; a file may say anything.
const KEPT: usize = 32;

/// Stands for all that are too many.
const OTHERS: &str = "others";

/// Sums over the records of one driver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Driver {
    /// The module's name; `None` where it is not known.
    pub name: Option<Arc<str>>,
    /// What its migrations did.
    pub sums: Sums,
    /// Pages that arrived, per second.
    pub recent: Sparkline,
}

/// The drivers of all records, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Drivers(Vec<Driver>);

impl Drivers {
    /// Adds one migration.
    pub(super) fn count(&mut self, migration: &Ended<'_>) {
        let known = |driver: &Driver| same(driver.name.as_ref(), migration.driver);
        let at = self.0.iter().position(known);
        let at = at.unwrap_or_else(|| self.add(migration.driver.cloned()));
        let driver = &mut self.0[at];
        driver.sums.count(migration);
        driver.recent.count(migration.end_ns, migration.arrived);
    }

    /// A place for a driver that is new. Those that are too many share the last.
    fn add(&mut self, name: Option<Arc<str>>) -> usize {
        let name = match self.0.len() {
            0..KEPT => name,
            KEPT => Some(OTHERS.into()),
            _ => return KEPT,
        };
        self.0.push(Driver {
            name,
            ..Driver::default()
        });
        self.0.len() - 1
    }

    /// What the migrations of all of them did.
    pub fn sum(&self) -> Sums {
        let mut sum = Sums::default();
        self.0.iter().for_each(|driver| sum.add(&driver.sums));
        sum
    }

    /// Those whose migrations took most time first.
    pub fn sorted(&self) -> Vec<&Driver> {
        let mut drivers: Vec<_> = self.0.iter().collect();
        drivers.sort_by_key(|driver| Reverse(driver.sums.time_ns));
        drivers
    }
}

/// The same name? Most are one and the same string, which is seen at once.
fn same(a: Option<&Arc<str>>, b: Option<&Arc<str>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a == b,
        (a, b) => a.is_none() && b.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use migscope_testkit::Synthetic;

    #[test]
    fn memory_is_bounded_and_nothing_is_lost() {
        let mut migration = Synthetic::new(1).migration();
        let mut drivers = Drivers::default();
        for number in 0..1000 {
            migration.driver = Some(format!("driver{number}").into());
            drivers.count(&Ended::new(&(&migration).into()));
        }
        let sorted = drivers.sorted();
        assert_eq!(sorted.len(), KEPT + 1);
        assert_eq!(sorted[0].name.as_deref(), Some(OTHERS));
        assert_eq!(sorted.iter().map(|d| d.sums.migrations).sum::<u64>(), 1000);
        let requested: u64 = sorted.iter().map(|d| d.sums.ledger.requested).sum();
        assert_eq!(requested, 1000 * migration.ledger.requested);
    }
}
