//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::bench::Tool;
use crate::vm::Accelerator;

/// Everything a developer or a first-time user types: set-up, build, the test VM, the tests.
///
/// Each command first makes what is missing (Debian packages, tools, the test VM's kernel) and keeps it in
/// ${MIGSCOPE_CACHE:-${XDG_CACHE_HOME:-~/.cache}/migscope}.
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

/// What holds for every command.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// A kernel source tree to use: as it is if it has been built, else it is configured and built there
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) kernel_src: Option<PathBuf>,
    /// What executes the VM; otherwise KVM where it has been seen to boot this kernel, else TCG. Also MIGSCOPE_ACCEL
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) accel: Option<Accelerator>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Show real migrations: boot the VM, load the driver, run a scenario, show the live dashboard
    Run(Run),
    /// Run every test, on the host and in the VM
    Test(Test),
    /// Measure what tracing costs, in guest instructions per migration, against what people trace with today
    Bench(Bench),
    /// Call the test driver at random on a kernel that looks for bugs, and see that nothing breaks or leaks
    ///
    /// Processes migrate their memory with sensible and hostile arguments while they unmap, protect, move, swap out
    /// and fork it and are killed; some of the kernel's allocations fail. It fails if the kernel's log has anything to
    /// complain about, a page is lost, a byte is wrong or a count does not add up. The kernel's log is kept then.
    FuzzModule(FuzzModule),
    /// Draw the README's pictures of the dashboard afresh
    Pictures,
    /// Run one command in the VM and pass on its output and exit status
    Vm(Vm),
    /// Build (or find) the test VM's kernel and print the tree's folder
    Kernel(Kernel),
    /// Build everything
    Build,
    /// Build what users install: a tarball with one static program, and a Debian package; prints where they are
    Dist,
    /// Run clippy with warnings denied on every crate, and check the driver's format
    Clippy,
}

/// The scenario to show.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The scenario; --list tells which there are
    #[arg(long, value_name = "NAME", default_value = DEFAULT_SCENARIO)]
    pub(crate) scenario: String,
    /// How long it goes on, in seconds [default: until you quit; headless, 20]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) duration: Option<u32>,
    /// What makes the scenario's choices: the same seed gives the same sequence
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// At most so many calls of the driver per second: enough to see, and what an emulated processor does with ease
    #[arg(long, value_name = "N", default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: u32,
    /// Record, then print a report instead of showing the dashboard, as always where standard output is no terminal
    #[arg(long)]
    pub(crate) headless: bool,
    /// Keep the recording in this file
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// List the scenarios
    #[arg(long)]
    pub(crate) list: bool,
}

/// The scenario that shows everything.
pub(crate) const DEFAULT_SCENARIO: &str = "mixed";

/// Which tests to run.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Only tests whose names hold this text
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    /// Only the tests on the host
    #[arg(long, conflicts_with = "vm")]
    pub(crate) host: bool,
    /// Only the tests in the VM
    #[arg(long)]
    pub(crate) vm: bool,
    /// Only this: on Debian's own kernels (6.1, 6.12, 6.19, 7.2, 7.3, downloaded once) everything loads and attaches;
    /// the first and the last of them are ordinary tests as well
    #[arg(long, conflicts_with_all = ["host", "vm"])]
    pub(crate) kernels: bool,
}

/// What to measure.
#[derive(Debug, Args)]
#[command(after_help = "\
The VM's processor is emulated and counts what it does: a migration takes the same number of instructions in every run, \
on every machine. Each tool gets a boot of its own, in which the test driver moves pages to the device and back; what a \
call takes more than in a boot without a tool is what the tool costs. A line through the sizes says how much of that is \
for a call, and how much for each page.

With the tool migscope, its programs, memory, ring and recorder are measured too.

Exit status: 0 if migscope costs no more than it may; 1 if it does, or something failed.

Examples:
  cargo xtask bench                                  everything; about 6 minutes
  cargo xtask bench --tool migscope --pages 1,512
  cargo xtask bench --tool function-graph --tool bpftrace --json others.json")]
pub(crate) struct Bench {
    /// Only this tool; can be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) tool: Vec<Tool>,
    /// How many pages a call moves, separated by commas
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 8, 64, 512, 4096],
        value_parser = clap::value_parser!(u32).range(1..=16_384))]
    pub(crate) pages: Vec<u32>,
    /// Where the results are put as JSON [default: target/xtask/bench.json]
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// How long, and which calls.
#[derive(Debug, Args)]
pub(crate) struct FuzzModule {
    /// How long it goes on, in the VM's seconds
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) seconds: u32,
    /// End it sooner, after so many calls of the driver
    #[arg(long, value_name = "N")]
    pub(crate) calls: Option<u64>,
    /// What makes the choices; printed, so that a failure can be repeated [default: another one each time]
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
}

/// Which kernel.
#[derive(Debug, Args)]
pub(crate) struct Kernel {
    /// The one that looks for bugs, with KASAN, lockdep and their kin, and without bugs of Linux that would end the
    /// search (xtask/kernel/patches; a tree of your own stays as it is); its first build takes longer
    #[arg(long)]
    pub(crate) debug: bool,
}

/// The command to run.
#[derive(Debug, Args)]
pub(crate) struct Vm {
    /// Boot this kernel image instead; its byte streams go over serial lines, which are slow, and the driver is not
    /// for it
    #[arg(long, value_name = "VMLINUZ", conflicts_with = "module")]
    pub(crate) kernel: Option<PathBuf>,
    /// Add a file to the folder that the command runs in
    #[arg(long, value_name = "FILE")]
    pub(crate) add: Vec<PathBuf>,
    /// Let time count instructions, on one emulated processor: the same nanoseconds in every run
    #[arg(long)]
    pub(crate) icount: bool,
    /// Load the test driver first
    #[arg(long)]
    pub(crate) module: bool,
    /// Boot the kernel that looks for bugs, with the driver built for it; everything takes several times as long
    #[arg(long, conflicts_with = "kernel")]
    pub(crate) debug: bool,
    /// End it as a failure after so many seconds
    #[arg(long, value_name = "S", default_value_t = 600)]
    pub(crate) limit: u32,
    /// Program and arguments; the program is looked up in the guest's PATH
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(crate) argv: Vec<String>,
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
