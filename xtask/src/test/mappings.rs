//! Which mapping each migration is in: the tracer says what the process itself read in
//! `/proc/self/maps`, though it has ended since.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::Context;
use super::account::number;
use super::compare::{agree, compare};
use super::trace::{Line, Recorder, Trace, tell, trace_by};
use crate::vm::Captured;

/// What a process said of its own memory at its end.
#[derive(Debug, Deserialize)]
struct Own {
    pid: u32,
    mapping_start: u64,
    mapping_end: u64,
    /// As in `/proc/PID/maps`.
    name: String,
    /// Pages that are on the device.
    elsewhere: u64,
}

impl Own {
    /// What the tracer is to call it.
    fn expected(&self) -> &str {
        let name = self.name.rsplit('/').next().unwrap_or_default();
        match name.trim_end_matches(" (deleted)") {
            "" => "[anon]",
            name => name,
        }
    }

    fn has(&self, line: &Line) -> bool {
        let range = self.mapping_start..self.mapping_end;
        line.pid == Some(self.pid) && line.address.is_some_and(|at| range.contains(&at))
    }
}

const ARRAYS: [&str; 5] = ["arrays", "--calls", "60", "--seed", "5"];

/// What the program has, whose names the kernel knows.
const NAMES: [&str; 4] = [
    "[anon:activations]",
    "[anon:gradients]",
    "[anon:weights]",
    "memfd:workload",
];

pub(super) fn are_those_of_the_process(context: &Context<'_>) -> Result<()> {
    let mut told = Vec::new();
    for (name, options) in [
        ("mappings", &[][..]),
        ("mappings-kprobes", &["--attach", "kprobe"]),
    ] {
        let (trace, own) = arrays(context, name, options)?;
        agree(&trace)?;
        let counted = every_migration_is_in_its_own(&trace, &own)?;
        pages_on_the_device_are_where_the_process_has_them(&trace.report, &own)?;
        one_alone_thrashes(&trace.report)?;
        told.push(format!("  {name}: {counted:?}"));
    }
    tell(context, "mappings", &told.join("\n"))
}

/// Pages that go from one device to another are on that then. Both devices' pages in each mapping
/// are those that migrations brought and took, each of which is equal to the driver's.
pub(super) fn are_told_by_device(context: &Context<'_>) -> Result<()> {
    let arguments = ["xe", "--calls", "80", "--seed", "8"];
    let trace = compare(context, "mappings-devices", &[&arguments])?;
    let traced = &trace.only()?.traced;
    let rows = trace.report["mappings"].as_array();
    let rows = rows.context("the report has no mappings")?;
    let mut devices = BTreeSet::new();
    for row in rows {
        for of in row["devices"].as_array().context("no devices")? {
            let Some(device) = of["device"].as_str() else {
                continue;
            };
            devices.insert(device.to_owned());
            let there = pages_on(device, row, traced)?;
            let bound = |name: &str| of[name].as_i64().with_context(|| format!("no {name}"));
            let (least, most) = (bound("resident_least")?, bound("resident_most")?);
            ensure!(
                (least..=most).contains(&there),
                "{there} pages are on {device}, and it says {of} of {row}"
            );
        }
    }
    let devices: Vec<_> = devices.into_iter().collect();
    let line = format!("  {} mappings on {}", rows.len(), devices.join(", "));
    tell(context, "mappings-devices", &line)?;
    ensure!(devices.len() > 1, "there is but one device");
    Ok(())
}

/// How many pages of a mapping came to this device and have not left it.
fn pages_on(device: &str, row: &Value, traced: &[Line]) -> Result<i64> {
    let range = number(&row["mapping_start"])?..number(&row["mapping_end"])?;
    let is_its = |line: &&Line| {
        line.pid.map(u64::from) == row["pid"].as_u64()
            && line.address.is_some_and(|address| range.contains(&address))
    };
    let mut pages = 0;
    for line in traced.iter().filter(is_its) {
        let on = |side: &str| -> Result<i64> {
            let is_there = line.text(&format!("{side}_place")).ok() == Some(device);
            let on = line.pages(&format!("{side}_private_pages"))?;
            Ok(if is_there { on as i64 } else { 0 })
        };
        pages += on("to")? - on("from")?;
    }
    Ok(pages)
}

