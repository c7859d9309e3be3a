//! The programs that run in the VM. They are static: the guest has no libraries, and they run on
//! the host too.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::cargo;
use crate::progress::Step;
use crate::workspace::Workspace;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What was built.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    /// Process 1 of the guest.
    pub(crate) init: PathBuf,
    /// The program.
    pub(crate) migscope: PathBuf,
    /// The scenarios.
    pub(crate) workload: PathBuf,
}

/// Builds all of them, with the tracer in `migscope`.
pub(crate) fn programs(workspace: &Workspace, ebpf: &Path, step: &Step) -> Result<Programs> {
    let mut command = cargo_static(workspace);
    command.args([
        "--package",
        "vm-init",
        "--package",
        "migrate-user",
        "--package",
        "workload",
    ]);
    cargo(
        command.env("MIGSCOPE_EBPF", ebpf),
        &workspace.log("programs"),
        step,
    )?;
    let [init, migscope, workload] =
        ["vm-init", "migscope", "workload"].map(|name| built(workspace, name));
    Ok(Programs {
        init,
        migscope,
        workload,
    })
}

/// Builds only the scenarios, which is quick.
pub(crate) fn workload(workspace: &Workspace, step: &Step) -> Result<PathBuf> {
    let mut command = cargo_static(workspace);
    cargo(
        command.args(["--package", "workload"]),
        &workspace.log("workload"),
        step,
    )?;
    Ok(built(workspace, "workload"))
}

/// Builds an example of the program, which measures something.
pub(crate) fn example(
    name: &str,
    workspace: &Workspace,
    ebpf: &Path,
    step: &Step,
) -> Result<PathBuf> {
    let mut command = cargo_static(workspace);
    command.args(["--package", "migrate-user", "--example", name]);
    cargo(
        command.env("MIGSCOPE_EBPF", ebpf),
        &workspace.log(name),
        step,
    )?;
    Ok(built(workspace, &format!("examples/{name}")))
}

/// A target folder of its own: other flags than the developer's would have everything built anew
/// each time.
fn cargo_static(workspace: &Workspace) -> Command {
    let mut command = workspace.cargo();
    command
        .args(["build", "--release", "--target", TARGET, "--target-dir"])
        .arg(workspace.target("guest"));
    command.env(
        "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS",
        "-C target-feature=+crt-static",
    );
    // Every byte is copied into the guest's memory; names of functions stay for backtraces.
    command.env("CARGO_PROFILE_RELEASE_STRIP", "debuginfo");
    command
}

fn built(workspace: &Workspace, name: &str) -> PathBuf {
    workspace
        .target("guest")
        .join(TARGET)
        .join("release")
        .join(name)
}
