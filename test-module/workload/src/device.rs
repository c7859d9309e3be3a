//! `/dev/migrate_test`.

use std::{
    fs::File,
    io::{self, Read as _},
    os::fd::AsRawFd as _,
};

use anyhow::{Context as _, Result};

use crate::uapi::{self, Info, Migrate, Totals, Truth};

/// Where pages are to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the device.
    ToDevice,
    /// To system memory.
    ToSystem,
}

/// The open device.
#[derive(Debug)]
pub struct Device {
    file: File,
    info: Info,
}

/// An answer of the driver's that can be made of any bytes.
///
/// # Safety
///
/// Integers only.
unsafe trait Answer: Default {}

// SAFETY: Integers only.
unsafe impl Answer for Info {}
// SAFETY: Integers only.
unsafe impl Answer for Totals {}
// SAFETY: Integers only.
unsafe impl Answer for Truth {}
// SAFETY: Integers only.
unsafe impl Answer for Migrate {}

impl Device {
    /// Opens it.
    pub fn open() -> Result<Self> {
        let path = uapi::DEVICE_PATH;
        let file = File::options()
            .read(true)
            .write(true)
            .open(path)
            .with_context(|| {
                format!("cannot open {path} (is the module loaded? insmod migrate_test.ko)")
            })?;
        let info = ioctl(&file, uapi::INFO, Info::default()).with_context(|| {
            format!("{path} does not know this program's calls: build both from the same source")
        })?;
        Ok(Self { file, info })
    }

    /// What the device is.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// Bytes in a base page.
    pub fn page_bytes(&self) -> usize {
        self.info.page_bytes as usize
    }

    /// Base pages in a large one; 1 if large pages do not migrate whole.
    pub fn compound_pages(&self) -> usize {
        self.info.compound_pages as usize
    }

    /// Migrates a range and says what became of it.
    pub fn migrate(&self, direction: Direction, request: &Migrate) -> Result<Truth> {
        let number = match direction {
            Direction::ToDevice => uapi::TO_DEVICE,
            Direction::ToSystem => uapi::TO_SYSTEM,
        };
        let answer = ioctl(&self.file, number, *request).with_context(|| {
            format!(
                "the driver refused {direction:?} of {} pages at {:#x} with flags {:#x}",
                request.pages, request.address, request.flags
            )
        })?;
        Ok(answer.truth)
    }

    /// What the driver did since it was loaded.
    pub fn totals(&self) -> Result<Totals> {
        ioctl(&self.file, uapi::TOTALS, Totals::default())
            .context("cannot read the driver's totals")
    }

    /// Takes everything out of the log of migrations that no call returned.
    pub fn drain(&self, mut each: impl FnMut(&Truth) -> Result<()>) -> Result<()> {
        const BATCH: usize = 256;
        let mut buffer = vec![0; BATCH * size_of::<Truth>()];
        loop {
            let read = (&self.file)
                .read(&mut buffer)
                .context("cannot read the driver's log")?;
            if read == 0 {
                return Ok(());
            }
            for bytes in buffer[..read].chunks_exact(size_of::<Truth>()) {
                // SAFETY: There are as many bytes as a truth has, and any bytes make one: it has only integers.
                each(&unsafe { bytes.as_ptr().cast::<Truth>().read_unaligned() })?;
            }
        }
    }
}

fn ioctl<T: Answer>(file: &File, number: u32, mut argument: T) -> io::Result<T> {
    // SAFETY: The number carries the size of the structure that the driver reads and writes, which is `T` for
    // every number here; any bytes make a valid `T`.
    match unsafe {
        libc::ioctl(
            file.as_raw_fd(),
            libc::Ioctl::from(number),
            &raw mut argument,
        )
    } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(argument),
    }
}
