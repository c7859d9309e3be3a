//! On the kernel that looks for bugs: it finds none.

use std::time::Duration;

use anyhow::Result;

use super::{Context, Skipped, trace::tell};
use crate::arch::Arch;
use crate::driver;
use crate::fuzz::Fuzz;
use crate::lab::Lab;
use crate::options::Options;
use crate::setup::Setup;
use crate::setup::kernel::Flavour;
use crate::vm::builder::Task;

/// For each scenario to get round at least once.
const SECONDS: &str = "48";
/// A first look; `cargo xtask fuzz-module` looks longer.
const FUZZ: Fuzz = Fuzz {
    seconds: 20,
    calls: None,
    seed: 1,
};

pub(super) fn all_scenarios_leave_its_log_clean(context: &Context<'_>) -> Result<()> {
    let argv = ["workload", "run", "all", "--duration", SECONDS];
    let outcome = driver::load(lab(context)?.vm("debug"))
        .limit(Duration::from_secs(600))
        .task(Task::new("workload", argv))
        .task(driver::unload())
        .run()?;
    driver::left_nothing_behind(&outcome)?;
    outcome.expect_success("workload")
}

pub(super) fn random_calls_leave_its_log_clean(context: &Context<'_>) -> Result<()> {
    let summary = FUZZ.run(lab(context)?, |_| {})?;
    tell(context, "fuzz", &format!("  seed {}: {summary}", FUZZ.seed))
}

/// What boots it. It is not built for a test: that takes too long.
fn lab<'a>(context: &'a Context<'_>) -> Result<&'a Lab> {
    if let Some(lab) = context.debug.get() {
        return Ok(lab);
    }
    let options = Options {
        page_size: None,
        kernel_src: None,
        accel: context.lab.setup.accel,
        arch: Arch::HOST,
    };
    let setup = Setup::new(options, Flavour::Debug)?;
    if setup.kernel.tree()?.is_none() {
        return Err(Skipped(
            "the debug kernel is not built; `cargo xtask kernel --debug` does".into(),
        )
        .into());
    }
    let (lab, _) = Lab::open(setup, 0)?;
    Ok(context.debug.get_or_init(|| lab))
}
