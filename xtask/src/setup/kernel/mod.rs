//! The test VM's kernel: found in the cache, made there, or the user's own tree.

mod config;
mod flavour;
mod make;
mod patch;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Part;
use super::debian_version;
use super::rust_source::RustSource;
use super::tools::Tool;
use crate::arch::{Arch, PageSize};
use crate::cache::{Cache, Entry, Key};
use crate::errors::unsupported;
use crate::progress::Step;
use crate::workspace::{Rustc, Workspace};

pub(crate) use flavour::Flavour;
use patch::Patch;

const KIND: &str = "kernel-";
const UNPACKED: &str = "unpacked";
const CONFIGURED: &str = "configured";

/// The kernel tree that everything is built against.
pub(crate) struct Kernel {
    pub(crate) flavour: Flavour,
    arch: Arch,
    cache: Cache,
    rustc: Rustc,
    rust_source: RustSource,
    bindgen: Tool,
    /// The options that are asked for.
    options: String,
    patches: Vec<Patch>,
    key: Key,
    own: Option<PathBuf>,
}

impl Kernel {
    /// Looks at what is asked for; changes nothing.
    pub(crate) fn new(
        cache: &Cache,
        workspace: &Workspace,
        rust_source: &RustSource,
        bindgen: &Tool,
        own: Option<PathBuf>,
        flavour: Flavour,
        (arch, pages): (Arch, PageSize),
    ) -> Result<Self> {
        let options = options(workspace, flavour, arch, pages)?;
        let patches = patch::read(workspace, flavour.patches())?;
        let key = Key::new().with(&options).with(&workspace.rustc().all);
        let key = patches.iter().fold(key, |key, patch| key.with(&patch.text));
        let own = own.map(|folder| user_tree(&folder)).transpose()?;
        let (cache, rust_source, bindgen) = (cache.clone(), rust_source.clone(), bindgen.clone());
        Ok(Kernel {
            flavour,
            arch,
            cache,
            rustc: workspace.rustc().clone(),
            rust_source,
            bindgen,
            options,
            patches,
            key,
            own,
        })
    }

    /// The built tree, if there is one. The cache may hold several: the newest counts.
    pub(crate) fn tree(&self) -> Result<Option<PathBuf>> {
        if let Some(own) = &self.own {
            return Ok(self.is_built(own).then(|| own.clone()));
        }
        let finished = self
            .cache
            .entries(KIND, &self.key)
            .into_iter()
            .filter(Entry::is_finished);
        Ok(newest(finished).map(|entry| tree(&entry)))
    }

    /// The built tree that set-up has made.
    pub(crate) fn built_tree(&self) -> Result<PathBuf> {
        self.tree()?.context("the kernel is not built")
    }

    /// The image of a built tree, for QEMU.
    pub(crate) fn image(&self, tree: &Path) -> PathBuf {
        tree.join(self.arch.kernel_image())
    }

    fn is_built(&self, tree: &Path) -> bool {
        [self.arch.kernel_image(), "Module.symvers", ".config"]
            .iter()
            .all(|file| tree.join(file).is_file())
    }

    /// A `make` for modules against this tree, with what its Rust support asks for.
    pub(crate) fn make_modules(&self) -> std::process::Command {
        self.make_command(None)
    }

    /// What is to be done, in order.
    pub(crate) fn stages(&self) -> Vec<Stage<'_>> {
        [Work::Source, Work::Configure, Work::Build]
            .map(|work| Stage { kernel: self, work })
            .into()
    }

    /// The entry that unfinished work is in: killed half-way, it goes on with the same version.
    fn unfinished(&self) -> Option<Entry> {
        newest(
            self.cache
                .entries(KIND, &self.key)
                .into_iter()
                .filter(|entry| entry.has(UNPACKED)),
        )
    }

    /// The tree that a stage after the first works on.
    fn tree_to_build(&self) -> Result<PathBuf> {
        match &self.own {
            Some(own) => Ok(own.clone()),
            None => Ok(tree(
                &self
                    .unfinished()
                    .context("the kernel's source is not unpacked")?,
            )),
        }
    }

    fn is_configured(&self) -> bool {
        match &self.own {
            Some(own) => own.join(".config").is_file(),
            None => self.unfinished().is_some_and(|entry| entry.has(CONFIGURED)),
        }
    }

    /// The log of a step; each flavour has its own.
    fn log(&self, step: &str) -> PathBuf {
        let name = self.name().replace(' ', "-");
        self.cache.log(&format!("{name}-{step}"))
    }

    /// What logs and progress lines call it.
    fn name(&self) -> String {
        let name = self.flavour.name();
        if self.arch.is_foreign() {
            format!("{name} for {}", self.arch)
        } else {
            name.to_owned()
        }
    }

    fn has_source(&self) -> bool {
        self.own.is_some() || self.unfinished().is_some()
    }
}

/// A stage of the kernel's making.
pub(crate) struct Stage<'a> {
    kernel: &'a Kernel,
    work: Work,
}

#[derive(Clone, Copy)]
enum Work {
    Source,
    Configure,
    Build,
}

impl Part for Stage<'_> {
    fn title(&self) -> String {
        let flavour = self.kernel.flavour;
        let name = self.kernel.name();
        match self.work {
            Work::Source => format!("{name}: source"),
            Work::Configure => format!("{name}: configuration"),
            Work::Build => format!("{name}: build (once; {} on 2 cores)", flavour.duration()),
        }
    }

    fn is_there(&self) -> Result<bool> {
        if self.kernel.tree()?.is_some() {
            return Ok(true);
        }
        Ok(match self.work {
            Work::Source => self.kernel.has_source(),
            Work::Configure => self.kernel.is_configured(),
            Work::Build => false,
        })
    }

    fn make(&self, step: &Step) -> Result<()> {
        let _lock = self
            .kernel
            .cache
            .lock(&format!("{KIND}{}", self.kernel.key.text()), step)?;
        // Another xtask may have done it while we waited.
        if self.is_there()? {
            return Ok(());
        }
        match self.work {
            Work::Source => self.kernel.fetch_source(step),
            Work::Configure => self.kernel.configure(step),
            Work::Build => self.kernel.build(step),
        }
    }
}

/// The flavour's options, in one text.
fn options(workspace: &Workspace, flavour: Flavour, arch: Arch, pages: PageSize) -> Result<String> {
    let read = |fragment: &str| {
        let fragment = workspace.file(fragment)?;
        fs::read_to_string(&fragment).with_context(|| format!("read {}", fragment.display()))
    };
    let fragments: Vec<_> = flavour
        .fragments(arch, pages)
        .map(read)
        .collect::<Result<_>>()?;
    Ok(config::merged(&fragments))
}

fn tree(entry: &Entry) -> PathBuf {
    entry.path("tree")
}

fn newest(entries: impl Iterator<Item = Entry>) -> Option<Entry> {
    entries.max_by(|left, right| debian_version::compare(&left.name(), &right.name()))
}

fn user_tree(folder: &Path) -> Result<PathBuf> {
    let folder = folder
        .canonicalize()
        .map_err(|error| unsupported(format!("--kernel-src {}: {error}", folder.display())))?;
    if folder.join("Kconfig").is_file() && folder.join("mm/migrate_device.c").is_file() {
        return Ok(folder);
    }
    Err(unsupported(format!(
        "--kernel-src {} is no Linux source tree",
        folder.display()
    )))
}
