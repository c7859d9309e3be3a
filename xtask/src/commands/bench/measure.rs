//! Boots a machine that counts instructions, and measures what migrations and touches of pages cost
//! in it.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::results::{DIRECTIONS, FAULT};
use super::tool::{BPFTRACE, SCRIPT_TEXT, Seen, Tool};
use crate::driver;
use crate::lab::Lab;
use crate::setup::programs::Programs;
use crate::vm::Machine;
use crate::vm::builder::{Builder, Task};

/// An emulated processor that counts what it does is slow, and the host may be busy.
const LIMIT: Duration = Duration::from_secs(600);
const BENCH: &str = "bench";
/// Two seconds in which everything that was started comes to rest: they cost nothing where nothing
/// happens. The workload's memory lies at the same addresses in every boot, or some ranges would
/// span a page table more. Nothing is read ahead from swap space: a touch reads one page.
pub(super) const SETTLE: &str = "echo 0 > /proc/sys/kernel/randomize_va_space
    echo 0 > /proc/sys/vm/page-cluster
    sleep 2";

/// What calls of one size cost one way, or touches of one page, in instructions.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Cost {
    /// One of the directions, or of the touches.
    pub(super) what: String,
    pub(super) pages: u32,
    /// How many were timed.
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

/// What migrations and touches cost under a tool, or under none, and how many migrations the tool
/// lost.
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
    let seen = tool.seen(&outcome)?;
    check(tool, seen, &costs)?;
    Ok((costs, seen.lost))
}

/// A tool that does not see what it is to see costs something else.
fn check(tool: Tool, seen: Seen, costs: &[Cost]) -> Result<()> {
    let calls = |what| -> u64 {
        let of = costs.iter().filter(|cost| cost.what == what);
        of.map(|cost| cost.calls).sum()
    };
    let faults = calls(FAULT);
    let made = DIRECTIONS.map(calls).iter().sum::<u64>() + faults;
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
    ensure!(
        seen.waits.is_some() == tool.follows_waits(),
        "it was to follow waits, and did not, or the other way round"
    );
    ensure!(
        seen.waits.is_none_or(|waits| waits >= faults),
        "it saw {} of {faults} waits for a page on the device",
        seen.waits.unwrap_or(0)
    );
    Ok(())
}

/// What the workload prints.
pub(super) fn parse(lines: &str) -> Result<Vec<Cost>> {
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
        let line =
            r#"{"what":"to_device","pages":8,"calls":1000,"median_ns":47464,"least_ns":47463}"#;
        let cost = Cost {
            what: "to_device".into(),
            pages: 8,
            calls: 1000,
            instructions: 47464,
        };
        assert_eq!(parse(line).unwrap(), [cost]);
        assert!(parse("nonsense").is_err());
    }

    #[test]
    fn a_tool_has_to_see_what_it_is_measured_with() {
        let cost = |what: &str, calls| Cost {
            what: what.to_owned(),
            pages: 1,
            calls,
            instructions: 9_000,
        };
        // A page that comes out of swap space is no migration, and nobody waits for one.
        let costs = [
            cost("to_device", 300),
            cost("to_system", 300),
            cost("fault", 200),
            cost("swap_in", 900),
        ];
        let check = |tool, migrations, lost, waits| {
            let seen = Seen {
                migrations,
                lost,
                waits,
            };
            check(tool, seen, &costs).is_ok()
        };
        assert!(check(Tool::Migscope, 800, 8, Some(200)));
        assert!(!check(Tool::Migscope, 799, 0, Some(200)));
        assert!(!check(Tool::Migscope, 800, 9, Some(200)));
        assert!(!check(Tool::Migscope, 800, 0, Some(199)));
        assert!(!check(Tool::Migscope, 800, 0, None));
        assert!(check(Tool::NoWaits, 800, 0, None));
        assert!(!check(Tool::NoWaits, 800, 0, Some(200)));
        assert!(check(Tool::Bpftrace, 800, 0, None));
    }
}
