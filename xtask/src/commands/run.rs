//! `cargo xtask run`: a scenario in the VM, live on the terminal or as a report.

use std::fs::{self, File};
use std::io::{IsTerminal, pipe, stdout};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use vm_init::verdict::End;

use super::dashboard::{Dashboard, Records};
use crate::build;
use crate::cli::{DEFAULT_SCENARIO, Options, Run};
use crate::errors::{Status, unsupported};
use crate::lab::{Lab, MODULE};
use crate::process::{output, spawn};
use crate::progress::Step;
use crate::scratch;
use crate::setup::Setup;
use crate::vm::builder::{Builder, Outcome, Output, Task};

/// Migrations per second: enough to see, and what an emulated processor does with ease.
const RATE: u32 = 400;
/// Seconds of a scenario that make a report.
const HEADLESS_SECONDS: u32 = 20;
/// A dashboard may stay for days.
const NO_LIMIT: Duration = Duration::from_secs(365 * 24 * 3600);
/// On top of the scenario: boot, start, end.
const OVERHEAD: Duration = Duration::from_secs(180);

const RECORDER: &str = "recorder";
const WORKLOAD: &str = "workload";
/// The file in the guest in which what is traced shows up.
pub(crate) const ATTACHED_FUNCTIONS: &str = "/sys/kernel/tracing/enabled_functions";
/// What is traced, by the tracer when it is attached.
pub(crate) const TRACED: [&str; 3] = [
    "migrate_vma_setup",
    "migrate_vma_pages",
    "migrate_vma_finalize",
];

/// Shows a scenario.
pub(crate) fn run(arguments: Run, options: Options) -> Result<()> {
    let setup = Setup::new(options.kernel_src)?;
    if arguments.list || arguments.scenario != DEFAULT_SCENARIO {
        let listed = list(&setup)?;
        if arguments.list {
            print!("{listed}");
            return Ok(());
        }
        must_be_known(&arguments.scenario, &listed)?;
    }
    let (lab, progress) = Lab::open(setup, options.accel, 1)?;
    let step = progress.step("the VM");
    if arguments.headless || !stdout().is_terminal() {
        headless(&lab, &arguments, step)
    } else {
        live(&lab, &arguments, step)
    }
}

/// What `workload list` prints, before anything that takes long.
fn list(setup: &Setup) -> Result<String> {
    let step = Step::begin("scenarios".into());
    let workload = build::workload(&setup.workspace, &step)?;
    step.done();
    output(Command::new(workload).arg("list"))
}

fn must_be_known(scenario: &str, listed: &str) -> Result<()> {
    let known: Vec<_> = scenarios(listed).collect();
    if known.contains(&scenario) {
        return Ok(());
    }
    Err(unsupported(format!(
        "there is no scenario {scenario}; there are: {}",
        known.join(", ")
    )))
}

/// The names in a list of scenarios: what a line that is not indented begins with.
fn scenarios(listed: &str) -> impl Iterator<Item = &str> {
    listed
        .lines()
        .filter(|line| !line.starts_with(char::is_whitespace))
        .filter_map(|line| line.split_whitespace().next())
        .map(|name| name.trim_end_matches(':'))
}

/// The job: the recorder, and when it is attached, the scenario.
fn job(lab: &Lab, scenario: &str, seconds: Option<u32>, records: Records) -> Builder {
    let recorder = Task::new(RECORDER, ["migscope", "record", "-o", "-"])
        .background()
        .ready_when(ATTACHED_FUNCTIONS, TRACED)
        .stdout(Output::Host(Box::new(records)));
    let mut argv = vec![
        "workload".into(),
        "run".into(),
        scenario.to_owned(),
        "--rate".into(),
        RATE.to_string(),
    ];
    if let Some(seconds) = seconds {
        argv.extend(["--duration".into(), seconds.to_string()]);
    }
    let limit = seconds.map_or(NO_LIMIT, |seconds| {
        OVERHEAD + 4 * Duration::from_secs(seconds.into())
    });
    lab.vm("run")
        .module(MODULE, "")
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
    let outcome = job(lab, &arguments.scenario, Some(seconds), records).run()?;
    step.done();
    judge(&outcome)?;
    let mut report = Command::new(&lab.programs.migscope);
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
    let mut vm = job(lab, &arguments.scenario, arguments.duration, records).start()?;
    // Until something comes a failure to boot can be told on a terminal as it was.
    while !begun.load(Ordering::Acquire) {
        if vm.is_over()? {
            judge(&vm.wait()?)?;
            bail!("the VM ended before the first record");
        }
    }
    step.done();
    let mut dashboard = Dashboard::show(&lab.programs.migscope, reader)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "mixed\n    Both directions.\n\nfaults  CPU faults only.\n";

    #[test]
    fn scenarios_are_the_names_at_the_margin() {
        assert_eq!(scenarios(LISTED).collect::<Vec<_>>(), ["mixed", "faults"]);
        must_be_known("faults", LISTED).unwrap();
        let error = must_be_known("other", LISTED).unwrap_err();
        assert_eq!(
            crate::errors::conclude(&error),
            (
                2,
                Some("there is no scenario other; there are: mixed, faults".into())
            )
        );
    }
}
