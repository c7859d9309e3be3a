//! `migscope stuck`: a call that hangs is told while it hangs, and where.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Context;
use super::account::number;
use super::trace::{Line, lines, tell};
use crate::driver;
use crate::sections::Sections;
use crate::vm::builder::Task;

/// How far the age that is told may be off.
const OFF: u64 = 100_000_000;
/// How often it is looked at most: as in the script.
const LOOKS: u32 = 30;

/// Looks until it has found a call in each place where it can hang: the ones that it asks for are
/// there for three seconds, one after the other. A look that takes as long as all three would find
/// the same one each time, so that one more place goes by after a place that was seen before. Then
/// nothing hangs any more.
const SCRIPT: &str = "workload run hang --duration 400 --truth /tmp/truth.json >/tmp/load 2>&1 & load=$!
    touch /tmp/all.json; pause=1
    for look in $(seq 30); do
        echo == look-$look
        migscope stuck --older-than 500ms --wait 10s --json > /tmp/stuck.json; echo $? $(cat /tmp/stuck.json)
        grep -q \"$(grep -m 1 -o '\"step\": .*' /tmp/stuck.json)\" /tmp/all.json && pause=$(((pause + 3) % 9))
        cat /tmp/stuck.json >> /tmp/all.json
        grep -q '\"setup\"' /tmp/all.json && grep -q alloc_and_copy /tmp/all.json && grep -q finalize_and_map /tmp/all.json && break
        sleep $pause
    done
    echo == text; migscope stuck --older-than 500ms --wait 10s
    printf '[findings]\nstuck-seconds = 1\n' > /tmp/config.toml
    for look in 1 2 3 4 5 6; do
        migscope record --duration 2 --force -o /tmp/hang.arrow >&2 || exit 1
        echo == report-$look; MIGSCOPE_CONFIG=/tmp/config.toml migscope report --json /tmp/hang.arrow | tee /tmp/report.json
        echo == metrics-$look; migscope export --format openmetrics -o - /tmp/hang.arrow
        grep -q '\"stuck\"' /tmp/report.json && break
    done
    kill -INT $load; wait $load || { cat /tmp/load; exit 1; }
    echo == after; migscope stuck --older-than 500ms; echo $?
    echo == truth; cat /tmp/truth.json";

pub(super) fn calls_that_hang_are_told(context: &Context<'_>) -> Result<()> {
    let outcome = driver::load(context.lab.vm("stuck"))
        .limit(Duration::from_secs(500))
        .task(Task::shell("stuck", SCRIPT))
        .task(driver::unload())
        .run()?;
    outcome.expect_success("stuck")?;
    driver::left_nothing_behind(&outcome)?;
    let sections = Sections::of(&outcome.stdout("stuck"));
    let is_call = |line: &&str| line.contains("\"time_ns\"");
    let truths: Vec<_> = sections.get("truth")?.lines().filter(is_call).collect();
    let truths: Vec<Line> = lines(truths.join("\n").as_bytes())?;
    let mut places = Vec::new();
    for look in 1..=LOOKS {
        let Ok(said) = sections.get(&format!("look-{look}")) else {
            break;
        };
        let (status, page) = said.trim().split_once(' ').context("no status")?;
        let page: Value = serde_json::from_str(page).context("the page is no JSON")?;
        let calls = page["calls"].as_array().context("no calls")?;
        ensure!(
            (status == "1") == (!calls.is_empty() || page["earlier"][0].is_object()),
            "status {status} of {page:#}"
        );
        for call in calls {
            places.push(told_rightly(&page, call, &truths)?);
        }
        let earlier = page["earlier"].as_array().context("no threads")?;
        for thread in earlier {
            places.push(was_there_before(thread, &truths)?);
        }
    }
    tell(
        context,
        "stuck",
        &format!("  found in {}", places.join(", ")),
    )?;
    for place in ["setup", "alloc_and_copy", "finalize_and_map"] {
        ensure!(
            places.iter().any(|found| found == place),
            "none was found in {place}: {places:?}"
        );
    }
    is_recorded(&sections, &truths)?;
    let text = sections.get("text")?;
    ensure!(
        text.contains("[migrate_test]") && text.contains("driver migrate_test"),
        "the page for people says {text}"
    );
    let after = sections.get("after")?;
    ensure!(
        after.contains("No migration") && after.trim_end().ends_with('0'),
        "nothing hangs any more, and it says {after}"
    );
    Ok(())
}

