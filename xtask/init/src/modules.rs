//! Loads kernel modules.

use std::ffi::CString;
use std::fs::File;

use anyhow::{Context, Result, bail};
use rustix::io::Errno;
use vm_init::job::Module;

/// `insmod`: what the job names, nothing that it depends on.
pub(crate) fn load(module: &Module) -> Result<()> {
    let Module { path, parameters } = module;
    let file = File::open(path).with_context(|| format!("open the module {path}"))?;
    let values = CString::new(parameters.as_str()).context("module parameters")?;
    match rustix::system::finit_module(&file, &values, 0) {
        Ok(()) => Ok(()),
        Err(Errno::NOEXEC) => bail!("load {path}: it was built for another kernel"),
        Err(error) => Err(error)
            .with_context(|| format!("load {path} {parameters} (the kernel's log says why)")),
    }
}
