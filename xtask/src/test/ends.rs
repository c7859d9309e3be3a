//! How a job ends, and that only a good end passes for one.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use vm_init::verdict::End;

use super::Context;
use crate::vm::builder::{Builder, Task};

/// SIGINT, which stops tasks.
const INTERRUPTED: End = End::Signaled(2);

pub(super) fn statuses_are_told(context: &Context<'_>) -> Result<()> {
    let outcome = context
        .lab
        .vm("statuses")
        .task(Task::shell("three", "exit 3"))
        .task(Task::shell("killed", "kill -9 $$"))
        .task(Task::new("missing", ["no-such-program"]))
        .task(Task::new("false", ["false"]).env("UNUSED", "1"))
        .run()?;
    let expected = [
        ("three", End::Exited(3)),
        ("killed", End::Signaled(9)),
        ("missing", End::Exited(127)),
        ("false", End::Exited(1)),
    ];
    for (task, end) in expected {
        ensure!(
            outcome.end(task)? == end,
            "{task} ended with {} instead of {end}",
            outcome.end(task)?
        );
    }
    let message = String::from_utf8_lossy(&outcome.stderr("missing")).into_owned();
    ensure!(
        message.contains("no such program"),
        "a missing program is told as {message:?}"
    );
    Ok(())
}

pub(super) fn background_tasks_are_stopped(context: &Context<'_>) -> Result<()> {
    let server = "trap 'echo stopped; exit 5' INT; touch /tmp/ready; echo up >/tmp/ready; while :; do sleep 0.1; done";
    let outcome = context
        .lab
        .vm("background")
        .task(
            Task::shell("server", server)
                .background()
                .ready_when("/tmp/ready", ["up"]),
        )
        .task(Task::shell("client", "cat /tmp/ready"))
        .run()?;
    ensure!(
        outcome.end("server")? == End::Exited(5),
        "the server ended with {}",
        outcome.end("server")?
    );
    ensure!(
        outcome.stdout("server") == b"stopped\n",
        "the server said {:?}",
        outcome.stdout("server")
    );
    ensure!(
        outcome.stdout("client") == b"up\n",
        "the client ran before the server was ready"
    );
    Ok(())
}

pub(super) fn a_stop_is_passed_on(context: &Context<'_>) -> Result<()> {
    let mut vm = context
        .lab
        .vm("stop")
        .task(Task::new("endless", ["sleep", "1000"]))
        .task(Task::new("later", ["true"]))
        .start()?;
    let asked = Instant::now() + Duration::from_secs(4);
    while Instant::now() < asked {
        ensure!(!vm.is_over()?, "it ended by itself");
    }
    vm.ask_to_stop()?;
    let outcome = vm.wait()?;
    ensure!(
        outcome.end("endless")? == INTERRUPTED,
        "the task ended with {}",
        outcome.end("endless")?
    );
    ensure!(
        outcome.end("later")? == End::NotStarted,
        "a task was started after the stop"
    );
    Ok(())
}

pub(super) fn a_panic_is_failure(context: &Context<'_>) -> Result<()> {
    // `tail` keeps what it reads until its share of memory is full, which this kernel is told to
    // take for fatal.
    let script = "echo 2 > /proc/sys/vm/panic_on_oom; cd /sys/fs/cgroup; echo +memory > cgroup.subtree_control
        mkdir small; echo 8M > small/memory.max; echo $$ > small/cgroup.procs; tail /dev/zero";
    fails(
        context.lab.vm("panic").task(Task::shell("panic", script)),
        "Kernel panic - not syncing",
    )
}

pub(super) fn no_verdict_is_failure(context: &Context<'_>) -> Result<()> {
    fails(
        context
            .lab
            .vm("no-verdict")
            .task(Task::new("reboot", ["reboot", "-f"])),
        "without a verdict",
    )
}

pub(super) fn two_verdicts_are_failure(context: &Context<'_>) -> Result<()> {
    let script = "echo 'vm-init verdict: ran exit=0' > /dev/console";
    fails(
        context
            .lab
            .vm("two-verdicts")
            .task(Task::shell("forger", script)),
        "2 verdicts",
    )
}

pub(super) fn a_missing_module_is_failure(context: &Context<'_>) -> Result<()> {
    let vm = context
        .lab
        .vm("no-module")
        .module("/lib/modules/none.ko", |_| String::new())
        .task(Task::new("true", ["true"]));
    fails(vm, "/lib/modules/none.ko")
}

pub(super) fn the_limit_is_kept(context: &Context<'_>) -> Result<()> {
    let begun = Instant::now();
    let vm = context
        .lab
        .vm("limit")
        .task(Task::new("endless", ["sleep", "1000"]))
        .limit(Duration::from_secs(5));
    fails(vm, "no end after 5 s")?;
    ensure!(
        begun.elapsed() < Duration::from_secs(15),
        "it took {} s to end it",
        begun.elapsed().as_secs()
    );
    Ok(())
}

fn fails(vm: Builder, reason: &str) -> Result<()> {
    match vm.run() {
        Ok(outcome) => bail!("it passed for a good end: {outcome:?}"),
        Err(error) if format!("{error:#}").contains(reason) => Ok(()),
        Err(error) => Err(error.context(format!("it failed, but not with {reason:?}"))),
    }
}
