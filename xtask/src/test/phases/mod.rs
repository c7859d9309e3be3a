//! In which phase of a program a migration is: what the program itself writes down.

mod served;
mod stat;
mod waits;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::Context;
use super::compare::sum;
use super::trace::{
    Line, Recorder, Run, Trace, driver_truth, lines, migscope, new_recording, recorder, trace_by,
};
use crate::driver;
use crate::vm::Captured;
use crate::vm::builder::Task;
pub(super) use served::are_served;
pub(super) use stat::are_counted_run_by_run;

/// Where phases are marked.
const LIBRARY: &str = "--phases=/bin/workload";

/// From this time on a thread is in a phase: the workload's own account.
#[derive(Debug, Deserialize)]
struct Change {
    time_ns: u64,
    pid: u32,
    tid: u32,
    phase: String,
}

/// All that the workload says of phases, in the order of time.
struct Account(Vec<Change>);

impl Account {
    fn read(text: &[u8]) -> Result<Self> {
        let lines = text.split(|byte| *byte == b'\n');
        let lines = lines.filter(|line| !line.is_empty());
        let mut changes: Vec<Change> = lines
            .map(serde_json::from_slice)
            .collect::<Result<_, _>>()
            .context("read the account of phases")?;
        changes.sort_by_key(|change| change.time_ns);
        Ok(Self(changes))
    }

    /// In which phase each thread is at this time, of those that are in any.
    fn at(&self, time_ns: u64) -> BTreeMap<(u32, u32), &str> {
        let mut phases = BTreeMap::new();
        for change in self.0.iter().take_while(|change| change.time_ns <= time_ns) {
            phases.insert((change.pid, change.tid), change.phase.as_str());
        }
        phases.retain(|_, phase| !phase.is_empty());
        phases
    }

    /// In which phase a thread is at this time.
    fn of_thread(&self, time_ns: u64, tid: u32) -> &str {
        let mut phases = self.at(time_ns).into_iter();
        let own = phases.find(|((_, thread), _)| *thread == tid);
        own.map_or("", |(_, phase)| phase)
    }

    /// How many phases were opened, and moments marked.
    fn opened(&self) -> u64 {
        let mut last = BTreeMap::new();
        let opens = self.0.iter().filter(|change| {
            let phase = change.phase.as_str();
            let before = last.insert(change.tid, phase).unwrap_or("");
            // It went deeper, or to another mark.
            phase.len() > before.len() || phase.len() == before.len() && phase != before
        });
        opens.count() as u64
    }

    /// In which phase a migration must be; `None`: nobody can tell.
    fn expected(&self, truth: &Line) -> Option<String> {
        let phases = self.at(truth.time_ns);
        let of = |tid: Option<u32>| {
            let mut threads = phases
                .iter()
                .filter(|((_, thread), _)| Some(*thread) == tid);
            threads.next().map(|(_, phase)| (*phase).to_owned())
        };
        let Some(pid) = truth.pid else {
            // An eviction is for the thread that makes it, if it says what it does.
            let nobody = || phases.is_empty().then(String::new);
            return of(truth.worker_tid).or_else(nobody);
        };
        if truth.tid.is_some() {
            return Some(of(truth.tid).unwrap_or_default());
        }
        let own: Vec<_> = phases.iter().filter(|((of, _), _)| *of == pid).collect();
        match own.as_slice() {
            [] => Some(String::new()),
            [(_, phase)] => Some((**phase).to_owned()),
            _ => None,
        }
    }
}

/// The phase that the tracer tells; `None`: it cannot say.
fn told(line: &Line) -> Result<Option<&str>> {
    let value = line.value("phase").context("there is no phase")?;
    ensure!(value.is_null() || value.is_string(), "phase is {value}");
    Ok(value.as_str())
}

