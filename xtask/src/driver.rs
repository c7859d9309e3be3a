//! The test driver in the guest: how it is loaded, and what must hold when it is gone.

use anyhow::{Context as _, Result, ensure};

use crate::arch::Arch;
use crate::vm::builder::{Builder, Outcome, Task};
use crate::vm::kernel_log::bad_lines;
use crate::vm::{Machine, SetAside};

/// Where it lies in the guest.
pub(crate) const MODULE: &str = "/lib/modules/migrate_test.ko";

/// The rows of its ledger below `requested`, as migscope calls them, too.
pub(crate) const ROWS: [&str; 8] = [
    "skipped",
    "declined",
    "moved",
    "populated",
    "wasted_copy",
    "wasted_fill",
    "rolled_back",
    "rejected",
];

const UNLOAD: &str = "unload";
/// Unloads it. Prints what the kernel holds against itself, and its log.
const SCRIPT: &str = "rmmod migrate_test || exit 1
    for device in /dev/migrate_test*; do
        test ! -e $device || { echo $device is still there >&2; exit 1; }
    done
    cat /proc/sys/kernel/tainted && dmesg";
/// The kernel's bit for a module that is not of its own tree. Every warning and every bug sets
/// another.
const TAINTED_BY_MODULE: u64 = 1 << 12;
/// How much of a bad log an error shows.
const SHOWN: usize = 8;

/// A machine with the driver loaded.
pub(crate) fn load(vm: Builder) -> Builder {
    vm.module(MODULE, parameters)
}

/// Two devices, which leave each other's pages alone. Where the machine has memory set aside, also
/// two that do not, and one whose memory processors reach. (The machine that is measured on is what
/// it always was.) On 64-bit ARM with pages of 64 KiB a huge page is of 512 MiB: there is room for
/// two.
fn parameters(machine: &Machine) -> String {
    let devices = match machine.arch {
        Arch::X86_64 => "devices=2",
        Arch::Aarch64 => "devices=2 memory_mib=1280",
    };
    match machine.set_aside() {
        Some(SetAside { begin_mib, mib }) => {
            format!("{devices} peers=2 coherent_mib={mib} coherent_at_mib={begin_mib}")
        }
        None => devices.to_owned(),
    }
}

/// The task, last in a job, that unloads the driver.
pub(crate) fn unload() -> Task {
    Task::shell(UNLOAD, SCRIPT)
}

/// What the kernel said from boot until the driver was gone.
pub(crate) fn log(outcome: &Outcome) -> String {
    let output = String::from_utf8_lossy(&outcome.stdout(UNLOAD)).into_owned();
    output
        .split_once('\n')
        .map(|(_, log)| log.to_owned())
        .unwrap_or_default()
}

/// An error unless the driver went without a trace, and the kernel has nothing to complain about.
pub(crate) fn left_nothing_behind(outcome: &Outcome) -> Result<()> {
    outcome.expect_success(UNLOAD)?;
    let log = log(outcome);
    let bad: Vec<_> = [&log, &outcome.warnings.join("\n")]
        .into_iter()
        .flat_map(|log| bad_lines(log))
        .take(SHOWN)
        .map(str::to_owned)
        .collect();
    ensure!(
        bad.is_empty(),
        "the kernel's log is not clean:\n{}",
        bad.join("\n")
    );
    let output = outcome.stdout(UNLOAD);
    let output = String::from_utf8_lossy(&output);
    let tainted: u64 = output
        .lines()
        .next()
        .and_then(|line| line.parse().ok())
        .context("the kernel does not tell whether it is tainted")?;
    ensure!(
        tainted & !TAINTED_BY_MODULE == 0,
        "the kernel is tainted ({tainted}): something went wrong that is not in its log"
    );
    Ok(())
}