/// Recordings that end in the middle of a call say how long it has been under way, and find that it
/// is stuck; others do not.
fn is_recorded(sections: &Sections, truths: &[Line]) -> Result<()> {
    const METRIC: &str = "migscope_oldest_in_flight_seconds ";
    let mut hung = 0;
    for look in 1..=6 {
        let Ok(report) = sections.get(&format!("report-{look}")) else {
            break;
        };
        let report: Value = serde_json::from_str(report).context("the report is no JSON")?;
        let metrics = sections.get(&format!("metrics-{look}"))?;
        let seconds = metrics.lines().find_map(|line| line.strip_prefix(METRIC));
        let seconds: f64 = seconds.context("no metric")?.trim().parse()?;
        let findings = report["findings"].as_array().context("no findings")?;
        let is_found = findings.iter().any(|finding| finding["kind"] == "stuck");
        ensure!(
            is_found == (seconds >= 1.0),
            "the oldest has been under way for {seconds} s, and is stuck: {is_found}"
        );
        if is_found {
            let looked = number(&report["started_ns"])? + number(&report["elapsed_ns"])?;
            let began = looked - (seconds * 1e9) as u64;
            ensure!(
                truths.iter().any(|it| it.time_ns.abs_diff(began) < OFF),
                "the driver began no call {seconds} s before {looked}"
            );
            hung += 1;
        }
    }
    ensure!(hung > 0, "no recording ended in the middle of a call");
    Ok(())
}

/// Holds a call that is said to hang against what the driver says of it afterwards; the step.
fn told_rightly(page: &Value, call: &Value, truths: &[Line]) -> Result<String> {
    let step = call["step"].as_str().context("no step")?.to_owned();
    let (looked, age) = (number(&page["time_ns"])?, number(&call["age_ns"])?);
    let began = looked - age;
    let truth = truths
        .iter()
        .find(|truth| truth.time_ns.abs_diff(began) < OFF)
        .with_context(|| format!("the driver made no such call: {call:#}"))?;
    let of_truth = |name: &str| truth.number(name)?.with_context(|| format!("no {name}"));
    let in_step = of_truth(&format!("{step}_ns"))?;
    let frames = call["stack"].as_array().context("no stack")?;
    let is_drivers = |frame: &Value| {
        frame
            .as_str()
            .is_some_and(|it| it.ends_with("[migrate_test]"))
    };
    ensure!(
        truth.pid.map(u64::from) == call["pid"].as_u64()
            && truth.tid.map(u64::from) == call["thread"].as_u64()
            && truth.address == call["address"].as_u64()
            && of_truth("requested")? == number(&call["requested"])?
            && call["driver"] == "migrate_test"
            && number(&call["step_ns"])? <= in_step + OFF
            && in_step > 2_000_000_000
            && frames.iter().any(is_drivers),
        "it is told as {call:#}, and the driver says {truth:?}"
    );
    Ok(step)
}

/// A call from before the tracer came: its thread is one that hung in that step; the step.
fn was_there_before(thread: &Value, truths: &[Line]) -> Result<String> {
    let step = thread["step"].as_str().context("no step")?.to_owned();
    let tid = thread["thread"].as_u64();
    let long = |truth: &Line| {
        let time = truth.number(&format!("{step}_ns")).ok().flatten();
        truth.tid.map(u64::from) == tid && time.is_some_and(|ns| ns > 2_000_000_000)
    };
    ensure!(
        truths.iter().any(long),
        "the driver made no such call: {thread:#}"
    );
    Ok(step)
}