pub(super) fn are_left_out_when_nobody_asks(context: &Context<'_>) -> Result<()> {
    let (trace, _) = arrays(context, "no-mappings", &["--no-mappings"])?;
    ensure!(!trace.only()?.traced.is_empty(), "nothing was traced");
    for line in &trace.only()?.traced {
        for name in ["mapping", "mapping_start", "mapping_end"] {
            let found = line.value(name);
            ensure!(found.is_none_or(Value::is_null), "{name} is {found:?}");
        }
    }
    ensure!(trace.report["mappings"].is_null(), "the report has some");
    Ok(())
}

/// Runs the scenario; what the tracer and the driver say, and the process.
fn arrays(context: &Context<'_>, name: &str, options: &[&str]) -> Result<(Trace, Vec<Own>)> {
    let own = Captured::default();
    let by = Recorder {
        options,
        ..Recorder::default()
    };
    let arguments: Vec<_> = ARRAYS
        .into_iter()
        .chain(["--mappings", "/dev/virtio-ports/own"])
        .collect();
    let port = Box::new(own.clone());
    let trace = trace_by(context, name, by, &[&arguments], |vm| vm.port("own", port))?;
    let bytes = own.bytes();
    let lines = bytes.split(|byte| *byte == b'\n');
    let lines = lines
        .filter(|line| !line.is_empty())
        .map(serde_json::from_slice);
    let own: Vec<Own> = lines
        .collect::<Result<_, _>>()
        .context("what the process says")?;
    let mut names: Vec<_> = own.iter().map(Own::expected).collect();
    names.sort_unstable();
    ensure!(names == NAMES, "the process has {names:?}");
    Ok((trace, own))
}

/// How many migrations there are in each.
fn every_migration_is_in_its_own(trace: &Trace, own: &[Own]) -> Result<BTreeMap<String, u64>> {
    let mut counted = BTreeMap::new();
    for line in &trace.only()?.traced {
        let own = own
            .iter()
            .find(|own| own.has(line))
            .with_context(|| format!("no memory of the process's: {line:?}"))?;
        let name = line.text("mapping").with_context(|| format!("{line:?}"))?;
        ensure!(
            name == own.expected(),
            "{name} was traced in what the process has as {own:?}"
        );
        ensure!(
            line.number("mapping_start")? == Some(own.mapping_start)
                && line.number("mapping_end")? == Some(own.mapping_end),
            "{line:?} was traced in what the process has as {own:?}"
        );
        let kind = if name.starts_with("[anon:") {
            "named"
        } else {
            "file"
        };
        ensure!(line.text("mapping_kind")? == kind, "the kind of {line:?}");
        ensure!(
            line.number("mapping_inode")?.is_some() == (kind == "file"),
            "the inode of {line:?}"
        );
        *counted.entry(name.to_owned()).or_default() += 1;
    }
    ensure!(counted.len() == own.len(), "there are {counted:?}");
    Ok(counted)
}

/// The page table says where pages are, and the report what arrived and has not left.
fn pages_on_the_device_are_where_the_process_has_them(report: &Value, own: &[Own]) -> Result<()> {
    for own in own {
        let row = row(report, own.expected())?;
        for name in ["resident_least", "resident_most"] {
            ensure!(
                row[name] == own.elsewhere,
                "{name} is {}, the process has {own:?}",
                row[name]
            );
        }
    }
    let away: u64 = own.iter().map(|own| own.elsewhere).sum();
    ensure!(away > 0, "nothing is on the device");
    Ok(())
}

fn one_alone_thrashes(report: &Value) -> Result<()> {
    for name in NAMES {
        let row = row(report, name)?;
        let pages = |what: &str| {
            row[what]
                .as_u64()
                .with_context(|| format!("{name}: no {what}"))
        };
        let (bounced, refused) = (pages("bounced")?, pages("refused")?);
        let thrashes = name == "[anon:activations]";
        ensure!((bounced > 0) == thrashes, "{name}: {bounced} pages bounced");
        // Of those that thrash, half are there already each time.
        let may = thrashes || name == "[anon:gradients]";
        ensure!((refused > 0) == may, "{name}: {refused} pages refused");
    }
    Ok(())
}

fn row<'a>(report: &'a Value, name: &str) -> Result<&'a Value> {
    let rows = report["mappings"].as_array();
    let rows = rows.context("the report has no mappings")?;
    let mut found = rows.iter().filter(|row| row["mapping"] == name);
    let one = found
        .next()
        .with_context(|| format!("{name} is not in {rows:?}"))?;
    ensure!(found.next().is_none(), "{name} is there twice: {rows:?}");
    Ok(one)
}
