//! Programs from crates.io, built once into the cache.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::Part;
use crate::cache::{Cache, Entry, Key};
use crate::process::Logged;
use crate::progress::Step;
use crate::workspace::Workspace;

/// A program that `cargo install` makes.
#[derive(Clone)]
pub(crate) struct Tool {
    crate_name: &'static str,
    program: &'static str,
    version: &'static str,
    why: &'static str,
    cache: Cache,
    workspace: Workspace,
    entry: Entry,
}

impl Tool {
    /// Translates C headers for the kernel's Rust code.
    pub(crate) fn bindgen(cache: &Cache, workspace: &Workspace) -> Self {
        Self::new(
            cache,
            workspace,
            "bindgen-cli",
            "bindgen",
            "~0.73",
            "C headers for Rust in the kernel",
        )
    }

    /// Links eBPF. Versions from 0.10 until 0.11 load the LLVM 22 that comes with the compiler.
    pub(crate) fn bpf_linker(cache: &Cache, workspace: &Workspace) -> Self {
        Self::new(
            cache,
            workspace,
            "bpf-linker",
            "bpf-linker",
            "~0.10",
            "links eBPF programs",
        )
    }

    fn new(
        cache: &Cache,
        workspace: &Workspace,
        crate_name: &'static str,
        program: &'static str,
        version: &'static str,
        why: &'static str,
    ) -> Self {
        let key = Key::new().with(version).with(&workspace.rustc().all);
        let entry = cache.entry(crate_name, &key);
        Tool {
            crate_name,
            program,
            version,
            why,
            cache: cache.clone(),
            workspace: workspace.clone(),
            entry,
        }
    }

    /// The folder that has the program, for `PATH`.
    pub(crate) fn folder(&self) -> PathBuf {
        self.entry.path("bin")
    }

    /// The program.
    pub(crate) fn program(&self) -> PathBuf {
        self.folder().join(self.program)
    }
}

impl Part for Tool {
    fn title(&self) -> String {
        format!("{} ({})", self.program, self.why)
    }

    fn is_there(&self) -> Result<bool> {
        Ok(self.entry.is_finished() && self.program().is_file())
    }

    fn make(&self, step: &Step) -> Result<()> {
        let _lock = self.cache.lock(&self.entry.name(), step)?;
        if self.is_there()? {
            return Ok(());
        }
        // Kept until the end, so that a killed build goes on where it was.
        let building = self.entry.path("build");
        let mut install = self.workspace.cargo();
        install
            .args([
                "install",
                "--locked",
                "--no-track",
                "--force",
                self.crate_name,
                "--version",
                self.version,
            ])
            .arg("--root")
            .arg(self.entry.folder())
            .arg("--target-dir")
            .arg(&building)
            // It runs for seconds: what counts is how long it takes to build.
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_RELEASE_LTO", "off");
        let mut crates = 0;
        Logged {
            log: &self.cache.log(self.crate_name),
            limit: None,
        }
        .run(&mut install, |line| {
            if let Some(name) = line.trim_start().strip_prefix("Compiling ") {
                crates += 1;
                step.detail(format!("crate {crates}, {name}"));
            }
        })?;
        fs::remove_dir_all(&building).with_context(|| format!("remove {}", building.display()))?;
        self.entry.finish()
    }
}
