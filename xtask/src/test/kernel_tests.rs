//! The kernel's own test driver under its own tests, with device-private and with coherent memory:
//! nothing of it was made for this tracer, and how many calls there are, the kernel itself counts,
//! by ftrace's function profile.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Context;
use super::trace::{Recorder, migscope, new_recording, recorder, tell};
use crate::build::hmm_tests;
use crate::progress::Step;
use crate::sections::Sections;
use crate::vm::Machine;
use crate::vm::builder::Task;

const DRIVER: &str = "lib/modules/test_hmm.ko";
const TASK: &str = "hmm-tests";
/// The functions with which a migration begins. The last is what long-term pins of coherent pages
/// go through.
const BEGINNINGS: [&str; 4] = [
    "migrate_vma_setup",
    "migrate_device_range",
    "migrate_device_pfns",
    "migrate_device_coherent_folio",
];
/// Memory that the kernel leaves alone, for two coherent devices of 256 MiB.
const MEMORY_MIB: u32 = 6144;
const SET_ASIDE: &str = "memmap=512M$0x140000000";
const DEVICES: &str = "spm_addr_dev0=0x140000000 spm_addr_dev1=0x150000000";
/// Where others take the processors' time as well.
const LIMIT: Duration = Duration::from_secs(600);
/// Which tests run with which huge pages. The benchmark only takes time. The driver of 7.2 makes
/// all of a coherent device either base pages or large ones; where it is asked for the others, the
/// kernel warns, and three tests follow a null pointer: traced or not.
const HALVES: [(&str, &str, &str); 2] = [
    (
        "private",
        "always",
        "-T benchmark_thp_migration -v hmm_device_private -v hmm2_device_private",
    ),
    (
        "coherent",
        "never",
        "-T benchmark_thp_migration -T migrate_anon_huge_empty -T migrate_anon_huge_fault
        -T migrate_anon_huge_err -T migrate_anon_huge_zero_err
        -v hmm_device_coherent -v hmm2_device_coherent",
    ),
];
/// So many tests pass in each half at least; others are skipped where there are no huge pages of
/// another kind.
const LEAST_PASSED: u64 = 30;

pub(super) fn of_device_memory_are_traced_whole(context: &Context<'_>) -> Result<()> {
    let step = Step::begin("the kernel's tests of device memory".into());
    let built = hmm_tests(&context.lab.setup, &step)?;
    step.done();
    let (recording, file) = new_recording(context, TASK)?;
    let outcome = context
        .lab
        .vm(TASK)
        .machine(|machine| Machine {
            memory_mib: MEMORY_MIB,
            nodes: false,
            arguments: SET_ASIDE,
            ..machine
        })
        .limit(LIMIT)
        .file(DRIVER, built.driver)
        .file("bin/hmm-tests", built.program)
        .task(recorder(&[], Box::new(file)))
        .task(Task::shell(TASK, &script()))
        .run()?;
    outcome.expect_success(TASK)?;
    outcome.expect_success("recorder")?;
    ensure!(
        outcome.warnings.is_empty(),
        "the kernel warns: {}",
        outcome.warnings.join("\n")
    );
    let sections = Sections::of(&outcome.stdout(TASK));
    for (half, _, _) in HALVES {
        all_passed(sections.get(half)?).with_context(|| format!("the {half} half"))?;
    }
    let calls = calls(sections.get("profile")?)?;
    let by = Recorder::default();
    let report = migscope(context, by, &["report", "--json"], &recording)?;
    let report = serde_json::from_slice(&report.stdout).context("the report is no JSON")?;
    every_call_is_there(&report, &calls)?;
    let export = migscope(context, by, &["export", "--format", "json"], &recording)?;
    let evictions = evictions(&export.stdout)?;
    ensure!(
        evictions.calls == calls["migrate_device_range"] + calls["migrate_device_pfns"],
        "{} evictions were traced",
        evictions.calls
    );
    // Nobody else has a page of the device's, so that whatever could not be taken was free.
    ensure!(
        evictions.free == evictions.skipped,
        "free pages are among those that could not be taken: {evictions:?}"
    );
    let line = format!(
        "  {} calls of the kernel's own tests ({calls:?}), all traced; evictions: {evictions:?}",
        calls.values().sum::<u64>()
    );
    tell(context, TASK, &line)
}

/// Runs each half with a driver of its own, whose end is an eviction, too.
fn script() -> String {
    let mut script = format!(
        "set -e
        cd /sys/kernel/tracing
        echo {} > set_ftrace_filter
        echo 1 > function_profile_enabled
",
        BEGINNINGS.join(" ")
    );
    for (half, huge_pages, filters) in HALVES {
        let filters = filters.split_whitespace().collect::<Vec<_>>().join(" ");
        script += &format!(
            "echo {huge_pages} > /sys/kernel/mm/transparent_hugepage/enabled
            insmod /{DRIVER} {DEVICES}
            echo '== {half}'; hmm-tests {filters} || echo ended with $?
            rmmod test_hmm
"
        );
    }
    script + "echo 0 > function_profile_enabled; echo '== profile'; cat trace_stat/function*\n"
}

