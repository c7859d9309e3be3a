//! Debian packages of other suites, without touching the system: an apt root of our own in the
//! cache.
//!
//! It uses the mirror and the keys that the machine's own apt is set up with, so signatures are
//! checked as usual.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::debian_version;
use crate::arch::Arch;
use crate::cache::{Cache, write_whole};
use crate::errors::unsupported;
use crate::process::{Logged, output};
use crate::progress::Step;

/// Suites that packages are taken from, and the folder of the root that knows them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suites {
    folder: &'static str,
    names: &'static str,
}

/// Where newer compilers and kernels' sources are.
pub(crate) const NEWER: Suites = Suites {
    folder: "apt",
    names: "trixie-backports sid trixie",
};
/// Everything from the oldest kernel that is tried to the newest. Apart from [`NEWER`], which must
/// not fail when mirrors drop the old suite.
pub(crate) const ALL: Suites = Suites {
    folder: "apt-all",
    names: "bookworm trixie trixie-backports sid",
};
/// The suite of [`ALL`] that programs come from.
const PROGRAMS: &str = "trixie";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A version of a package that a suite holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) package: String,
    pub(crate) version: String,
}

/// The private apt root, its lists up to date.
pub(crate) struct Apt {
    cache: Cache,
    arch: Arch,
    root: PathBuf,
}

impl Apt {
    /// Sets the root up and fetches the lists.
    pub(crate) fn update(cache: &Cache, suites: Suites, step: &Step) -> Result<Self> {
        Self::update_for(Arch::HOST, cache, suites, step)
    }

    /// The same for packages of a kind of machine.
    pub(crate) fn update_for(
        arch: Arch,
        cache: &Cache,
        suites: Suites,
        step: &Step,
    ) -> Result<Self> {
        if Command::new("apt-get").arg("--version").output().is_err() {
            return Err(unsupported(
                "this machine has no apt, from which the kernel's and the compiler's source would come: \
                 give a kernel tree with --kernel-src DIR, and have rustup add the component rust-src",
            ));
        }
        let apt = Apt {
            cache: cache.clone(),
            arch,
            root: if arch.is_foreign() {
                cache.path(&format!("{}-{arch}", suites.folder))
            } else {
                cache.path(suites.folder)
            },
        };
        let names = suites.names;
        for folder in ["parts", "lists/partial", "cache/archives/partial"] {
            let folder = apt.path(folder);
            fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        }
        let sources = format!(
            "Types: deb\nArchitectures: {}\nURIs: {}\nSuites: {names}\nComponents: main\nSigned-By: {KEYRING}\n",
            arch.debian(),
            mirror()?
        );
        write_whole(&apt.path("parts/newer.sources"), sources.as_bytes())?;
        step.detail(format!("apt lists of {names}"));
        Logged {
            log: &cache.log("apt-update"),
            limit: None,
        }
        .run(apt.command("apt-get").arg("update"), |_| {})?;
        Ok(apt)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("LC_ALL", "C")
            .args(["-q", "-o", "Dir::Etc::SourceList=/dev/null"]);
        for option in ["Architecture", "Architectures"] {
            command
                .arg("-o")
                .arg(format!("APT::{option}={}", self.arch.debian()));
        }
        for (option, folder) in [
            ("Etc::SourceParts", "parts"),
            ("State::Lists", "lists"),
            ("Cache", "cache"),
        ] {
            command
                .arg("-o")
                .arg(format!("Dir::{option}={}", self.path(folder).display()));
        }
        // The download is checked by its signature; root may do it as root where _apt cannot read
        // our folder.
        command.args(["-o", "APT::Sandbox::User=root"]);
        command
    }

    /// The newest version of a package whose version begins so.
    pub(crate) fn newest(&self, package: &str, begins: &str) -> Result<Option<Candidate>> {
        let listed = output(self.command("apt-cache").args(["madison", package]))?;
        Ok(newest(madison(&listed), begins))
    }

    /// The names of the packages that match a regular expression.
    pub(crate) fn names(&self, pattern: &str) -> Result<Vec<String>> {
        let listed = output(
            self.command("apt-cache")
                .args(["search", "--names-only", pattern]),
        )?;
        Ok(listed
            .lines()
            .filter_map(|line| Some(line.split_once(" - ")?.0.to_owned()))
            .collect())
    }

    /// Downloads a package and unpacks it into a folder; the download itself does not stay.
    pub(crate) fn unpack(&self, package: &Candidate, folder: &Path, step: &Step) -> Result<()> {
        let Candidate { package, version } = package;
        step.detail(format!("downloads {package} {version}"));
        let downloads = self.path("downloads");
        fs::create_dir_all(&downloads)
            .with_context(|| format!("create {}", downloads.display()))?;
        let log = self.cache.log(&format!("download-{package}"));
        let mut download = self.command("apt-get");
        download
            .arg("download")
            .arg(format!("{package}={version}"))
            .current_dir(&downloads);
        Logged {
            log: &log,
            limit: None,
        }
        .run(&mut download, |_| {})?;
        step.detail(format!("unpacks {package} {version}"));
        unpack(&downloaded(&downloads, package)?, folder, &log)
    }

