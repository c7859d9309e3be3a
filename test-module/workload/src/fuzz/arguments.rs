//! Arguments: some that make sense, some that nearly do, and some that do not.

use super::arena::{Arena, Part};
use crate::{
    rng::Rng,
    uapi::{
        self, Configuration, Evict, Exclusive, MAX_BLOCK, MAX_DELAY_NS, Map, Migrate, Play, Strike,
        configuration, evict, flags, play, play_flags,
    },
};

/// What lets calls hang until another call ends it, which here nobody makes.
const HANGS: u64 =
    configuration::HANG_IN_SETUP | configuration::HANG_IN_COPY | configuration::HANG_IN_MAP;

/// Numbers at which something may go wrong.
const EDGES: &[u64] = &[
    0,
    1,
    0xfff,
    0x1000,
    0x1001,
    511,
    512,
    513,
    uapi::MAX_PAGES,
    uapi::MAX_PAGES + 1,
    u32::MAX as u64,
    1 << 32,
    1 << 52,
    (1 << 52) - 1,
    1 << 47,
    (1 << 47) - 0x1000,
    0xffff_8880_0000_0000,
    0xffff_ffff_ff60_0000,
    1 << 63,
    u64::MAX - 0xfff,
    u64::MAX,
];

/// What is known of the devices.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) device_pages: u64,
    pub(super) page_bytes: usize,
    pub(super) compound_pages: usize,
}

/// A number at which something may go wrong, or any.
pub(super) fn edge(rng: &mut Rng) -> u64 {
    match rng.below(4) {
        0 => rng.word(),
        1 => rng.word() >> rng.below(64),
        _ => rng.pick(EDGES),
    }
}

/// A migration: mostly one that can be done.
pub(super) fn migrate(rng: &mut Rng, arena: &Arena, facts: &Facts) -> Migrate {
    let part = place(rng, arena, facts);
    let populate_all = part.pages as u64 > 2 * facts.compound_pages as u64;
    let mut request = Migrate {
        address: part.address as u64,
        pages: part.pages as u64,
        flags: some_flags(rng),
        seed: rng.word(),
        pin: strike(rng),
        lock: strike(rng),
        decline: strike(rng),
        fail: strike(rng),
        reference: strike(rng),
        allocations: if populate_all || rng.one_in(8) {
            rng.below(1024) as u64 + 1
        } else {
            0
        },
        alloc_and_copy_delay_ns: delay_ns(rng),
        finalize_and_map_delay_ns: delay_ns(rng),
        ..Migrate::default()
    };
    if rng.one_in(16) {
        spoil(rng, &mut request);
    }
    request
}

fn place(rng: &mut Rng, arena: &Arena, facts: &Facts) -> Part {
    let own = |address: usize| Part {
        address: address & !(facts.page_bytes - 1),
        pages: 1,
        bytes: facts.page_bytes,
    };
    match rng.below(256) {
        0..=63 => arena.large_part(rng, facts.compound_pages),
        64 => arena.desert(rng),
        // The very stack that this is on, and code.
        65..=69 => own((&raw const *facts) as usize),
        70 => own(place as *const () as usize),
        _ => arena.part(rng),
    }
}

fn some_flags(rng: &mut Rng) -> u32 {
    let some = rng.word() as u32 & rng.word() as u32 & flags::ALL;
    match rng.below(8) {
        0 => rng.word() as u32 & flags::ALL,
        1 => 0,
        2 => flags::COMPOUND | flags::POPULATE,
        3 => flags::EVICT | some,
        _ => some,
    }
}

fn strike(rng: &mut Rng) -> Strike {
    match rng.below(12) {
        0 => Strike {
            every: 1 + rng.below(16) as u32,
            per_million: 0,
        },
        1 => Strike {
            every: 0,
            per_million: rng.below(1_000_001) as u32,
        },
        _ => Strike::default(),
    }
}

fn delay_ns(rng: &mut Rng) -> u64 {
    if rng.one_in(64) {
        rng.below(2_000_000) as u64
    } else {
        0
    }
}

/// Makes one field of it nonsense.
fn spoil(rng: &mut Rng, request: &mut Migrate) {
    let value = edge(rng);
    match rng.below(11) {
        0 => request.address = value,
        1 => request.address += 1 + rng.below(0xfff) as u64,
        2 => request.pages = value,
        3 => request.flags = value as u32,
        4 => request.reserved = value as u32,
        5 => request.pin.per_million = value as u32,
        6 => request.decline.every = value as u32,
        // Delays that are allowed, however long, would only waste time.
        7 => request.alloc_and_copy_delay_ns = value.max(MAX_DELAY_NS + 1),
        8 => request.finalize_and_map_delay_ns = value.max(MAX_DELAY_NS + 1),
        9 => request.allocations = value.clamp(1, 4096),
        _ => (request.address, request.pages) = (value & !0xfff, edge(rng)),
    }
}

/// A play of a real driver: mostly one that can be done.
pub(super) fn play(rng: &mut Rng, arena: &Arena, facts: &Facts) -> Play {
    let part = place(rng, arena, facts);
    // Holes get pages in most of them: not too many.
    let pages = part.pages.min(facts.compound_pages.max(MAX_BLOCK as usize));
    let batch = rng.below(pages + 1) as u64;
    let mut request = Play {
        address: part.address as u64,
        pages: pages as u64,
        mode: play::UVM_FAULT + rng.below(play::NOUVEAU_EVICT as usize) as u32,
        flags: rng.word() as u32 & rng.word() as u32 & play_flags::ALL,
        batch: rng.pick(&[0, 0, batch]),
        seed: rng.word(),
        skip: strike(rng),
        node: rng.pick(&[0, 0, 1, u32::MAX]),
        delay_ns: delay_ns(rng),
        ..Play::default()
    };
    if rng.one_in(16) {
        let value = edge(rng);
        match rng.below(7) {
            0 => request.address = value,
            1 => request.pages = value.max(uapi::MAX_PAGES + 1),
            2 => request.mode = value as u32,
            3 => request.flags = value as u32,
            4 => request.batch = value,
            5 => request.skip.per_million = value as u32,
            _ => request.delay_ns = value.max(MAX_DELAY_NS + 1),
        }
    }
    request
}

