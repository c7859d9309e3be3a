//! Fetches the kernel's source from Debian.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{KIND, Kernel, UNPACKED, tree};
use crate::errors::unsupported;
use crate::process::Logged;
use crate::progress::Step;
use crate::setup::apt::{Apt, Candidate};
use crate::setup::debian_version;

/// The series that the project is tried on; when mirrors drop it, the newest there is.
const SERIES: &str = "linux-source-7.2";

impl Kernel {
    pub(super) fn fetch_source(&self, step: &Step) -> Result<()> {
        let _lock = self.cache.lock("apt", step)?;
        let apt = Apt::update(&self.cache, step)?;
        let package = newest_source(&apt)?;
        let entry = self
            .cache
            .entry(&format!("{KIND}{}", package.version), &self.key);
        // What a killed run left here is not known to be whole.
        remove(entry.folder())?;
        let package_folder = entry.path("package");
        fs::create_dir_all(&package_folder)
            .with_context(|| format!("create {}", package_folder.display()))?;
        apt.unpack(&package, &package_folder, step)?;
        step.detail(format!("unpacks the source of {}", package.version));
        let archive = archive(&package_folder.join("usr/src"))?;
        let tree = tree(&entry);
        fs::create_dir_all(&tree).with_context(|| format!("create {}", tree.display()))?;
        let mut tar = Command::new("tar");
        tar.arg("-xf")
            .arg(&archive)
            .args(["--strip-components=1", "-C"])
            .arg(&tree)
            .env("XZ_DEFAULTS", "-T0");
        Logged {
            log: &self.cache.log("kernel-source"),
            limit: None,
        }
        .run(&mut tar, |_| {})?;
        remove(&package_folder)?;
        entry.mark(UNPACKED)
    }
}

fn newest_source(apt: &Apt) -> Result<Candidate> {
    if let Some(package) = apt.newest(SERIES, "")? {
        return Ok(package);
    }
    let names = apt.names("^linux-source-[0-9.]+$")?;
    let newest = names
        .iter()
        .max_by(|left, right| debian_version::compare(left, right));
    let found = newest
        .map(|name| apt.newest(name, ""))
        .transpose()?
        .flatten();
    found.ok_or_else(|| {
        unsupported(
            "Debian has no package linux-source-*: give a kernel tree with --kernel-src DIR",
        )
    })
}

fn archive(folder: &Path) -> Result<PathBuf> {
    let files = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    files
        .flatten()
        .map(|file| file.path())
        .find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("linux-source-") && name.contains(".tar")
        })
        .with_context(|| format!("no archive in {}", folder.display()))
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
