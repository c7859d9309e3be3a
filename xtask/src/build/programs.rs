//! The programs that run in the VM. They are static: the guest has no libraries, and they run on
//! the host too.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::cargo;
use crate::arch::Arch;
use crate::progress::Step;
use crate::setup::Setup;
use crate::workspace::Workspace;

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

/// Builds all of them for such a machine, with the tracer in `migscope`.
pub(crate) fn programs(setup: &Setup, arch: Arch, ebpf: &Path, step: &Step) -> Result<Programs> {
    let workspace = &setup.workspace;
    let mut command = cargo_static(setup, arch)?;
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
        ["vm-init", "migscope", "workload"].map(|name| built(workspace, arch, name));
    Ok(Programs {
        init,
        migscope,
        workload,
    })
}

/// Builds only the scenarios, which is quick; for this machine, on which they are listed.
pub(crate) fn workload(setup: &Setup, step: &Step) -> Result<PathBuf> {
    let (workspace, arch) = (&setup.workspace, Arch::HOST);
    let mut command = cargo_static(setup, arch)?;
    cargo(
        command.args(["--package", "workload"]),
        &workspace.log("workload"),
        step,
    )?;
    Ok(built(workspace, arch, "workload"))
}

/// Builds an example of the program, which measures something.
pub(crate) fn example(name: &str, setup: &Setup, ebpf: &Path, step: &Step) -> Result<PathBuf> {
    let (workspace, arch) = (&setup.workspace, setup.arch);
    let mut command = cargo_static(setup, arch)?;
    command.args(["--package", "migrate-user", "--example", name]);
    cargo(
        command.env("MIGSCOPE_EBPF", ebpf),
        &workspace.log(name),
        step,
    )?;
    Ok(built(workspace, arch, &format!("examples/{name}")))
}

/// A target folder of its own: other flags than the developer's would have everything built anew
/// each time. Each machine has one, for the same reason.
fn cargo_static(setup: &Setup, arch: Arch) -> Result<Command> {
    let mut command = setup.workspace.cargo();
    command
        .args([
            "build",
            "--release",
            "--target",
            arch.target(),
            "--target-dir",
        ])
        .arg(folder(&setup.workspace, arch));
    let variable = |end: &str| {
        let target = arch.target().replace('-', "_").to_uppercase();
        format!("CARGO_TARGET_{target}_{end}")
    };
    command.env(variable("RUSTFLAGS"), "-C target-feature=+crt-static");
    // Every byte is copied into the guest's memory; names of functions stay for backtraces.
    command.env("CARGO_PROFILE_RELEASE_STRIP", "debuginfo");
    if arch.is_foreign() {
        // The standard library for it is compiled here: rustup, where there is one, may not reach
        // its server.
        command
            .args(["-Z", "build-std=std,panic_unwind"])
            .env("RUSTC_BOOTSTRAP", "1")
            .env(variable("LINKER"), arch.gcc())
            .env(
                format!("CC_{}", arch.target().replace('-', "_")),
                arch.gcc(),
            );
        setup.rust_source.tell(&mut command)?;
    }
    Ok(command)
}

fn folder(workspace: &Workspace, arch: Arch) -> PathBuf {
    if arch.is_foreign() {
        workspace.target(&format!("guest-{arch}"))
    } else {
        workspace.target("guest")
    }
}

fn built(workspace: &Workspace, arch: Arch, name: &str) -> PathBuf {
    folder(workspace, arch)
        .join(arch.target())
        .join("release")
        .join(name)
}
