//! Options that every command takes.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::arch::{Arch, PageSize};
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
    /// How large the pages of a kernel for 64-bit ARM are, in KiB; 64 unless told otherwise
    #[arg(long, global = true, value_name = "KIB")]
    pub(crate) page_size: Option<PageSize>,
}

impl Options {
    /// An error if another machine is asked for of a command that knows only this one.
    pub(crate) fn must_be_of_this_machine(&self) -> Result<()> {
        if self.arch.is_foreign() {
            return Err(unsupported(format!(
                "this command knows only {}: it measures this machine, or looks for bugs on a kernel that is not built for another",
                Arch::HOST
            )));
        }
        Ok(())
    }

    /// Which pages the kernel is to have, or an error if that is not to be chosen.
    pub(crate) fn page_size(&self) -> Result<PageSize> {
        match (self.arch, self.page_size) {
            (Arch::X86_64, Some(_)) => Err(unsupported(
                "--page-size is for --arch aarch64: on x86-64 pages are of 4 KiB".to_owned(),
            )),
            (_, size) => Ok(size.unwrap_or_default()),
        }
    }
}
