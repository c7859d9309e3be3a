//! From a cgroup's id to its path.
//!
//! The id is that of a cgroup in the hierarchy with the memory controller: whose memory pays for
//! the migrated pages.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::{DirEntryExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::memory_cgroups::MemoryCgroups;

/// How often the tree is read for an id that was looked for before.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// A new id has the tree read at once, unless reading would take more than this part of the time.
const SHARE: u32 = 20;
/// Ids kept before starting afresh.
const IDS: usize = 65_536;

/// Paths by id, which is the inode number of a cgroup's folder.
pub(super) struct Cgroups {
    root: PathBuf,
    /// Also those of cgroups that were removed since: no other ever gets their ids.
    paths: HashMap<u64, Arc<str>>,
    /// Ids that were not in the tree when it was read last.
    missing: HashSet<u64>,
    /// When the tree was read last, and how long that took.
    read: Option<(Instant, Duration)>,
}

impl Default for Cgroups {
    /// This machine's.
    fn default() -> Self {
        Self::at("/")
    }
}

impl Cgroups {
    fn at(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            paths: HashMap::new(),
            missing: HashSet::new(),
            read: None,
        }
    }

    /// The path below the hierarchy's mount, `/` for the mount itself; `None` where it cannot be
    /// found, or was removed before anybody asked for it.
    pub(super) fn path(&mut self, id: u64) -> Option<Arc<str>> {
        if !self.paths.contains_key(&id) && self.may_read_for(id) {
            self.read();
            if !self.paths.contains_key(&id) {
                self.missing.insert(id);
            }
        }
        self.paths.get(&id).map(Arc::clone)
    }

    fn may_read_for(&self, id: u64) -> bool {
        let Some((at, took)) = self.read else {
            return true;
        };
        let pause = if self.missing.contains(&id) {
            LOOK_AGAIN_AFTER
        } else {
            (took * SHARE).min(LOOK_AGAIN_AFTER)
        };
        at.elapsed() >= pause
    }

    fn read(&mut self) {
        let start = Instant::now();
        if self.paths.len() >= IDS {
            self.paths.clear();
        }
        if self.missing.len() >= IDS {
            self.missing.clear();
        }
        if let Some(mount) = MemoryCgroups::of(&self.root).and_then(|found| found.folder) {
            self.walk(&mount);
        }
        self.read = Some((start, start.elapsed()));
    }

    /// Takes over the ids of a hierarchy, parents first, as many as there is room for.
    fn walk(&mut self, mount: &Path) {
        if let Ok(top) = fs::metadata(mount) {
            self.paths.insert(top.ino(), "/".into());
        }
        let mut folders = vec![mount.to_owned()];
        while let Some(folder) = folders.pop() {
            // A cgroup can go away while its parent is read.
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                if self.paths.len() >= IDS {
                    return;
                }
                let path = entry.path();
                if entry.file_type().is_ok_and(|kind| kind.is_dir())
                    && let Ok(below) = path.strip_prefix(mount)
                {
                    let below = format!("/{}", below.display());
                    self.paths.insert(entry.ino(), below.into());
                    folders.push(path);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A machine with this `/proc/self/cgroup` and its hierarchies mounted as they usually are.
    fn machine(own: &str, mounts: &str) -> (TempDir, Cgroups) {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            fs::create_dir_all(folder.path().join("proc/self")).unwrap();
            fs::write(folder.path().join("proc/self").join(name), text).unwrap();
        };
        file("cgroup", own);
        file("mountinfo", mounts);
        let cgroups = Cgroups::at(folder.path());
        (folder, cgroups)
    }

    fn unified() -> (TempDir, Cgroups) {
        machine(
            "0::/\n",
            "30 23 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n",
        )
    }

    /// Makes a cgroup, and says its id.
    fn cgroup(folder: &TempDir, path: &str) -> u64 {
        let path = folder.path().join("sys/fs/cgroup").join(path);
        fs::create_dir_all(&path).unwrap();
        fs::metadata(path).unwrap().ino()
    }

    fn let_time_pass(cgroups: &mut Cgroups, time: Duration) {
        if let Some((at, took)) = &mut cgroups.read {
            *at -= time;
            *took = Duration::from_millis(25);
        }
    }

    #[test]
    fn ids_have_paths() {
        let (folder, mut cgroups) = unified();
        let inner = cgroup(&folder, "system.slice/train.service");
        let outer = cgroup(&folder, "system.slice");
        let top = cgroup(&folder, "");
        let mut path = |id| cgroups.path(id);
        assert_eq!(path(inner).as_deref(), Some("/system.slice/train.service"));
        assert_eq!(path(outer).as_deref(), Some("/system.slice"));
        assert_eq!(path(top).as_deref(), Some("/"));
        assert_eq!(path(0), None);
    }

    #[test]
    fn the_memory_controllers_own_hierarchy_is_the_one_to_look_in() {
        let (folder, mut cgroups) = machine(
            "4:memory:/\n0::/\n",
            "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
             41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
        );
        let memory = cgroup(&folder, "memory/job");
        let unified = cgroup(&folder, "unified/job");
        assert_eq!(cgroups.path(memory).as_deref(), Some("/job"));
        assert_eq!(cgroups.path(unified), None);
    }

    #[test]
    fn a_hierarchy_that_is_not_mounted_has_no_paths() {
        let (folder, mut cgroups) = machine(
            "4:memory:/\n0::/\n",
            "41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
        );
        let id = cgroup(&folder, "job");
        assert_eq!(cgroups.path(id), None);
    }

    #[test]
    fn an_unknown_id_is_looked_for_once_a_second() {
        let (folder, mut cgroups) = unified();
        cgroup(&folder, "");
        let id = 1 << 60;
        assert_eq!(cgroups.path(id), None);
        let read = |cgroups: &Cgroups| cgroups.read.unwrap().0;
        let_time_pass(&mut cgroups, Duration::from_millis(100));
        let before = read(&cgroups);
        assert_eq!(cgroups.path(id), None);
        assert_eq!(read(&cgroups), before, "too early");
        let_time_pass(&mut cgroups, LOOK_AGAIN_AFTER);
        assert_eq!(cgroups.path(id), None);
        assert!(read(&cgroups) > before);
    }

    #[test]
    fn a_new_cgroup_is_found_while_reading_is_cheap() {
        let (folder, mut cgroups) = unified();
        let first = cgroup(&folder, "first");
        assert!(cgroups.path(first).is_some());
        let_time_pass(&mut cgroups, Duration::from_millis(10));
        let second = cgroup(&folder, "second");
        assert_eq!(cgroups.path(second), None, "too early");
        let_time_pass(&mut cgroups, Duration::from_millis(500));
        assert_eq!(cgroups.path(second).as_deref(), Some("/second"));
    }

    #[test]
    fn a_removed_cgroup_is_unknown_unless_it_was_seen() {
        let (folder, mut cgroups) = unified();
        let seen = cgroup(&folder, "seen");
        assert!(cgroups.path(seen).is_some());
        let missed = cgroup(&folder, "missed");
        for name in ["seen", "missed"] {
            fs::remove_dir(folder.path().join("sys/fs/cgroup").join(name)).unwrap();
        }
        let_time_pass(&mut cgroups, LOOK_AGAIN_AFTER);
        assert_eq!(cgroups.path(missed), None);
        assert_eq!(cgroups.path(seen).as_deref(), Some("/seen"));
    }
}
