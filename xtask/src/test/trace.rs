//! Runs scenarios under the tracer, and reads what the tracer and the driver each have to say about
//! them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output as Finished};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::Context;
use crate::driver;
pub(super) use crate::driver::ROWS;
use crate::progress;
use crate::tracer::{ATTACHED_FUNCTIONS, KPROBES, TRACED};
use crate::vm::builder::{Builder, Output, Task};
use crate::vm::{Captured, Sink};

/// The steps, in their order.
pub(super) const STEPS: [&str; 5] = [
    "setup",
    "alloc_and_copy",
    "pages",
    "finalize_and_map",
    "finalize",
];

/// One migration, as the tracer's JSON export and the driver's truth file both tell it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Line {
    pub(super) time_ns: u64,
    /// Whose memory it is.
    pub(super) pid: Option<u32>,
    /// The thread that called, where it is one of theirs.
    pub(super) tid: Option<u32>,
    /// And where it is not.
    #[serde(default)]
    pub(super) worker_tid: Option<u32>,
    pub(super) direction: Option<String>,
    #[serde(default)]
    pub(super) cause: Option<String>,
    pub(super) outcome: String,
    pub(super) errno: Option<u32>,
    pub(super) address: Option<u64>,
    /// Ledger, times and whatever else there is.
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

impl Line {
    /// A count of pages, or of something else that is always known.
    pub(super) fn pages(&self, row: &str) -> Result<u64> {
        self.number(row)?.with_context(|| format!("{row} is null"))
    }

    /// A text that must be known.
    pub(super) fn text(&self, name: &str) -> Result<&str> {
        let value = self.rest.get(name);
        value
            .and_then(Value::as_str)
            .with_context(|| format!("{name} is {value:?}"))
    }

    /// How long a step took, if it happened.
    pub(super) fn step_ns(&self, step: &str) -> Result<Option<u64>> {
        self.number(&format!("{step}_ns"))
    }

    /// The thread that called, whoever's it is.
    pub(super) fn thread(&self) -> Option<u32> {
        self.tid.or(self.worker_tid)
    }

    /// Anything else that a line may have.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.rest.get(name)
    }

    /// A number; `None` for null.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>> {
        let value = self
            .rest
            .get(name)
            .with_context(|| format!("there is no {name}"))?;
        ensure!(value.is_null() || value.is_u64(), "{name} is {value}");
        Ok(value.as_u64())
    }
}

/// What was said of what happened in one boot.
pub(super) struct Trace {
    /// The runs of the workload, one after the other.
    pub(super) runs: Vec<Run>,
    /// `migscope report --json` of the recording of all of them.
    pub(super) report: Value,
    /// The recording.
    pub(super) recording: PathBuf,
}

/// What was said of one run of the workload.
pub(super) struct Run {
    /// Its scenario.
    pub(super) name: String,
    /// By the tracer, through the recording and its export.
    pub(super) traced: Vec<Line>,
    /// By the driver.
    pub(super) truth: Vec<Line>,
    /// The driver's own sums, with which its truth ends.
    pub(super) totals: Value,
}

/// How the tracer runs.
#[derive(Clone, Copy, Default)]
pub(super) struct Recorder<'a> {
    /// Options of `migscope record`.
    pub(super) options: &'a [&'a str],
    /// It is stopped while the workload runs.
    pub(super) asleep: bool,
}

impl Recorder<'_> {
    /// May it have no record of something, which is told?
    fn may_lack(&self) -> bool {
        let lacks = |option: &&str| {
            let of = ["kprobe", "--totals-only", "--sample"];
            of.iter().any(|lacking| option.contains(lacking))
        };
        self.asleep || self.options.iter().any(lacks)
    }
}

/// Runs `workload run ARGUMENTS` for each of these under one tracer, in a machine that `prepare`
/// may change.
pub(super) fn trace(
    context: &Context<'_>,
    name: &str,
    runs: &[&[&str]],
    prepare: impl FnOnce(Builder) -> Builder,
) -> Result<Trace> {
    trace_by(context, name, Recorder::default(), runs, prepare)
}

