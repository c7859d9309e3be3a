//! The terminal while the dashboard has it: raw mode, the other screen, no cursor, the mouse.

use std::io::{self, stdout};
use std::mem::ManuallyDrop;
use std::{panic, thread};

use crossterm::cursor::Show;
use crossterm::event::{DisableMouseCapture, EnableMouseCapture};
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

use super::output::{Output, Progress};

/// What is drawn on.
pub(super) type Drawn = Terminal<CrosstermBackend<Output>>;

/// Gives the terminal back as it was when this is dropped, and on a panic.
///
/// The library's own type is never dropped: it would print an error where the terminal has gone, and panic when that
/// cannot be printed either.
pub(super) struct Screen {
    terminal: ManuallyDrop<Drawn>,
    progress: Progress,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn open() -> io::Result<Self> {
        restore_on_panic();
        enable_raw_mode()?;
        let output = Output::new(stdout());
        let progress = output.progress();
        let opened = execute!(stdout(), EnterAlternateScreen, EnableMouseCapture)
            .and_then(|()| Terminal::new(CrosstermBackend::new(output)));
        opened
            .map(|terminal| Self {
                terminal: ManuallyDrop::new(terminal),
                progress,
            })
            .inspect_err(|_| restore())
    }

    /// What is drawn on; `None` while the terminal has not taken the last picture.
    pub(super) fn ready(&mut self) -> Option<&mut Drawn> {
        self.progress.is_idle().then_some(&mut *self.terminal)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // What is still being written would end up on the other screen.
        self.progress.wait();
        restore();
    }
}

/// There is nobody to tell if this fails: the terminal itself is what failed.
fn restore() {
    let _ = disable_raw_mode();
    let _ = execute!(stdout(), DisableMouseCapture, LeaveAlternateScreen, Show);
}

/// Makes a panic readable. Only one of this thread: what the reader's thread trips over it catches itself, and the
/// dashboard goes on.
fn restore_on_panic() {
    let drawing = thread::current().id();
    let earlier = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if thread::current().id() == drawing {
            restore();
            earlier(info);
        }
    }));
}
