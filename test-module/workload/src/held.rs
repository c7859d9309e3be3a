//! Pages that a pipe holds, so that the kernel does not migrate them.

use std::{
    io::{self, PipeReader, PipeWriter},
    os::fd::AsRawFd as _,
};

use anyhow::{Context as _, Result, ensure};

use crate::area::Area;

/// A page that is held until this is dropped.
#[derive(Debug)]
pub struct Held {
    _reader: PipeReader,
    _writer: PipeWriter,
}

impl Held {
    /// Puts a page into a pipe, without a copy.
    pub fn new(area: &Area, page: usize) -> Result<Self> {
        let (reader, writer) = io::pipe().context("cannot make a pipe to hold a page")?;
        let bytes = area.bytes(1);
        let part = libc::iovec {
            iov_base: area.address(page) as *mut libc::c_void,
            iov_len: bytes,
        };
        // SAFETY: The page is mapped; nobody reads it out of the pipe.
        let put = unsafe { libc::vmsplice(writer.as_raw_fd(), &raw const part, 1, 0) };
        ensure!(
            put == bytes as isize,
            "a pipe took {put} bytes of a page: {}",
            io::Error::last_os_error()
        );
        Ok(Self {
            _reader: reader,
            _writer: writer,
        })
    }
}
