//! The command line.

use clap::{Parser, Subcommand};

use crate::commands::bench::Bench;
use crate::commands::build::Kernel;
use crate::commands::fuzz_module::FuzzModule;
use crate::commands::run::Run;
use crate::commands::soak::Soak;
use crate::commands::vm::Vm;
use crate::options::Options;
use crate::test::Test;

/// Everything a developer or a first-time user types: set-up, build, the test VM, the tests.
///
/// Each command first makes what is missing (Debian packages, tools, the test VM's kernel) and
/// keeps it in ${MIGSCOPE_CACHE:-${XDG_CACHE_HOME:-~/.cache}/migscope}.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Action,
    /// What holds for every command.
    #[command(flatten)]
    pub(crate) options: Options,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Show real migrations: boot the VM, load the driver, run a scenario, show the live dashboard
    Run(Run),
    /// Run every test, on the host and in the VM
    Test(Test),
    /// Measure what tracing costs, in guest instructions per migration, against what people trace
    /// with today
    Bench(Bench),
    /// Call the test driver at random on a kernel that looks for bugs, and see that nothing breaks
    /// or leaks
    ///
    /// Processes migrate their memory with sensible and hostile arguments while they unmap,
    /// protect, move, swap out and fork it and are killed; some of the kernel's allocations fail.
    /// It fails if the kernel's log has anything to complain about, a page is lost, a byte is wrong
    /// or a count does not add up. The kernel's log is kept then.
    FuzzModule(FuzzModule),
    /// Serve and record a kernel for an hour of the VM's time, in which processes migrate and are
    /// killed, and see that memory stays as it is and nothing is lost
    ///
    /// The VM skips the time in which nothing happens: its hour takes about twenty minutes.
    Soak(Soak),
    /// Draw the README's pictures of the dashboard afresh
    Pictures,
    /// Run one command in the VM and pass on its output and exit status
    Vm(Vm),
    /// Build (or find) the test VM's kernel and print the tree's folder
    Kernel(Kernel),
    /// Build everything
    Build,
    /// Build what users install: a tarball with one static program, a Debian package, a container
    /// image, and the list of their checksums; prints where they are
    Dist,
    /// Run clippy and rustdoc with warnings denied on every crate, and check the driver's format
    Clippy,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
