//! Debian packages: which are missing, why they are needed, and their installation.
//!
//! What counts is whether the program or file is there, however it came: machines without dpkg pass too.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;

use super::Part;
use crate::cache::Cache;
use crate::errors::unsupported;
use crate::interrupt;
use crate::process::Logged;
use crate::progress::Step;

/// What something is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Building the kernel.
    Kernel,
    /// Building a module against a kernel that is there.
    Modules,
    /// Running the VM.
    Vm,
}

/// How to see that a package's content is there.
enum Probe {
    Program(&'static str),
    Header(&'static str),
    Libclang,
    StaticBusybox,
}

struct Package {
    name: &'static str,
    why: &'static str,
    need: Need,
    probe: Probe,
}

const fn package(name: &'static str, need: Need, why: &'static str, probe: Probe) -> Package {
    Package {
        name,
        why,
        need,
        probe,
    }
}

const PACKAGES: &[Package] = &[
    package(
        "make",
        Need::Modules,
        "builds the kernel and its modules",
        Probe::Program("make"),
    ),
    package(
        "gcc",
        Need::Modules,
        "compiles the kernel and its modules",
        Probe::Program("gcc"),
    ),
    package(
        "dwarves",
        Need::Modules,
        "pahole: type information (BTF), which the tracer reads",
        Probe::Program("pahole"),
    ),
    package(
        "libclang-19-dev",
        Need::Modules,
        "C headers for Rust in the kernel",
        Probe::Libclang,
    ),
    package(
        "libelf-dev",
        Need::Modules,
        "the kernel's own build tools",
        Probe::Header("gelf.h"),
    ),
    package(
        "libssl-dev",
        Need::Kernel,
        "the kernel's own build tools",
        Probe::Header("openssl/ssl.h"),
    ),
    package(
        "flex",
        Need::Kernel,
        "the kernel's configuration",
        Probe::Program("flex"),
    ),
    package(
        "bison",
        Need::Kernel,
        "the kernel's configuration",
        Probe::Program("bison"),
    ),
    package(
        "bc",
        Need::Kernel,
        "time constants in the kernel",
        Probe::Program("bc"),
    ),
    package(
        "xz-utils",
        Need::Kernel,
        "unpacks the kernel's source",
        Probe::Program("xz"),
    ),
    package(
        "qemu-system-x86",
        Need::Vm,
        "runs the test VM",
        Probe::Program(crate::vm::QEMU),
    ),
    package(
        "busybox-static",
        Need::Vm,
        "a shell and tools in the test VM",
        Probe::StaticBusybox,
    ),
];

/// The oldest libclang that recent kernels take.
const LIBCLANG_MINIMUM: u32 = 17;

impl Package {
    fn is_there(&self) -> bool {
        match self.probe {
            Probe::Program(name) => program(name).is_some(),
            Probe::Header(name) => header(name),
            Probe::Libclang => libclang().is_some(),
            Probe::StaticBusybox => static_busybox().is_some(),
        }
    }
}

/// The packages that a command needs.
pub(crate) struct Packages {
    missing: Vec<&'static Package>,
}

impl Packages {
    /// Looks at which are missing.
    pub(crate) fn new(needs: &[Need]) -> Self {
        let missing = PACKAGES
            .iter()
            .filter(|package| needs.contains(&package.need) && !package.is_there());
        Packages {
            missing: missing.collect(),
        }
    }

    fn reasons(&self) -> String {
        let lines: Vec<_> = self
            .missing
            .iter()
            .map(|package| format!("  {:16} {}", package.name, package.why))
            .collect();
        lines.join("\n")
    }

    fn names(&self) -> Vec<&'static str> {
        self.missing.iter().map(|package| package.name).collect()
    }
}

impl Part for Packages {
    fn title(&self) -> String {
        "Debian packages".into()
    }

    fn is_there(&self) -> Result<bool> {
        Ok(self.missing.is_empty())
    }

    fn make(&self, step: &Step) -> Result<()> {
        let reasons = self.reasons();
        if program("apt-get").is_none() {
            return Err(unsupported(format!(
                "these are missing, and this machine has no apt to install them with (names as in Debian):\n{reasons}\n\
                 Install them; a kernel tree that you have can be given with --kernel-src DIR"
            )));
        }
        step.note(&format!("These Debian packages are missing:\n{reasons}"));
        let by_hand = format!(
            "apt-get install --no-install-recommends {}",
            self.names().join(" ")
        );
        let Some(root) = Root::find() else {
            return Err(unsupported(format!(
                "installing them needs root. Please run: sudo {by_hand}"
            )));
        };
        install(&root, &self.names(), step)?;
        let left: Vec<_> = self
            .missing
            .iter()
            .filter(|package| !package.is_there())
            .map(|package| package.name)
            .collect();
        if left.is_empty() {
            return Ok(());
        }
        Err(unsupported(format!(
            "installed, but still not to be found: {}",
            left.join(" ")
        )))
    }
}

fn install(root: &Root, names: &[&str], step: &Step) -> Result<()> {
    let cache = Cache::open()?;
    let apt_get = |log: &str, arguments: &[&str]| -> Result<()> {
        let mut command = root.command();
        command
            .args(["-q", "-o", "DPkg::Lock::Timeout=300"])
            .args(arguments)
            .env("LC_ALL", "C");
        let logged = Logged {
            log: &cache.log(log),
            limit: None,
        };
        logged.run(&mut command, |line| step.detail(line))
    };
    // One of the machine's sources may be out of reach and still not be the one that matters: the second call tells.
    let updated = apt_get("apt-get-update", &["update"]);
    interrupt::check()?;
    let install = ["install", "-y", "--no-install-recommends"];
    apt_get("apt-get-install", &[&install, names].concat()).or_else(|error| updated.and(Err(error)))
}

/// How to be root.
enum Root {
    Already,
    Sudo,
}

impl Root {
    fn find() -> Option<Self> {
        if rustix::process::geteuid().is_root() {
            return Some(Root::Already);
        }
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "true"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        sudo.status()
            .is_ok_and(|status| status.success())
            .then_some(Root::Sudo)
    }

