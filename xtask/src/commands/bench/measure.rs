//! Boots a machine that counts instructions, and measures what migrations cost in it.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::tool::{BPFTRACE, SCRIPT_TEXT, Tool};
use crate::driver;
use crate::lab::Lab;
use crate::setup::programs::Programs;
use crate::vm::Machine;
use crate::vm::builder::{Builder, Task};

/// An emulated processor that counts what it does is slow, and the host may be busy.
const LIMIT: Duration = Duration::from_secs(300);
const BENCH: &str = "bench";
/// Two seconds in which everything that was started comes to rest: they cost nothing where nothing
/// happens. The workload's memory lies at the same addresses in every boot, or some ranges would
/// span a page table more.
pub(super) const SETTLE: &str = "echo 0 > /proc/sys/kernel/randomize_va_space; sleep 2";

/// What calls of one size cost one way, in instructions.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Cost {
    pub(super) direction: String,
    pub(super) pages: u32,
    /// How many calls were timed.
    pub(super) calls: u64,
    /// A nanosecond is an instruction.
    #[serde(rename = "median_ns")]
    pub(super) instructions: u64,
}

/// A machine that counts instructions, with the driver.
pub(super) fn machine(lab: &Lab, name: &str) -> Builder {
    driver::load(lab.vm(name))
        .machine(Machine::counting_instructions)
        .limit(LIMIT)
}

/// What migrations cost under a tool, or under none, and how many of them the tool lost.
pub(super) fn costs(
    lab: &Lab,
    programs: &Programs,
    tool: Option<Tool>,
    pages: &[u32],
) -> Result<(Vec<Cost>, u64)> {
    let name = tool.map_or("bench-untraced".to_owned(), |tool| {
        format!("bench-{}", tool.name())
    });
    let mut vm = machine(lab, &name);
    if let Some(Tool::Bpftrace) = tool {
        vm = vm
            .files(programs.files(BPFTRACE)?)
            .text("root/migrations.bt", SCRIPT_TEXT);
    }
    if let Some(tool) = tool {
        vm = vm.task(tool.begin());
    }
    let sizes: Vec<_> = pages.iter().map(u32::to_string).collect();
    vm = vm.task(Task::shell("settle", SETTLE)).task(Task::new(
        BENCH,
        ["workload", "bench", "--pages", &sizes.join(",")],
    ));
    if let Some(tool) = tool {
        vm = vm.task(tool.end());
    }
    let outcome = vm.run()?;
    outcome.expect_success(BENCH)?;
    ensure!(
        outcome.warnings.is_empty(),
        "the kernel warns: {}",
        outcome.warnings.join("\n")
    );
    let costs = parse(&String::from_utf8_lossy(&outcome.stdout(BENCH)))?;
    let Some(tool) = tool else {
        return Ok((costs, 0));
    };
    let (seen, made) = (
        tool.seen(&outcome)?,
        costs.iter().map(|cost| cost.calls).sum(),
    );
    ensure!(
        seen.migrations >= made,
        "it saw {} of {made} migrations: what it costs to see them is not known",
        seen.migrations
    );
    // A few do not move the median.
    ensure!(
        seen.lost * 100 <= made,
        "it lost {} of {made} migrations, which costs something else than to see them",
        seen.lost
    );
    Ok((costs, seen.lost))
}

fn parse(lines: &str) -> Result<Vec<Cost>> {
    lines
        .lines()
        .map(|line| {
            serde_json::from_str(line).with_context(|| format!("the workload printed {line}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_read_from_what_the_workload_prints() {
        let line = r#"{"direction":"to_device","pages":8,"calls":1000,"median_ns":47464,"least_ns":47463}"#;
        let cost = Cost {
            direction: "to_device".into(),
            pages: 8,
            calls: 1000,
            instructions: 47464,
        };
        assert_eq!(parse(line).unwrap(), [cost]);
        assert!(parse("nonsense").is_err());
    }
}