    /// Downloads programs' packages and all that they need, down to the C library, and unpacks them
    /// into a folder. What is installed on this machine does not matter.
    pub(crate) fn unpack_programs(
        &self,
        packages: &[&str],
        folder: &Path,
        step: &Step,
    ) -> Result<()> {
        step.detail(format!("downloads {}", packages.join(" and ")));
        let status = self.path("nothing-installed");
        write_whole(&status, b"")?;
        let log = self.cache.log("download-programs");
        let mut install = self.command("apt-get");
        install
            .arg("-o")
            .arg(format!("Dir::State::status={}", status.display()))
            .args(["install", "-y", "--no-install-recommends"])
            .args(["--download-only", "-t", PROGRAMS])
            .args(packages);
        Logged {
            log: &log,
            limit: None,
        }
        .run(&mut install, |line| step.detail(line))?;
        let archives = self.path("cache/archives");
        let files =
            fs::read_dir(&archives).with_context(|| format!("read {}", archives.display()))?;
        for file in files.flatten().map(|file| file.path()) {
            if file.extension().is_some_and(|end| end == "deb") {
                step.detail(format!("unpacks {}", file.display()));
                unpack(&file, folder, &log)?;
            }
        }
        Ok(())
    }
}

/// Unpacks a package's file, which does not stay.
fn unpack(file: &Path, folder: &Path, log: &Path) -> Result<()> {
    let mut unpack = Command::new("dpkg-deb");
    Logged { log, limit: None }.run(unpack.arg("-x").arg(file).arg(folder), |_| {})?;
    fs::remove_file(file).with_context(|| format!("remove {}", file.display()))
}

fn downloaded(folder: &Path, package: &str) -> Result<PathBuf> {
    let begins = format!("{package}_");
    let files = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    files
        .flatten()
        .map(|file| file.path())
        .find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(&begins))
        })
        .with_context(|| format!("apt-get left no file of {package} in {}", folder.display()))
}

/// The mirror that the machine's own apt takes Debian from.
fn mirror() -> Result<String> {
    let listed = output(Command::new("apt-get").args([
        "indextargets",
        "--format",
        "$(ORIGIN)|$(LABEL)|$(REPO_URI)",
    ]))?;
    debian_mirror(&listed).map(str::to_owned).ok_or_else(|| {
        unsupported(
            "this machine's apt has no Debian mirror (or no lists yet: apt-get update), from which the kernel's and \
             the compiler's source would come: give a kernel tree with --kernel-src DIR, and have rustup add the \
             component rust-src",
        )
    })
}

fn debian_mirror(targets: &str) -> Option<&str> {
    targets
        .lines()
        .find_map(|line| line.strip_prefix("Debian|Debian|"))
}

/// Reads what `apt-cache madison` lists.
fn madison(listed: &str) -> impl Iterator<Item = Candidate> {
    listed.lines().filter_map(|line| {
        let mut columns = line.split('|').map(str::trim);
        let (package, version, source) = (columns.next()?, columns.next()?, columns.next()?);
        source.ends_with("Packages").then(|| Candidate {
            package: package.into(),
            version: version.into(),
        })
    })
}

fn newest(candidates: impl Iterator<Item = Candidate>, begins: &str) -> Option<Candidate> {
    candidates
        .filter(|candidate| candidate.version.starts_with(begins))
        .max_by(|left, right| debian_version::compare(&left.version, &right.version))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "\
  rust-src | 1.97.1+dfsg1-1 | http://mirror.example/debian sid/main amd64 Packages
  rust-src | 1.95.0+dfsg1-2~bpo13+1 | http://mirror.example/debian trixie-backports/main amd64 Packages
  rust-src | 1.95.0+dfsg1-1~bpo13+1 | http://mirror.example/debian trixie-backports/main amd64 Packages
     rustc | 1.95.0+dfsg1-3 | http://mirror.example/debian sid/main Sources
";

    #[test]
    fn the_newest_matching_binary_package_is_taken() {
        let version = |begins| newest(madison(LISTED), begins).map(|candidate| candidate.version);
        assert_eq!(
            version("1.95.0+").as_deref(),
            Some("1.95.0+dfsg1-2~bpo13+1")
        );
        assert_eq!(version("").as_deref(), Some("1.97.1+dfsg1-1"));
        assert_eq!(version("1.96.0+"), None);
    }

    #[test]
    fn the_mirror_is_debians_own() {
        let targets = "Debian|Debian-Security|http://m/security/\nOther|x|http://o/\nDebian|Debian|http://m/debian/\n";
        assert_eq!(debian_mirror(targets), Some("http://m/debian/"));
        assert_eq!(debian_mirror("Ubuntu|Ubuntu|http://u/\n"), None);
    }
}
