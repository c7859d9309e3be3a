//! The terminal while the dashboard has it: raw mode, the other screen, no cursor.

use std::io::{self, stdout};
use std::mem::ManuallyDrop;
use std::{panic, thread};

use crossterm::cursor::Show;
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::backend::CrosstermBackend;
use ratatui::{DefaultTerminal, Terminal};

/// Gives the terminal back as it was when this is dropped, and on a panic.
///
/// The library's own type is never dropped: it would print an error where the terminal has gone, and panic when that
/// cannot be printed either.
pub(super) struct Screen(ManuallyDrop<DefaultTerminal>);

impl Screen {
    /// Takes the terminal.
    pub(super) fn open() -> io::Result<Self> {
        restore_on_panic();
        enable_raw_mode()?;
        let opened = execute!(stdout(), EnterAlternateScreen)
            .and_then(|()| Terminal::new(CrosstermBackend::new(stdout())));
        opened
            .map(|terminal| Self(ManuallyDrop::new(terminal)))
            .inspect_err(|_| restore())
    }

    /// What is drawn on.
    pub(super) fn terminal(&mut self) -> &mut DefaultTerminal {
        &mut self.0
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// There is nobody to tell if this fails: the terminal itself is what failed.
fn restore() {
    let _ = disable_raw_mode();
    let _ = execute!(stdout(), LeaveAlternateScreen, Show);
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
