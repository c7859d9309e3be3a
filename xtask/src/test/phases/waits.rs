//! In which phase threads wait: as the program itself writes it down, and as often as the driver
//! served a fault there.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::Account;
use crate::test::Context;
use crate::test::trace::{Recorder, Trace, migscope};

/// A wait, as an export has it.
#[derive(Debug, Deserialize)]
struct Told {
    time_ns: u64,
    tid: Option<u32>,
    wait: String,
    result: String,
    phase: Option<String>,
}

/// A call in which somebody may have waited, as the driver has it.
#[derive(Debug, Deserialize)]
struct Served {
    what: String,
    result: String,
    tid: u32,
    began_ns: u64,
}

/// How many faults there are in each phase.
pub(super) type Faults = BTreeMap<String, u64>;

/// Those that the driver served, as many as its own totals say.
pub(super) fn served(text: &[u8], account: &Account) -> Result<Faults> {
    let mut lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
    lines.retain(|line| !line.is_empty());
    let last: Value = serde_json::from_slice(lines.pop().context("the driver tells no waits")?)?;
    let lost = &last["totals"]["lost"];
    ensure!(*lost == 0, "the driver has lost {lost} of its own waits");
    let mut faults = Faults::new();
    for line in lines {
        let call: Served = serde_json::from_slice(line).context("read the driver's waits")?;
        if (call.what.as_str(), call.result.as_str()) == ("fault", "done") {
            let phase = account.of_thread(call.began_ns, call.tid);
            *faults.entry(phase.to_owned()).or_default() += 1;
        }
    }
    Ok(faults)
}

/// Each fault is in the phase of the thread that touched the page.
pub(super) fn are_those_of_their_threads(
    context: &Context<'_>,
    trace: &Trace,
    account: &Account,
    served: &Faults,
) -> Result<()> {
    let export = ["export", "--format", "json", "--event", "wait"];
    let export = migscope(context, Recorder::default(), &export, &trace.recording)?;
    let (mut moved, mut all) = (Faults::new(), Faults::new());
    for line in export.stdout.split(|byte| *byte == b'\n') {
        if line.is_empty() {
            continue;
        }
        let told: Told = serde_json::from_slice(line).context("read waits")?;
        // Nobody else waits here.
        let tid = told
            .tid
            .with_context(|| format!("it has no thread: {told:?}"))?;
        let expected = account.of_thread(told.time_ns, tid);
        ensure!(
            told.phase.as_deref() == Some(expected),
            "the phase must be {expected:?}: {told:?}"
        );
        if told.wait == "fault" {
            *all.entry(expected.to_owned()).or_default() += 1;
            if told.result == "moved" {
                *moved.entry(expected.to_owned()).or_default() += 1;
            }
        }
    }
    ensure!(
        moved == *served && moved.len() > 2,
        "faults by phase are {moved:?}, and the driver served {served:?}"
    );
    ensure!(
        reported(&trace.report)? == all,
        "the report does not say that they are {all:?}"
    );
    Ok(())
}

fn reported(report: &Value) -> Result<Faults> {
    let paths = report["phases"]["paths"].as_array().context("no phases")?;
    let faults = paths.iter().map(|path| {
        let number = path["waits"]["fault"]["waits"].as_u64();
        let number = number.context("a phase without faults")?;
        Ok((
            path["phase"].as_str().unwrap_or("unknown").to_owned(),
            number,
        ))
    });
    let faults: Result<Faults> = faults.collect();
    faults.map(|faults| {
        faults
            .into_iter()
            .filter(|(_, number)| *number > 0)
            .collect()
    })
}
