//! The eBPF object.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::cargo;
use crate::arch::Arch;
use crate::progress::Step;
use crate::setup::Setup;

const TARGET: &str = "bpfel-unknown-none";

const FLAGS_VARIABLE: &str = "CARGO_TARGET_BPFEL_UNKNOWN_NONE_RUSTFLAGS";
/// v3 has 32-bit arithmetic and atomics, which kernels take since 5.12.
const FLAGS: &str = "-C target-cpu=v3";

/// Builds the object that the kernel of such a machine loads; its file.
pub(crate) fn ebpf(setup: &Setup, arch: Arch, step: &Step) -> Result<PathBuf> {
    let workspace = &setup.workspace;
    let mut flags = OsString::from(FLAGS);
    flags.push(" -C linker=");
    flags.push(setup.bpf_linker.program());
    // BTF makes it loadable and shows in bpftool. Structures are copied and cleared word by word,
    // in place: bpf-linker by itself has LLVM call memcpy and memset, which are loops over bytes
    // here, thousands of instructions per migration.
    flags.push(
        " -C link-arg=--btf -C link-arg=--disable-expand-memcpy-in-order -C debuginfo=2 -C panic=abort",
    );
    let mut command = cargo_for_bpf(setup, arch, "build")?;
    command.arg("--release").env(FLAGS_VARIABLE, flags);
    cargo(&mut command, &workspace.log("ebpf"), step)?;
    Ok(folder(setup, arch).join(TARGET).join("release/migrate"))
}

/// Cargo for the crate that runs in the kernel. It has a target folder of its own: the environment
/// that unlocks `build-std` would have the rest built anew each time.
pub(crate) fn cargo_for_bpf(setup: &Setup, arch: Arch, verb: &str) -> Result<Command> {
    let mut command = setup.workspace.cargo();
    command.args([
        verb,
        "--package",
        "migrate-ebpf",
        "--bin",
        "migrate",
        "--features",
        "ebpf",
    ]);
    command
        .args(["--target", TARGET, "-Z", "build-std=core", "--target-dir"])
        .arg(folder(setup, arch));
    command
        .env("RUSTC_BOOTSTRAP", "1")
        .env("AYA_BPF_TARGET_ARCH", arch.name())
        .env(FLAGS_VARIABLE, FLAGS);
    setup.rust_source.tell(&mut command)?;
    Ok(command)
}

/// Where it is built. Each machine has its own: the registers that kprobes read are its.
fn folder(setup: &Setup, arch: Arch) -> PathBuf {
    if arch.is_foreign() {
        setup.workspace.target(&format!("bpf-{arch}"))
    } else {
        setup.workspace.target("bpf")
    }
}
