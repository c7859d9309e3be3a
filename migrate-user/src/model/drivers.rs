//! Which driver migrates how much.

use std::sync::Arc;

use super::{Migration, ledger};

/// How many drivers are told apart. No machine has so many; a file may say anything.
const KEPT: usize = 32;

/// Sums over the records of one driver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Driver {
    /// The module's name; `None` where it is not known.
    pub name: Option<Arc<str>>,
    /// How many migrations.
    pub migrations: u64,
    /// Pages that are where it wanted them: moved, or made there. Unit: base pages.
    pub arrived: u64,
    /// Pages that were copied or made in vain. Unit: base pages.
    pub wasted: u64,
}

/// The drivers of all records, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Drivers(Vec<Driver>);

impl Drivers {
    /// Adds one migration.
    pub(super) fn count(&mut self, migration: &Migration) {
        let known = self
            .0
            .iter()
            .position(|driver| driver.name == migration.driver);
        let at = known.unwrap_or_else(|| self.add(migration));
        let driver = &mut self.0[at];
        driver.migrations = driver.migrations.saturating_add(1);
        let arrived = ledger::arrived(&migration.ledger);
        driver.arrived = driver.arrived.saturating_add(arrived);
        driver.wasted = driver
            .wasted
            .saturating_add(ledger::wasted(&migration.ledger));
    }

    /// A place for a driver that is new. Those that are too many share the last.
    fn add(&mut self, migration: &Migration) -> usize {
        let name = match self.0.len() {
            0..KEPT => migration.driver.clone(),
            KEPT => Some("others".into()),
            _ => return KEPT,
        };
        self.0.push(Driver {
            name,
            ..Driver::default()
        });
        self.0.len() - 1
    }

    /// Those with the most migrations first.
    pub fn sorted(&self) -> Vec<&Driver> {
        let mut drivers: Vec<_> = self.0.iter().collect();
        drivers.sort_by_key(|driver| std::cmp::Reverse(driver.migrations));
        drivers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::Synthetic;

    #[test]
    fn memory_is_bounded_and_nothing_is_lost() {
        let mut migration = Synthetic::new(1).migration();
        let mut drivers = Drivers::default();
        for number in 0..1000 {
            migration.driver = Some(format!("driver{number}").into());
            drivers.count(&migration);
        }
        let sorted = drivers.sorted();
        assert_eq!(sorted.len(), KEPT + 1);
        assert_eq!(sorted[0].name.as_deref(), Some("others"));
        assert_eq!(sorted.iter().map(|d| d.migrations).sum::<u64>(), 1000);
    }
}
