//! Has a driver registered memory of its device?
//!
//! `request_free_mem_region` puts it into `/proc/iomem`, under the name of the device (amdgpu, xe)
//! or of its user. What was registered otherwise, as coherent memory is, cannot be told from other
//! memory there.

use super::{Check, Root, known_drivers};

const IOMEM: &str = "/proc/iomem";
const PCI_DEVICES: &str = "/sys/bus/pci/devices";

/// The names that drivers use which do not take that of the device.
const NAMES: [&str; 5] = [
    "nouveau_dmem",
    "nvidia-uvm-hmm",
    "kvmppc_uvmem",
    "hmm_dmirror",
    "migrate_test",
];

pub(super) fn check(root: &Root) -> Check {
    let check = |found: &str| Check::new("drivers", "device memory", found);
    let Some(list) = root.text(IOMEM) else {
        return check("unknown").unknown(format!("{IOMEM} cannot be read"));
    };
    let mut names: Vec<_> = list
        .lines()
        .filter_map(top_level)
        .filter(|name| NAMES.contains(name) || is_of_driver(root, name))
        .collect();
    names.sort_unstable();
    if names.is_empty() {
        return check("none that is known by its name").unknown(
            "xe, nouveau and nvidia-uvm register theirs when it is first needed. Memory that a device shares coherently has \
             no name of its own here. amdgpu registers its own when it starts: see `dmesg` if it should have",
        );
    }
    check(&format!("registered: {}", counted(&names)))
}

/// The name of an entry that is in no other: `fcf8000000-fcffffffff : nouveau_dmem`. A device's own
/// registers are in their bus. Without privilege addresses are zero, and names are there.
fn top_level(line: &str) -> Option<&str> {
    let (addresses, name) = line.split_once(" : ")?;
    (!addresses.starts_with(' ')).then_some(name)
}

/// Is it the address of a PCI device whose driver is known to migrate?
fn is_of_driver(root: &Root, name: &str) -> bool {
    let driver = root.link(&format!("{PCI_DEVICES}/{name}/driver"));
    driver.is_some_and(|driver| known_drivers().any(|known| known == driver))
}

/// `hmm_dmirror (3), 0000:03:00.0`, of sorted names.
fn counted(names: &[&str]) -> String {
    let groups = names
        .chunk_by(|a, b| a == b)
        .map(|group| match group.len() {
            1 => group[0].to_owned(),
            many => format!("{} ({many})", group[0]),
        });
    groups.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_something_else_is_no_memory() {
        assert_eq!(
            top_level("00000000-00000000 : 0000:03:00.0"),
            Some("0000:03:00.0")
        );
        assert_eq!(top_level("  e0000000-efffffff : 0000:03:00.0"), None);
        assert_eq!(top_level("nonsense"), None);
    }

    #[test]
    fn several_of_a_name_are_counted() {
        assert_eq!(counted(&["a", "b", "b", "b"]), "a, b (3)");
    }
}
