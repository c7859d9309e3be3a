//! Which kernel: the one that is quick, or the one that looks for bugs.

use crate::arch::{Arch, PageSize};
use crate::setup::packages::Need;
use crate::setup::probe::clang;

/// A configuration of the test VM's kernel, and what comes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// As close to a user's kernel as can be; everything is measured on it.
    Test,
    /// With KASAN, lockdep and their kin: several times slower, and it tells what a driver does
    /// wrong.
    Debug,
}

impl Flavour {
    /// The one that `--debug` chooses.
    pub(crate) fn new(debug: bool) -> Self {
        if debug { Flavour::Debug } else { Flavour::Test }
    }

    /// What logs and progress lines call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Flavour::Test => "kernel",
            Flavour::Debug => "debug kernel",
        }
    }

    /// The files of the checkout whose options, one after the other, make its configuration.
    pub(super) fn fragments(
        self,
        arch: Arch,
        pages: PageSize,
    ) -> impl Iterator<Item = &'static str> {
        let of_machine = match arch {
            Arch::X86_64 => None,
            Arch::Aarch64 => Some("xtask/kernel/aarch64.config"),
        };
        let of_pages = match (arch, pages) {
            (Arch::X86_64, _) | (Arch::Aarch64, PageSize::Kib64) => None,
            (Arch::Aarch64, PageSize::Kib16) => Some("xtask/kernel/aarch64-16k.config"),
            (Arch::Aarch64, PageSize::Kib4) => Some("xtask/kernel/aarch64-4k.config"),
        };
        let further = match self {
            Flavour::Test => None,
            Flavour::Debug => Some("xtask/kernel/debug.config"),
        };
        ["xtask/kernel/test-vm.config"]
            .into_iter()
            .chain(of_machine)
            .chain(of_pages)
            .chain(further)
    }

    /// Patches of the checkout that its source gets, in this order: bugs of Linux that would end
    /// the hunt for others. What is measured runs on the source as it is.
    pub(super) fn patches(self) -> &'static [&'static str] {
        match self {
            Flavour::Test => &[],
            Flavour::Debug => &[
                "xtask/kernel/patches/0001-zap-asks-the-entry.patch",
                "xtask/kernel/patches/0002-collect-goes-on-where-it-was.patch",
            ],
        }
    }

    /// Options without which it is not what it says.
    pub(super) fn essential(self) -> impl Iterator<Item = &'static str> {
        const ALWAYS: &[&str] = &[
            "CONFIG_RUST",
            "CONFIG_DEVICE_PRIVATE",
            "CONFIG_DEBUG_INFO_BTF",
            "CONFIG_BPF_SYSCALL",
            "CONFIG_VIRTIO_CONSOLE",
        ];
        let further: &[&str] = match self {
            Flavour::Test => &[],
            Flavour::Debug => &["CONFIG_KASAN", "CONFIG_PROVE_LOCKING", "CONFIG_DEBUG_VM"],
        };
        ALWAYS.iter().chain(further).copied()
    }

    /// The C compiler, where it is not the kernel's own choice. Modules need the one that built the
    /// kernel.
    pub(super) fn compiler(self) -> Option<&'static str> {
        match self {
            Flavour::Test => None,
            Flavour::Debug => clang(),
        }
    }

    /// What modules for it need.
    pub(crate) fn needs(self) -> &'static [Need] {
        match self {
            Flavour::Test => &[Need::Modules],
            Flavour::Debug => &[Need::Modules, Need::Debug],
        }
    }

    /// How long its build takes on two processors.
    pub(super) fn duration(self) -> &'static str {
        match self {
            Flavour::Test => "10 to 15 min",
            Flavour::Debug => "10 to 25 min",
        }
    }

    /// Memory of a VM that runs it, in MiB. KASAN takes an eighth, and freed memory stays away for
    /// a while. On 64-bit ARM a huge page is of 512 MiB where a page is of 64 KiB.
    pub(crate) fn memory_mib(self, arch: Arch) -> u32 {
        match (self, arch) {
            (Flavour::Test, Arch::X86_64) => 2048,
            (Flavour::Test, Arch::Aarch64) => 6144,
            (Flavour::Debug, _) => 4096,
        }
    }

    /// The machine that runs it. Both have HPET, by which even an emulated clock is calibrated
    /// well. On `pc` the firmware computes a table of interrupts in a loop, and KASAN looks so
    /// closely that the kernel gives up on it.
    pub(crate) fn board(self) -> &'static str {
        match self {
            Flavour::Test => "pc",
            Flavour::Debug => "q35",
        }
    }

    /// What goes onto its command line. The log is read at the end: nothing in it may have been
    /// written over. An emulated processor that checks every access is slow, not stuck. KASAN asks
    /// for five-level page tables what `identify_cpu` forgets for a moment: an interrupt in that
    /// moment is reported as a wild access.
    pub(crate) fn arguments(self) -> &'static str {
        match self {
            Flavour::Test => "",
            Flavour::Debug => {
                "page_poison=1 log_buf_len=4M rcupdate.rcu_cpu_stall_timeout=60 no5lvl"
            }
        }
    }
}
