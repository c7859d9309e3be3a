//! Every scenario: the tracer says what the driver says, and what the scenario promises does occur.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::Context;
use super::compare::compare;
use super::ledger::summary;
use super::tally::Tally;
use super::trace::{Trace, tell};
use crate::commands::run::list;
use crate::process::output;

/// A scenario, and what of the driver's account must not be zero for it.
struct Case {
    scenario: &'static str,
    /// How long: `--calls N` or `--duration S`.
    length: [&'static str; 2],
    /// What occurs, by its name in a [`Tally`], and how often at least.
    occurs: &'static [(&'static str, u64)],
}

const fn case(
    scenario: &'static str,
    calls: &'static str,
    occurs: &'static [(&'static str, u64)],
) -> Case {
    Case {
        scenario,
        length: ["--calls", calls],
        occurs,
    }
}

/// What can become of a migration.
const WAYS: &[Case] = &[
    case(
        "mixed",
        "600",
        &[
            ("direction to_device", 1),
            ("direction to_system", 1),
            ("pinned", 1),
            ("locked", 1),
            ("failed", 1),
            ("referenced", 1),
            ("whole", 1),
            ("split", 1),
            ("outcome rolled_back", 1),
            ("outcome abandoned", 1),
            ("outcome rejected", 1),
            ("cause cpu_fault", 1),
        ],
    ),
    case(
        "sequences",
        "150",
        &[
            ("outcome completed", 1),
            ("outcome rolled_back", 1),
            ("outcome abandoned", 1),
            ("outcome rejected", 1),
            ("cause driver", 1),
            ("cause cpu_fault", 1),
            ("cause eviction", 1),
            ("evictions", 1),
            ("rolled_back", 1),
            ("rejected", 1),
        ],
    ),
    case(
        "pages",
        "150",
        &[
            ("moved", 1),
            ("skipped", 1),
            ("declined", 1),
            ("populated", 1),
        ],
    ),
];

/// Pages that do not go where they should.
const FAULTS: &[Case] = &[
    case(
        "pinned",
        "100",
        &[("pinned", 1), ("locked", 1), ("skipped", 1)],
    ),
    case("declined", "100", &[("declined", 1), ("failed", 1)]),
    case(
        "wasted",
        "100",
        &[("wasted_copy", 1), ("wasted_fill", 1), ("referenced", 1)],
    ),
    case(
        "huge",
        "100",
        &[
            ("whole", 512),
            ("split", 512),
            ("failed", 1),
            ("batch 512", 1),
        ],
    ),
];

/// Many pages, short memory, no rest, and setups that wait for others.
const LOAD: &[Case] = &[
    case(
        "batching",
        "256",
        &[
            ("batch 1", 1),
            ("batch 512", 1),
            ("batch 65536", 1),
            ("batch 262144", 1),
        ],
    ),
    case("thrash", "20", &[("cause cpu_fault", 100), ("devices", 2)]),
    case(
        "oversubscribe",
        "150",
        &[("evictions", 10), ("cause eviction", 10)],
    ),
    case("storm", "3000", &[("batch 1", 3000), ("threads", 2)]),
    case("mirrored", "40", &[("moved", 40)]),
    case("handover", "40", &[("moved", 40)]),
    case("hang", "3", &[("moved", 48), ("threads", 1)]),
    case("convoy", "3", &[("cause cpu_fault", 96), ("threads", 33)]),
    case("crowd", "2", &[("cause cpu_fault", 64), ("threads", 2)]),
    case("retries", "40", &[("moved", 1000)]),
    case("waiting", "16", &[("moved", 320)]),
    case("exclusive", "12", &[("cause kernel_access", 80)]),
];

/// Several processes and threads.
const CROWDS: &[Case] = &[
    case("fork", "150", &[("cause cpu_fault", 1), ("processes", 5)]),
    case("multi", "1600", &[("processes", 8), ("threads", 24)]),
    case("contended", "600", &[("skipped", 1), ("devices", 2)]),
    Case {
        scenario: "idle",
        length: ["--duration", "2"],
        occurs: &[],
    },
];

/// What real drivers do. Every cause, and every way between kinds of memory.
const DRIVERS: &[Case] = &[
    case(
        "uvm",
        "80",
        &[
            ("cause device_fault", 1),
            ("cause eviction", 1),
            ("cause cpu_fault", 1),
            ("cause kernel_access", 1),
            ("free", 1),
            ("rolled_back", 1),
            ("workers", 1),
        ],
    ),
    case(
        "uvm-numa",
        "40",
        &[
            ("direction system_to_system", 1),
            ("direction unknown", 1),
            ("cause prefetch", 1),
        ],
    ),
    case(
        "coherent",
        "40",
        &[
            ("from device_coherent", 1),
            ("to device_coherent", 1),
            ("cause eviction", 1),
        ],
    ),
    case(
        "amdgpu",
        "60",
        &[
            ("cause device_fault", 1),
            ("cause prefetch", 1),
            ("cause eviction", 1),
            ("outcome abandoned", 1),
            ("skipped", 1),
        ],
    ),
    case(
        "xe",
        "80",
        &[
            ("direction device_to_device", 1),
            ("cause kernel_access", 1),
            ("from mixed", 1),
            ("declined", 1),
            ("declined_holes", 1),
            ("whole", 512),
        ],
    ),
    case(
        "nouveau",
        "40",
        &[
            ("outcome abandoned", 64),
            ("wasted_copy", 512),
            ("free", 100_000),
        ],
    ),
    case(
        "ping-pong",
        "20",
        &[("cause device_fault", 20), ("cause cpu_fault", 320)],
    ),
    case(
        "arrays",
        "40",
        &[("cause cpu_fault", 600), ("rolled_back", 128)],
    ),
    case(
        "all-or-nothing",
        "20",
        &[("declined", 10_220), ("skipped", 20)],
    ),
    case(
        "phases",
        "60",
        &[
            ("cause device_fault", 1),
            ("cause eviction", 1),
            ("cause cpu_fault", 1),
            ("threads", 3),
        ],
    ),
    case(
        "abandoned",
        "500",
        &[("outcome abandoned", 500), ("threads", 500)],
    ),
];

