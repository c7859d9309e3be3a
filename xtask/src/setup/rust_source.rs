//! The standard library's source, which `core` for eBPF and for the kernel is compiled from.
//!
//! It must be of the compiler's exact version.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Part;
use super::apt::{Apt, NEWER};
use crate::cache::{Cache, Entry, Key};
use crate::errors::unsupported;
use crate::process::Logged;
use crate::progress::Step;
use crate::workspace::{Rustc, Workspace};

/// Where its server cannot be reached, rustup may wait for very long.
const RUSTUP_LIMIT: Duration = Duration::from_secs(30);

/// The component `rust-src`, wherever it comes from.
#[derive(Clone)]
pub(crate) struct RustSource {
    cache: Cache,
    root: PathBuf,
    rustc: Rustc,
    entry: Entry,
}

impl RustSource {
    pub(crate) fn new(cache: &Cache, workspace: &Workspace) -> Self {
        let rustc = workspace.rustc().clone();
        let entry = cache.entry(
            &format!("rust-src-{}", rustc.release),
            &Key::new().with(&rustc.all),
        );
        RustSource {
            cache: cache.clone(),
            root: workspace.root().to_owned(),
            rustc,
            entry,
        }
    }

    /// The folder `library`.
    pub(crate) fn library(&self) -> Result<PathBuf> {
        self.own()
            .or_else(|| self.entry.is_finished().then(|| self.packaged()))
            .with_context(|| {
                format!(
                    "the standard library's source of Rust {} is missing",
                    self.rustc.release
                )
            })
    }

    /// Tells cargo's `-Z build-std` where the source is, if not where it looks by itself.
    pub(crate) fn tell(&self, command: &mut Command) -> Result<()> {
        if self.own().is_none() {
            command.env("__CARGO_TESTS_ONLY_SRC_ROOT", self.library()?);
        }
        Ok(())
    }

    /// The compiler's own, as rustup installs it.
    fn own(&self) -> Option<PathBuf> {
        let library = self.rustc.sysroot.join("lib/rustlib/src/rust/library");
        is_library(&library).then_some(library)
    }

    fn packaged(&self) -> PathBuf {
        self.entry
            .path(&format!("usr/src/rustc-{}/library", self.rustc.release))
    }

    fn take_from_rustup(&self, step: &Step) -> Result<()> {
        step.detail("rustup component add rust-src");
        let mut rustup = Command::new("rustup");
        rustup
            .args(["component", "add", "rust-src"])
            .current_dir(&self.root);
        let log = self.cache.log("rust-src");
        Logged {
            log: &log,
            limit: Some(RUSTUP_LIMIT),
        }
        .run(&mut rustup, |_| {})?;
        self.own().map(drop).context("rustup left no source")
    }

    fn take_from_debian(&self, step: &Step) -> Result<()> {
        let release = &self.rustc.release;
        let _lock = self.cache.lock("apt", step)?;
        let apt = Apt::update(&self.cache, NEWER, step)?;
        let package = apt.newest("rust-src", &format!("{release}+"))?.ok_or_else(|| {
            unsupported(format!(
                "neither rustup nor Debian has the standard library's source of Rust {release}: try \
                 `rustup component add rust-src` by hand"
            ))
        })?;
        fs::create_dir_all(self.entry.folder())
            .with_context(|| format!("create {}", self.entry.folder().display()))?;
        apt.unpack(&package, self.entry.folder(), step)?;
        ensure!(
            is_library(&self.packaged()),
            "{} {} has another layout",
            package.package,
            package.version
        );
        self.entry.finish()
    }
}

impl Part for RustSource {
    fn title(&self) -> String {
        format!("standard library's source of Rust {}", self.rustc.release)
    }

    fn is_there(&self) -> Result<bool> {
        Ok(self.library().is_ok())
    }

    fn make(&self, step: &Step) -> Result<()> {
        let Err(error) = self.take_from_rustup(step) else {
            return Ok(());
        };
        crate::interrupt::check()?;
        step.detail("rustup has none for us, so from Debian");
        self.take_from_debian(step)
            .with_context(|| format!("rustup could not help ({})", first_line(&error)))
    }
}

fn is_library(folder: &Path) -> bool {
    folder.join("core/src/lib.rs").is_file()
}

fn first_line(error: &anyhow::Error) -> String {
    error
        .to_string()
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}
