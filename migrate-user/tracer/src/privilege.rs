//! Privileges, given up once they are not needed any more.

use std::io;

use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs,
};

use crate::machine::version_of;

/// Since this Linux, whoever has a map or a program open may use it. Before, that takes `CAP_BPF`
/// where `kernel.unprivileged_bpf_disabled` is set, as it is in most places.
const OPEN_IS_ENOUGH: (u32, u32) = (6, 0);

/// Keeps only what reading open maps takes on this kernel (`uname -r`), for good. It is for this
/// thread and those that it starts afterwards, so it comes before any other.
///
/// # Errors
///
/// Those of the system calls.
pub fn keep_what_reading_takes(release: &str) -> io::Result<()> {
    let held = capabilities(None)?;
    let kept = held.permitted & needed(release);
    set_capabilities(
        None,
        CapabilitySets {
            effective: kept,
            permitted: kept,
            inheritable: CapabilitySet::empty(),
        },
    )?;
    set_no_new_privs(true)?;
    Ok(())
}

fn needed(release: &str) -> CapabilitySet {
    match version_of(release) {
        Some(version) if version >= OPEN_IS_ENOUGH => CapabilitySet::empty(),
        _ => CapabilitySet::BPF,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_kernels_need_nothing() {
        assert_eq!(needed("7.2.13"), CapabilitySet::empty());
        assert_eq!(needed("6.0.0-rc1"), CapabilitySet::empty());
        assert_eq!(needed("5.19.0"), CapabilitySet::BPF);
        assert_eq!(needed("unknown"), CapabilitySet::BPF);
    }

    /// On a thread of its own, because it is for good.
    #[test]
    fn nothing_is_left_and_nothing_comes_back() {
        let left = std::thread::spawn(|| {
            keep_what_reading_takes("7.2.13").unwrap();
            capabilities(None).unwrap()
        });
        let left = left.join().unwrap();
        let all = left.effective | left.permitted | left.inheritable;
        assert_eq!(all, CapabilitySet::empty());
    }
}
