//! Processors that go and come back while calls are traced.

use anyhow::{Context as _, Result, ensure};

use super::Context;
use super::compare::agree;
use super::trace::{tell, trace};
use crate::vm::Captured;
use crate::vm::builder::{Output, Task};

/// Takes the second processor away and gives it back, and counts how often.
const SCRIPT: &str = "times=0
    trap 'echo $times; exit 0' INT
    online=/sys/devices/system/cpu/cpu1/online
    while true; do
        sleep 0.5; echo 0 > $online || exit 1
        sleep 0.5; echo 1 > $online || exit 1
        times=$((times + 1)); echo $times > /tmp/times
    done";
const FEWEST: u32 = 5;

/// Every call is there, as the driver counted it: threads are moved to another processor in the
/// middle of their calls.
pub(super) fn processors_come_and_go(context: &Context<'_>) -> Result<()> {
    let runs: [&[&str]; 2] = [
        &["mixed", "--calls", "1200", "--seed", "31", "--rate", "100"],
        &["storm", "--calls", "1500", "--seed", "31"],
    ];
    let said = Captured::default();
    let sink = said.clone();
    let trace = trace(context, "hotplug", &runs, |vm| {
        let task = Task::shell("hotplug", SCRIPT).background();
        vm.task(task.stdout(Output::Host(Box::new(sink))))
    })?;
    agree(&trace)?;
    let said = String::from_utf8_lossy(&said.bytes()).into_owned();
    let times: u32 = said
        .trim()
        .parse()
        .with_context(|| format!("it says {said:?}"))?;
    let calls: usize = trace.runs.iter().map(|run| run.traced.len()).sum();
    tell(
        context,
        "hotplug",
        &format!("  {calls} calls, all equal, while a processor went {times} times"),
    )?;
    ensure!(times >= FEWEST, "a processor went {times} times only");
    Ok(())
}
