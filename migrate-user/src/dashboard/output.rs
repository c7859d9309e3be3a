//! Bytes on their way to the terminal, on a thread of their own: a terminal that is slow, or stands
//! still, holds up nothing but the picture.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use std::{mem, thread};

/// How long the last frame may take at the end.
const PATIENCE: Duration = Duration::from_secs(1);

/// Collects what is written, and sends it off when it is flushed.
pub(super) struct Output {
    frame: Vec<u8>,
    frames: mpsc::Sender<Vec<u8>>,
    state: Arc<State>,
}

/// How the other thread is getting on.
#[derive(Default)]
struct State {
    /// Is there something that has not been written?
    busy: AtomicBool,
    /// Has the terminal gone?
    failed: AtomicBool,
}

/// Tells whether the terminal takes more.
#[derive(Clone)]
pub(super) struct Progress(Arc<State>);

impl Output {
    /// Writes to `out` from here on.
    pub(super) fn new(mut out: impl Write + Send + 'static) -> Self {
        let (frames, taken) = mpsc::channel::<Vec<u8>>();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        // Nobody joins it: it may stand in a write for ever, and ends with the program.
        thread::spawn(move || {
            for frame in taken {
                let written = out.write_all(&frame).and_then(|()| out.flush());
                shared.failed.fetch_or(written.is_err(), Ordering::AcqRel);
                shared.busy.store(false, Ordering::Release);
            }
        });
        Self {
            frame: Vec::new(),
            frames,
            state,
        }
    }

    pub(super) fn progress(&self) -> Progress {
        Progress(Arc::clone(&self.state))
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.frame.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.state.failed.load(Ordering::Acquire) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if self.frame.is_empty() {
            return Ok(());
        }
        self.state.busy.store(true, Ordering::Release);
        let sent = self.frames.send(mem::take(&mut self.frame));
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Progress {
    /// Has everything been written? If not, a further frame would only wait.
    pub(super) fn is_idle(&self) -> bool {
        !self.0.busy.load(Ordering::Acquire)
    }

    /// Waits a moment for everything to be written.
    pub(super) fn wait(&self) {
        let end = Instant::now() + PATIENCE;
        while !self.is_idle() && Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A terminal that takes nothing until it is told to.
    struct Stuck(mpsc::Receiver<()>, mpsc::Sender<Vec<u8>>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(io::Error::other)?;
            self.1.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_terminal_that_stands_still_holds_up_nobody() {
        let (go, wait) = mpsc::channel();
        let (sender, written) = mpsc::channel();
        let mut output = Output::new(Stuck(wait, sender));
        let progress = output.progress();
        output.write_all(b"one frame").unwrap();
        assert!(progress.is_idle());
        output.flush().unwrap();
        assert!(!progress.is_idle());
        go.send(()).unwrap();
        assert_eq!(written.recv().unwrap(), b"one frame");
        progress.wait();
        assert!(progress.is_idle());
        drop(go);
        output.write_all(b"x").unwrap();
        output.flush().unwrap();
        progress.wait();
        assert!(output.flush().is_err());
    }
}
