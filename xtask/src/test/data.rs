//! Migrating loses nothing, traced or not: data, memory and the kernel's good mood.

use std::time::Duration;

use anyhow::Result;

use super::Context;
use super::trace::recorder;
use crate::driver;
use crate::vm::builder::Task;

pub(super) fn every_byte_survives_10000_round_trips(context: &Context<'_>) -> Result<()> {
    let outcome = driver::load(context.lab.vm("data"))
        .limit(Duration::from_secs(600))
        .task(recorder(&[], Box::new(std::io::sink())))
        .task(Task::new(
            "round-trips",
            ["workload", "round-trips", "10000"],
        ))
        .task(driver::unload())
        .run()?;
    outcome.expect_success("round-trips")?;
    outcome.expect_success("recorder")?;
    driver::left_nothing_behind(&outcome)
}
