//! One process of the game.

use std::{
    fs,
    os::fd::OwnedFd,
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use anyhow::Result;

use super::{
    arena::Arena,
    arguments::Facts,
    calls::{Caller, Files},
    chaos,
    garden::Garden,
    orphan,
    shortage::Shortage,
    tally::Tally,
};
use crate::{area::memory_file, device::Device, rng::Rng};

const THREADS: u16 = 3;
/// Bytes of the file that is mapped now and then.
const FILE_BYTES: usize = 16 << 20;
/// What the driver tells of every open file.
const SUMMARY: &str = "/sys/kernel/debug/migrate_test/totals";
/// Things that a thread does before it looks at all of its garden.
const SEASON: usize = 256;

/// Plays until killed, or until something is wrong.
pub(super) fn play(tally: &Tally, starves: bool, mut rng: Rng) -> Result<()> {
    // Where memory ends, this is what should go; that it cannot be said does not matter.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    let devices = Device::open_all()?;
    let info = *devices[0].info();
    let facts = Facts {
        device_pages: info.device_pages,
        page_bytes: info.page_bytes as usize,
        compound_pages: info.compound_pages as usize,
    };
    let process = Common {
        tally,
        starves,
        arena: Arena::new(facts.page_bytes)?,
        files: Files::new()?,
        file: memory_file(FILE_BYTES)?.into(),
        facts,
        wrong: AtomicU32::new(0),
    };
    let count = devices.len() as u32;
    drop(devices);
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (process, rng) = (&process, rng.split());
            scope.spawn(move || process.thread(u32::from(number) % count, rng));
        }
    });
    Ok(())
}

/// What the threads of a process share.
struct Common<'a> {
    tally: &'a Tally,
    starves: bool,
    arena: Arena,
    files: Files,
    file: OwnedFd,
    facts: Facts,
    wrong: AtomicU32,
}

impl Common<'_> {
    fn thread(&self, device: u32, mut rng: Rng) {
        let result = self.seasons(device, &mut rng);
        if let Err(error) = result {
            eprintln!("workload: fuzz: {error:#}");
            self.tally.count_wrong();
            self.wrong.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn seasons(&self, device: u32, rng: &mut Rng) -> Result<()> {
        let mut garden = Garden::new(device, &self.facts)?;
        let shortage = Shortage::new(self.starves)?;
        while self.wrong.load(Ordering::Relaxed) == 0 {
            for _ in 0..SEASON {
                self.act(&mut garden, &shortage, rng)?;
            }
            garden.check()?;
        }
        Ok(())
    }

    fn act(&self, garden: &mut Garden, shortage: &Shortage, rng: &mut Rng) -> Result<()> {
        match rng.below(256) {
            0..=159 => {
                let caller = Caller {
                    tally: self.tally,
                    arena: &self.arena,
                    facts: self.facts,
                };
                shortage.strike(self.tally, rng, |rng| {
                    caller.call(self.files.any(rng), rng);
                });
            }
            160..=191 => chaos::strike(&self.arena, &self.file, rng, self.facts.compound_pages),
            192..=223 => shortage.strike(self.tally, rng, |rng| self.touch(rng)),
            224..=251 => garden.tend(rng)?,
            // Whatever it says, it comes back.
            252 => drop(fs::read(SUMMARY)),
            253..=254 => shortage.strike(self.tally, rng, |rng| self.files.reopen_any(rng)),
            _ => shortage.strike(self.tally, rng, |rng| {
                orphan::fork(self.tally, &self.arena, self.files.any(rng), rng);
            }),
        }
        Ok(())
    }

    fn touch(&self, rng: &mut Rng) {
        if rng.one_in(4) {
            return chaos::populate(self.arena.large_part(rng, self.facts.compound_pages));
        }
        let part = self.arena.part(rng);
        for page in 0..part.pages.min(16) {
            let address = part.address + page * self.facts.page_bytes;
            if rng.one_in(3) {
                self.arena.read(address);
            } else {
                self.arena.write(address);
            }
        }
    }
}
