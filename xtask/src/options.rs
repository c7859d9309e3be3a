//! Options that every command takes.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::arch::Arch;
use crate::errors::unsupported;
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
    /// For which machine to build, and which to emulate; this one unless told otherwise
    #[arg(long, global = true, value_name = "NAME", default_value_t = Arch::HOST)]
    pub(crate) arch: Arch,
}

impl Options {
    /// An error if another machine is asked for of a command that knows only this one.
    pub(crate) fn must_be_of_this_machine(&self) -> Result<()> {
        if self.arch.is_foreign() {
            return Err(unsupported(format!(
                "this command knows only {}: it measures or checks this machine, or needs the test driver, which no other kernel loads yet",
                Arch::HOST
            )));
        }
        Ok(())
    }
}
