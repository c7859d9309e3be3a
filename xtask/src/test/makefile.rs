//! The driver's own Makefile, as kernel people use one: without xtask.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::Context;
use crate::build::copy_sources;
use crate::process::Logged;
use crate::workspace::Workspace;

/// A copy of the driver's sources, and the kernel tree to build it against.
struct Copy<'a> {
    context: &'a Context<'a>,
    folder: PathBuf,
    tree: PathBuf,
}

impl<'a> Copy<'a> {
    /// With nothing made in it yet.
    fn new(context: &'a Context<'_>, name: &str) -> Result<Self> {
        let setup = &context.lab.setup;
        let folder = setup.workspace.target("xtask/test").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))?;
        }
        copy_sources(&setup.workspace, &folder)?;
        // rustfmt looks for its settings in the folders above.
        let settings = setup.workspace.file("rustfmt.toml")?;
        fs::copy(settings, folder.join("rustfmt.toml")).context("copy rustfmt.toml")?;
        let tree = setup.kernel.built_tree()?;
        Ok(Copy {
            context,
            folder,
            tree,
        })
    }

    /// `make` with the environment that builds the tree's own Rust parts, and nothing that is ours.
    fn make(&self, arguments: &[&str]) -> Result<String> {
        let setup = &self.context.lab.setup;
        let mut make = setup.kernel.make_modules();
        // What cargo tells about the package that we are.
        let ours = env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARGO"));
        for (name, _) in ours {
            make.env_remove(name);
        }
        make.env_remove("RUSTC_BOOTSTRAP")
            .arg("-C")
            .arg(&self.folder)
            .arg(format!("KDIR={}", self.tree.display()))
            .args(arguments);
        self.run(&mut make, &setup.workspace)
            .with_context(|| format!("make {}", arguments.join(" ")))
    }

    fn run(&self, make: &mut Command, workspace: &Workspace) -> Result<String> {
        let mut said = String::new();
        let log = workspace.log("makefile");
        Logged {
            log: &log,
            limit: None,
        }
        .run(make, |line| said = said.clone() + line + "\n")?;
        Ok(said)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn files(&self) -> Result<BTreeSet<String>> {
        let files = fs::read_dir(&self.folder)
            .with_context(|| format!("read {}", self.folder.display()))?;
        let names = files.flatten().map(|file| file.file_name());
        Ok(names
            .map(|name| name.to_string_lossy().into_owned())
            .collect())
    }
}

pub(super) fn modules_are_made_installed_and_cleaned(context: &Context<'_>) -> Result<()> {
    let copy = Copy::new(context, "makefile")?;
    let before = copy.files()?;
    copy.make(&[])?;
    must_be_there(&copy.file("migrate_test.ko"))?;
    let root = copy.file("root");
    copy.make(&[
        "modules_install",
        &format!("INSTALL_MOD_PATH={}", root.display()),
    ])?;
    let release = copy.tree.join("include/config/kernel.release");
    let release = fs::read_to_string(&release).context("read the kernel's release")?;
    let installed = format!("lib/modules/{}/updates/migrate_test.ko", release.trim());
    must_be_there(&root.join(installed))?;
    fs::remove_dir_all(&root).context("remove what was installed")?;
    copy.make(&["clean"])?;
    let after = copy.files()?;
    ensure!(
        before == after,
        "make clean leaves {:?}",
        after.difference(&before)
    );
    Ok(())
}

pub(super) fn a_folder_that_is_no_tree_is_refused(context: &Context<'_>) -> Result<()> {
    let copy = Copy::new(context, "makefile-refusal")?;
    let elsewhere = Copy {
        tree: copy.folder.clone(),
        ..copy
    };
    let Err(error) = elsewhere.make(&[]) else {
        anyhow::bail!("it builds against a folder without a kernel");
    };
    let said = format!("{error:#}");
    ensure!(
        said.contains("is no built kernel tree with CONFIG_RUST"),
        "it says only: {said}"
    );
    Ok(())
}

pub(super) fn rustfmt_mends_what_its_check_refuses(context: &Context<'_>) -> Result<()> {
    let copy = Copy::new(context, "makefile-rustfmt")?;
    copy.make(&["rustfmtcheck"])?;
    let file = copy.file("driver.rs");
    let good = fs::read_to_string(&file).context("read driver.rs")?;
    fs::write(&file, good.replacen("use kernel::", "use   kernel::", 1)).context("spoil it")?;
    ensure!(
        copy.make(&["rustfmtcheck"]).is_err(),
        "the check passes bad format"
    );
    copy.make(&["rustfmt"])?;
    let mended = fs::read_to_string(&file).context("read driver.rs")?;
    ensure!(mended == good, "rustfmt does not restore driver.rs");
    Ok(())
}

pub(super) fn clippy_has_nothing_to_say(context: &Context<'_>) -> Result<()> {
    let copy = Copy::new(context, "makefile-clippy")?;
    let said = copy.make(&["CLIPPY=1"])?;
    ensure!(
        said.contains("CLIPPY") && !said.contains("warning") && !said.contains("error"),
        "it says:\n{said}"
    );
    Ok(())
}

fn must_be_there(file: &Path) -> Result<()> {
    ensure!(file.is_file(), "make left no {}", file.display());
    Ok(())
}
