//! `cargo xtask kernel` and `cargo xtask build`.

use anyhow::Result;
use clap::Args;

use crate::build::STEPS;
use crate::lab::build_all;
use crate::options::Options;
use crate::setup::kernel::Flavour;
use crate::setup::{Needs, Setup};

/// Which kernel.
#[derive(Debug, Args)]
pub(crate) struct Kernel {
    /// The one that looks for bugs, with KASAN, lockdep and their kin, and without bugs of Linux
    /// that would end the search (xtask/kernel/patches; a tree of your own stays as it is); its
    /// first build takes longer
    #[arg(long)]
    pub(crate) debug: bool,
}

/// Builds or finds the kernel; its folder is all that goes to standard output.
pub(crate) fn kernel(arguments: &Kernel, options: Options) -> Result<()> {
    let setup = Setup::new(options, Flavour::new(arguments.debug))?;
    setup.ensure(
        Needs {
            kernel: true,
            ..Needs::default()
        },
        0,
    )?;
    println!("{}", setup.kernel.built_tree()?.display());
    Ok(())
}

/// Builds everything and says where it is.
pub(crate) fn everything(options: Options) -> Result<()> {
    let setup = Setup::new(options, Flavour::Test)?;
    let progress = setup.ensure(Needs::ALL, STEPS)?;
    let built = build_all(&setup, &progress)?;
    for file in [
        &built.programs.migscope,
        &built.programs.workload,
        &built.module,
    ] {
        println!("{}", file.display());
    }
    Ok(())
}
