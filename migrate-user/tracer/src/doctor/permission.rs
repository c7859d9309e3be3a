//! May this process trace the kernel?

use std::path::Path;

use super::{Check, Root, State};
use crate::privilege::can_be_confined;

/// Capabilities, by their numbers in `linux/capability.h`.
const CAP_SYS_PTRACE: u32 = 19;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_SYSLOG: u32 = 34;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;
const CAP_CHECKPOINT_RESTORE: u32 = 40;

const LOCKDOWN: &str = "/sys/kernel/security/lockdown";

pub(super) fn checks(root: &Root) -> Vec<Check> {
    let capabilities = Capabilities::of(root);
    let mut checks = vec![
        tracing(root, capabilities),
        kernel_symbols(root, capabilities),
        process_symbols(capabilities),
        namespace(root),
        seccomp(root),
        lockdown(root),
    ];
    // Only the kernel that this runs on can be asked.
    if root.folder() == Path::new("/") {
        checks.push(confinement());
    }
    checks
}

/// What may keep a process with all capabilities from loading BPF programs, as far as this machine
/// tells, in a sentence.
pub(super) fn why_forbidden(checks: &[Check]) -> String {
    let suspects = ["user namespace", "seccomp", "lockdown"];
    let is_suspect = |check: &&Check| {
        suspects.contains(&check.name.as_str())
            && matches!(check.state, State::Limited | State::Missing)
    };
    let found: Vec<_> = checks
        .iter()
        .filter(is_suspect)
        .map(|check| &*check.name)
        .collect();
    if found.is_empty() {
        return "The capabilities are there, and neither a user namespace nor a seccomp filter is: a security module forbids it, or whoever \
                built or runs this kernel (a hosted sandbox, say). Trace on the machine itself"
            .to_owned();
    }
    format!(
        "The capabilities are there, so that another thing forbids it; see {} under permission",
        found.join(" and ")
    )
}

/// What this process may do; `None` if that cannot be read.
#[derive(Clone, Copy)]
struct Capabilities(Option<u64>);

