//! What tracing needs of this user and this kernel, checked before the kernel says no in its own
//! words.

use std::collections::BTreeSet;
use std::fs;

use aya_obj::Object;

use super::{TracerError, Types};

const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// `BPF_JMP | BPF_CALL`: with no source register it calls a helper, by its number.
const CALL: u8 = 0x85;
/// Walks arrays of any length.
const LOOP: u32 = 181;

/// Is there a tracer, and may this process load it?
pub(super) fn check() -> Result<(), TracerError> {
    if super::object::OBJECT.is_empty() {
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

/// Does the kernel have what the probes call, and the buffer that records go through? Its version
/// does not say: what came with 5.17 is in some older kernels of distributions, too.
pub(super) fn kernel(types: &Types) -> Result<(), TracerError> {
    let missing = |what: String| Err(TracerError::NoHelper { what });
    match missing_helpers(types) {
        Some(names) if !names.is_empty() => return missing(names.join(", ")),
        _ => {}
    }
    if has_ring_buffer(types) == Some(false) {
        return missing("BPF ring buffers".to_owned());
    }
    Ok(())
}

/// Helpers that the probes call and this kernel does not have, by name; `None` if its BTF does not
/// tell.
pub(crate) fn missing_helpers(types: &Types) -> Option<Vec<String>> {
    missing(&called(super::object::OBJECT), types)
}

/// Does this kernel have ring buffers? `None` if its BTF does not tell.
pub(crate) fn has_ring_buffer(types: &Types) -> Option<bool> {
    let kinds = types.enumerators("bpf_map_type")?;
    Some(kinds.iter().any(|(name, _)| name == "BPF_MAP_TYPE_RINGBUF"))
}

fn missing(called: &BTreeSet<u32>, types: &Types) -> Option<Vec<String>> {
    let there = types.enumerators("bpf_func_id")?;
    // The last name counts them, and is none.
    let has = |number: u32| {
        let named = |(name, value): &(String, u32)| *value == number && !name.starts_with("__");
        there.iter().any(named)
    };
    let names = called.iter().filter(|number| !has(**number));
    Some(names.map(|number| name(*number)).collect())
}

/// The numbers of the helpers that an object's programs call. In a build without a tracer only that
/// is known which decides whether a kernel is new enough.
fn called(object: &[u8]) -> BTreeSet<u32> {
    let Ok(object) = Object::parse(object) else {
        return BTreeSet::from([LOOP]);
    };
    let functions = object.functions.values();
    let calls = functions
        .flat_map(|function| &function.instructions)
        .filter(|one| one.code == CALL && one.src_reg() == 0);
    calls
        .filter_map(|call| u32::try_from(call.imm).ok())
        .collect()
}

/// Of a helper that the kernel does not know, and so cannot name.
fn name(number: u32) -> String {
    match number {
        LOOP => "bpf_loop".to_owned(),
        _ => format!("helper {number} of linux/bpf.h"),
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

    /// Calls of a program's own functions have a source register, and are no helpers.
    #[test]
    fn the_object_that_is_built_in_calls_helpers_that_there_are() {
        let called = called(crate::kernel::object::OBJECT);
        assert!(called.contains(&LOOP), "{called:?}");
        // `bpf_map_lookup_elem` is 1; far fewer than a thousand have been made in ten years.
        assert!(called.iter().all(|number| (1..1_000).contains(number)));
    }

    #[test]
    fn nothing_that_is_no_object_calls_anything_but_loops() {
        assert_eq!(called(b""), BTreeSet::from([LOOP]));
        assert_eq!(called(b"nonsense"), BTreeSet::from([LOOP]));
    }

    #[test]
    fn what_nobody_can_name_has_a_number() {
        assert_eq!(name(LOOP), "bpf_loop");
        assert_eq!(name(999), "helper 999 of linux/bpf.h");
    }
}
