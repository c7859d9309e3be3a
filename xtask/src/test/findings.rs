//! Each scenario leads to the findings that it should lead to, and not to those that it should not.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Context;
use super::runs::{Wanted, record, report};
use super::trace::tell;
use crate::driver;
use crate::sections::Sections;
use crate::vm::builder::Task;

/// A scenario, and what must and must not be found in it.
struct Case {
    name: &'static str,
    /// Options of `migscope record`.
    options: &'static str,
    /// Arguments of `workload run`.
    workload: &'static str,
    must: &'static [&'static str],
    must_not: &'static [&'static str],
}

/// What is found by counts of pages and calls, which are the same in every run. Times in an
/// emulated machine are not.
const CASES: &[Case] = &[
    case(
        "mixed",
        "",
        "mixed --seed 4 --calls 600",
        &["wasted_copies", "skips", "declines"],
        &["pinned_skips", "oversubscribed", "records_lost"],
    ),
    case(
        "wasted",
        "",
        "wasted --seed 4 --calls 100",
        &["wasted_copies"],
        &["oversubscribed", "declines", "records_lost"],
    ),
    case(
        "pinned",
        "",
        "pinned --seed 4 --calls 100",
        // Anonymous pages that are pinned are not collected, for a reason that the kernel keeps to
        // itself.
        &["skips"],
        &["wasted_copies", "oversubscribed", "declines"],
    ),
    case(
        "declined",
        "",
        "declined --seed 4 --calls 100",
        &["declines"],
        &["wasted_copies", "oversubscribed"],
    ),
    case(
        "batching-small",
        "",
        "batching --seed 4 --calls 20",
        &["small_batches"],
        &["wasted_copies", "pinned_skips", "skips", "oversubscribed"],
    ),
    case(
        "batching",
        "",
        "batching --seed 4 --calls 256",
        // Two calls of 1 GiB take so long that what the small ones cost hardly matters.
        &[],
        &["wasted_copies", "pinned_skips", "skips", "oversubscribed"],
    ),
    case(
        "thrash",
        "",
        "thrash --seed 4 --calls 20",
        &["ping_pong"],
        &[
            "wasted_copies",
            "pinned_skips",
            "skips",
            "declines",
            "oversubscribed",
        ],
    ),
    case(
        "oversubscribe",
        "",
        "oversubscribe --seed 4 --calls 150",
        &["oversubscribed"],
        &[
            "wasted_copies",
            "pinned_skips",
            "skips",
            "declines",
            "livelock",
        ],
    ),
    case(
        "storm",
        "",
        "storm --seed 4 --calls 3000",
        &["small_batches", "ping_pong"],
        &[
            "wasted_copies",
            "pinned_skips",
            "skips",
            "declines",
            "livelock",
            "oversubscribed",
            "records_lost",
        ],
    ),
    case(
        "sequences",
        "",
        "sequences --seed 4 --calls 150",
        &["livelock", "oversubscribed"],
        &["wasted_copies", "declines"],
    ),
    case(
        "mirrored",
        "--sub-steps",
        "mirrored --seed 4 --calls 100",
        &["setup_invalidation"],
        &["setup_drain", "split", "wasted_copies", "declines"],
    ),
    case(
        "handover",
        "--sub-steps",
        "handover --seed 4 --calls 200",
        &["setup_drain"],
        &["setup_invalidation", "split", "wasted_copies", "declines"],
    ),
    case(
        "huge",
        "--sub-steps",
        "huge --seed 4 --calls 150",
        &["split"],
        &["setup_invalidation", "setup_drain", "oversubscribed"],
    ),
    case(
        "convoy",
        "--sub-steps",
        "convoy --calls 4",
        &["lock_convoy"],
        &["retry_storm", "wasted_copies", "declines"],
    ),
    case(
        "crowd",
        "",
        "crowd --calls 4",
        &["waits_for_others"],
        &["lock_convoy", "retry_storm", "wasted_copies"],
    ),
    case(
        "retries",
        "--device-side",
        "retries --calls 60",
        &["retry_storm"],
        &["lock_convoy", "wasted_copies"],
    ),
    case(
        "exclusive",
        "--device-side --sub-steps",
        "exclusive --calls 40",
        &[],
        &["lock_convoy", "waits_for_others", "retry_storm"],
    ),
    case(
        "ping-pong",
        "--device-side --sub-steps",
        "ping-pong --calls 40",
        &["ping_pong"],
        &["lock_convoy", "waits_for_others", "retry_storm"],
    ),
    case(
        "lossy",
        "--ring-size 4K",
        "storm --seed 4 --calls 3000",
        &["records_lost"],
        &["wasted_copies", "oversubscribed"],
    ),
];

