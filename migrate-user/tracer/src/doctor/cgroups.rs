//! Can it be told who pays for the memory?

use super::{Check, Root, State};
use crate::memory_cgroups::{MemoryCgroups, MemoryVersion};

pub(super) fn checks(root: &Root) -> Vec<Check> {
    vec![memory(root)]
}

fn memory(root: &Root) -> Check {
    let check = |found: String| Check::new("cgroups", "memory controller", found);
    let limited = |found: &str, advice: &str| {
        check(found.to_owned()).judged(
            State::Limited,
            format!("Cgroups of migrations stay unknown. {advice}"),
        )
    };
    let Some(hierarchy) = MemoryCgroups::of(root.folder()) else {
        return if root.has("/proc/self/mountinfo") {
            limited(
                "none",
                "This kernel was built without CONFIG_MEMCG, or booted with cgroup_disable=memory",
            )
        } else {
            check("unknown".to_owned()).unknown("/proc/self cannot be read")
        };
    };
    let Some(folder) = hierarchy.folder else {
        return limited(
            "not mounted",
            "Mount the cgroup file system at /sys/fs/cgroup, or trace from outside of the container",
        );
    };
    let shown = folder.strip_prefix(root.folder()).unwrap_or(&folder);
    let shown = format!("/{}", shown.display());
    match hierarchy.version {
        MemoryVersion::V1 => check(format!("version 1, at {shown}")),
        MemoryVersion::V2 if controls_memory(root, &shown) => {
            check(format!("version 2, at {shown}"))
        }
        MemoryVersion::V2 => limited(
            &format!("not among the controllers at {shown}"),
            "The kernel was built without CONFIG_MEMCG or booted with cgroup_disable=memory, or this container was not \
             given the controller",
        ),
    }
}

fn controls_memory(root: &Root, folder: &str) -> bool {
    let controllers = root.text(&format!("{folder}/cgroup.controllers"));
    controllers.is_some_and(|list| list.split_whitespace().any(|name| name == "memory"))
}
