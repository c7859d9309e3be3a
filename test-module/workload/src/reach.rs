//! `workload reach`: another driver's code reads memory that is on the device, so that one driver's
//! migration is made within another's function.
//!
//! The other is the kernel's own test driver, `test_hmm`: asked to write to memory, it first copies
//! from where the data is.

use std::{fs::File, io, os::fd::AsRawFd as _};

use anyhow::{Context as _, Result, ensure};

use crate::{
    area::{Area, Backing},
    cli::ReachOptions,
    device::{Device, Direction},
    request,
};

const OTHER: &str = "/dev/hmm_dmirror0";

/// `struct hmm_dmirror_cmd` of `lib/test_hmm_uapi.h`.
#[repr(C)]
struct Command {
    address: u64,
    data: u64,
    pages: u64,
    copied: u64,
    faults: u64,
}

/// `HMM_DMIRROR_WRITE`: `_IOWR('H', 1, struct hmm_dmirror_cmd)`.
const WRITE: libc::c_ulong =
    3 << 30 | (size_of::<Command>() as libc::c_ulong) << 16 | (b'H' as libc::c_ulong) << 8 | 1;

/// Moves a page to the device, and has the other driver read it, so many times.
pub fn run(options: &ReachOptions) -> Result<()> {
    let device = Device::open(0)?;
    let other = File::options().read(true).write(true).open(OTHER);
    let other = other.with_context(|| format!("open {OTHER}: is test_hmm loaded?"))?;
    let new = || Area::new(1, device.page_bytes(), Backing::BasePages);
    let (mut data, mut copy) = (new()?, new()?);
    data.write(0, 1);
    copy.write(0, 1);
    for _ in 0..options.times {
        let truth = device.migrate(Direction::ToDevice, &request::whole(&data, 0))?;
        ensure!(truth.ledger.moved == 1, "the page did not move");
        write(&other, &copy, &data).with_context(|| format!("{OTHER} does not read it"))?;
    }
    data.check_all()
}

fn write(other: &File, to: &Area, from: &Area) -> io::Result<()> {
    let mut command = Command {
        address: to.address(0) as u64,
        data: from.address(0) as u64,
        pages: 1,
        copied: 0,
        faults: 0,
    };
    // SAFETY: the command is what this call takes; it reads one area's page and writes the other's,
    // which nobody has a reference to.
    match unsafe { libc::ioctl(other.as_raw_fd(), WRITE, &raw mut command) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
