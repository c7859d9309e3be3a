//! `stacks`: each call comes by a stack of its own.

use anyhow::Result;

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::Direction,
    request::whole,
    stack::Stack,
    worker::{Process, Worker},
};

/// Each call comes by a stack of its own.
pub(super) struct Stacks;

impl Scenario for Stacks {
    fn name(&self) -> &'static str {
        "stacks"
    }

    fn about(&self) -> &'static str {
        "Single pages to the device and back, each call as if by functions that no other was made by, so that whoever keeps \
         stacks comes to an end of what there is room for."
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.threads(1, call_by_other_ways)
    }
}

fn call_by_other_ways(worker: &mut Worker<'_>) -> Result<()> {
    let mut area = Area::new(1, worker.device().page_bytes(), Backing::BasePages)?;
    area.write(0, 1);
    let directions = [Direction::ToDevice, Direction::ToSystem];
    for (number, direction) in directions.into_iter().cycle().enumerate() {
        if !worker.goes_on() {
            break;
        }
        let stack = Stack::numbered(number);
        worker.migrate_by(&stack, direction, &whole(&area, 0))?;
    }
    area.check_all()
}
