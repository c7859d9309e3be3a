//! `cargo xtask fuzz-module`: random calls of the driver on the debug kernel.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use clap::Args;

use crate::fuzz::Fuzz;
use crate::lab::Lab;
use crate::options::Options;
use crate::setup::Setup;
use crate::setup::kernel::Flavour;

/// How long, and which calls.
#[derive(Debug, Args)]
pub(crate) struct FuzzModule {
    /// How long it goes on, in the VM's seconds
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) seconds: u32,
    /// End it sooner, after so many calls of the driver
    #[arg(long, value_name = "N")]
    pub(crate) calls: Option<u64>,
    /// What makes the choices; printed, so that a failure can be repeated [default: another one
    /// each time]
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
}

/// Runs it, and says in a line how it went.
pub(crate) fn run(arguments: &FuzzModule, options: Options) -> Result<()> {
    let fuzz = Fuzz {
        seconds: arguments.seconds,
        calls: arguments.calls,
        seed: arguments.seed.unwrap_or_else(any_seed),
    };
    let Fuzz { seconds, seed, .. } = fuzz;
    options.must_be_of_this_machine()?;
    let setup = Setup::new(options, Flavour::Debug)?;
    let (lab, progress) = Lab::open(setup, 1)?;
    let step = progress.step(&format!("{seconds} s of random calls, seed {seed}"));
    step.detail("boots");
    let summary = fuzz
        .run(&lab, |line| step.detail(line))
        .with_context(|| format!("fuzz-module --seconds {seconds} --seed {seed} failed"))?;
    step.done();
    println!("fuzz-module: seed {seed}: {summary}; nothing leaked, the kernel's log is clean");
    Ok(())
}

/// Another one each second.
fn any_seed() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs()
}
