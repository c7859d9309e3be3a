//! The terminal while the dashboard has it: raw mode, the other screen, no cursor, the mouse.

use std::io::{self, stdout};
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{panic, thread};

use crossterm::cursor::Show;
use crossterm::event::{DisableMouseCapture, EnableMouseCapture};
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use rustix::process::{Signal, kill_current_process_group};

use super::output::{Output, Progress};

/// What is drawn on.
pub(super) type Drawn = Terminal<CrosstermBackend<Output>>;

/// Gives the terminal back as it was when this is dropped, and on a panic.
///
/// The library's own type is never dropped: it would print an error where the terminal has gone,
/// and panic when that cannot be printed either.
pub(super) struct Screen {
    terminal: ManuallyDrop<Drawn>,
    progress: Progress,
    before: Before,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn open() -> io::Result<Self> {
        let output = Output::new(stdout());
        let progress = output.progress();
        let before = Before::new(progress.clone());
        restore_on_panic(before.clone());
        let opened = before
            .leave()
            .and_then(|()| Terminal::new(CrosstermBackend::new(output)));
        match opened {
            Ok(terminal) => Ok(Self {
                terminal: ManuallyDrop::new(terminal),
                progress,
                before,
            }),
            Err(error) => {
                before.restore();
                Err(error)
            }
        }
    }

    /// What is drawn on; `None` while the terminal has not taken the last picture.
    pub(super) fn ready(&mut self) -> Option<&mut Drawn> {
        self.progress.is_idle().then_some(&mut *self.terminal)
    }

    /// Gives the terminal back and stops, and with it every process that the shell began it with,
    /// until the shell lets them go on. Where no shell could do that, the kernel stops nothing, and
    /// this returns at once.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        self.before.restore();
        kill_current_process_group(Signal::TSTP)?;
        self.retake()
    }

    /// Takes the terminal again, which others have used, and which may have another size.
    pub(super) fn retake(&mut self) -> io::Result<()> {
        self.before.restore();
        self.before.leave()?;
        // All of the next picture is drawn: nothing of the last is there any more.
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.before.restore();
    }
}

/// The way back to what was there before. It is gone only once: to leave the other screen again
/// would put the cursor where it was, and what comes next over the message of a panic.
#[derive(Clone)]
struct Before {
    progress: Progress,
    /// Has it been left, and not been gone back to?
    left: Arc<AtomicBool>,
}

impl Before {
    fn new(progress: Progress) -> Self {
        Self {
            progress,
            left: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Leaves it, for what the dashboard needs.
    fn leave(&self) -> io::Result<()> {
        self.left.store(true, Ordering::Release);
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen, EnableMouseCapture)
    }

    /// There is nobody to tell if this fails: the terminal itself is what failed.
    fn restore(&self) {
        if !self.left.swap(false, Ordering::AcqRel) {
            return;
        }
        // What is still being written would end up on the other screen.
        self.progress.wait();
        let _ = disable_raw_mode();
        let _ = execute!(stdout(), DisableMouseCapture, LeaveAlternateScreen, Show);
    }
}

/// Makes a panic readable. Only one of this thread: what the reader's thread trips over it catches
/// itself, and the dashboard goes on.
fn restore_on_panic(before: Before) {
    let drawing = thread::current().id();
    let earlier = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if thread::current().id() == drawing {
            before.restore();
            earlier(info);
        }
    }));
}
