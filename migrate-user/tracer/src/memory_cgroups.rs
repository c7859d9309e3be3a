//! Where the kernel keeps account of who pays for memory: the cgroup hierarchy that has the memory
//! controller.

use std::fs;
use std::path::{Path, PathBuf};

/// The two kinds of cgroup hierarchies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemoryVersion {
    /// A hierarchy of the memory controller's own, or of some controllers.
    V1,
    /// The one hierarchy of all controllers that no hierarchy of version 1 has taken.
    V2,
}

/// The hierarchy with the memory controller.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MemoryCgroups {
    pub(crate) version: MemoryVersion,
    /// Where it is mounted, the machine's root in front. `None` if it is not mounted here, as in
    /// some containers.
    pub(crate) folder: Option<PathBuf>,
}

impl MemoryCgroups {
    /// That of the machine whose files lie below `root`. `None` if this kernel has no cgroups, or
    /// hides them.
    pub(crate) fn of(root: &Path) -> Option<Self> {
        let own = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
        let mounts = fs::read_to_string(root.join("proc/self/mountinfo")).ok()?;
        let version = version(&own)?;
        let below = |folder: &str| root.join(folder.trim_start_matches('/'));
        Some(Self {
            version,
            folder: mounted(&mounts, version).map(below),
        })
    }
}

/// By the lines of `/proc/self/cgroup`: `hierarchy:controllers:path`. Version 2 is hierarchy 0.
fn version(own: &str) -> Option<MemoryVersion> {
    let mut lines = own.lines().filter_map(|line| {
        let (hierarchy, rest) = line.split_once(':')?;
        Some((hierarchy, rest.split_once(':')?.0))
    });
    let has_memory = |(_, controllers): &(_, &str)| controllers.split(',').any(is_memory);
    if lines.clone().any(|line| has_memory(&line)) {
        return Some(MemoryVersion::V1);
    }
    lines
        .any(|(hierarchy, _)| hierarchy == "0")
        .then_some(MemoryVersion::V2)
}

fn is_memory(controller: &str) -> bool {
    controller == "memory"
}

/// By the lines of `/proc/self/mountinfo`: `… root folder options … - type source options`. A mount
/// of the whole hierarchy is better than one of a part.
fn mounted(mounts: &str, version: MemoryVersion) -> Option<&str> {
    let mounts = mounts.lines().filter_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let (within, folder) = (place.next()?, place.next()?);
        let mut kind = kind.split(' ');
        let is_it = match (version, kind.next()?) {
            (MemoryVersion::V1, "cgroup") => kind.nth(1)?.split(',').any(is_memory),
            (MemoryVersion::V2, "cgroup2") => true,
            _ => false,
        };
        is_it.then_some((within, folder))
    });
    let best = mounts.min_by_key(|(within, _)| *within != "/");
    best.map(|(_, folder)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEGACY: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
34 31 0:31 / /sys/fs/cgroup/cpuset rw shared:9 - cgroup cgroup rw,cpuset
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:10 - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:11 - cgroup2 cgroup2 rw
";

    #[test]
    fn the_hierarchy_is_the_one_with_the_memory_controller() {
        let hybrid = "4:memory:/system.slice\n1:name=systemd:/\n0::/system.slice\n";
        assert_eq!(version(hybrid), Some(MemoryVersion::V1));
        assert_eq!(version("5:hugetlb,memory:/\n"), Some(MemoryVersion::V1));
        // Others are of version 1, and memory is not.
        assert_eq!(version("2:net_cls:/\n0::/\n"), Some(MemoryVersion::V2));
        assert_eq!(version("0::/memory\n"), Some(MemoryVersion::V2));
        assert_eq!(version("2:net_cls:/memory\n"), None);
        assert_eq!(version(""), None);
    }

    #[test]
    fn it_is_found_where_it_is_mounted() {
        assert_eq!(
            mounted(LEGACY, MemoryVersion::V1),
            Some("/sys/fs/cgroup/memory")
        );
        assert_eq!(
            mounted(LEGACY, MemoryVersion::V2),
            Some("/sys/fs/cgroup/unified")
        );
        let part = "50 1 0:38 /docker/1 /mnt rw - cgroup2 none rw\n51 1 0:38 / /all rw - cgroup2 none rw\n";
        assert_eq!(mounted(part, MemoryVersion::V2), Some("/all"));
        assert_eq!(mounted(part, MemoryVersion::V1), None);
    }
}
