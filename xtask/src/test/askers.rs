//! For whom threads of the kernel migrate: by which code of its program their owner has asked the
//! driver.

use anyhow::{Result, ensure};

use super::Context;
use super::compare::compare_by;
use super::trace::{Recorder, Run, tell};

/// Each does its work by threads of the kernel, and is asked by a function of its own.
const RUNS: [&[&str]; 2] = [
    &["amdgpu", "--calls", "120", "--seed", "21"],
    &["nouveau", "--calls", "120", "--seed", "21"],
];

pub(super) fn are_found_behind_the_kernels_threads(context: &Context<'_>) -> Result<()> {
    for (name, options) in [
        ("askers", &["--user-stacks"][..]),
        ("askers-kprobes", &["--user-stacks", "--attach", "kprobe"]),
    ] {
        let by = Recorder {
            options,
            asleep: false,
        };
        let trace = compare_by(context, name, by, &RUNS)?;
        let mut told = Vec::new();
        for run in &trace.runs {
            told.push(format!("{} of {}", behind_workers(run)?, run.name));
        }
        tell(context, name, &format!("  {name}: {}", told.join(", ")))?;
    }
    Ok(())
}

/// Every migration of a known process's memory has the stack of one of its threads: of the thread
/// itself, or of the one that called the driver. How many were made by a thread of the kernel.
fn behind_workers(run: &Run) -> Result<u64> {
    let mut workers = 0;
    let scenario = run.name.split(' ').next().unwrap_or_default();
    let asker = format!("asks_{scenario}");
    for line in run.traced.iter().filter(|line| line.pid.is_some()) {
        let stack = line.text("user_stack")?;
        if line.worker_tid.is_some() {
            ensure!(
                stack.contains(&asker),
                "a worker of {} is asked by {stack}",
                run.name
            );
            workers += 1;
        }
    }
    ensure!(workers > 10, "{workers} workers in {}", run.name);
    Ok(workers)
}