/// In which nothing happens, so that nothing is found.
const IDLE: (&str, &str) = ("idle", "idle --duration 2");

const fn case(
    name: &'static str,
    options: &'static str,
    workload: &'static str,
    must: &'static [&'static str],
    must_not: &'static [&'static str],
) -> Case {
    Case {
        name,
        options,
        workload,
        must,
        must_not,
    }
}

pub(super) fn are_made_where_they_should_be(context: &Context<'_>) -> Result<()> {
    let wanted = CASES.iter().map(|case| Wanted {
        name: case.name.to_owned(),
        options: case.options,
        workload: case.workload,
    });
    let (idle, workload) = IDLE;
    let idle = Wanted {
        name: idle.to_owned(),
        options: "",
        workload,
    };
    let wanted: Vec<_> = wanted.chain([idle]).collect();
    let folder = record(context, "findings", &wanted, |vm| vm)?;
    let idle = report(context, &folder.join(format!("{}.arrow", IDLE.0)))?;
    let found = kinds(&idle)?;
    ensure!(found.is_empty(), "nothing happened, and there is {found:?}");
    let mut told = Vec::new();
    for case in CASES {
        let page = report(context, &folder.join(format!("{}.arrow", case.name)))?;
        let found = kinds(&page)?;
        told.push(format!(
            "  {}: {}",
            case.name,
            found.iter().copied().collect::<Vec<_>>().join(" ")
        ));
        for kind in case.must {
            ensure!(
                found.contains(kind),
                "{}: no {kind}, but {found:?}",
                case.name
            );
        }
        for kind in case.must_not {
            ensure!(!found.contains(kind), "{}: there is {kind}", case.name);
        }
    }
    tell(context, "findings", &told.join("\n"))
}

/// Twenty rounds of a worker and a process that want the same 16 pages, and twenty calls of 512
/// pages that one keeps from moving: the numbers are known. Of a process that is asked for, what
/// workers do with its memory is recorded, too.
pub(super) fn have_the_numbers_of_what_happened(context: &Context<'_>) -> Result<()> {
    const ROUNDS: u64 = 20;
    // The scenario's process is a child.
    let script = format!(
        "record() {{ migscope record -o /tmp/$1.arrow -- workload run $1 --seed 4 --calls {ROUNDS} >&2; }}
        record ping-pong && record all-or-nothing || exit 1
        workload run ping-pong --duration 60 >&2 & load=$!
        child_of() {{ cat /proc/[0-9]*/stat 2>/dev/null | while read pid name state parent rest; do test $parent = $1 && echo $pid; done; }}
        until child=$(child_of $load); test -n \"$child\"; do sleep 0.1; done
        migscope record --pid $child --duration 2 -o /tmp/process.arrow || exit 1
        kill -INT $load; wait $load
        for name in ping-pong all-or-nothing process; do
            echo == $name; migscope report --json /tmp/$name.arrow
        done"
    );
    let outcome = driver::load(context.lab.vm("findings-numbers"))
        .task(Task::shell("record", &script))
        .run()?;
    outcome.expect_success("record")?;
    let sections = Sections::of(&outcome.stdout("record"));
    let report = |name| -> Result<Value> { Ok(serde_json::from_str(sections.get(name)?)?) };
    says(
        &report("ping-pong")?,
        "ping_pong",
        &["624 pages came back", "workload"],
    )?;
    says(
        &report("all-or-nothing")?,
        "given_up",
        &["10,220 pages were given up because 20 pages could not be taken"],
    )?;
    let of_process = report("process")?;
    let moved = |cause: &str| -> u64 {
        let counts = of_process["records"]["counts"]
            .as_array()
            .into_iter()
            .flatten();
        let of_cause = counts.filter(|count| count["cause"] == cause);
        of_cause
            .filter_map(|count| count["ledger"]["moved"].as_u64())
            .sum()
    };
    let (away, home) = (moved("device_fault"), moved("cpu_fault"));
    // A round can be under way at either end, and a call of it when tracing begins.
    ensure!(
        away > 0
            && away.abs_diff(home) <= 16
            && of_process["lost"] == of_process["losses"]["headless"],
        "workers moved {away} pages of the process, and it has {home} back: {}",
        of_process["records"]["counts"]
    );
    Ok(())
}

