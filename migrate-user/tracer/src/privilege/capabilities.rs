//! Capabilities that are kept.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::process::geteuid;
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

use super::Needs;
use crate::machine::version_of;

/// Since this Linux, whoever has a map or a program open may use it. Before, that takes `CAP_BPF`
/// where `kernel.unprivileged_bpf_disabled` is set, as it is in most places.
const OPEN_IS_ENOUGH: (u32, u32) = (6, 0);

/// Bits of a folder's mode, for others.
const WRITE: u32 = 0o2;
const SEARCH: u32 = 0o1;

/// Keeps those that are needed, if they are there.
pub(super) fn keep(needs: &Needs, release: &str) -> io::Result<()> {
    let held = capabilities(None)?;
    let kept = held.permitted & needed(needs, release);
    let sets = CapabilitySets {
        effective: kept,
        permitted: kept,
        inheritable: CapabilitySet::empty(),
    };
    Ok(set_capabilities(None, sets)?)
}

fn needed(needs: &Needs, release: &str) -> CapabilitySet {
    let mut needed = match version_of(release) {
        Some(version) if version >= OPEN_IS_ENOUGH => CapabilitySet::empty(),
        _ => CapabilitySet::BPF,
    };
    if needs.processes {
        // To see what others have mapped, to open that, and to read it wherever it lies.
        needed |= CapabilitySet::SYS_PTRACE
            | CapabilitySet::CHECKPOINT_RESTORE
            | CapabilitySet::DAC_READ_SEARCH;
    }
    if needs.signals {
        needed |= CapabilitySet::KILL;
    }
    if needs
        .writes
        .as_deref()
        .is_some_and(|folder| !is_ours(folder))
    {
        // It may be that of the user who called sudo.
        needed |= CapabilitySet::DAC_OVERRIDE;
    }
    needed
}

/// May this user, without any capability, come to a folder and make files in it?
fn is_ours(folder: &Path) -> bool {
    let us = geteuid().as_raw();
    let may = |folder: &Path, bits: u32| {
        fs::metadata(folder).is_ok_and(|found| {
            let bits = match found.uid() == us {
                true => bits << 6,
                // As one of its group or not.
                false => bits << 3 | bits,
            };
            found.mode() & bits == bits
        })
    };
    let Ok(folder) = folder.canonicalize() else {
        return false;
    };
    may(&folder, WRITE | SEARCH) && folder.ancestors().skip(1).all(|above| may(above, SEARCH))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_folder_is_ours_where_we_may_write_as_we_are() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("inside");
        fs::create_dir(&inside).unwrap();
        assert!(is_ours(&inside));
        let with_mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            is_ours(&inside)
        };
        assert!(!with_mode(&inside, 0o500));
        assert!(with_mode(&inside, 0o700));
        assert!(!with_mode(folder.path(), 0o600));
        assert!(with_mode(folder.path(), 0o700));
        assert!(!is_ours(Path::new("/nowhere")));
    }

    #[test]
    fn newer_kernels_need_nothing() {
        let needed = |release| needed(&Needs::default(), release);
        assert_eq!(needed("7.2.13"), CapabilitySet::empty());
        assert_eq!(needed("6.0.0-rc1"), CapabilitySet::empty());
        assert_eq!(needed("5.19.0"), CapabilitySet::BPF);
        assert_eq!(needed("unknown"), CapabilitySet::BPF);
    }

    #[test]
    fn what_is_done_later_is_still_allowed() {
        let processes = Needs {
            processes: true,
            ..Needs::default()
        };
        let kept = needed(&processes, "7.2.13");
        assert!(kept.contains(CapabilitySet::SYS_PTRACE));
        assert!(!kept.contains(CapabilitySet::DAC_OVERRIDE));
        let others = Needs {
            processes: false,
            signals: true,
            writes: Some("/nowhere".into()),
        };
        let kept = needed(&others, "7.2.13");
        assert_eq!(kept, CapabilitySet::DAC_OVERRIDE | CapabilitySet::KILL);
    }
}
