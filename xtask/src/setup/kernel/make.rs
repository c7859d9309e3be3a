//! Builds the kernel.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;

use anyhow::{Context, Result, ensure};

use super::Kernel;
use crate::process::Logged;
use crate::progress::Step;
use crate::setup::probe::libclang;

/// How many files a configured kernel has to make, roughly: only for the progress line.
const ABOUT: usize = 1900;

impl Kernel {
    /// `make` in a tree, with what Rust support asks for.
    pub(super) fn make_command(&self, tree: Option<&Path>) -> Command {
        let mut make = Command::new("make");
        let jobs = available_parallelism().map_or(1, usize::from);
        make.arg(format!("-j{jobs}"));
        if let Some(tree) = tree {
            make.arg("-C").arg(tree);
        }
        if self.arch.is_foreign() {
            make.arg(format!("ARCH={}", self.arch.kernel()))
                .arg(format!("CROSS_COMPILE={}", self.arch.cross_prefix()));
        }
        if let Some(compiler) = self.flavour.compiler() {
            make.arg(format!("CC={compiler}"));
        }
        make.env("PATH", self.search_path());
        // Out-of-tree modules use unstable features as the kernel itself does, which sets it by
        // itself.
        make.env("RUSTC_BOOTSTRAP", "1");
        // Flags meant for another make would confuse this one.
        make.env_remove("MAKEFLAGS")
            .env_remove("KBUILD_OUTPUT")
            .env_remove("O");
        if let Ok(library) = self.rust_source.library() {
            make.env("RUST_LIB_SRC", library);
        }
        if let Some(folder) = libclang() {
            make.env("LIBCLANG_PATH", folder);
        }
        make
    }

    fn search_path(&self) -> OsString {
        let path = env::var_os("PATH").unwrap_or_default();
        // The compiler itself comes before rustup's proxy, which in the tree's folder would choose
        // another one.
        let ours = [self.bindgen.folder(), self.rustc.sysroot.join("bin")];
        let folders = ours.into_iter().chain(env::split_paths(&path));
        // A folder with a colon in its name cannot be in PATH: then the system's own must do.
        env::join_paths(folders).unwrap_or(path.clone())
    }

    pub(super) fn build(&self, step: &Step) -> Result<()> {
        let tree = self.tree_to_build()?;
        let mut make = self.make_command(Some(&tree));
        let image = Path::new(self.arch.kernel_image());
        make.arg(image.file_name().context("an image without a name")?)
            .arg("modules");
        let mut count = 0;
        Logged {
            log: &self.log("build"),
            limit: None,
        }
        .run(&mut make, |line| {
            if let Some(file) = made(line) {
                count += 1;
                step.detail(format!("{count} of about {ABOUT} files, {file}"));
            }
        })?;
        ensure!(
            self.is_built(&tree),
            "make left no kernel in {}",
            tree.display()
        );
        match self.own {
            Some(_) => Ok(()),
            None => self
                .unfinished()
                .context("the kernel's folder is gone")?
                .finish(),
        }
    }
}

/// The file that a line of the build's output is about: `  CC      mm/migrate_device.o`.
fn made(line: &str) -> Option<&str> {
    let (verb, file) = line.strip_prefix("  ")?.split_once(' ')?;
    verb.starts_with(|c: char| c.is_ascii_uppercase())
        .then(|| file.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_from_the_build() {
        assert_eq!(
            made("  CC      mm/migrate_device.o"),
            Some("mm/migrate_device.o")
        );
        assert_eq!(made("  RUSTC L rust/kernel.o"), Some("L rust/kernel.o"));
        assert_eq!(made("make[1]: Entering directory '/x'"), None);
        assert_eq!(made("    indented note"), None);
    }
}
