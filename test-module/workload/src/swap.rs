//! Swap space, for pages that are to be there.

use std::{
    ffi::CString,
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::memory::page_size;

const IN_USE: &str = "/proc/swaps";
const RAM_DISK: &str = "/dev/ram0";
const SIGNATURE: &[u8] = b"SWAPSPACE2";
/// Where the header's fields begin, after room for a boot sector.
const FIELDS: usize = 1024;

/// Swap space that was there, or that is ours until this is dropped.
#[derive(Debug)]
pub struct Swap {
    ours: Option<CString>,
}

impl Swap {
    /// Uses what there is, or makes a RAM disk swap space if it is empty.
    pub fn find_or_make() -> Result<Self> {
        let in_use =
            fs::read_to_string(IN_USE).context("cannot tell whether there is swap space")?;
        if has_any(&in_use) {
            return Ok(Self { ours: None });
        }
        let size = page_size()?;
        prepare(size).context("cannot make swap space")?;
        let path = CString::new(RAM_DISK)?;
        // SAFETY: The path is a string that ends with a zero.
        if unsafe { libc::swapon(path.as_ptr(), 0) } != 0 {
            return Err(io::Error::last_os_error()).with_context(|| format!("swapon {RAM_DISK}"));
        }
        Ok(Self { ours: Some(path) })
    }
}

impl Drop for Swap {
    fn drop(&mut self) {
        if let Some(path) = &self.ours {
            // What cannot be taken back now stays; it does no harm.
            // SAFETY: The path is a string that ends with a zero.
            unsafe { libc::swapoff(path.as_ptr()) };
        }
    }
}

/// Writes a header, as `mkswap` does.
fn prepare(page_bytes: usize) -> Result<()> {
    let disk = File::options()
        .read(true)
        .write(true)
        .open(RAM_DISK)
        .with_context(|| {
            format!("cannot open {RAM_DISK} (does the kernel have CONFIG_BLK_DEV_RAM?)")
        })?;
    let mut first = vec![0; page_bytes];
    disk.read_exact_at(&mut first, 0)?;
    ensure!(
        is_free(&first),
        "{RAM_DISK} is not empty, and what is there is not swap space: not touched"
    );
    use std::io::{Seek as _, SeekFrom};
    let bytes = (&disk).seek(SeekFrom::End(0))?;
    disk.write_all_at(&header(page_bytes, bytes)?, 0)?;
    disk.sync_all()?;
    Ok(())
}

/// Whether `/proc/swaps` lists anything below its head.
fn has_any(swaps: &str) -> bool {
    swaps.lines().skip(1).any(|line| !line.trim().is_empty())
}

/// Whether a first page is blank or a swap header.
fn is_free(first: &[u8]) -> bool {
    first.iter().all(|byte| *byte == 0) || first.ends_with(SIGNATURE)
}

/// `union swap_header` of the kernel's `linux/swap.h`: version 1, the last page, no bad pages.
fn header(page_bytes: usize, disk_bytes: u64) -> Result<Vec<u8>> {
    let pages = u32::try_from(disk_bytes / page_bytes as u64)?;
    if pages < 10 {
        bail!("{RAM_DISK} has room for {pages} pages only");
    }
    let mut header = vec![0; page_bytes];
    header[FIELDS..FIELDS + 4].copy_from_slice(&1u32.to_ne_bytes());
    header[FIELDS + 4..FIELDS + 8].copy_from_slice(&(pages - 1).to_ne_bytes());
    header[page_bytes - SIGNATURE.len()..].copy_from_slice(SIGNATURE);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swap_space_in_use_is_seen() {
        let head = "Filename\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
        assert!(!has_any(head));
        assert!(has_any(&format!(
            "{head}/dev/ram0 partition\t4092\t\t0\t\t-2\n"
        )));
    }

    #[test]
    fn a_header_is_what_mkswap_writes() {
        let header = header(4096, 4 << 20).unwrap();
        assert_eq!(header.len(), 4096);
        assert_eq!(header[1024..1028], 1u32.to_ne_bytes());
        assert_eq!(header[1028..1032], 1023u32.to_ne_bytes());
        assert!(header.ends_with(b"SWAPSPACE2"));
        assert!(is_free(&header));
    }

    #[test]
    fn somebody_elses_data_is_not_free() {
        let mut page = vec![0; 4096];
        assert!(is_free(&page));
        page[1080] = 0x53;
        assert!(!is_free(&page));
    }
}
