//! The machines that migscope is built for.

use std::fmt;

use clap::ValueEnum;

/// A kind of processor, as Linux and Rust call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Arch {
    /// 64-bit x86
    #[value(name = "x86_64")]
    X86_64,
    /// 64-bit ARM, cross-built and emulated on other machines
    Aarch64,
}

/// How large a page is on 64-bit ARM: its kernels are built for one size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PageSize {
    /// 4 KiB, as most distributions have it
    #[value(name = "4")]
    Kib4,
    /// 16 KiB
    #[value(name = "16")]
    Kib16,
    /// 64 KiB, as on the coherent machines on which device memory is moved so
    #[default]
    #[value(name = "64")]
    Kib64,
}

/// A kernel that Debian has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StockFlavour {
    pub(crate) arch: Arch,
    /// How its release ends.
    pub(crate) end: &'static str,
}

impl Arch {
    /// This machine's.
    pub(crate) const HOST: Self = if cfg!(target_arch = "aarch64") {
        Self::Aarch64
    } else {
        Self::X86_64
    };

    /// Is it another machine's?
    pub(crate) fn is_foreign(self) -> bool {
        self != Self::HOST
    }

    /// As Linux calls it, and who names targets by it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// As Debian calls it.
    pub(crate) fn debian(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
        }
    }

    /// As the kernel's Makefile calls it.
    pub(crate) fn kernel(self) -> &'static str {
        match self {
            Self::X86_64 => "x86",
            Self::Aarch64 => "arm64",
        }
    }

    /// The kernel's image, in its tree.
    pub(crate) fn kernel_image(self) -> &'static str {
        match self {
            Self::X86_64 => "arch/x86/boot/bzImage",
            Self::Aarch64 => "arch/arm64/boot/Image",
        }
    }

    /// The target of programs.
    pub(crate) fn target(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Aarch64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// The C compiler for it.
    pub(crate) fn gcc(self) -> &'static str {
        match self {
            _ if !self.is_foreign() => "gcc",
            Self::X86_64 => "x86_64-linux-gnu-gcc",
            Self::Aarch64 => "aarch64-linux-gnu-gcc",
        }
    }

    /// What the names of a compiler's programs for it begin with.
    pub(crate) fn cross_prefix(self) -> &'static str {
        self.gcc().strip_suffix("gcc").unwrap_or_default()
    }

    /// The emulator.
    pub(crate) const fn qemu(self) -> &'static str {
        match self {
            Self::X86_64 => "qemu-system-x86_64",
            Self::Aarch64 => "qemu-system-aarch64",
        }
    }

    /// The kernels that Debian has for it: the ordinary one first.
    pub(crate) const fn stock_flavours(self) -> &'static [StockFlavour] {
        const fn of(arch: Arch, end: &'static str) -> StockFlavour {
            StockFlavour { arch, end }
        }
        const OF_X86: &[StockFlavour] = &[
            of(Arch::X86_64, "amd64"),
            of(Arch::X86_64, "rt-amd64"),
            of(Arch::X86_64, "cloud-amd64"),
        ];
        const OF_ARM: &[StockFlavour] = &[
            of(Arch::Aarch64, "arm64"),
            of(Arch::Aarch64, "arm64-16k"),
            of(Arch::Aarch64, "rt-arm64"),
            of(Arch::Aarch64, "cloud-arm64"),
        ];
        match self {
            Self::X86_64 => OF_X86,
            Self::Aarch64 => OF_ARM,
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_has_the_names_of_linux() {
        for &arch in Arch::value_variants() {
            let value = arch.to_possible_value().unwrap();
            assert_eq!(value.get_name(), arch.name());
        }
    }

    #[test]
    fn programs_of_this_machine_have_no_prefix() {
        assert_eq!(Arch::HOST.cross_prefix(), "");
        let foreign = Arch::value_variants().iter().find(|arch| arch.is_foreign());
        assert!(foreign.unwrap().cross_prefix().ends_with("-linux-gnu-"));
    }
}
