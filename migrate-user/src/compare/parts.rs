//! Where the time of the driver's steps went in a block.

use crate::trace::{DRIVER_PARTS, DriverParts, OF_DRIVER, each_part};

const STEPS: usize = OF_DRIVER.len();
const PARTS: usize = DRIVER_PARTS.len();

/// Of each part, in the order of [`DRIVER_PARTS`]: is it so?
pub(super) type OfParts = [bool; PARTS];

/// Sums over migrations.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Parts {
    /// Those in which it was measured.
    pub(super) migrations: u64,
    /// By step and part, nanoseconds.
    ns: [[u64; PARTS]; STEPS],
}

impl Parts {
    pub(super) fn count(&mut self, of: &[DriverParts; STEPS]) {
        let ns = of.each_ref().map(each_part);
        self.add(&Self { migrations: 1, ns });
    }

    pub(super) fn add(&mut self, more: &Self) {
        self.migrations = self.migrations.saturating_add(more.migrations);
        let steps = self.ns.iter_mut().zip(&more.ns);
        for (sum, more) in steps.flat_map(|(sums, more)| sums.iter_mut().zip(more)) {
            *sum = sum.saturating_add(*more);
        }
    }

    /// One part of one step, nanoseconds.
    pub(super) fn of(&self, step: usize, part: usize) -> u64 {
        self.ns[step][part]
    }
}