/// The same with a tracer that runs in another way.
pub(super) fn trace_by(
    context: &Context<'_>,
    name: &str,
    by: Recorder<'_>,
    runs: &[&[&str]],
    prepare: impl FnOnce(Builder) -> Builder,
) -> Result<Trace> {
    let (recording, file) = new_recording(context, name)?;
    let mut vm = driver::load(prepare(context.lab.vm(name)))
        .limit(Duration::from_secs(600))
        .task(recorder(by.options, Box::new(file)));
    let signal = |vm: Builder, name: &str| {
        let script = format!("kill -{name} $(pidof migscope)");
        if by.asleep {
            vm.task(Task::shell(name, &script))
        } else {
            vm
        }
    };
    vm = signal(vm, "STOP");
    let mut truths = Vec::new();
    for (index, arguments) in runs.iter().enumerate() {
        let (task, truth) = (workload(index), Captured::default());
        let port = format!("truth-{index}");
        let path = format!("/dev/virtio-ports/{port}");
        let argv = ["workload", "run"].iter().chain(*arguments).copied();
        let argv = argv.chain(["--truth", &path]);
        vm = vm
            .port(&port, Box::new(truth.clone()))
            .task(Task::new(&task, argv));
        truths.push(truth);
    }
    let outcome = signal(vm, "CONT").run()?;
    for (index, arguments) in runs.iter().enumerate() {
        outcome
            .expect_success(&workload(index))
            .with_context(|| arguments.join(" "))?;
    }
    outcome.expect_success("recorder")?;
    ensure!(
        outcome.warnings.is_empty(),
        "the kernel warns: {}",
        outcome.warnings.join("\n")
    );
    let export = migscope(context, by, &["export", "--format", "json"], &recording)?;
    let report = migscope(context, by, &["report", "--json"], &recording)?;
    let names = runs.iter().map(|arguments| arguments.join(" "));
    Ok(Trace {
        runs: split(lines(&export.stdout)?, names.zip(truths))?,
        report: serde_json::from_slice(&report.stdout).context("the report is no JSON")?,
        recording,
    })
}

/// A file for what is recorded, where a person can read it too.
pub(super) fn new_recording(context: &Context<'_>, name: &str) -> Result<(PathBuf, File)> {
    let folder = context.lab.setup.workspace.target("xtask/test");
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let path = folder.join(format!("{name}.arrow"));
    let file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
    Ok((path, file))
}

/// What the n-th run is called in its machine.
fn workload(index: usize) -> String {
    format!("workload-{index}")
}

/// The tracer in the background, until every other task has ended.
pub(super) fn recorder(options: &[&str], sink: Sink) -> Task {
    let argv = ["migscope", "record", "-o", "-"].iter().chain(options);
    let attached = match options.contains(&"single-kprobe") {
        true => KPROBES,
        false => ATTACHED_FUNCTIONS,
    };
    Task::new("recorder", argv.copied())
        .background()
        .ready_when(attached, TRACED)
        .stdout(Output::Host(sink))
}

/// Runs migscope on a recording. It must have nothing to complain about.
pub(super) fn migscope(
    context: &Context<'_>,
    by: Recorder<'_>,
    arguments: &[&str],
    recording: &Path,
) -> Result<Finished> {
    let finished = told(context, arguments, recording)?;
    // What has no record is told, too.
    ensure!(
        finished.stderr.is_empty() || by.may_lack(),
        "migscope {} says: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&finished.stderr)
    );
    Ok(finished)
}

/// What migscope prints of a recording, which may be cut off: it succeeds, and may say so.
pub(super) fn told(
    context: &Context<'_>,
    arguments: &[&str],
    recording: &Path,
) -> Result<Finished> {
    let mut command = Command::new(&context.lab.reader);
    let finished = command
        .args(arguments)
        .arg(recording)
        .output()
        .context("start migscope")?;
    ensure!(
        finished.status.success(),
        "migscope {} ended with {}: {}",
        arguments.join(" "),
        finished.status,
        String::from_utf8_lossy(&finished.stderr)
    );
    Ok(finished)
}

