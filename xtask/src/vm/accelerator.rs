//! Chooses what executes the guest: KVM only where it has been seen to boot this kernel.
//!
//! `/dev/kvm` can exist on machines where an ordinary guest hangs or QEMU aborts, so that QEMU's
//! own fall-back from one to the other does not help. It is tried once, and the answer is kept.

use std::env;
use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::ValueEnum;

use super::builder::Builder;
use super::qemu::{Accelerator, Machine};
use crate::arch::Arch;
use crate::cache::{Cache, Key, write_whole};
use crate::errors::{Interrupted, unsupported};
use crate::process::output;
use crate::progress::Step;

/// The environment variable that says which to use.
const VARIABLE: &str = "MIGSCOPE_ACCEL";
/// A kernel that KVM runs is through in two or three seconds.
pub(crate) const TRIAL: Duration = Duration::from_secs(15);

/// The accelerator that is asked for, on the command line or in the environment.
pub(crate) fn forced(option: Option<Accelerator>) -> Result<Option<Accelerator>> {
    let value = env::var(VARIABLE).unwrap_or_default();
    if option.is_some() || value.is_empty() {
        return Ok(option);
    }
    Accelerator::from_str(&value, true)
        .map(Some)
        .map_err(|_| unsupported(format!("{VARIABLE} is kvm or tcg, not {value}")))
}

/// The accelerator for this kernel. `empty` is a boot with nothing to do.
pub(crate) fn choose(
    cache: &Cache,
    kernel: &Path,
    step: &Step,
    empty: impl FnOnce() -> Builder,
) -> Result<Accelerator> {
    if OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/kvm")
        .is_err()
    {
        return Ok(Accelerator::Tcg);
    }
    let answer = cache.path("accelerator").join(key(kernel)?.text());
    match fs::read_to_string(&answer).as_deref() {
        Ok("kvm") => return Ok(Accelerator::Kvm),
        Ok("tcg") => return Ok(Accelerator::Tcg),
        _ => {}
    }
    step.detail("sees whether KVM boots this kernel (once)");
    let trial = empty()
        .machine(|machine| Machine {
            accelerator: Accelerator::Kvm,
            ..machine
        })
        .limit(TRIAL)
        .run();
    let (chosen, word) = match trial {
        Ok(_) => (Accelerator::Kvm, "kvm"),
        Err(error) if error.is::<Interrupted>() => return Err(error),
        Err(_) => (Accelerator::Tcg, "tcg"),
    };
    write_whole(&answer, word.as_bytes())?;
    Ok(chosen)
}

/// The answer holds for this kernel on this machine with this QEMU.
fn key(kernel: &Path) -> Result<Key> {
    let data = fs::metadata(kernel).with_context(|| format!("read {}", kernel.display()))?;
    let modified = data
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .unwrap_or_default();
    let qemu = output(Command::new(Arch::HOST.qemu()).arg("--version"))?;
    let host = fs::read_to_string("/proc/version").unwrap_or_default();
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors
        .lines()
        .find(|line| line.starts_with("model name"))
        .unwrap_or_default();
    let image = format!(
        "{} {} {}",
        kernel.display(),
        data.len(),
        modified.as_nanos()
    );
    Ok(Key::new().with(image).with(qemu).with(host).with(model))
}
