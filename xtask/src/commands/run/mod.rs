//! `cargo xtask run`: a scenario in the VM, live on the terminal or as a report.

mod dashboard;
pub(crate) mod list;

use std::fs::{self, File};
use std::io::{IsTerminal, pipe, stdout};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use vm_init::verdict::End;

use crate::driver;
use crate::errors::{Status, unsupported};
use crate::lab::Lab;
use crate::options::Options;
use crate::process::spawn;
use crate::progress::Step;
use crate::scratch;
use crate::setup::Setup;
use crate::setup::kernel::Flavour;
use crate::tracer::{ATTACHED_FUNCTIONS, TRACED};
use crate::vm::builder::{Builder, Outcome, Output, Task};
use dashboard::{Dashboard, Records};

/// Seconds of a scenario that make a report.
const HEADLESS_SECONDS: u32 = 20;
/// A dashboard may stay for days.
const NO_LIMIT: Duration = Duration::from_secs(365 * 24 * 3600);
/// On top of the scenario: boot, start, end.
const OVERHEAD: Duration = Duration::from_secs(180);

const RECORDER: &str = "recorder";
const WORKLOAD: &str = "workload";

/// The scenario to show.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The scenario; --list tells which there are
    #[arg(long, value_name = "NAME", default_value = DEFAULT_SCENARIO)]
    pub(crate) scenario: String,
    /// How long it goes on, in seconds [default: until you quit; headless, 20]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) duration: Option<u32>,
    /// What makes the scenario's choices: the same seed gives the same sequence
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// At most so many calls of the driver per second: enough to see, and what an emulated
    /// processor does with ease
    #[arg(long, value_name = "N", default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: u32,
    /// Record, then print a report instead of showing the dashboard, as always where standard
    /// output is no terminal
    #[arg(long)]
    pub(crate) headless: bool,
    /// Keep the recording in this file
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// List the scenarios
    #[arg(long)]
    pub(crate) list: bool,
}

/// The scenario that shows everything.
const DEFAULT_SCENARIO: &str = "mixed";

/// Shows a scenario.
pub(crate) fn run(arguments: Run, options: Options) -> Result<()> {
    let setup = Setup::new(options, Flavour::Test)?;
    if arguments.list {
        list::list(&setup).map(|listed| print!("{listed}"))?;
        return Ok(());
    }
    if arguments.scenario != DEFAULT_SCENARIO {
        list::must_be_known(&setup, &arguments.scenario)?;
    }
    let (lab, progress) = Lab::open(setup, 1)?;
    let step = progress.step("the VM");
    if arguments.headless || !stdout().is_terminal() {
        headless(&lab, &arguments, step)
    } else {
        live(&lab, &arguments, step)
    }
}

/// The job: the recorder, and when it is attached, the scenario.
fn job(lab: &Lab, arguments: &Run, seconds: Option<u32>, records: Records) -> Builder {
    // Nobody watches a report in the making: it may be written as a file is.
    let pace: &[&str] = match seconds {
        Some(_) => &["--write-every", "5s"],
        None => &[],
    };
    let recorder = ["migscope", "record", "-o", "-"].iter().chain(pace);
    let recorder = Task::new(RECORDER, recorder.copied())
        .background()
        .ready_when(ATTACHED_FUNCTIONS, TRACED)
        .stdout(Output::Host(Box::new(records)));
    let mut argv = vec![
        "workload".into(),
        "run".into(),
        arguments.scenario.clone(),
        "--seed".into(),
        arguments.seed.to_string(),
        "--rate".into(),
        arguments.rate.to_string(),
    ];
    if let Some(seconds) = seconds {
        argv.extend(["--duration".into(), seconds.to_string()]);
    }
    let limit = seconds.map_or(NO_LIMIT, |seconds| {
        OVERHEAD + 4 * Duration::from_secs(seconds.into())
    });
    driver::load(lab.vm("run"))
        .task(recorder)
        .task(Task::new(WORKLOAD, argv))
        .limit(limit)
}

fn judge(outcome: &Outcome) -> Result<()> {
    outcome.expect_success(RECORDER)?;
    match outcome.end(WORKLOAD)? {
        // The dashboard was quit before or while it ran.
        End::Signaled(_) | End::NotStarted => Ok(()),
        End::Exited(_) => outcome.expect_success(WORKLOAD),
    }
}

fn headless(lab: &Lab, arguments: &Run, step: Step) -> Result<()> {
    let seconds = arguments.duration.unwrap_or(HEADLESS_SECONDS);
    let temporary = Temporary(scratch::path(&lab.setup.workspace, "recording"));
    let recording = arguments.record.as_deref().unwrap_or(&temporary.0);
    let file = create(recording)?;
    step.detail(format!(
        "boots, then records {seconds} s of {}",
        arguments.scenario
    ));
    let records = Records {
        file: Some(file),
        ..Records::default()
    };
    let outcome = job(lab, arguments, Some(seconds), records).run()?;
    step.done();
    judge(&outcome)?;
    let mut report = Command::new(&lab.reader);
    let status = spawn(report.arg("report").arg(recording))?
        .wait()
        .context("wait for the report")?;
    if status.success() {
        Ok(())
    } else {
        bail!(Status(status.code().unwrap_or(1)))
    }
}

fn live(lab: &Lab, arguments: &Run, step: Step) -> Result<()> {
    let (reader, writer) = pipe().context("pipe")?;
    let begun = Arc::<AtomicBool>::default();
    let records = Records {
        dashboard: Some(writer),
        file: arguments.record.as_deref().map(create).transpose()?,
        begun: begun.clone(),
    };
    step.detail("boots");
    let mut vm = job(lab, arguments, arguments.duration, records).start()?;
    // Until something comes a failure to boot can be told on a terminal as it was.
    while !begun.load(Ordering::Acquire) {
        if vm.is_over()? {
            judge(&vm.wait()?)?;
            bail!("the VM ended before the first record");
        }
    }
    step.done();
    let mut dashboard = Dashboard::show(&lab.reader, reader)?;
    let mut over = false;
    let status = loop {
        if let Some(status) = dashboard.ended()? {
            break status;
        }
        // What it recorded stays on screen when the VM has ended.
        over = over || vm.is_over()?;
        if over {
            crate::interrupt::check()?;
            std::thread::sleep(crate::process::POLL);
        }
    };
    drop(dashboard);
    if !over {
        vm.ask_to_stop()?;
    }
    judge(&vm.wait()?)?;
    ensure!(status.success(), "the dashboard ended with {status}");
    Ok(())
}

/// A recording is nobody else's business. What a file held before stays until the first bytes come.
fn create(path: &Path) -> Result<File> {
    let mut options = File::options();
    let file = options
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path);
    file.map_err(|error| unsupported(format!("{} cannot be written: {error}", path.display())))
}

/// A file that does not stay.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // It may never have been made.
        let _ = fs::remove_file(&self.0);
    }
}
