//! For whom threads of the kernel migrate: by which code of its program their owner has asked the
//! driver.

use anyhow::{Result, ensure};

use super::Context;
use super::account::loss;
use super::trace::{Line, Recorder, Run, tell, trace_by};

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
        let trace = trace_by(context, name, by, &RUNS, |vm| vm)?;
        let lost = loss(&trace.report, "stack_lost")?;
        let mut told = Vec::new();
        let mut without = 0;
        for run in &trace.runs {
            let workers = behind_workers(run)?;
            told.push(format!("{} of {}", workers.with, run.name));
            without += workers.without;
        }
        let told = told.join(", ");
        tell(
            context,
            name,
            &format!("  {name}: {told}; {lost} stacks lost"),
        )?;
        // Two stacks can fall into one place.
        ensure!(
            without <= lost,
            "{without} workers have no stack, and {lost} stacks were lost"
        );
    }
    Ok(())
}

/// Migrations that threads of the kernel made.
#[derive(Default)]
struct Workers {
    with: u64,
    without: u64,
}

/// Every migration of a known process's memory that a thread of the kernel makes has the stack of
/// the thread that called the driver.
fn behind_workers(run: &Run) -> Result<Workers> {
    let mut workers = Workers::default();
    let scenario = run.name.split(' ').next().unwrap_or_default();
    let asker = format!("asks_{scenario}");
    let of_workers = |line: &&Line| line.pid.is_some() && line.worker_tid.is_some();
    for line in run.traced.iter().filter(of_workers) {
        let Ok(stack) = line.text("user_stack") else {
            workers.without += 1;
            continue;
        };
        ensure!(
            stack.contains(&asker),
            "a worker of {} is asked by {stack}",
            run.name
        );
        workers.with += 1;
    }
    ensure!(
        workers.with > 10,
        "{} workers in {}",
        workers.with,
        run.name
    );
    Ok(workers)
}
