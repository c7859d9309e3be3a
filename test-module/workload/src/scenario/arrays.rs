//! `arrays`: four pieces of memory of one program.

use anyhow::{Result, ensure};

use super::Scenario;
use crate::{
    area::{Area, Backing, Source, memory_file},
    device::Direction::ToDevice,
    request::{request, whole},
    uapi::flags,
    worker::{Process, Worker},
};

/// Pages of each.
const PAGES: usize = 128;

/// Four pieces of memory.
pub(super) struct Arrays;

impl Scenario for Arrays {
    fn name(&self) -> &'static str {
        "arrays"
    }

    fn about(&self) -> &'static str {
        "A program with four arrays of 128 pages, three of which it has named (where the kernel has CONFIG_ANON_VMA_NAME), the \
         fourth a private copy of a file: `weights` go to the device and stay, of `table` a half does, `gradients` are asked for \
         and given up each time, and `activations` thrash: the CPU touches the first half of them as soon as they are there. \
         Expect ping-pong in `activations` alone, and the others where they belong."
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.threads(1, |worker| {
            let mut arrays = Memory::new(worker.device().page_bytes())?;
            arrays.compute(worker)?;
            arrays
                .all()
                .into_iter()
                .try_for_each(|area| worker.process.tell_mapping(area))
        })
    }
}

/// The arrays.
struct Memory {
    weights: Area,
    table: Area,
    gradients: Area,
    activations: Area,
}

impl Memory {
    fn new(page_bytes: usize) -> Result<Self> {
        let file = memory_file(PAGES * page_bytes)?;
        let named = |name| {
            let mut area = Area::new(PAGES, page_bytes, Backing::BasePages)?;
            area.name(name)?;
            area.write(0, PAGES);
            Ok::<_, anyhow::Error>(area)
        };
        let mut table = Area::of_file(PAGES, page_bytes, Source::PrivateFile(&file))?;
        // What is written is the process's own, which alone can go to a device.
        table.write(0, PAGES);
        Ok(Self {
            weights: named(c"weights")?,
            table,
            gradients: named(c"gradients")?,
            activations: named(c"activations")?,
        })
    }

    fn all(&self) -> [&Area; 4] {
        [
            &self.weights,
            &self.table,
            &self.gradients,
            &self.activations,
        ]
    }

    fn compute(&mut self, worker: &mut Worker<'_>) -> Result<()> {
        let half = request(&self.table, 0, PAGES / 2, 0);
        for there in [&whole(&self.weights, 0), &half] {
            let is_all = |moved| moved == there.pages;
            if let Some(truth) = worker.migrate(ToDevice, there)? {
                ensure!(is_all(truth.ledger.moved), "some stay: {truth:?}");
            }
        }
        while worker.goes_on() {
            self.step(worker)?;
        }
        Ok(())
    }

    fn step(&mut self, worker: &mut Worker<'_>) -> Result<()> {
        worker.migrate(ToDevice, &whole(&self.gradients, flags::ROLL_BACK))?;
        worker.migrate(ToDevice, &whole(&self.activations, 0))?;
        self.activations.check(0, PAGES / 2)?;
        self.activations.write(0, PAGES / 2);
        Ok(())
    }
}
