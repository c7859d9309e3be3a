//! The shell and the tools of a guest that is another kind of machine, from Debian. This machine's
//! own is an installed package.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::apt::{ALL, Apt};
use crate::arch::Arch;
use crate::cache::{Cache, Entry, Key};
use crate::errors::unsupported;
use crate::progress::Step;

const PACKAGE: &str = "busybox-static";
/// Where the package has it, in older suites and newer ones.
const FILES: [&str; 2] = ["bin/busybox", "usr/bin/busybox"];

/// A busybox for that machine that needs no library.
pub(crate) fn busybox_for(arch: Arch, cache: &Cache, step: &Step) -> Result<PathBuf> {
    let entry = cache.entry(&format!("busybox-{arch}"), &Key::new());
    let _lock = cache.lock("apt", step)?;
    if !entry.is_finished() {
        let apt = Apt::update_for(arch, cache, ALL, step)?;
        let package = apt.newest(PACKAGE, "")?.ok_or_else(|| {
            unsupported(format!(
                "Debian has no package {PACKAGE} for {}",
                arch.debian()
            ))
        })?;
        apt.unpack(&package, entry.folder(), step)?;
        entry.finish()?;
    }
    file(&entry).with_context(|| format!("{PACKAGE} for {} holds no busybox", arch.debian()))
}

fn file(entry: &Entry) -> Option<PathBuf> {
    let files = FILES.into_iter().map(|file| entry.path(file));
    files.into_iter().find(|file| file.is_file())
}