/// An error unless there is such a finding, and these words in it.
fn says(report: &Value, kind: &str, words: &[&str]) -> Result<()> {
    let findings = report["findings"].as_array().into_iter().flatten();
    let finding = findings
        .filter(|finding| finding["kind"] == kind)
        .map(Value::to_string)
        .next();
    let finding = finding.with_context(|| format!("no {kind} in {}", report["findings"]))?;
    for word in words {
        ensure!(finding.contains(word), "{kind} without {word:?}: {finding}");
    }
    Ok(())
}

fn kinds(page: &Value) -> Result<BTreeSet<&str>> {
    let findings = page["findings"].as_array().context("no findings")?;
    findings
        .iter()
        .map(|finding| finding["kind"].as_str().context("a finding without a kind"))
        .collect()
}

/// How often the default scenario is recorded, with other choices each time.
const RUNS: u32 = 10;

/// Findings that are as bad as the time that they take: it varies in an emulator, and they may be
/// of the next worse or better kind.
const BY_TIME: [&str; 5] = [
    "dominant_step",
    "ping_pong",
    "small_batches",
    "tail",
    "tracer_cost",
];

/// What the default scenario says does not hang on chance: each run finds the same, and what is
/// counted is as bad in each.
pub(super) fn of_ten_runs_are_the_same(context: &Context<'_>) -> Result<()> {
    let workloads: Vec<_> = (1..=RUNS)
        .map(|seed| format!("mixed --seed {seed} --rate 400 --duration 20"))
        .collect();
    let runs: Vec<_> = workloads
        .iter()
        .enumerate()
        .map(|(nth, workload)| Wanted {
            name: format!("mixed-{nth}"),
            options: "",
            workload,
        })
        .collect();
    let folder = record(context, "findings-again", &runs, |vm| vm)?;
    let mut said = Vec::new();
    for run in &runs {
        let page = report(context, &folder.join(format!("{}.arrow", run.name)))?;
        let findings = page["findings"].as_array().context("no findings")?;
        let word = |finding: &Value, name: &str| finding[name].as_str().unwrap_or("?").to_owned();
        let kinds = findings
            .iter()
            .map(|finding| (word(finding, "kind"), word(finding, "severity")));
        said.push(kinds.collect::<BTreeMap<_, _>>());
    }
    let lines: Vec<_> = said.iter().map(|kinds| format!("  {kinds:?}")).collect();
    let lines = lines.join("\n");
    tell(context, "findings-again", &lines)?;
    let found: BTreeSet<Vec<_>> = said.iter().map(|run| run.keys().collect()).collect();
    let counted = |run: &BTreeMap<String, String>| -> Vec<(String, String)> {
        let counted = run.iter().filter(|(kind, _)| !BY_TIME.contains(&&***kind));
        counted
            .map(|(kind, how)| (kind.clone(), how.clone()))
            .collect()
    };
    let how: BTreeSet<_> = said.iter().map(counted).collect();
    let is_apart = |kind: &&str| {
        let how: Vec<_> = said.iter().filter_map(|run| run.get(*kind)).collect();
        ["minor", "serious"]
            .iter()
            .all(|end| how.iter().any(|how| *how == end))
    };
    ensure!(
        found.len() == 1 && how.len() == 1 && !BY_TIME.iter().any(is_apart),
        "{RUNS} runs do not say the same:\n{lines}"
    );
    Ok(())
}
