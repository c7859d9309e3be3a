//! `uvm-numa`: devices whose memory is a node.

use anyhow::Result;

use super::Scenario;
use crate::{
    area::{Area, Backing},
    request::play,
    uapi::{Play, play::UVM_NUMA},
    worker::{Process, Worker},
};

const PAGES: usize = 256;
const BATCH: u64 = 64;
/// The node that stands for the device's memory.
const FAR: &str = "/sys/devices/system/node/node1";

/// Devices whose memory is a node.
pub(super) struct UvmNuma;

impl Scenario for UvmNuma {
    fn name(&self) -> &'static str {
        "uvm-numa"
    }

    fn about(&self) -> &'static str {
        "nvidia-uvm on a machine where a GPU's memory is a node of the system's, as Grace Hopper: a process asks for its \
         memory to go to node 1 and back to node 0, 64 pages at a time. The same flags say so in both directions, without an owner of \
         pages; what is there already is collected, and stays. Expect migrations from system memory to system memory, \
         between two nodes, and not one fault."
    }

    fn needs(&self) -> &'static [&'static str] {
        &[FAR]
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.threads(1, |worker| {
            let mut area = Area::new(PAGES, worker.device().page_bytes(), Backing::BasePages)?;
            area.write(0, PAGES);
            while worker.goes_on() {
                for node in [1, 0] {
                    go(worker, &area, node)?;
                    area.check_all()?;
                }
                area.write(0, PAGES);
            }
            Ok(())
        })
    }
}

/// A part of the area goes, then all of it.
fn go(worker: &mut Worker<'_>, area: &Area, node: u32) -> Result<()> {
    let part = 1 + worker.rng.below(PAGES - 1);
    let some = Play {
        node,
        batch: BATCH,
        ..play(area, 0, part, UVM_NUMA)
    };
    let device = worker.device();
    worker.expect_play(device, &some, "a part goes to the node", |played| {
        played.ledger.moved == part as u64
    })?;
    let all = Play {
        pages: PAGES as u64,
        ..some
    };
    worker.expect_play(device, &all, "the rest goes, too", |played| {
        played.ledger.moved == (PAGES - part) as u64 && played.ledger.declined == part as u64
    })?;
    Ok(())
}
