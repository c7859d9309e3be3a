//! Is this a kernel that can be traced at all?

use super::{Check, Root, State};

/// `bpf_loop`, without which arrays of any length cannot be walked.
const OLDEST: (u32, u32) = (5, 17);

pub(super) fn checks(root: &Root) -> Vec<Check> {
    vec![version(root), architecture(), jit(root), ftrace(root)]
}

fn version(root: &Root) -> Check {
    let release = root.text("/proc/sys/kernel/osrelease");
    let check = Check::new("kernel", "version", release.as_deref().unwrap_or("unknown"));
    match release.as_deref().and_then(version_of) {
        Some(version) if version >= OLDEST => check,
        Some(_) => check.judged(
            State::Missing,
            format!(
                "Use Linux {}.{} or newer, which has the bpf_loop helper",
                OLDEST.0, OLDEST.1
            ),
        ),
        None => check.unknown("/proc/sys/kernel/osrelease does not say"),
    }
}

/// The first two numbers of `6.12.3-amd64`.
pub(crate) fn version_of(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn architecture() -> Check {
    let check = Check::new("kernel", "architecture", std::env::consts::ARCH);
    match std::env::consts::ARCH {
        "x86_64" => check,
        _ => check.judged(State::Limited, "Only x86_64 has been tried"),
    }
}

fn jit(root: &Root) -> Check {
    let setting = |name: &str| root.text(&format!("/proc/sys/net/core/{name}"));
    let check = |found: &str| Check::new("kernel", "BPF compiler", found);
    match setting("bpf_jit_enable").as_deref() {
        Some("0") => check("off").judged(
            State::Missing,
            "Turn it on, fentry and bpf_loop need it: sysctl net.core.bpf_jit_enable=1",
        ),
        Some(_) if setting("bpf_jit_harden").as_deref() == Some("2") => check("on, hardened").judged(
            State::Good,
            "Each hook takes longer: net.core.bpf_jit_harden is 2, and with 1 root's programs are left as they are",
        ),
        Some(_) => check("on"),
        None => check("unknown").unknown(
            "net.core.bpf_jit_enable cannot be read; kernels built without networking sysctls have it always on",
        ),
    }
}

/// Trampolines hang on the function tracer's calls, and so do kprobes on the first instruction of a function.
fn ftrace(root: &Root) -> Check {
    let check = |found: &str| Check::new("kernel", "function tracer", found);
    match root.text("/proc/sys/kernel/ftrace_enabled").as_deref() {
        Some("0") => check("off").judged(
            State::Missing,
            "Hooks would be attached, and never be called. Turn it on: sysctl kernel.ftrace_enabled=1",
        ),
        Some(_) => check("on"),
        None if root.has("/proc/sys/kernel/osrelease") => check("none").judged(
            State::Limited,
            "This kernel was built without CONFIG_FUNCTION_TRACER, so that fentry has nothing to hang on",
        ),
        None => check("unknown").unknown("/proc/sys/kernel cannot be read"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(version_of("6.12.3-amd64"), Some((6, 12)));
        assert_eq!(version_of("7.2+deb13"), Some((7, 2)));
        assert_eq!(version_of("nonsense"), None);
        assert!((5, 9) < OLDEST);
    }
}