const ALL: &[Case] = &[case(
    "all",
    "700",
    &[("wasted_fill", 1), ("evictions", 1), ("devices", 2)],
)];

const GROUPS: [&[Case]; 6] = [WAYS, FAULTS, LOAD, CROWDS, DRIVERS, ALL];

pub(super) fn every_way_is_traced(context: &Context<'_>) -> Result<()> {
    traced(context, "ways", WAYS).map(drop)
}

pub(super) fn what_fails_is_traced(context: &Context<'_>) -> Result<()> {
    traced(context, "faults", FAULTS).map(drop)
}

pub(super) fn load_is_traced(context: &Context<'_>) -> Result<()> {
    traced(context, "load", LOAD).map(drop)
}

pub(super) fn crowds_are_traced(context: &Context<'_>) -> Result<()> {
    let trace = traced(context, "crowds", CROWDS)?;
    let idle = trace.runs.last().context("nothing ran")?;
    ensure!(
        idle.truth.is_empty(),
        "idle made {} migrations",
        idle.truth.len()
    );
    Ok(())
}

pub(super) fn real_drivers_are_traced(context: &Context<'_>) -> Result<()> {
    traced(context, "drivers", DRIVERS).map(drop)
}

pub(super) fn all_in_turn_are_traced(context: &Context<'_>) -> Result<()> {
    traced(context, "all", ALL).map(drop)
}

/// Runs them in one boot.
fn traced(context: &Context<'_>, name: &str, cases: &[Case]) -> Result<Trace> {
    let arguments: Vec<Vec<_>> = cases
        .iter()
        .map(|case| {
            let scenario = [case.scenario, "--seed", "4"];
            scenario.into_iter().chain(case.length).collect()
        })
        .collect();
    let runs: Vec<_> = arguments.iter().map(Vec::as_slice).collect();
    let trace = compare(context, &format!("scenarios-{name}"), &runs)?;
    let mut told = Vec::new();
    for (case, run) in cases.iter().zip(&trace.runs) {
        Tally::of(run)?
            .expect(case.occurs)
            .with_context(|| format!("workload run {}", run.name))?;
        told.push(format!("  {}:{}", case.scenario, summary(run)?));
    }
    tell(context, &format!("scenarios-{name}"), &told.join("\n"))?;
    Ok(trace)
}

/// A scenario that is added has to be added here, too.
pub(super) fn none_is_forgotten(context: &Context<'_>) -> Result<()> {
    let listed = output(Command::new(&context.lab.programs.workload).arg("list"))?;
    let listed: BTreeSet<_> = list::names(&listed).collect();
    let tested: BTreeSet<_> = GROUPS
        .iter()
        .flat_map(|cases| cases.iter())
        .map(|case| case.scenario)
        .collect();
    ensure!(
        listed == tested,
        "there are scenarios {listed:?}, and these are tested: {tested:?}"
    );
    Ok(())
}

pub(super) fn an_unknown_one_is_refused(context: &Context<'_>) -> Result<()> {
    let mut workload = Command::new(&context.lab.programs.workload);
    let output = workload
        .args(["run", "no-such-scenario"])
        .output()
        .context("start workload")?;
    let message = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.code() == Some(2),
        "it ended with {} instead of status 2",
        output.status
    );
    ensure!(
        message.contains("no-such-scenario") && message.contains("mixed"),
        "it says only: {message}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tally::UNSEEN;
    use super::super::trace::ROWS;
    use super::*;

    #[test]
    fn everything_that_can_become_of_a_page_or_a_call_is_insisted_on() {
        let cases = GROUPS.iter().flat_map(|cases| cases.iter());
        let asked: BTreeSet<_> = cases
            .flat_map(|case| case.occurs)
            .filter(|(_, least)| *least > 0)
            .map(|(what, _)| *what)
            .collect();
        let kinds = [
            "direction to_device",
            "direction to_system",
            "direction device_to_device",
            "direction system_to_system",
            "direction unknown",
            "cause kernel_access",
            "cause device_fault",
            "cause prefetch",
            "cause cpu_fault",
            "cause driver",
            "cause eviction",
            "outcome completed",
            "outcome rolled_back",
            "outcome abandoned",
            "outcome rejected",
        ];
        for what in ROWS.iter().chain(&UNSEEN).chain(&kinds) {
            assert!(asked.contains(what), "no test asks for {what}");
        }
    }
}
