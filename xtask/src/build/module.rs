//! The test driver, built against the VM's kernel.
//!
//! Kbuild writes beside the sources, so it works on a copy, which keeps the checkout clean. Only
//! files that changed are copied again, so that make can tell what to do.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::cache::Key;
use crate::process::Logged;
use crate::progress::Step;
use crate::setup::Setup;
use crate::workspace::Workspace;

/// Builds the module; its file.
pub(crate) fn module(setup: &Setup, step: &Step) -> Result<PathBuf> {
    let tree = setup.kernel.built_tree()?;
    let key = Key::new().with(tree.as_os_str().as_encoded_bytes());
    let copy = setup.workspace.target("module").join(key.text());
    copy_sources(&setup.workspace, &copy)?;
    let mut make = setup.kernel.make_modules();
    let mut kdir = std::ffi::OsString::from("KDIR=");
    kdir.push(&tree);
    make.arg("-C").arg(&copy).arg(kdir);
    Logged {
        log: &setup.workspace.log("module"),
        limit: None,
    }
    .run(&mut make, |line| step.detail(line.trim()))?;
    let module = copy.join("migrate_test.ko");
    ensure!(module.is_file(), "make left no {}", module.display());
    Ok(module)
}

/// Puts the driver's sources into a folder, beside what was made of them there.
pub(crate) fn copy_sources(workspace: &Workspace, to: &Path) -> Result<()> {
    mirror(&workspace.file("test-module")?, to)
}

/// Makes the copy's sources the same as the checkout's.
pub(super) fn mirror(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("create {}", to.display()))?;
    let wanted = sources(from)?;
    for gone in sources(to)?
        .difference(&wanted)
        .filter(|name| !is_generated(name))
    {
        fs::remove_file(to.join(gone))
            .with_context(|| format!("remove {gone} from {}", to.display()))?;
    }
    for name in &wanted {
        let new = fs::read(from.join(name)).with_context(|| format!("read {name}"))?;
        let copy = to.join(name);
        if fs::read(&copy).ok().as_deref() != Some(&new) {
            fs::write(&copy, new).with_context(|| format!("write {}", copy.display()))?;
        }
    }
    Ok(())
}

/// Kbuild makes `migrate_test.mod.c`, and the module's own bindgen run may leave `*_generated.rs`.
fn is_generated(name: &str) -> bool {
    name.ends_with(".mod.c") || name.ends_with("_generated.rs")
}

fn sources(folder: &Path) -> Result<BTreeSet<String>> {
    let files = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let names = files.flatten().filter(|file| file.path().is_file());
    let names = names.map(|file| file.file_name().to_string_lossy().into_owned());
    Ok(names.filter(|name| is_source(name)).collect())
}

fn is_source(name: &str) -> bool {
    let extensions = [".rs", ".c", ".h"];
    !name.starts_with('.')
        && (matches!(name, "Kbuild" | "Makefile")
            || extensions.iter().any(|end| name.ends_with(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_follows_the_sources_and_keeps_what_was_made() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("workload")).unwrap();
        for name in ["Kbuild", "driver.rs", "old.rs", "README.md", ".hidden.c"] {
            fs::write(from.join(name), name).unwrap();
        }
        mirror(&from, &to).unwrap();
        fs::write(to.join("driver.o"), "made").unwrap();
        fs::write(to.join("migrate_test.mod.c"), "made").unwrap();
        let before = fs::metadata(to.join("driver.rs"))
            .unwrap()
            .modified()
            .unwrap();
        fs::remove_file(from.join("old.rs")).unwrap();
        mirror(&from, &to).unwrap();
        assert_eq!(
            fs::metadata(to.join("driver.rs"))
                .unwrap()
                .modified()
                .unwrap(),
            before
        );
        let mut names: Vec<_> = fs::read_dir(&to)
            .unwrap()
            .flatten()
            .map(|file| file.file_name())
            .collect();
        names.sort();
        assert_eq!(
            names,
            ["Kbuild", "driver.o", "driver.rs", "migrate_test.mod.c"]
        );
    }
}