/// A range that the device is to map: mostly one that can be. Holes get pages: not too many.
pub(super) fn map(rng: &mut Rng, arena: &Arena, facts: &Facts) -> Map {
    let part = place(rng, arena, facts);
    let mut request = Map {
        address: part.address as u64,
        pages: part.pages.min(facts.compound_pages.max(MAX_BLOCK as usize)) as u64,
        attempts: 1 + rng.below(20) as u32,
        delay_ns: rng.pick(&[0, 0, 20_000]),
        ..Map::default()
    };
    if rng.one_in(16) {
        let value = edge(rng);
        match rng.below(4) {
            0 => request.address = value,
            1 => request.pages = value.max(uapi::MAX_PAGES + 1),
            2 => request.reserved = value as u32,
            _ => request.delay_ns = value.max(MAX_DELAY_NS + 1),
        }
    }
    request
}

/// Pages that the device is to get for itself: mostly some that it can.
pub(super) fn exclusive(rng: &mut Rng, arena: &Arena, facts: &Facts) -> Exclusive {
    let part = place(rng, arena, facts);
    let mut request = Exclusive {
        address: part.address as u64,
        pages: part.pages.min(1 + rng.below(32)) as u64,
        ..Exclusive::default()
    };
    if rng.one_in(16) {
        let value = edge(rng);
        match rng.below(2) {
            0 => request.address = value,
            _ => request.pages = value.max(uapi::MAX_PAGES + 1),
        }
    }
    request
}

/// An eviction: mostly one that can be done.
pub(super) fn evict(rng: &mut Rng, facts: &Facts) -> Evict {
    let compound = facts.compound_pages as u64;
    let blocks = (facts.device_pages / compound) as usize;
    let most = rng.pick(&[1, 4.min(blocks), blocks]);
    let count = 1 + rng.below(most);
    let first = rng.below(blocks - count + 1);
    let mut request = Evict {
        first: first as u64 * compound,
        pages: count as u64 * compound,
        how: rng.pick(&[evict::PFNS, evict::RANGE]),
        ..Evict::default()
    };
    if rng.one_in(8) {
        let value = edge(rng);
        match rng.below(4) {
            0 => request.first = value,
            1 => request.pages = value,
            2 => request.how = value as u32,
            _ => request.reserved = value as u32,
        }
    }
    request
}

/// A way to behave: mostly one that is allowed, never one that takes long.
pub(super) fn configuration(rng: &mut Rng) -> Configuration {
    let mut request = Configuration {
        capacity: rng.pick(&[0, 0, 0, 64, 512, 1024, 5000]),
        engine_setup_ns: rng.pick(&[0, 0, 0, 50_000]),
        engine_bandwidth: rng.pick(&[0, 0, 0, 1000, u64::MAX]),
        fault_pages: rng.pick(&[0, 1, 2, 16, 512]),
        invalidate_ns: rng.pick(&[0, 0, 0, 1, 50_000]),
        flags: rng.pick(&[
            0,
            configuration::WAIT_AFTER_PAGES,
            configuration::LOCKED_FAULTS,
            configuration::FAULT_MUTEX,
            configuration::FAULT_MUTEX | configuration::FAULT_SLEEPS,
            configuration::FENCE_IN_COPY | configuration::MUTEX_IN_MAP,
            configuration::FENCE_IN_MAP | configuration::MUTEX_IN_COPY,
            configuration::MUTEX_IN_COPY,
            configuration::FENCED_ENGINE,
            configuration::FENCED_ENGINE | configuration::WAIT_AFTER_PAGES,
        ]),
        retired_every: rng.pick(&[0, 0, 0, 2, 5]),
        fault_ns: rng.pick(&[0, 0, 0, 1, 50_000]),
        fence_ns: rng.pick(&[0, 1, 50_000]),
        mutex_ns: rng.pick(&[0, 1, 50_000]),
    };
    if rng.one_in(4) {
        let value = edge(rng);
        match rng.below(6) {
            0 => request.capacity = value,
            5 => request.fault_ns = value.max(MAX_DELAY_NS + 1),
            1 => request.engine_setup_ns = value.max(MAX_DELAY_NS + 1),
            4 => request.invalidate_ns = value.max(MAX_DELAY_NS + 1),
            2 => request.fault_pages = value,
            _ => request.flags = value & !HANGS,
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts = Facts {
        device_pages: 16_384,
        page_bytes: 4096,
        compound_pages: 512,
    };

    #[test]
    fn no_argument_that_is_allowed_takes_long() {
        let mut rng = Rng::new(5, 0);
        for _ in 0..10_000 {
            let configuration = configuration(&mut rng);
            let setup = configuration.engine_setup_ns;
            assert!(setup <= 50_000 || setup > MAX_DELAY_NS, "{setup}");
        }
    }

    #[test]
    fn most_evictions_are_within_the_device() {
        let mut rng = Rng::new(6, 0);
        let within = (0..1000)
            .map(|_| evict(&mut rng, &FACTS))
            .filter(|evict| {
                let end = evict.first.checked_add(evict.pages);
                end.is_some_and(|end| end <= FACTS.device_pages && evict.pages > 0)
            })
            .count();
        assert!((700..1000).contains(&within), "{within} of 1000");
    }
}
