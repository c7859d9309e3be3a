//! The machine itself: it boots, has what programs need, and a clock that can time them.

use anyhow::{Result, ensure};

use super::Context;
use crate::vm::Machine;
use crate::vm::builder::{Outcome, Task};

pub(super) fn boots_and_gives_a_verdict(context: &Context<'_>) -> Result<()> {
    let outcome = context
        .lab
        .vm("boots")
        .task(Task::new("true", ["true"]))
        .run()?;
    outcome.expect_success("true")?;
    ensure!(
        outcome.warnings.is_empty(),
        "the kernel warns: {}",
        outcome.warnings.join("\n")
    );
    Ok(())
}

pub(super) fn has_the_file_systems(context: &Context<'_>) -> Result<()> {
    let paths = "/proc/self/fd /sys/kernel/btf/vmlinux /dev/null /dev/ptmx /dev/shm /sys/fs/bpf /sys/fs/cgroup/cgroup.procs
        /sys/kernel/debug/virtio-ports /sys/kernel/tracing/enabled_functions /tmp /run /bin/migscope /bin/workload";
    let script = format!(
        "pwd; for path in {paths}; do test -e $path || echo missing $path; done",
        paths = paths.replace('\n', " ")
    );
    let outcome = context
        .lab
        .vm("file-systems")
        .task(Task::shell("look", &script))
        .run()?;
    ensure!(
        text(&outcome, "look") == "/root\n",
        "{}",
        text(&outcome, "look")
    );
    Ok(())
}

pub(super) fn clock_is_fine(context: &Context<'_>) -> Result<()> {
    let script = "cat /sys/devices/system/clocksource/clocksource0/current_clocksource";
    let outcome = context
        .lab
        .vm("clock")
        .task(Task::shell("clock", script))
        .run()?;
    let clock = text(&outcome, "clock");
    ensure!(
        !clock.is_empty() && !clock.contains("jiffies"),
        "time moves in jiffies: the clock source is {clock}"
    );
    Ok(())
}

/// The same program takes the same time, to a thousandth: that is what `--icount` is for.
pub(super) fn counts_instructions(context: &Context<'_>) -> Result<()> {
    let script = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; cut -d' ' -f1 /proc/uptime";
    let uptime = || -> Result<f64> {
        let vm = context
            .lab
            .vm("icount")
            .machine(Machine::counting_instructions);
        let outcome = vm.task(Task::shell("loop", script)).run()?;
        outcome.expect_success("loop")?;
        Ok(text(&outcome, "loop").trim().parse()?)
    };
    let (first, second) = (uptime()?, uptime()?);
    // The clock that the guest shows has hundredths, and when devices answer is up to the host.
    ensure!(
        (first - second).abs() <= 0.05 * first,
        "the same program took until {first} s and until {second} s"
    );
    Ok(())
}

fn text(outcome: &Outcome, task: &str) -> String {
    String::from_utf8_lossy(&outcome.stdout(task)).into_owned()
}
