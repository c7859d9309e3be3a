//! `cargo xtask clippy`: every lint of every crate and of its documentation, the one for the kernel
//! too.

use std::process::Command;

use anyhow::{Result, bail};
use clap::ValueEnum as _;

use crate::arch::Arch;
use crate::build::cargo_for_bpf;
use crate::errors::Status;
use crate::options::Options;
use crate::process::spawn;
use crate::setup::kernel::Flavour;
use crate::setup::{Needs, Setup};

/// Runs all checks, and fails if any does.
pub(crate) fn run(options: Options) -> Result<()> {
    options.must_be_of_this_machine()?;
    let setup = Setup::new(options, Flavour::Test)?;
    setup.ensure(
        Needs {
            ebpf: true,
            ..Needs::default()
        },
        0,
    )?;
    let mut workspace = setup.workspace.cargo();
    workspace.args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]);
    // What reads a machine's registers is another for each.
    let ebpf = Arch::value_variants().iter().map(|arch| {
        let mut ebpf = cargo_for_bpf(&setup, *arch, "clippy")?;
        ebpf.args(["--", "-D", "warnings"]);
        Ok((format!("clippy for eBPF on {arch}"), ebpf))
    });
    let ebpf: Vec<_> = ebpf.collect::<Result<_>>()?;
    let mut documents = setup.workspace.cargo();
    documents
        .args(["doc", "--no-deps", "--workspace"])
        .env("RUSTDOCFLAGS", "-D warnings");
    let mut driver = Command::new("make");
    driver
        .args(["--no-print-directory", "-C"])
        .arg(setup.workspace.file("test-module")?)
        .arg("rustfmtcheck");
    let mut failed = false;
    let checks = [
        ("clippy".to_owned(), workspace),
        ("documentation".to_owned(), documents),
        ("format of the driver".to_owned(), driver),
    ];
    for (title, mut command) in checks.into_iter().chain(ebpf) {
        failed |= !check(&title, &mut command)?;
    }
    if failed { bail!(Status(1)) } else { Ok(()) }
}

/// Its messages, and its progress, are for the user as they are.
fn check(title: &str, command: &mut Command) -> Result<bool> {
    anstream::eprintln!("{title}");
    Ok(spawn(command)?.wait()?.success())
}
