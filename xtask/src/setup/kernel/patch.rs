//! Patches a kernel's source.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::errors::unsupported;
use crate::interrupt;
use crate::process::Logged;
use crate::progress::Step;
use crate::workspace::Workspace;

/// A patch of the checkout.
pub(super) struct Patch {
    file: PathBuf,
    /// All of it, for the cache's key.
    pub(super) text: String,
}

/// Reads these files of the checkout.
pub(super) fn read(workspace: &Workspace, files: &[&str]) -> Result<Vec<Patch>> {
    let read = |file: &&str| {
        let file = workspace.file(file)?;
        let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        Ok(Patch { file, text })
    };
    files.iter().map(read).collect()
}

impl Patch {
    /// Applies it to the source of this version, exactly or not at all. A source that has it
    /// already stays as it is.
    pub(super) fn apply(&self, tree: &Path, version: &str, log: &Path, step: &Step) -> Result<()> {
        if self.run(tree, log, &["--reverse", "--dry-run"]).is_ok() {
            let name = self.file.file_name().unwrap_or_default().display();
            step.note(&format!("Linux {version} has {name} already"));
            return Ok(());
        }
        interrupt::check()?;
        self.run(tree, log, &[]).or_else(|error| {
            interrupt::check()?;
            Err(unsupported(format!(
                "{} does not apply to Linux {version}: make it anew for that source, or give another one with \
                 --kernel-src DIR. {error:#}",
                self.file.display()
            )))
        })
    }

    fn run(&self, tree: &Path, log: &Path, how: &[&str]) -> Result<()> {
        let mut patch = Command::new("patch");
        // It must not ask anybody, and not guess where the lines around have changed.
        patch
            .args(["--strip=1", "--force", "--fuzz=0"])
            .args(how)
            .arg("--directory")
            .arg(tree)
            .arg("--input")
            .arg(&self.file);
        Logged { log, limit: None }.run(&mut patch, |_| {})
    }
}

#[cfg(test)]
mod tests {
    use crate::errors::Unsupported;
    use crate::setup::probe::program;

    use super::*;

    const PATCH: &str =
        "Subject: [PATCH] two\n\n--- a/file\n+++ b/file\n@@ -1,3 +1,3 @@\n one\n-2\n+two\n three\n";

    /// The file after the patch, or the error.
    fn patched(before: &str) -> Result<String> {
        let folder = tempfile::tempdir().unwrap();
        let (tree, file) = (folder.path().join("tree"), folder.path().join("a.patch"));
        fs::create_dir(&tree).unwrap();
        fs::write(tree.join("file"), before).unwrap();
        fs::write(&file, PATCH).unwrap();
        let text = PATCH.to_owned();
        let log = folder.path().join("log");
        Patch { file, text }.apply(&tree, "7.2.13-1", &log, &Step::begin("test".into()))?;
        Ok(fs::read_to_string(tree.join("file")).unwrap())
    }

    #[test]
    fn a_patch_is_applied_once_and_exactly_or_is_an_error_that_names_the_version() {
        if program("patch").is_none() {
            eprintln!("skipped: the program patch is not installed");
            return;
        }
        let after = "one\ntwo\nthree\n";
        assert_eq!(patched("one\n2\nthree\n").unwrap(), after);
        assert_eq!(patched(after).unwrap(), after, "it is there already");
        let error = patched("one\n2\n3\n").unwrap_err();
        assert!(error.is::<Unsupported>());
        let error = format!("{error:#}");
        assert!(error.contains("a.patch does not apply to Linux 7.2.13-1"));
        assert!(error.contains("FAILED"), "what patch said: {error}");
    }
}
