//! What is compared: migscope in its modes, and what people trace with today.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tracer::{ATTACHED_FUNCTIONS, TRACED};
use crate::vm::builder::{Outcome, Output, Task};

/// A way to see migrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Tool {
    /// migscope record: a record of every migration, and totals
    Migscope,
    /// migscope record --no-waits: migrations alone
    NoWaits,
    /// migscope record --no-mappings: not which memory
    NoMappings,
    /// migscope record --phases --no-mappings: in which phase, as stat --per-phase does
    Phases,
    /// migscope record --device-side: waits of devices, too
    DeviceSide,
    /// migscope record --totals-only: no records
    TotalsOnly,
    /// migscope record --kernel-stacks
    KernelStacks,
    /// migscope record --kernel-stacks --user-stacks
    Stacks,
    /// migscope record --attach kprobe
    Kprobe,
    /// ftrace's function_graph on the three functions, into its ring
    FunctionGraph,
    /// A bpftrace script: six probes, a histogram of each of the five steps
    Bpftrace,
}

/// The tracer, or what stands in for it.
const TRACER: &str = "tracer";
const END: &str = "end";
/// Where the guest keeps the recording.
pub(super) const RECORDING: &str = "/tmp/run.arrow";
/// The three functions of a migration.
const FUNCTIONS: [&str; 3] = [TRACED[0], TRACED[1], TRACED[2]];
const SCRIPT: &str = "migrations.bt";
/// What [`SCRIPT`] holds.
pub(super) const SCRIPT_TEXT: &str = include_str!("migrations.bt");
/// The program that runs it, in the guest.
pub(super) const BPFTRACE: &str = "usr/bin/bpftrace";

/// Ends the recorder and prints what it recorded.
pub(super) fn end_and_report(recording: &str) -> String {
    format!(
        "recorder=$(pidof migscope) && kill -INT $recorder || exit 1
        while test -d /proc/$recorder; do sleep 0.1; done
        migscope report --json {recording}"
    )
}

/// A recorder in the background.
pub(super) fn recorder(name: &str, options: &[&str], recording: &str) -> Task {
    let argv = ["migscope", "record", "-o", recording];
    Task::new(name, argv.iter().chain(options).copied())
        .background()
        .ready_when(ATTACHED_FUNCTIONS, TRACED)
}

impl Tool {
    /// What `--tool` calls it.
    pub(crate) fn name(self) -> String {
        self.to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }

    /// What it is.
    pub(super) fn about(self) -> String {
        self.to_possible_value()
            .and_then(|value| value.get_help().map(ToString::to_string))
            .unwrap_or_default()
    }

    /// The options of `migscope record`.
    fn options(self) -> &'static [&'static str] {
        match self {
            Tool::NoWaits => &["--no-waits"],
            Tool::NoMappings => &["--no-mappings"],
            Tool::Phases => &["--phases=/bin/workload", "--no-mappings"],
            Tool::DeviceSide => &["--device-side"],
            Tool::TotalsOnly => &["--totals-only"],
            Tool::KernelStacks => &["--kernel-stacks"],
            Tool::Stacks => &["--kernel-stacks", "--user-stacks"],
            Tool::Kprobe => &["--attach", "kprobe"],
            Tool::Migscope | Tool::FunctionGraph | Tool::Bpftrace => &[],
        }
    }

    /// Whether it is to see what threads wait for besides migrations.
    pub(super) fn follows_waits(self) -> bool {
        !matches!(self, Tool::NoWaits | Tool::FunctionGraph | Tool::Bpftrace)
    }

    /// What begins to trace.
    pub(super) fn begin(self) -> Task {
        match self {
            Tool::FunctionGraph => Task::shell(TRACER, &function_graph()),
            Tool::Bpftrace => Task::new(TRACER, ["bpftrace", "-q", "-f", "json", SCRIPT])
                .background()
                .ready_when(ATTACHED_FUNCTIONS, FUNCTIONS),
            _ => recorder(TRACER, self.options(), RECORDING),
        }
    }

    /// What ends it, and prints what it saw.
    pub(super) fn end(self) -> Task {
        match self {
            Tool::FunctionGraph => Task::shell(END, "cat /sys/kernel/tracing/per_cpu/cpu0/stats"),
            Tool::Bpftrace => Task::new(END, ["true"]).stdout(Output::Null),
            _ => Task::shell(END, &end_and_report(RECORDING)),
        }
    }

    /// What it saw: a tool that sees nothing costs nothing.
    pub(super) fn seen(self, outcome: &Outcome) -> Result<Seen> {
        outcome.expect_success(END)?;
        outcome.expect_success(TRACER)?;
        match self {
            Tool::FunctionGraph => graphed(&text(outcome, END)).map(Seen::all),
            Tool::Bpftrace => counted(&text(outcome, TRACER)).map(Seen::all),
            _ => recorded(&outcome.stdout(END)),
        }
    }
}

/// What a tool saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// All migrations.
    pub(super) migrations: u64,
    /// Those of which it says that something of them was lost.
    pub(super) lost: u64,
    /// Waits of CPUs for a page on the device. `None`: it follows none.
    pub(super) waits: Option<u64>,
}

