//! From a cgroup's id to its path.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::DirEntryExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROOT: &str = "/sys/fs/cgroup";
/// How often an unknown id makes the tree be read again.
const REREAD_AFTER: Duration = Duration::from_secs(1);

/// Paths by id. The id of a cgroup is the inode number of its directory.
#[derive(Default)]
pub(super) struct Cgroups {
    paths: HashMap<u64, Arc<str>>,
    read_at: Option<Instant>,
}

impl Cgroups {
    /// The path below the cgroup file system, `/` for the root; `None` where it cannot be found (any more).
    pub(super) fn path(&mut self, id: u64) -> Option<Arc<str>> {
        if !self.paths.contains_key(&id)
            && self.read_at.is_none_or(|at| at.elapsed() >= REREAD_AFTER)
        {
            self.read_at = Some(Instant::now());
            self.paths.clear();
            // Id 1 is the root in every hierarchy.
            self.paths.insert(1, "/".into());
            read(Path::new(ROOT), &mut self.paths);
        }
        self.paths.get(&id).map(Arc::clone)
    }
}

fn read(folder: &Path, paths: &mut HashMap<u64, Arc<str>>) {
    // A cgroup can go away while its parent is read.
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let path = entry.path();
        if let Ok(below) = path.strip_prefix(ROOT) {
            paths.insert(entry.ino(), format!("/{}", below.display()).into());
        }
        read(&path, paths);
    }
}
