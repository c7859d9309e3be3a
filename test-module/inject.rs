// SPDX-License-Identifier: GPL-2.0

//! Faults to inject into a migration, and where. `uapi.rs` defines what they do.

use crate::{
    folio::{COMPOUND_PAGES, Size},
    migrate::Entry,
    uapi::{Migrate, Strike},
};

pub(crate) const MILLION: u32 = 1_000_000;

/// One kind of fault in one migration: which positions it strikes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Strikes {
    strike: Strike,
    /// Chooses positions by chance: the migration's seed and the kind of fault.
    seed: u64,
}

impl Strikes {
    /// Where `strike` says, and where chance does by `seed`.
    pub(crate) fn new(strike: Strike, seed: u64) -> Self {
        Self {
            strike,
            seed: mixed(seed),
        }
    }

    /// Every n-th position; 0: none.
    pub(crate) fn every(n: u32) -> Self {
        let strike = Strike {
            every: n,
            per_million: 0,
        };
        Self { strike, seed: 0 }
    }

    /// Whether a position is struck.
    pub(crate) fn hits(&self, position: usize) -> bool {
        let Strike { every, per_million } = self.strike;
        let in_turn = every != 0 && (position + 1) % every as usize == 0;
        in_turn || (per_million != 0 && self.chance(position) < u64::from(per_million))
    }

    /// Whether an entry is struck as a whole.
    pub(crate) fn hits_entry(&self, entry: &Entry) -> bool {
        self.hits(match entry.size {
            Size::Page => entry.index,
            Size::Compound => entry.index / COMPOUND_PAGES,
        })
    }

    /// Whether it strikes at all.
    pub(crate) fn is_off(&self) -> bool {
        self.strike == Strike::default()
    }

    fn chance(&self, position: usize) -> u64 {
        mixed(self.seed.wrapping_add(mixed(position as u64))) % u64::from(MILLION)
    }
}

/// The last steps of SplitMix64, which make neighbouring numbers unlike each other.
pub(crate) fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Everything that is injected into one migration. The default is nothing.
#[derive(Clone, Copy, Default)]
pub(crate) struct Injection {
    pub(crate) pin: Strikes,
    pub(crate) lock: Strikes,
    pub(crate) decline: Strikes,
    pub(crate) fail: Strikes,
    pub(crate) reference: Strikes,
    /// Collected, and then no longer to be migrated: the driver says so in `src`.
    pub(crate) retire: Strikes,
    /// This position is not retired.
    pub(crate) spared: Option<usize>,
    /// Destinations that may be allocated, in base pages. `None`: as many as there are.
    pub(crate) allocations: Option<usize>,
}

impl Injection {
    pub(crate) fn new(request: &Migrate) -> Self {
        let strikes = |strike, kind| Strikes {
            strike,
            // Each kind strikes other positions.
            seed: mixed(request.seed).wrapping_add(kind),
        };
        Self {
            pin: strikes(request.pin, 1),
            lock: strikes(request.lock, 2),
            decline: strikes(request.decline, 3),
            fail: strikes(request.fail, 4),
            reference: strikes(request.reference, 5),
            retire: Strikes::default(),
            spared: None,
            allocations: (request.allocations != 0).then_some(request.allocations as usize),
        }
    }

    /// Whether what was collected at a position is retired.
    pub(crate) fn retires(&self, entry: &Entry) -> bool {
        self.retire.hits_entry(entry) && self.spared != Some(entry.index)
    }

    /// Whether every chance in a request is one.
    pub(crate) fn is_valid(request: &Migrate) -> bool {
        [
            request.pin,
            request.lock,
            request.decline,
            request.fail,
            request.reference,
        ]
        .iter()
        .all(|strike| strike.per_million <= MILLION)
    }
}