impl Seen {
    /// The tool does not tell what it loses.
    fn all(migrations: u64) -> Self {
        Seen {
            migrations,
            lost: 0,
            waits: None,
        }
    }
}

fn text(outcome: &Outcome, task: &str) -> String {
    String::from_utf8_lossy(&outcome.stdout(task)).into_owned()
}

/// Graphs the three functions, without what they call.
fn function_graph() -> String {
    let functions = FUNCTIONS.join(" ");
    format!(
        "cd /sys/kernel/tracing
        echo {functions} > set_ftrace_filter && echo function_graph > current_tracer"
    )
}

/// Each function's entry and return is an entry in the ring, of which the older ones may have been
/// written over.
fn graphed(stats: &str) -> Result<u64> {
    let count = |name: &str| -> Option<u64> {
        let line = stats.lines().find(|line| line.starts_with(name))?;
        line.rsplit_once(": ")?.1.trim().parse().ok()
    };
    let entries = count("entries").context("ftrace's ring does not tell its entries")?;
    let overrun = count("overrun").context("ftrace's ring does not tell what was written over")?;
    Ok((entries + overrun) / (2 * FUNCTIONS.len() as u64))
}

/// What bpftrace prints at its end.
#[derive(Deserialize)]
struct Printed {
    #[serde(rename = "type")]
    kind: String,
    data: Value,
}

#[derive(Deserialize)]
struct Bucket {
    count: u64,
}

/// The least count of the five histograms.
fn counted(lines: &str) -> Result<u64> {
    let mut counts = Vec::new();
    for line in lines.lines().filter(|line| !line.is_empty()) {
        let printed: Printed =
            serde_json::from_str(line).with_context(|| format!("bpftrace says {line}"))?;
        if printed.kind == "hist" {
            let histograms: BTreeMap<String, Vec<Bucket>> =
                serde_json::from_value(printed.data).context("bpftrace's histograms")?;
            let sum = |buckets: &Vec<Bucket>| buckets.iter().map(|bucket| bucket.count).sum();
            counts.extend(histograms.values().map(sum).collect::<Vec<u64>>());
        }
    }
    ensure!(
        counts.len() == 5,
        "bpftrace prints {} histograms instead of five",
        counts.len()
    );
    Ok(counts.into_iter().min().unwrap_or(0))
}

/// What migscope counted.
pub(super) fn recorded(report: &[u8]) -> Result<Seen> {
    let report: Value = serde_json::from_slice(report).context("the report is no JSON")?;
    let number = |name: &str| {
        let number = report[name].as_u64();
        number.with_context(|| format!("the report says {name}: {}", report[name]))
    };
    Ok(Seen {
        migrations: number("ended")?,
        lost: number("lost")?,
        waits: waits(&report["waits"])?,
    })
}

fn waits(waits: &Value) -> Result<Option<u64>> {
    if waits.is_null() {
        return Ok(None);
    }
    let counts = waits["counts"].as_array();
    let counts = counts.context("the report counts no waits")?.iter();
    let of_faults = counts.filter(|count| count["kind"] == "fault");
    Ok(Some(
        of_faults.filter_map(|count| count["waits"].as_u64()).sum(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_read() {
        let stats = "entries: 600\noverrun: 12\ncommit overrun: 0\nbytes: 4040\n";
        assert_eq!(graphed(stats).unwrap(), 102);
        let histogram = |name: &str, count: u64| {
            format!(
                "{{\"type\":\"hist\",\"data\":{{\"@{name}\":[{{\"min\":1,\"max\":2,\"count\":{count}}},{{\"min\":3,\"max\":4,\"count\":1}}]}}}}\n"
            )
        };
        let mut printed = "\n".to_owned();
        printed += &["a", "b", "c", "d"].map(|name| histogram(name, 7)).concat();
        assert!(counted(&printed).is_err(), "one is missing");
        printed += &histogram("e", 6);
        assert_eq!(counted(&printed).unwrap(), 7);
        let seen = recorded(br#"{"ended":5,"lost":1,"waits":null}"#).unwrap();
        assert_eq!((seen.migrations, seen.lost, seen.waits), (5, 1, None));
        assert!(recorded(br#"{"ended":5,"lost":null}"#).is_err());
    }

    #[test]
    fn waits_for_pages_on_the_device_are_counted() {
        let report = br#"{"ended":5,"lost":1,"waits":{"counts":[
            {"kind":"fault","result":"moved","waits":7},
            {"kind":"migrating","result":"done","waits":90},
            {"kind":"fault","result":"nothing","waits":2}]}}"#;
        assert_eq!(recorded(report).unwrap().waits, Some(9));
        let none = br#"{"ended":5,"lost":1,"waits":{"counts":[]}}"#;
        assert_eq!(recorded(none).unwrap().waits, Some(0));
    }

    #[test]
    fn every_tool_is_explained() {
        for tool in Tool::value_variants() {
            assert!(
                !tool.name().is_empty() && !tool.about().is_empty(),
                "{tool:?}"
            );
        }
    }
}
