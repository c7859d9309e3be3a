//! Nothing is left behind when xtask is killed in the hardest way.

use std::env;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::Context;
use crate::arch::Arch;
use crate::process::POLL;

/// How long it may take to get as far as QEMU.
const START_LIMIT: Duration = Duration::from_secs(120);
/// How long QEMU may live on.
const END_LIMIT: Duration = Duration::from_secs(5);

pub(super) fn qemu_does_not_outlive_xtask(context: &Context<'_>) -> Result<()> {
    let mut command = Command::new(env::current_exe().context("our own file")?);
    command
        .args(["--accel", "tcg", "vm", "--", "sleep", "1000"])
        .current_dir(context.lab.setup.workspace.root());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut xtask = command.spawn().context("start xtask")?;
    let found = find_qemu(&mut xtask);
    // SIGKILL: it cannot do anything about it.
    xtask.kill().context("kill xtask")?;
    xtask.wait().context("wait for xtask")?;
    let qemu = found?;
    let killed = Instant::now();
    while is_qemu(qemu) {
        ensure!(
            killed.elapsed() < END_LIMIT,
            "QEMU (process {qemu}) lives on without xtask"
        );
        std::thread::sleep(POLL);
    }
    Ok(())
}

fn find_qemu(xtask: &mut Child) -> Result<u32> {
    let begun = Instant::now();
    let children = format!("/proc/{0}/task/{0}/children", xtask.id());
    while begun.elapsed() < START_LIMIT {
        if let Some(status) = xtask.try_wait().context("wait for xtask")? {
            bail!("xtask ended by itself ({status})");
        }
        let children = fs::read_to_string(&children).with_context(|| format!("read {children}"))?;
        let mut children = children
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok());
        if let Some(qemu) = children.find(|pid| is_qemu(*pid)) {
            return Ok(qemu);
        }
        std::thread::sleep(POLL);
    }
    bail!("xtask did not come to start QEMU")
}

fn is_qemu(pid: u32) -> bool {
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    arguments
        .split(|byte| *byte == 0)
        .next()
        .is_some_and(|program| program.ends_with(Arch::HOST.qemu().as_bytes()))
}
