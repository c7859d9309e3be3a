//! What it costs a program to open and close phases: by itself, where an empty probe is hooked to
//! the same functions, and where a recorder follows them. All of it in one boot.

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use serde_json::Value;

use super::measure::{SETTLE, machine, parse};
use super::results::{Bound, Instructions, absolute, find};
use super::tool::{BPFTRACE, RECORDING, end_and_report};
use crate::lab::Lab;
use crate::sections::Sections;
use crate::setup::programs::Programs;
use crate::tracer::ATTACHED_FUNCTIONS;
use crate::vm::builder::Task;

/// What is timed, in the order of the table.
pub(super) const PHASES: [&str; 2] = ["push", "pop"];

/// How many are timed, and those before, by which all is warm.
const TIMED: u64 = 1000;
const WARM_UP: u64 = 100;

/// What following a phase may cost besides the probe itself, in instructions: of a program that
/// opens and closes 100,000 in a second no more than 5% of its time, which are 500 ns for each, on
/// a processor of 3 GHz that takes a cycle for an instruction.
const AT_MOST: f64 = 1_500.0;

/// What opening and closing a phase takes.
#[derive(Debug, Serialize)]
pub(super) struct Phases {
    /// Where nobody hooks anything: all of it.
    pub(super) untraced: Vec<Instructions>,
    /// More than that, with an empty probe.
    pub(super) empty_uprobe: Vec<Instructions>,
    /// More than untraced, with a recorder.
    pub(super) followed: Vec<Instructions>,
    pub(super) bounds: Vec<Bound>,
}

fn script() -> String {
    let run = format!("workload phases {TIMED} --timed --names 4 || exit 1");
    let probe = |function: &str| format!("uprobe:/bin/workload:{function} {{ }}");
    let probes = ["roctxRangePushA", "roctxRangePop"].map(probe).join(" ");
    format!(
        "{SETTLE}
        echo == untraced; {run}
        bpftrace -q -e '{probes}' > /dev/null & probe=$!
        sleep 5; echo == empty; {run}
        kill -INT $probe; wait $probe
        migscope record --phases=/bin/workload -o {RECORDING} &
        until grep -q migrate_vma_finalize {ATTACHED_FUNCTIONS}; do sleep 0.1; done
        sleep 2; echo == followed; {run}
        echo == report; {}",
        end_and_report(RECORDING)
    )
}

/// Boots, and measures.
pub(super) fn measure(lab: &Lab, programs: &Programs) -> Result<Phases> {
    let outcome = machine(lab, "bench-phases")
        .files(programs.files(BPFTRACE)?)
        .task(Task::shell("phases", &script()))
        .run()?;
    outcome.expect_success("phases")?;
    let sections = Sections::of(&outcome.stdout("phases"));
    all_were_seen(sections.get("report")?)?;
    let costs = |name| Ok::<_, anyhow::Error>(absolute(&parse(sections.get(name)?)?));
    Phases::new(costs("untraced")?, costs("empty")?, costs("followed")?)
}

/// A recorder that does not see a phase costs something else.
fn all_were_seen(report: &str) -> Result<()> {
    let report: Value = serde_json::from_str(report).context("the report is no JSON")?;
    let (opened, lost) = (&report["phases"]["opened"], &report["losses"]["phase_lost"]);
    ensure!(
        *opened == TIMED + WARM_UP && *lost == 0,
        "the recorder saw {opened} phases, and lost {lost}"
    );
    Ok(())
}

impl Phases {
    fn new(
        untraced: Vec<Instructions>,
        mut empty_uprobe: Vec<Instructions>,
        mut followed: Vec<Instructions>,
    ) -> Result<Self> {
        let mut more = 0;
        for what in PHASES {
            let base = instructions(&untraced, what)?;
            for costs in [&mut empty_uprobe, &mut followed] {
                let of = costs.iter_mut().filter(|cost| cost.what == what);
                of.for_each(|cost| cost.instructions -= base);
            }
            let probe = instructions(&empty_uprobe, what)?;
            ensure!(
                probe > 0,
                "an empty probe costs {probe} at {what}: it was not hooked"
            );
            more += instructions(&followed, what)? - probe;
        }
        Ok(Self {
            untraced,
            empty_uprobe,
            followed,
            bounds: vec![Bound::new("a push and its pop", AT_MOST, more as f64)],
        })
    }
}

fn instructions(costs: &[Instructions], what: &str) -> Result<i64> {
    let cost = find(costs, what, 0).with_context(|| format!("{what} was not timed"))?;
    Ok(cost.instructions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(push: i64, pop: i64) -> Vec<Instructions> {
        let cost = |(what, instructions): (&str, i64)| Instructions {
            what: what.to_owned(),
            pages: 0,
            calls: 10,
            instructions,
        };
        [("push", push), ("pop", pop)].map(cost).into()
    }

    #[test]
    fn what_a_phase_costs_is_what_it_adds_to_an_empty_probe() {
        let phases = |push, pop| Phases::new(costs(90, 90), costs(1_090, 990), costs(push, pop));
        let met = phases(1_990, 1_590).unwrap();
        assert_eq!((met.bounds[0].measured, met.bounds[0].met), (AT_MOST, true));
        assert_eq!(met.empty_uprobe, costs(1_000, 900));
        assert!(!phases(1_991, 1_590).unwrap().bounds[0].met);
        // What was not hooked is no probe.
        assert!(Phases::new(costs(90, 90), costs(90, 990), costs(1_390, 1_190)).is_err());
        assert!(Phases::new(costs(90, 90), costs(1_090, 990), Vec::new()).is_err());
    }

    #[test]
    fn every_phase_has_to_be_seen() {
        let report = |opened, lost| {
            let report = serde_json::json!({
                "phases": { "opened": opened }, "losses": { "phase_lost": lost },
            });
            all_were_seen(&report.to_string()).is_ok()
        };
        assert!(report(TIMED + WARM_UP, 0));
        assert!(!report(TIMED + WARM_UP - 1, 0) && !report(TIMED + WARM_UP, 1));
    }
}
