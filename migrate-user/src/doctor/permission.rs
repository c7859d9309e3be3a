//! May this process trace the kernel?

use super::{Check, Root, State};

const CAP_SYS_ADMIN: u32 = 21;
const CAP_SYSLOG: u32 = 34;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

pub(super) fn checks(root: &Root) -> Vec<Check> {
    vec![tracing(root), symbols(root), lockdown(root)]
}

/// The `CapEff` line of `/proc/PID/status`.
fn effective(root: &Root) -> Option<u64> {
    let status = root.text("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

fn has(capabilities: u64, capability: u32) -> bool {
    capabilities & (1 << capability) != 0
}

fn tracing(root: &Root) -> Check {
    let check = |found: &str| Check::new("permission", "BPF programs", found);
    let Some(capabilities) = effective(root) else {
        return check("unknown").unknown("/proc/self/status cannot be read");
    };
    let missing: Vec<_> = [(CAP_BPF, "CAP_BPF"), (CAP_PERFMON, "CAP_PERFMON")]
        .into_iter()
        .filter(|(capability, _)| !has(capabilities, *capability))
        .map(|(_, name)| name)
        .collect();
    if missing.is_empty() || has(capabilities, CAP_SYS_ADMIN) {
        return check("may be loaded and attached");
    }
    check(&format!("without {}", missing.join(" and "))).judged(
        State::Missing,
        "Run it with sudo, or give it these capabilities",
    )
}

fn symbols(root: &Root) -> Check {
    let check = |found: &str| Check::new("permission", "kernel symbols", found);
    // Everybody sees the names; the addresses are zero for those who may not know them.
    let Some(list) = root.text("/proc/kallsyms") else {
        return check("no list").judged(
            State::Limited,
            "Kernel stacks stay without names: this kernel was built without CONFIG_KALLSYMS",
        );
    };
    let visible = list
        .lines()
        .take(1000)
        .any(|line| !line.starts_with("0000000000000000"));
    if visible {
        return check("visible");
    }
    let syslog = effective(root).is_some_and(|all| has(all, CAP_SYSLOG));
    let restrict = root
        .text("/proc/sys/kernel/kptr_restrict")
        .unwrap_or_default();
    let advice = if syslog {
        format!("kernel.kptr_restrict is {restrict}; with 0 or 1 they can be seen")
    } else {
        "Run it with sudo, or give it CAP_SYSLOG".to_owned()
    };
    check("hidden").judged(State::Limited, advice)
}

fn lockdown(root: &Root) -> Check {
    let check = |found: &str| Check::new("permission", "lockdown", found);
    let Some(modes) = root.text("/sys/kernel/security/lockdown") else {
        return check("none");
    };
    let mode = modes
        .split_whitespace()
        .find_map(|mode| mode.strip_prefix('[')?.strip_suffix(']'));
    match mode {
        Some("confidentiality") => check("confidentiality").judged(
            State::Missing,
            "This mode keeps BPF programs from reading kernel memory; boot with lockdown=integrity or none",
        ),
        Some(mode) => check(mode),
        None => check("unknown").unknown(format!("/sys/kernel/security/lockdown says {modes:?}")),
    }
}