/// Whether a half's last words are of passed tests only.
fn all_passed(said: &str) -> Result<()> {
    let failed: Vec<_> = said
        .lines()
        .filter(|line| line.starts_with("not ok") || line.starts_with("ended with"))
        .collect();
    ensure!(failed.is_empty(), "{}", failed.join(", "));
    let passed = said
        .lines()
        .find_map(|line| line.strip_prefix("# Totals: pass:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    let passed = passed.context("it does not say how many passed")?;
    ensure!(passed >= LEAST_PASSED, "only {passed} tests passed");
    Ok(())
}

/// How often each function was called, in all processors' tables: `  name   hits   time   average
/// deviation`.
fn calls(profile: &str) -> Result<BTreeMap<&'static str, u64>> {
    let mut calls = BTreeMap::from(BEGINNINGS.map(|function| (function, 0)));
    for line in profile.lines() {
        let mut words = line.split_whitespace();
        let count = words.next().and_then(|name| calls.get_mut(name));
        if let Some(count) = count {
            let hits = words.next().and_then(|word| word.parse::<u64>().ok());
            *count += hits.with_context(|| format!("no count in {line:?}"))?;
        }
    }
    for (function, count) in &calls {
        // Its evictions are of ranges.
        ensure!(
            *count > 0 || *function == "migrate_device_pfns",
            "{function} was never called"
        );
    }
    Ok(calls)
}

fn every_call_is_there(report: &Value, calls: &BTreeMap<&str, u64>) -> Result<()> {
    let losses = report["losses"]
        .as_object()
        .context("the report has no losses")?;
    ensure!(losses.values().all(|count| count == 0), "lost: {losses:?}");
    let all = calls.values().sum::<u64>();
    for (name, expected) in [
        ("migrations", all),
        ("ended", all),
        ("lost", 0),
        ("unbalanced", 0),
    ] {
        ensure!(
            report[name] == expected,
            "the report says {name} = {}; the kernel has counted {calls:?}",
            report[name]
        );
    }
    Ok(())
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Evictions {
    calls: u64,
    requested: u64,
    moved: u64,
    skipped: u64,
    free: u64,
}

/// Sums over the evictions of an export. Each must balance.
fn evictions(export: &[u8]) -> Result<Evictions> {
    let mut sums = Evictions::default();
    for line in String::from_utf8_lossy(export).lines() {
        let call: Value = serde_json::from_str(line).context("the export is no JSON")?;
        if call["cause"] != "eviction" {
            continue;
        }
        let pages = |row: &str| call[row].as_u64().with_context(|| format!("no {row}"));
        sums.calls += 1;
        sums.requested += pages("requested")?;
        sums.moved += pages("moved")?;
        sums.skipped += pages("skipped")?;
        sums.free += pages("free")?;
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_all_processors_are_added() {
        let profile = "  Function     Hit    Time   Avg   s^2\n  --------     ---    ----   ---   ---\n\
              migrate_vma_setup     12    3.5 us     0.3 us     0.01 us\n\
              migrate_device_range     2    3.5 us     0.3 us     0.01 us\n\
              migrate_device_coherent_folio     3    3.5 us     0.3 us     0.01 us\n\
              migrate_vma_setup     30    3.5 us     0.3 us     0.01 us\n";
        let counted = calls(profile).unwrap();
        assert_eq!(counted["migrate_vma_setup"], 42);
        assert_eq!(counted["migrate_device_range"], 2);
        assert_eq!(counted["migrate_device_pfns"], 0);
        assert!(calls("").is_err());
    }

    #[test]
    fn a_test_that_fails_is_named() {
        all_passed("ok 1 a\n# Totals: pass:35 fail:0 xfail:0\n").unwrap();
        assert!(all_passed("# Totals: pass:3 fail:0 xfail:0\n").is_err());
        assert!(all_passed("").is_err());
        let error = all_passed("not ok 2 b\n# Totals: pass:35 fail:1 xfail:0\n").unwrap_err();
        assert!(error.to_string().contains("not ok 2 b"));
    }

    #[test]
    fn evictions_are_told_from_other_calls() {
        let export = b"{\"cause\":\"driver\",\"requested\":1,\"moved\":1,\"skipped\":0}\n\
            {\"cause\":\"eviction\",\"requested\":8,\"moved\":3,\"skipped\":5,\"free\":4}\n";
        let evictions = evictions(export).unwrap();
        assert_eq!(
            (evictions.calls, evictions.skipped, evictions.free),
            (1, 5, 4)
        );
        assert!(super::evictions(b"{\"cause\":\"eviction\"}").is_err());
    }
}