impl Capabilities {
    /// The `CapEff` line of `/proc/self/status`.
    fn of(root: &Root) -> Self {
        let status = root.text("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        Self(line.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()))
    }

    fn has(self, capability: u32) -> bool {
        self.0.is_some_and(|all| all & (1 << capability) != 0)
    }

    /// The names of those that are missing. `CAP_SYS_ADMIN` stands for each that was split off from
    /// it.
    fn missing(self, wanted: &[(u32, &'static str)]) -> Vec<&'static str> {
        let lacks = |capability| !self.has(capability) && !self.has(CAP_SYS_ADMIN);
        let missing = wanted.iter().filter(|(capability, _)| lacks(*capability));
        missing.map(|(_, name)| *name).collect()
    }
}

fn tracing(root: &Root, capabilities: Capabilities) -> Check {
    let check = |found: &str| Check::new("permission", "BPF programs", found);
    if capabilities.0.is_none() {
        return check("unknown").unknown("/proc/self/status cannot be read");
    }
    let missing = capabilities.missing(&[(CAP_BPF, "CAP_BPF"), (CAP_PERFMON, "CAP_PERFMON")]);
    let setting = |name: &str| {
        let value = root.text(&format!("/proc/sys/kernel/{name}"));
        value.map(|value| format!("kernel.{name}={value}"))
    };
    let settings: Vec<_> = ["unprivileged_bpf_disabled", "perf_event_paranoid"]
        .into_iter()
        .filter_map(setting)
        .collect();
    if missing.is_empty() {
        let aside = match settings.as_slice() {
            [] => String::new(),
            settings => format!(", not limited by {}", settings.join(" and ")),
        };
        return check(&format!("the capabilities are there{aside}"));
    }
    check(&format!("without {}", missing.join(" and "))).judged(
        State::Missing,
        "Run it with sudo, or give it these capabilities; no sysctl stands in for them",
    )
}

fn kernel_symbols(root: &Root, capabilities: Capabilities) -> Check {
    let check = |found: &str| Check::new("permission", "kernel symbols", found);
    // Everybody sees the names; the addresses are zero for those who may not know them.
    let Some(list) = root.text("/proc/kallsyms") else {
        return check("no list").judged(
            State::Limited,
            "Kernel stacks stay without names, and migrations without a driver: /proc is not mounted, or this kernel was \
             built without CONFIG_KALLSYMS",
        );
    };
    let is_hidden = |line: &str| line.starts_with("0000000000000000");
    if list.lines().take(1000).any(|line| !is_hidden(line)) {
        return check("visible");
    }
    let restrict = root.text("/proc/sys/kernel/kptr_restrict");
    let how = match restrict {
        Some(restrict) if capabilities.has(CAP_SYSLOG) => {
            format!(
                "kernel.kptr_restrict is {restrict}; with 0 or 1 they can be seen: sysctl kernel.kptr_restrict=1"
            )
        }
        _ => "Run it with sudo, or give it CAP_SYSLOG".to_owned(),
    };
    check("hidden").judged(
        State::Limited,
        format!("Kernel stacks stay without names, and migrations without a driver. {how}"),
    )
}

fn process_symbols(capabilities: Capabilities) -> Check {
    let check = |found: &str| Check::new("permission", "symbols of processes", found);
    if capabilities.0.is_none() {
        return check("unknown").unknown("/proc/self/status cannot be read");
    }
    if !capabilities.has(CAP_SYS_PTRACE) {
        return check("without CAP_SYS_PTRACE").judged(
            State::Limited,
            "Stacks of other users' processes stay without names. Run it with sudo, or give it CAP_SYS_PTRACE",
        );
    }
    let missing = capabilities.missing(&[(CAP_CHECKPOINT_RESTORE, "CAP_CHECKPOINT_RESTORE")]);
    if missing.is_empty() {
        return check("visible");
    }
    check("without CAP_CHECKPOINT_RESTORE").judged(
        State::Limited,
        "Functions of files that were deleted or replaced, or lie on an overlay, stay without names. Run it with sudo, \
         or give it CAP_CHECKPOINT_RESTORE",
    )
}

/// Capabilities in another user namespace than the first count for nothing here: the kernel is not
/// its own.
fn namespace(root: &Root) -> Check {
    let check = |found: &str| Check::new("permission", "user namespace", found);
    let Some(map) = root.text("/proc/self/uid_map") else {
        return check("unknown").unknown("/proc/self/uid_map cannot be read");
    };
    if map.split_whitespace().eq(["0", "0", "4294967295"]) {
        return check("the machine's own");
    }
    check("another than the machine's own").judged(
        State::Missing,
        "Being root in it, as in a rootless container, does not permit to trace the kernel: run it outside of the container",
    )
}

/// What a filter forbids cannot be read.
fn seccomp(root: &Root) -> Check {
    let check = |found: &str| Check::new("permission", "seccomp", found);
    let status = root.text("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("Seccomp:"));
    match line.map(str::trim) {
        None => check("unknown").unknown("/proc/self/status does not tell"),
        Some("0") => check("no filter"),
        Some(_) => check("a filter is in force, as in containers").judged(
            State::Limited,
            "If it forbids bpf(2) or perf_event_open(2), nothing can be traced, which the trials below show. Run it outside of the \
             container, or with --privileged or --security-opt seccomp=unconfined",
        ),
    }
}

fn lockdown(root: &Root) -> Check {
    let check = |found: &str| Check::new("permission", "lockdown", found);
    let Some(modes) = root.text(LOCKDOWN) else {
        // The list of security modules is there whenever their file system is mounted.
        return if root.has("/sys/kernel/security/lsm") {
            check("not in this kernel")
        } else {
            check("unknown").unknown(
                "/sys/kernel/security is not mounted: mount -t securityfs none /sys/kernel/security",
            )
        };
    };
    let mode = modes
        .split_whitespace()
        .find_map(|mode| mode.strip_prefix('[')?.strip_suffix(']'));
    match mode {
        Some("confidentiality") => check("confidentiality").judged(
            State::Missing,
            "This mode forbids bpf_probe_read_kernel, kprobes and perf events: nobody may read the kernel's memory. Boot \
             with lockdown=integrity or none",
        ),
        Some("integrity") => check("integrity, which lets BPF programs read"),
        Some(mode) => check(mode),
        None => check("unknown").unknown(format!("{LOCKDOWN} says {modes:?}")),
    }
}

/// What cannot be confined is told here, once: tracing is the same without.
fn confinement() -> Check {
    let found = match can_be_confined() {
        true => "Landlock keeps those who trace from writing elsewhere than they are to",
        false => {
            "no Landlock in this kernel, so that what --rotate, the dashboard and unix: sockets keep of root is not confined to their folder"
        }
    };
    Check::new("permission", "confinement", found)
}