/// Each migration is in the phase in which the program says that it was.
pub(super) fn are_those_of_the_program(context: &Context<'_>) -> Result<()> {
    let (account, waits) = (Captured::default(), Captured::default());
    let by = Recorder {
        options: &[LIBRARY],
        asleep: false,
    };
    let run = "phases --calls 120 --seed 3 --phases /dev/virtio-ports/phases --waits /dev/virtio-ports/waits";
    let run: Vec<_> = run.split(' ').collect();
    let trace = trace_by(context, "phases", by, &[&run], |vm| {
        vm.port("phases", Box::new(account.clone()))
            .port("waits", Box::new(waits.clone()))
    })?;
    let account = Account::read(&account.bytes())?;
    let found = phases_are_equal(trace.only()?, &account)?;
    // What the scenario promises does occur.
    for phase in [
        Some(""),
        Some("train"),
        Some("train/forward"),
        Some("load"),
        Some("load/@half way"),
        Some("left open"),
        None,
    ] {
        let key = phase.map(str::to_owned);
        let often = found.get(&key).copied().unwrap_or_default();
        ensure!(often > 0, "no migration is in {phase:?}, of {found:?}");
    }
    losses_are_told(&trace, &account)?;
    let served = waits::served(&waits.bytes(), &account)?;
    waits::are_those_of_their_threads(context, &trace, &account, &served)?;
    report_adds_up(&trace, &found)
}

/// How many migrations there are in each phase.
fn phases_are_equal(run: &Run, account: &Account) -> Result<BTreeMap<Option<String>, u64>> {
    let mut found = BTreeMap::new();
    for (traced, truth) in run.pairs()? {
        let (told, expected) = (told(traced)?, account.expected(truth));
        ensure!(
            told == expected.as_deref(),
            "the phase is {told:?}, and must be {expected:?}: {truth:?}"
        );
        *found.entry(expected).or_default() += 1;
    }
    Ok(found)
}

/// What was opened is counted, and what was closed and never opened; nothing is lost.
fn losses_are_told(trace: &Trace, account: &Account) -> Result<()> {
    let losses = &trace.report["losses"];
    ensure!(losses["phase_lost"] == 0, "lost: {losses}");
    // The scenario closes one too many in each turn.
    let turns = account.0.iter().filter(|change| change.phase == "load");
    let turns = turns.count() as u64;
    let unopened = &losses["phase_unopened"];
    ensure!(
        turns > 0 && *unopened == turns,
        "{unopened} phases were closed and not opened, in {turns} turns"
    );
    Ok(())
}

/// Every migration is in one row of the report.
fn report_adds_up(trace: &Trace, found: &BTreeMap<Option<String>, u64>) -> Result<()> {
    let paths = trace.report["phases"]["paths"].as_array();
    let paths = paths.context("the report has no phases")?;
    let reported: BTreeMap<_, _> = paths
        .iter()
        .map(|path| {
            let phase = path["phase"].as_str().map(str::to_owned);
            (phase, path["migrations"].as_u64().unwrap_or_default())
        })
        // There are those in which threads only wait.
        .filter(|(_, migrations)| *migrations > 0)
        .collect();
    ensure!(
        &reported == found,
        "the report counts {reported:?}, and there are {found:?}"
    );
    let sum = |row: &str| -> u64 {
        let pages = paths.iter().map(|path| &path["ledger"][row]);
        pages.filter_map(Value::as_u64).sum()
    };
    for row in ["requested", "moved", "wasted_copy", "skipped"] {
        let all = &trace.report["ledger"][row];
        ensure!(
            *all == sum(row),
            "{row}: {all} in all, {} in phases",
            sum(row)
        );
    }
    Ok(())
}

