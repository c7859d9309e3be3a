//! Debian packages: which are missing, why they are needed, and their installation.
//!
//! What counts is whether the program or file is there, however it came: machines without dpkg pass
//! too.

use std::process::{Command, Stdio};

use anyhow::Result;

use super::Part;
use super::probe::{clang, header, libclang, program, python_environments, static_busybox};
use crate::arch::Arch;
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
    /// Building the debug kernel, or a module for it.
    Debug,
    /// Running the VM.
    Vm,
    /// Running that of a 64-bit ARM machine.
    VmOfArm,
    /// Building programs and modules for that.
    ProgramsForArm,
    /// Testing the dashboard.
    Terminal,
    /// Running other projects' readers of what is exported and shipped.
    Python,
    /// Opening reports in a browser.
    Browser,
}

/// How to see that a package's content is there.
enum Probe {
    Program(&'static str),
    Header(&'static str),
    Libclang,
    Clang,
    StaticBusybox,
    PythonEnvironments,
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
        "clang-19",
        Need::Debug,
        "compiles the debug kernel and its modules",
        Probe::Clang,
    ),
    package(
        "patch",
        Need::Debug,
        "mends the debug kernel's source",
        Probe::Program("patch"),
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
        Probe::Program(Arch::X86_64.qemu()),
    ),
    package(
        "qemu-system-arm",
        Need::VmOfArm,
        "emulates a 64-bit ARM machine",
        Probe::Program(Arch::Aarch64.qemu()),
    ),
    package(
        "gcc-aarch64-linux-gnu",
        Need::ProgramsForArm,
        "compiles and links for 64-bit ARM",
        Probe::Program("aarch64-linux-gnu-gcc"),
    ),
    package(
        "libc6-dev-arm64-cross",
        Need::ProgramsForArm,
        "the C library of programs for 64-bit ARM",
        Probe::Header("/usr/aarch64-linux-gnu/include/stdio.h"),
    ),
    package(
        "busybox-static",
        Need::Vm,
        "a shell and tools in the test VM",
        Probe::StaticBusybox,
    ),
    package(
        "tmux",
        Need::Terminal,
        "the terminal that the dashboard is tested in",
        Probe::Program("tmux"),
    ),
    package(
        "python3-venv",
        Need::Python,
        "runs other projects' readers of recordings and manifests",
        Probe::PythonEnvironments,
    ),
    package(
        "chromium",
        Need::Browser,
        "opens reports as people do",
        Probe::Program("chromium"),
    ),
];

impl Package {
    fn is_there(&self) -> bool {
        match self.probe {
            Probe::Program(name) => program(name).is_some(),
            Probe::Header(name) => header(name),
            Probe::Libclang => libclang().is_some(),
            Probe::Clang => clang().is_some(),
            Probe::StaticBusybox => static_busybox().is_some(),
            Probe::PythonEnvironments => python_environments(),
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

    /// Installs what is missing for one need.
    pub(crate) fn have(need: Need) -> Result<()> {
        let packages = Self::new(&[need]);
        if !packages.is_there()? {
            let step = Step::begin(packages.title());
            packages.make(&step)?;
            step.done();
        }
        Ok(())
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
    // One of the machine's sources may be out of reach and still not be the one that matters: the
    // second call tells.
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
