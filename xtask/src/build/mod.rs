//! Builds what this checkout holds: the eBPF object, the programs, the module.

mod ebpf;
mod hmm_tests;
mod module;
mod programs;
mod stock;

pub(crate) use ebpf::{cargo_for_bpf, ebpf};
pub(crate) use hmm_tests::hmm_tests;
pub(crate) use module::{copy_sources, module};
pub(crate) use programs::{Programs, example, programs, workload};
pub(crate) use stock::{StockModule, stock_module};

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::process::Logged;
use crate::progress::Step;

/// How many steps [`ebpf()`], [`programs()`] and [`module()`] are.
pub(crate) const STEPS: usize = 3;

/// Runs cargo with its messages in the log and the crate it is at on the progress line.
fn cargo(command: &mut Command, log: &Path, step: &Step) -> Result<()> {
    let mut crates = 0;
    Logged { log, limit: None }.run(command, |line| {
        if let Some(name) = line.trim_start().strip_prefix("Compiling ") {
            crates += 1;
            step.detail(format!("crate {crates}, {name}"));
        }
    })
}
