//! Fetches the kernel's source from Debian.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{KIND, Kernel, UNPACKED, newest, tree};
use crate::cache::{Entry, Key};
use crate::errors::unsupported;
use crate::process::Logged;
use crate::progress::Step;
use crate::setup::apt::{Apt, Candidate, NEWER};
use crate::setup::debian_version;

/// The series that the project is tried on; when mirrors drop it, the newest there is.
const SERIES: &str = "linux-source-7.2";

impl Kernel {
    pub(super) fn fetch_source(&self, step: &Step) -> Result<()> {
        let source = self.source(step)?;
        let version = version(&source).context("the source in the cache has no version")?;
        let entry = self.cache.entry(&format!("{KIND}{version}"), &self.key);
        step.detail(format!("unpacks the source of {version}"));
        // What a killed run left here is not known to be whole.
        remove(entry.folder())?;
        let tree = tree(&entry);
        fs::create_dir_all(&tree).with_context(|| format!("create {}", tree.display()))?;
        let mut tar = Command::new("tar");
        tar.arg("-xf")
            .arg(archive(&source.path("usr/src"))?)
            .args(["--strip-components=1", "-C"])
            .arg(&tree)
            .env("XZ_DEFAULTS", "-T0");
        Logged {
            log: &self.log("source"),
            limit: None,
        }
        .run(&mut tar, |_| {})?;
        for patch in &self.patches {
            patch.apply(&tree, &version, &self.log("patch"), step)?;
        }
        entry.mark(UNPACKED)
    }

    /// The package with the source. It stays in the cache, so that all flavours are made from the
    /// same.
    fn source(&self, step: &Step) -> Result<Entry> {
        let _lock = self.cache.lock("apt", step)?;
        let kept = self.cache.entries(&format!("{SERIES}-"), &Key::new());
        if let Some(kept) = newest(kept.into_iter().filter(Entry::is_finished)) {
            return Ok(kept);
        }
        let apt = Apt::update(&self.cache, NEWER, step)?;
        let package = newest_source(&apt)?;
        let kind = format!("{}-{}", package.package, package.version);
        let entry = self.cache.entry(&kind, &Key::new());
        remove(entry.folder())?;
        fs::create_dir_all(entry.folder())
            .with_context(|| format!("create {}", entry.folder().display()))?;
        apt.unpack(&package, entry.folder(), step)?;
        entry.finish()?;
        Ok(entry)
    }
}

/// The version in the name of a source's entry: `linux-source-7.2-7.2.13-1-0123456789abcdef`.
fn version(source: &Entry) -> Option<String> {
    let name = source.name();
    let (kind, _key) = name.rsplit_once('-')?;
    let (_series, version) = kind.strip_prefix("linux-source-")?.split_once('-')?;
    Some(version.to_owned())
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

#[cfg(test)]
mod tests {
    use crate::cache::Cache;

    use super::*;

    #[test]
    fn the_version_is_in_the_entrys_name() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path()).unwrap();
        let entry = cache.entry("linux-source-7.2-7.2.12-1~bpo13+1", &Key::new());
        assert_eq!(version(&entry).as_deref(), Some("7.2.12-1~bpo13+1"));
        assert_eq!(version(&cache.entry("kernel-7.2", &Key::new())), None);
    }
}
