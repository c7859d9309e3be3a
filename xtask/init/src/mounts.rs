//! The file systems, as a table.

use std::ffi::CStr;
use std::fs;
use std::os::unix::fs::symlink;

use anyhow::{Context, Result};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};

struct Mount {
    kind: &'static str,
    target: &'static str,
    options: Option<&'static CStr>,
    /// Kernels may lack it; what needs it will say so.
    optional: bool,
}

const fn required(kind: &'static str, target: &'static str) -> Mount {
    Mount {
        kind,
        target,
        options: None,
        optional: false,
    }
}

const fn optional(kind: &'static str, target: &'static str) -> Mount {
    Mount {
        kind,
        target,
        options: None,
        optional: true,
    }
}

/// In an order in which every mount point exists or can be made.
const MOUNTS: &[Mount] = &[
    required("proc", "/proc"),
    required("sysfs", "/sys"),
    required("devtmpfs", "/dev"),
    Mount {
        options: Some(c"mode=620,ptmxmode=666"),
        ..optional("devpts", "/dev/pts")
    },
    optional("tmpfs", "/dev/shm"),
    required("tmpfs", "/tmp"),
    required("tmpfs", "/run"),
    optional("debugfs", "/sys/kernel/debug"),
    optional("tracefs", "/sys/kernel/tracing"),
    optional("bpf", "/sys/fs/bpf"),
    optional("cgroup2", "/sys/fs/cgroup"),
];

const LINKS: &[(&str, &str)] = &[
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
];

/// Mounts everything, and makes the links that programs expect in `/dev`.
pub(crate) fn mount_all() -> Result<()> {
    for entry in MOUNTS {
        match mount_one(entry) {
            Err(error) if !entry.optional => return Err(error),
            _ => {}
        }
    }
    for (target, link) in LINKS {
        symlink(target, link).with_context(|| format!("link {link}"))?;
    }
    Ok(())
}

fn mount_one(entry: &Mount) -> Result<()> {
    let Mount {
        kind,
        target,
        options,
        ..
    } = entry;
    fs::create_dir_all(target).with_context(|| format!("create {target}"))?;
    match mount(*kind, *target, *kind, MountFlags::empty(), *options) {
        // A kernel with CONFIG_DEVTMPFS_MOUNT may have been first.
        Ok(()) | Err(Errno::BUSY) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("mount {kind} on {target}")),
    }
}