/// Gives each run what the tracer saw from its first migration on. (Its threads do not tell: the
/// kernel's workers work for one run after the other.) Nothing may be left.
fn split(
    mut traced: Vec<Line>,
    runs: impl Iterator<Item = (String, Captured)>,
) -> Result<Vec<Run>> {
    let mut split = Vec::new();
    for (name, truth) in runs {
        let (truth, totals) = driver_lines(&truth.bytes()).with_context(|| name.clone())?;
        split.push(Run {
            name,
            traced: Vec::new(),
            truth,
            totals,
        });
    }
    for run in split.iter_mut().rev() {
        let Some(begin) = run.truth.iter().map(|line| line.time_ns).min() else {
            continue;
        };
        let own = |line: &mut Line| line.time_ns >= begin;
        run.traced = traced.extract_if(.., own).collect();
    }
    ensure!(
        traced.is_empty(),
        "{} migrations were traced before the first of which the driver knows, such as {:?}",
        traced.len(),
        traced.first()
    );
    Ok(split)
}

/// The migrations that an export of JSON tells.
pub(super) fn lines(text: &[u8]) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for line in text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let line = serde_json::from_slice(line)
            .with_context(|| format!("not a migration: {}", String::from_utf8_lossy(line)))?;
        lines.push(line);
    }
    Ok(lines)
}

/// The driver's lines.
pub(super) fn driver_truth(text: &[u8]) -> Result<Vec<Line>> {
    Ok(driver_lines(text)?.0)
}

/// The driver's lines, and the totals that end them.
fn driver_lines(text: &[u8]) -> Result<(Vec<Line>, Value)> {
    const TOTALS: &[u8] = b"{\"totals\"";
    let end = text
        .windows(TOTALS.len())
        .rposition(|window| window == TOTALS);
    let end = end.context("the truth does not end with totals: it is cut off")?;
    let mut last: Value = serde_json::from_slice(&text[end..]).context("read the totals")?;
    Ok((lines(&text[..end])?, last["totals"].take()))
}

impl Trace {
    /// The run, where there is only one.
    pub(super) fn only(&self) -> Result<&Run> {
        match self.runs.as_slice() {
            [run] => Ok(run),
            runs => anyhow::bail!("{} runs instead of one", runs.len()),
        }
    }
}

impl Run {
    /// Each migration as the tracer and as the driver tell it. A thread makes one after the other,
    /// or one in the middle of another that began before it, so the n-th of a thread is the n-th of
    /// that thread in both.
    pub(super) fn pairs(&self) -> Result<Vec<(&Line, &Line)>> {
        let (traced, truth) = (by_thread(&self.traced), by_thread(&self.truth));
        ensure!(
            traced.keys().eq(truth.keys()),
            "the tracer saw threads {:?}, the driver {:?}",
            traced.keys(),
            truth.keys()
        );
        let mut pairs = Vec::with_capacity(self.truth.len());
        for (tid, traced) in traced {
            let truth = &truth[&tid];
            ensure!(
                traced.len() == truth.len(),
                "of thread {tid:?} the tracer saw {} migrations, the driver made {}",
                traced.len(),
                truth.len()
            );
            pairs.extend(traced.into_iter().zip(truth.iter().copied()));
        }
        Ok(pairs)
    }
}

/// Each thread's migrations, in the order in which they began.
pub(super) fn by_thread(lines: &[Line]) -> BTreeMap<Option<u32>, Vec<&Line>> {
    let mut threads: BTreeMap<_, Vec<&Line>> = BTreeMap::new();
    for line in lines {
        threads.entry(line.thread()).or_default().push(line);
    }
    for lines in threads.values_mut() {
        lines.sort_by_key(|line| line.time_ns);
    }
    threads
}

/// Keeps what a test measured where a person can read it: `target/xtask/test/NAME.txt`, and on the
/// terminal.
pub(super) fn tell(context: &Context<'_>, name: &str, text: &str) -> Result<()> {
    progress::print(text);
    let path = context
        .lab
        .setup
        .workspace
        .target("xtask/test")
        .join(format!("{name}.txt"));
    let folder = path.parent().context("a file without a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    let mut file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
    writeln!(file, "{text}").with_context(|| format!("write {}", path.display()))
}
