//! Is this a kernel that can be traced at all?

use super::{Btf, Check, Root, State};
use crate::kernel::{has_ring_buffer, missing_helpers};

pub(super) fn checks(root: &Root, btf: &Btf) -> Vec<Check> {
    vec![
        version(root),
        architecture(),
        jit(root),
        helpers(btf),
        ring_buffer(btf),
        ftrace(root),
    ]
}

/// To be told, not to be judged by: distributions give old kernels new parts.
fn version(root: &Root) -> Check {
    let check = |found: &str| Check::new("kernel", "version", found);
    match root.text("/proc/sys/kernel/osrelease") {
        Some(release) => check(&release),
        None => check("unknown").unknown("/proc/sys/kernel/osrelease cannot be read"),
    }
}

const NEWER: &str =
    "Nothing can be traced without: use a newer kernel. Linux 5.17 has all that is needed";

fn helpers(btf: &Btf) -> Check {
    let check = |found: String| Check::new("kernel", "BPF helpers", found);
    match btf.types().map(missing_helpers) {
        Some(Some(missing)) if missing.is_empty() => {
            check("all that the probes call, bpf_loop among them".to_owned())
        }
        Some(Some(missing)) => {
            check(format!("without {}", missing.join(", "))).judged(State::Missing, NEWER)
        }
        Some(None) => check("unknown".to_owned()).unknown("BTF does not describe bpf_func_id"),
        None => check("unknown".to_owned()).unknown(NO_BTF),
    }
}

fn ring_buffer(btf: &Btf) -> Check {
    let check = |found: &str| Check::new("kernel", "BPF ring buffer", found);
    match btf.types().map(has_ring_buffer) {
        Some(Some(true)) => check("there"),
        Some(Some(false)) => check("not there").judged(State::Missing, NEWER),
        Some(None) => check("unknown").unknown("BTF does not describe bpf_map_type"),
        None => check("unknown").unknown(NO_BTF),
    }
}

const NO_BTF: &str = "It is read from BTF, which is not to be had (see below)";

fn architecture() -> Check {
    let check = Check::new("kernel", "architecture", std::env::consts::ARCH);
    match std::env::consts::ARCH {
        "x86_64" | "aarch64" => check,
        _ => check.judged(State::Limited, "Only x86_64 and aarch64 have been tried"),
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

/// Trampolines hang on the function tracer's calls, and so do kprobes on the first instruction of a
/// function.
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
