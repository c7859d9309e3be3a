//! `cargo xtask soak`: whether what runs for weeks stays as it is.

use anyhow::{Context as _, Result};
use clap::Args;

use crate::lab::Lab;
use crate::options::Options;
use crate::setup::Setup;
use crate::setup::kernel::Flavour;
use crate::soak;

/// How long, and how much happens.
#[derive(Debug, Args)]
pub(crate) struct Soak {
    /// How long it goes on, in the VM's minutes
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) minutes: u32,
    /// Calls of the driver in a second, about
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: u32,
}

/// Runs it, and says in a line how it went.
pub(crate) fn run(arguments: &Soak, options: Options) -> Result<()> {
    let soak = soak::Soak {
        minutes: arguments.minutes,
        rate: arguments.rate,
    };
    options.must_be_of_this_machine()?;
    let setup = Setup::new(options, Flavour::Test)?;
    let (lab, progress) = Lab::open(setup, 1)?;
    let step = progress.step(&format!("{} of the VM's minutes", soak.minutes));
    step.detail("boots");
    let summary = soak
        .run(&lab, |line| step.detail(line))
        .with_context(|| format!("soak --minutes {} failed", soak.minutes))?;
    step.done();
    println!("soak: {summary}");
    Ok(())
}