/// A hundred thousand phases as fast as two threads open them: all are seen. Those that are nested
/// too deep are counted.
pub(super) fn none_is_lost_untold(context: &Context<'_>) -> Result<()> {
    const NESTED: u64 = 40;
    /// As deep as they are followed.
    const FOLLOWED: u64 = 31;
    let flat = flood(context, "phases-flat", &["50000", "--threads", "2"])?;
    ensure!(flat == [100_000, 100_000, 0, 0], "it is {flat:?}");
    let nested = NESTED.to_string();
    let deep = flood(context, "phases-deep", &["4000", "--nested", &nested])?;
    let lost = 4000 / NESTED * (NESTED - FOLLOWED);
    ensure!(deep == [4000, 4000, lost, 0], "it is {deep:?}");
    Ok(())
}

/// Phases that a program opened as it says itself, and as the tracer does; those that are lost, and
/// those that were closed and not opened.
fn flood(context: &Context<'_>, name: &str, arguments: &[&str]) -> Result<[u64; 4]> {
    let (recording, file) = new_recording(context, name)?;
    let argv = ["workload", "phases"].iter().chain(arguments).copied();
    let outcome = driver::load(context.lab.vm(name))
        .limit(Duration::from_secs(300))
        .task(recorder(&[LIBRARY], Box::new(file)))
        .task(Task::new("flood", argv))
        .run()?;
    outcome.expect_success("flood")?;
    outcome.expect_success("recorder")?;
    let opened = String::from_utf8(outcome.stdout("flood"))?;
    let report = migscope(
        context,
        Recorder::default(),
        &["report", "--json"],
        &recording,
    )?;
    let report: Value = serde_json::from_slice(&report.stdout).context("the report is no JSON")?;
    let number = |value: &Value| value.as_u64().with_context(|| format!("it is {value}"));
    Ok([
        opened.trim().parse().context("what the workload opened")?,
        number(&report["phases"]["opened"])?,
        number(&report["losses"]["phase_lost"])?,
        number(&report["losses"]["phase_unopened"])?,
    ])
}

/// A script says what it does, for a program that says nothing: each of the program's runs is in
/// the phase that was marked before it.
pub(super) fn a_script_marks_them(context: &Context<'_>) -> Result<()> {
    const PHASES: [&str; 3] = ["load", "two words", "none"];
    let (recording, file) = new_recording(context, "phases-marked")?;
    let mut vm = driver::load(context.lab.vm("phases-marked"))
        .limit(Duration::from_secs(300))
        .task(recorder(&["--phases"], Box::new(file)));
    let mut truths = Vec::new();
    for (nth, phase) in PHASES.iter().enumerate() {
        let (task, port, truth) = (
            format!("run-{nth}"),
            format!("truth-{nth}"),
            Captured::default(),
        );
        let name = match *phase {
            "none" => "--end".to_owned(),
            name => format!("'{name}'"),
        };
        let calls = 10 * (nth + 1);
        let script = format!(
            "migscope mark {name} && workload run pages --calls {calls} --truth /dev/virtio-ports/{port}"
        );
        vm = vm
            .port(&port, Box::new(truth.clone()))
            .task(Task::shell(&task, &script));
        truths.push((task, truth));
    }
    let outcome = vm.run()?;
    outcome.expect_success("recorder")?;
    for ((task, truth), phase) in truths.into_iter().zip(PHASES) {
        outcome.expect_success(&task)?;
        let truth = driver_truth(&truth.bytes())?;
        let only = ["export", "--format", "json", "--phase", phase];
        let exported = migscope(context, Recorder::default(), &only, &recording)?;
        let traced = lines(&exported.stdout)?;
        ensure!(!truth.is_empty(), "{phase}: nothing migrated");
        for row in ["requested", "moved", "skipped"] {
            let (traced, truth) = (sum(&traced, row)?, sum(&truth, row)?);
            ensure!(
                traced == truth,
                "{phase}: {row} {traced}, and must be {truth}"
            );
        }
        let counts = (traced.len(), truth.len());
        ensure!(counts.0 == counts.1, "{phase}: {counts:?} migrations");
    }
    Ok(())
}
