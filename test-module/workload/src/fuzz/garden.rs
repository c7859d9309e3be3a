//! Memory of one thread's own, in which every byte must survive.

use anyhow::Result;

use super::arguments::Facts;
use crate::{
    area::{Access, Area, Backing},
    device::{Device, Direction},
    request::request,
    rng::Rng,
    uapi::flags,
};

const PAGES: usize = 64;

/// What a thread grows.
#[derive(Debug)]
pub(super) struct Garden {
    device: Device,
    base: Area,
    large: Area,
}

impl Garden {
    pub(super) fn new(device: u32, facts: &Facts) -> Result<Self> {
        let bytes = facts.compound_pages * facts.page_bytes;
        let backing = Backing::LargePages { bytes };
        Ok(Self {
            device: Device::open(device)?,
            base: Area::new(PAGES, facts.page_bytes, Backing::BasePages)?,
            large: Area::new(facts.compound_pages, facts.page_bytes, backing)?,
        })
    }

    /// Does something to it. An error means that bytes were lost.
    pub(super) fn tend(&mut self, rng: &mut Rng) -> Result<()> {
        let (area, flags) = if rng.one_in(8) {
            (&mut self.large, flags::COMPOUND)
        } else {
            (&mut self.base, 0)
        };
        let count = rng.power_of_two(area.pages());
        let first = rng.below(area.pages() - count + 1);
        match rng.below(16) {
            0..=2 => area.write(first, count),
            3 => area.forget(first, count)?,
            // Without swap space, or with pages locked elsewhere, nothing happens.
            4 => drop(area.swap_out(first, count)),
            5 => {
                area.protect(first, count, Access::Read)?;
                area.check(first, 1)?;
                area.protect(first, count, Access::ReadWrite)?;
            }
            6 => {
                // There may be too much that is locked.
                let _ = area.lock(first, count);
                let _ = area.unlock(first, count);
            }
            7..=9 => area.check(first, count)?,
            number => {
                let direction = if number < 14 {
                    Direction::ToDevice
                } else {
                    Direction::ToSystem
                };
                let some = rng.word() as u32 & (flags::POPULATE | flags::EVICT | flags::ABANDON);
                // Whether it moves is another question.
                let request = request(area, first, count, flags | some);
                let _ = self.device.migrate(direction, &request);
            }
        }
        Ok(())
    }

    pub(super) fn check(&self) -> Result<()> {
        self.base.check_all()?;
        self.large.check_all()
    }
}
