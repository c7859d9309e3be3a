//! Arguments of calls.

use crate::{
    area::Area,
    uapi::{Migrate, Play, Strike},
};

/// A call for `count` pages of an area.
pub fn request(area: &Area, first: usize, count: usize, flags: u32) -> Migrate {
    Migrate {
        address: area.address(first) as u64,
        pages: count as u64,
        flags,
        ..Migrate::default()
    }
}

/// A call for all of an area.
pub fn whole(area: &Area, flags: u32) -> Migrate {
    request(area, 0, area.pages(), flags)
}

/// A play with `count` pages of an area.
pub fn play(area: &Area, first: usize, count: usize, mode: u32) -> Play {
    Play {
        address: area.address(first) as u64,
        pages: count as u64,
        mode,
        ..Play::default()
    }
}

/// Strikes every n-th position.
pub fn every(n: u32) -> Strike {
    Strike {
        every: n,
        per_million: 0,
    }
}
