//! What a run leaves while it runs, and after a failure for the user to look at: consoles, logs,
//! recordings.
//!
//! The names end with the process's number. What processes that are gone have left is removed by
//! the next run.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace::Workspace;

const FOLDER: &str = "xtask/scratch";

/// A place that is this process's own.
pub(crate) fn path(workspace: &Workspace, name: &str) -> PathBuf {
    workspace
        .target(FOLDER)
        .join(format!("{name}-{}", std::process::id()))
}

/// Makes the folder, and removes what earlier runs left. What cannot be removed does no harm.
pub(crate) fn prepare(workspace: &Workspace) -> Result<()> {
    let folder = workspace.target(FOLDER);
    let failed = || format!("create {}", folder.display());
    fs::create_dir_all(&folder).with_context(failed)?;
    for entry in fs::read_dir(&folder).with_context(failed)?.flatten() {
        if owner(&entry.file_name()).is_some_and(|pid| !is_alive(pid)) {
            let path = entry.path();
            let _ = if path.is_dir() {
                fs::remove_dir_all(path)
            } else {
                fs::remove_file(path)
            };
        }
    }
    Ok(())
}

fn owner(name: &OsStr) -> Option<u32> {
    name.to_str()?.rsplit_once('-')?.1.parse().ok()
}

fn is_alive(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_is_in_the_name() {
        assert_eq!(owner(OsStr::new("no-verdict-4711")), Some(4711));
        assert_eq!(owner(OsStr::new("notes")), None);
        assert!(is_alive(std::process::id()));
    }
}
