//! Debian's own kernels, as users have them. Of a package only the image is kept.

mod headers;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::apt::{ALL, Apt};
use super::debian_version;
use crate::arch::{Arch, StockFlavour};
use crate::cache::{Cache, Entry, Key};
use crate::errors::unsupported;
use crate::progress::Step;

pub(crate) use headers::Headers;

/// Packages with an image, up to the flavour: since 6.19 it is alone in `linux-binary-*`, and
/// `linux-image-*` of the same version only depends on it.
const PACKAGES: &str = r"^linux-(binary|image)-[0-9]+\.[0-9]+\.[0-9]+[-+][a-z]*[0-9]+-";
const IMAGE: &str = "vmlinuz";

/// An image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StockKernel {
    /// As it names itself: `6.12.117+deb13-amd64`.
    pub(crate) release: String,
    /// The file for QEMU.
    pub(crate) image: PathBuf,
}

impl StockKernel {
    /// The newest of a series such as `6.12`, from the cache or from Debian. Where mirrors have
    /// dropped the series it is of the next one that there is, which its release tells.
    pub(crate) fn of(
        flavour: StockFlavour,
        series: &str,
        cache: &Cache,
        step: &Step,
    ) -> Result<Self> {
        let _lock = cache.lock("apt", step)?;
        let kind = if flavour == of_this_machine() {
            format!("stock-kernel-{series}-")
        } else {
            format!("stock-kernel-{}-{series}-", flavour.end)
        };
        let mut kept = cache.entries(&kind, &Key::new()).into_iter();
        if let Some(entry) = kept.find(Entry::is_finished) {
            return Self::kept(&entry, &kind);
        }
        let apt = Apt::update_for(flavour.arch, cache, ALL, step)?;
        let names = apt.names(&format!("{PACKAGES}{}$", flavour.end))?;
        let package = nearest(&names, series)
            .map(|name| apt.newest(name, ""))
            .transpose()?
            .flatten()
            .ok_or_else(|| {
                unsupported(format!(
                    "Debian has no package linux-image-*-{}",
                    flavour.end
                ))
            })?;
        let entry = cache.entry(&format!("{kind}{}", release(&package.package)), &Key::new());
        let unpacked = entry.path("package");
        fs::create_dir_all(&unpacked).with_context(|| format!("create {}", unpacked.display()))?;
        apt.unpack(&package, &unpacked, step)?;
        let image =
            find_image(&unpacked).with_context(|| format!("{} has no image", package.package))?;
        fs::rename(&image, entry.path(IMAGE))
            .with_context(|| format!("keep {}", image.display()))?;
        fs::remove_dir_all(&unpacked).with_context(|| format!("remove {}", unpacked.display()))?;
        entry.finish()?;
        Self::kept(&entry, &kind)
    }

    /// The same, and what its modules are built with. Mirrors drop the headers of an image that is
    /// in the cache; then a newer one takes its place.
    pub(crate) fn with_headers(
        flavour: StockFlavour,
        series: &str,
        cache: &Cache,
        step: &Step,
    ) -> Result<(Self, Headers)> {
        let kernel = Self::of(flavour, series, cache, step)?;
        if let Some(headers) = Headers::of(&kernel.release, flavour, cache, step)? {
            return Ok((kernel, headers));
        }
        let old = kernel.image.parent().context("an image without a folder")?;
        fs::remove_dir_all(old).with_context(|| format!("remove {}", old.display()))?;
        let kernel = Self::of(flavour, series, cache, step)?;
        let headers = Headers::of(&kernel.release, flavour, cache, step)?.ok_or_else(|| {
            unsupported(format!(
                "Debian has no package linux-headers-{} and what it needs",
                kernel.release
            ))
        })?;
        Ok((kernel, headers))
    }

    fn kept(entry: &Entry, kind: &str) -> Result<Self> {
        let name = entry.name();
        let release = name
            .strip_prefix(kind)
            .and_then(|rest| rest.rsplit_once('-'))
            .with_context(|| format!("{name} names no kernel"))?;
        Ok(StockKernel {
            release: release.0.to_owned(),
            image: entry.path(IMAGE),
        })
    }
}

/// The ordinary kernel for this machine.
pub(crate) fn of_this_machine() -> StockFlavour {
    Arch::HOST.stock_flavours()[0]
}

/// Since 6.19 an image lies among its modules.
fn find_image(package: &Path) -> Option<PathBuf> {
    let modules = fs::read_dir(package.join("usr/lib/modules")).into_iter();
    let folders = modules.flatten().flatten().map(|folder| folder.path());
    let mut files = folders
        .chain([package.join("boot")])
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .flatten()
        .map(|file| file.path());
    files.find(|file| {
        let name = file.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with(IMAGE)
    })
}

/// The release in the name of a package.
fn release(package: &str) -> &str {
    let words = package.splitn(3, '-');
    words.last().unwrap_or_default()
}

/// The series of a release.
fn series(release: &str) -> &str {
    let end = release.match_indices('.').nth(1).map(|(at, _)| at);
    &release[..end.unwrap_or(release.len())]
}

/// The newest package of the series; else of the next series, or of the last.
fn nearest<'a>(names: &'a [String], wanted: &str) -> Option<&'a str> {
    let of = |name: &&'a str| series(release(name));
    let names = || names.iter().map(String::as_str);
    let later = names().filter(|name| debian_version::compare(of(name), wanted).is_ge());
    let taken = later
        .min_by(|left, right| debian_version::compare(of(left), of(right)))
        .or_else(|| names().max_by(|left, right| debian_version::compare(of(left), of(right))))?;
    // Where both have it, `binary` is the one with the image, and comes before `image`.
    names()
        .filter(|name| of(name) == of(&taken))
        .max_by(|left, right| {
            debian_version::compare(release(left), release(right)).then_with(|| right.cmp(left))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_the_series_is_taken_or_else_of_the_next() {
        let names = [
            "linux-image-6.1.0-9-amd64",
            "linux-image-6.1.0-50-amd64",
            "linux-image-6.12.117+deb13-amd64",
            "linux-image-7.3.4+deb13-amd64",
            "linux-binary-7.3.4+deb13-amd64",
            "linux-image-7.3.12+deb13-amd64",
            "linux-binary-7.3.12+deb13-amd64",
        ]
        .map(str::to_owned);
        let nearest = |series| nearest(&names, series);
        assert_eq!(nearest("6.1"), Some("linux-image-6.1.0-50-amd64"));
        assert_eq!(nearest("6.11"), Some("linux-image-6.12.117+deb13-amd64"));
        assert_eq!(nearest("7.3"), Some("linux-binary-7.3.12+deb13-amd64"));
        assert_eq!(nearest("7.10"), Some("linux-binary-7.3.12+deb13-amd64"));
        assert_eq!(super::nearest(&[], "7.3"), None);
    }

    #[test]
    fn a_kept_one_is_known_by_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path()).unwrap();
        let entry = cache.entry("stock-kernel-6.1-6.1.0-50-amd64", &Key::new());
        let kernel = StockKernel::kept(&entry, "stock-kernel-6.1-").unwrap();
        assert_eq!(kernel.release, "6.1.0-50-amd64");
    }
}
