//! How truths come from the processes that call the driver to the one that writes the file.

use std::{
    fs::File,
    io::{self, PipeReader, PipeWriter, Read as _, Write as _},
    marker::PhantomData,
    os::fd::{AsRawFd as _, OwnedFd},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use crate::uapi::{Truth, Wait};

/// Messages that are read at once.
const BATCH: usize = 512;
/// Room in the pipe, bytes: a writer waits when it is full.
const ROOM: libc::c_int = 1 << 20;

/// What can be passed on.
///
/// # Safety
///
/// Integers only, without padding, so that every byte is initialized and any bytes make one.
pub unsafe trait Message: Copy {}

// SAFETY: Integers only; `uapi.rs` asserts the size.
unsafe impl Message for Truth {}
// SAFETY: Integers only; `uapi_waits.rs` asserts the size.
unsafe impl Message for Wait {}

/// The end for those who call the driver: threads and processes share it.
#[derive(Debug)]
pub struct Sender<T>(PipeWriter, PhantomData<fn(T)>);

/// The end for the one who writes the file.
#[derive(Debug)]
pub struct Receiver<T> {
    file: File,
    buffer: Vec<u8>,
    _messages: PhantomData<fn() -> T>,
}

/// What a receiver found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Nothing in time.
    Nothing,
    /// This many messages.
    Messages(usize),
    /// Nobody has the other end any more.
    End,
}

/// A new pipe.
pub fn pipe<T: Message>() -> Result<(Sender<T>, Receiver<T>)> {
    // A write of no more is never torn apart, and never mixed with another's.
    const { assert!(size_of::<T>() <= libc::PIPE_BUF) };
    let (reader, writer): (PipeReader, PipeWriter) =
        io::pipe().context("cannot make a pipe for the truth")?;
    // SAFETY: Sets a number of a descriptor that we own.
    unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETPIPE_SZ, ROOM) };
    let receiver = Receiver {
        file: File::from(OwnedFd::from(reader)),
        buffer: vec![0; BATCH * size_of::<T>()],
        _messages: PhantomData,
    };
    Ok((Sender(writer, PhantomData), receiver))
}

impl<T: Message> Sender<T> {
    /// Passes a message on. Waits where there is no room.
    pub fn send(&self, message: &T) -> Result<()> {
        // SAFETY: Every byte of a message is initialized.
        let bytes = unsafe {
            std::slice::from_raw_parts((&raw const *message).cast::<u8>(), size_of::<T>())
        };
        (&self.0)
            .write_all(bytes)
            .context("cannot pass a truth on: is the first process gone?")
    }
}

impl<T: Message> Receiver<T> {
    /// Waits for messages and takes them.
    pub fn receive(
        &mut self,
        limit: Duration,
        mut each: impl FnMut(&T) -> Result<()>,
    ) -> Result<Received> {
        let size = size_of::<T>();
        if !self.is_ready(limit)? {
            return Ok(Received::Nothing);
        }
        let read = self
            .file
            .read(&mut self.buffer)
            .context("cannot take truths from the pipe")?;
        ensure!(read % size == 0, "the pipe tore a truth apart");
        for bytes in self.buffer[..read].chunks_exact(size) {
            // SAFETY: There are as many bytes as a message has, and any bytes make one.
            each(&unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })?;
        }
        Ok(match read / size {
            0 => Received::End,
            messages => Received::Messages(messages),
        })
    }

    fn is_ready(&self, limit: Duration) -> Result<bool> {
        let mut entry = libc::pollfd {
            fd: self.file.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let limit = libc::c_int::try_from(limit.as_millis()).unwrap_or(libc::c_int::MAX);
        // SAFETY: There is one entry, which nobody else uses.
        match unsafe { libc::poll(&raw mut entry, 1, limit) } {
            -1 => Err(io::Error::last_os_error()).context("cannot wait for truths"),
            ready => Ok(ready > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(number: u64) -> Truth {
        Truth {
            time_ns: number,
            pinned: !number,
            ..Truth::default()
        }
    }

    #[test]
    fn truths_of_many_threads_come_whole_and_then_the_end() {
        const THREADS: u64 = 4;
        const EACH: u64 = 2000;
        let (sender, mut receiver) = pipe().unwrap();
        let mut seen = vec![0; (THREADS * EACH) as usize];
        std::thread::scope(|scope| {
            let sender = &sender;
            let senders: Vec<_> = (0..THREADS)
                .map(|thread| {
                    scope.spawn(move || {
                        for number in thread * EACH..(thread + 1) * EACH {
                            sender.send(&truth(number)).unwrap();
                        }
                    })
                })
                .collect();
            let mut left = THREADS * EACH;
            while left > 0 {
                let limit = Duration::from_secs(10);
                let received = receiver.receive(limit, |found| {
                    assert_eq!(*found, truth(found.time_ns));
                    seen[found.time_ns as usize] += 1;
                    Ok(())
                });
                match received.unwrap() {
                    Received::Messages(count) => left -= count as u64,
                    other => panic!("{other:?} with {left} to come"),
                }
            }
            drop(senders);
        });
        assert!(seen.iter().all(|count| *count == 1));
        drop(sender);
        let end = receiver.receive(Duration::from_secs(10), |_| Ok(()));
        assert_eq!(end.unwrap(), Received::End);
    }

    #[test]
    fn it_does_not_wait_for_ever() {
        let (_sender, mut receiver) = pipe::<Wait>().unwrap();
        let nothing = receiver.receive(Duration::from_millis(1), |_| Ok(()));
        assert_eq!(nothing.unwrap(), Received::Nothing);
    }
}
