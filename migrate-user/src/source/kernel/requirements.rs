//! What tracing needs of this user, checked before the kernel says no in its own words.

use std::fs;

use super::TracerError;

const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// Is there a tracer, and may this process load it?
pub(super) fn check() -> Result<(), TracerError> {
    if super::attach::OBJECT.is_empty() {
        return Err(TracerError::NotBuiltIn);
    }
    // Where /proc cannot be read nothing is known, and the kernel will say.
    let Ok(status) = fs::read_to_string("/proc/self/status") else {
        return Ok(());
    };
    match effective_capabilities(&status) {
        Some(capabilities) if !suffices(capabilities) => Err(TracerError::NotPermitted),
        _ => Ok(()),
    }
}

/// The `CapEff` line of `/proc/PID/status`.
fn effective_capabilities(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

fn suffices(capabilities: u64) -> bool {
    let has = |capability: u32| capabilities & (1 << capability) != 0;
    has(CAP_SYS_ADMIN) || (has(CAP_BPF) && has(CAP_PERFMON))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_effective_set_and_no_other() {
        let status = "Name:\tcat\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000001\nCapEff:\t000001ffffffffff\n";
        assert_eq!(effective_capabilities(status), Some(0x1ff_ffff_ffff));
        assert_eq!(effective_capabilities("Name:\tcat\n"), None);
    }

    #[test]
    fn bpf_alone_is_not_enough() {
        assert!(!suffices(0));
        assert!(!suffices(1 << CAP_BPF));
        assert!(suffices(1 << CAP_BPF | 1 << CAP_PERFMON));
        assert!(suffices(1 << CAP_SYS_ADMIN));
    }
}
