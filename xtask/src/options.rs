//! Options that every command takes.

use std::path::PathBuf;

use clap::Args;

use crate::vm::Accelerator;

/// What holds for every command.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// A kernel source tree to use: as it is if it has been built, else it is configured and built
    /// there
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) kernel_src: Option<PathBuf>,
    /// What executes the VM; otherwise KVM where it has been seen to boot this kernel, else TCG.
    /// Also MIGSCOPE_ACCEL
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) accel: Option<Accelerator>,
}