    fn command(&self) -> Command {
        let mut command = match self {
            Root::Already => Command::new("env"),
            Root::Sudo => Command::new("sudo"),
        };
        if let Root::Sudo = self {
            command.args(["-n", "env"]);
        }
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        command
    }
}

/// Where a program is, in `PATH` or where only root looks.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders
        .map(|folder| folder.join(name))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

fn header(name: &str) -> bool {
    [
        "/usr/include",
        "/usr/include/x86_64-linux-gnu",
        "/usr/local/include",
    ]
    .iter()
    .any(|folder| Path::new(folder).join(name).is_file())
}

/// The folder of the newest libclang, for `LIBCLANG_PATH`.
pub(crate) fn libclang() -> Option<PathBuf> {
    if let Some(folder) = env::var_os("LIBCLANG_PATH").map(PathBuf::from)
        && has_libclang(&folder)
    {
        return Some(folder);
    }
    let versions = fs::read_dir("/usr/lib")
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let version = llvm_version(&entry.file_name().to_string_lossy())?;
            Some((version, entry.path().join("lib")))
        });
    let usable =
        versions.filter(|(version, folder)| *version >= LIBCLANG_MINIMUM && has_libclang(folder));
    usable.max().map(|(_, folder)| folder).or_else(|| {
        // Where distributions without versions in the path have it.
        ["/usr/lib64", "/usr/lib"]
            .iter()
            .map(PathBuf::from)
            .find(|folder| has_libclang(folder))
    })
}

fn llvm_version(folder: &str) -> Option<u32> {
    folder.strip_prefix("llvm-")?.parse().ok()
}

fn has_libclang(folder: &Path) -> bool {
    let Ok(files) = fs::read_dir(folder) else {
        return false;
    };
    files.flatten().any(|file| {
        let name = file.file_name();
        let name = name.to_string_lossy();
        name == "libclang.so" || name.starts_with("libclang.so.") || name.starts_with("libclang-")
    })
}

/// A busybox that needs no library.
pub(crate) fn static_busybox() -> Option<PathBuf> {
    let found = ["busybox", "busybox-static"]
        .iter()
        .filter_map(|name| program(name));
    found
        .into_iter()
        .find(|file| fs::read(file).is_ok_and(|elf| is_static(&elf)))
}

/// Whether a 64-bit ELF file names no interpreter.
fn is_static(elf: &[u8]) -> bool {
    const INTERPRETER: u32 = 3;
    let number = |at: usize, bytes: usize| -> Option<usize> {
        let raw = elf.get(at..at + bytes)?;
        raw.iter().rev().try_fold(0_usize, |number, byte| {
            Some(number.checked_mul(256)? + usize::from(*byte))
        })
    };
    let headers = || -> Option<(usize, usize, usize)> {
        Some((number(32, 8)?, number(54, 2)?, number(56, 2)?))
    };
    if !elf.starts_with(b"\x7fELF\x02") {
        return false;
    }
    let Some((start, size, count)) = headers() else {
        return false;
    };
    (0..count).all(|index| {
        number(start + index * size, 4).is_some_and(|kind| kind != INTERPRETER as usize)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(kinds: &[u32]) -> Vec<u8> {
        let mut elf = vec![0; 64 + kinds.len() * 56];
        elf[..5].copy_from_slice(b"\x7fELF\x02");
        elf[32] = 64;
        elf[54] = 56;
        elf[56] = u8::try_from(kinds.len()).unwrap();
        for (index, kind) in kinds.iter().enumerate() {
            elf[64 + index * 56..][..4].copy_from_slice(&kind.to_le_bytes());
        }
        elf
    }

    #[test]
    fn a_static_program_names_no_interpreter() {
        assert!(is_static(&elf(&[1, 1, 4])));
        assert!(!is_static(&elf(&[6, 3, 1])));
        assert!(!is_static(b"#!/bin/sh\n"));
        assert!(!is_static(&elf(&[1])[..66]), "cut off");
    }

    #[test]
    fn versions_of_llvm_are_numbers() {
        assert_eq!(llvm_version("llvm-19"), Some(19));
        assert_eq!(llvm_version("llvm"), None);
        assert_eq!(llvm_version("llvm-13.0"), None);
    }
}
