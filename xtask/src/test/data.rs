//! Migrating loses nothing, traced or not: data, memory and the kernel's good mood.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::Context;
use super::trace::recorder;
use crate::lab::MODULE;
use crate::vm::builder::Task;

/// Unloads the driver, and prints whatever in the kernel's log is no good sign.
const AFTERWARDS: &str = "rmmod migrate_test || exit 1
    test ! -e /dev/migrate_test || { echo the device is still there; exit 1; }
    dmesg | grep -iE 'warning|bug:|oops|bad page|call trace|refcount_t|leak|taint' | grep -vE 'ommand line:|loading out-of-tree module' && exit 1
    exit 0";

pub(super) fn every_byte_survives_10000_round_trips(context: &Context<'_>) -> Result<()> {
    let vm = context
        .lab
        .vm("data")
        .module(MODULE, "")
        .limit(Duration::from_secs(600));
    let outcome = vm
        .task(recorder(Box::new(std::io::sink())))
        .task(Task::new(
            "round-trips",
            ["workload", "round-trips", "10000"],
        ))
        .task(Task::shell("afterwards", AFTERWARDS))
        .run()?;
    outcome.expect_success("round-trips")?;
    outcome.expect_success("recorder")?;
    let bad = String::from_utf8_lossy(&outcome.stdout("afterwards")).into_owned();
    ensure!(bad.is_empty(), "the kernel's log is not clean:\n{bad}");
    outcome.expect_success("afterwards")?;
    ensure!(
        outcome.warnings.is_empty(),
        "the kernel warns: {}",
        outcome.warnings.join("\n")
    );
    Ok(())
}
