//! The module in C for Debian's kernels, and the program that drives it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use super::module::mirror;
use crate::cache::Key;
use crate::process::Logged;
use crate::progress::Step;
use crate::setup::stock::Headers;
use crate::workspace::Workspace;

/// What was built.
pub(crate) struct StockModule {
    pub(crate) module: PathBuf,
    pub(crate) drive: PathBuf,
}

/// Builds both for this kernel, as a driver of that name, on a copy as [`super::module()`] does.
pub(crate) fn stock_module(
    workspace: &Workspace,
    headers: &Headers,
    name: &str,
    step: &Step,
) -> Result<StockModule> {
    let key = Key::new().with(headers.id()).with(name);
    let copy = workspace.target("stock-module").join(key.text());
    mirror(&workspace.file("test-module/stock")?, &copy)?;
    let made = StockModule {
        module: copy.join(name).with_extension("ko"),
        drive: copy.join("drive"),
    };
    let mut folder = std::ffi::OsString::from("M=");
    folder.push(&copy);
    let mut make = headers.make();
    run(
        workspace,
        make.arg(folder)
            .arg(format!("STOCK_NAME={name}"))
            .arg("modules"),
        "stock-module",
        step,
    )?;
    let mut gcc = Command::new(headers.gcc());
    gcc.args(["-O2", "-Wall", "-Wextra", "-Werror", "-static"])
        .arg(format!("-DSTOCK_NAME=\"{name}\""))
        .arg("-o")
        .arg(&made.drive)
        .arg(copy.join("drive.c"));
    run(workspace, &mut gcc, "stock-drive", step)?;
    for file in [&made.module, &made.drive] {
        ensure!(
            file.is_file(),
            "there is no {} after its build",
            file.display()
        );
    }
    Ok(made)
}

fn run(workspace: &Workspace, command: &mut Command, name: &str, step: &Step) -> Result<()> {
    let log: &Path = &workspace.log(name);
    Logged { log, limit: None }.run(command, |line| step.detail(line.trim()))
}
