//! The terminal while the dashboard has it: raw mode, the other screen, no cursor, the mouse.

use std::io::{self, stdout};
use std::mem::ManuallyDrop;
use std::sync::{Arc, Once};
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
    before: Before,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn open() -> io::Result<Self> {
        let output = Output::new(stdout());
        let progress = output.progress();
        let before = Before::new(progress.clone());
        restore_on_panic(before.clone());
        enable_raw_mode()?;
        let opened = execute!(stdout(), EnterAlternateScreen, EnableMouseCapture)
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
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.before.restore();
    }
}

/// The way back to what was there before. It is gone only once: to leave the other screen again would put the cursor
/// where it was, and what comes next over the message of a panic.
#[derive(Clone)]
struct Before {
    progress: Progress,
    gone: Arc<Once>,
}

impl Before {
    fn new(progress: Progress) -> Self {
        Self {
            progress,
            gone: Arc::new(Once::new()),
        }
    }

    /// There is nobody to tell if this fails: the terminal itself is what failed.
    fn restore(&self) {
        self.gone.call_once(|| {
            // What is still being written would end up on the other screen.
            self.progress.wait();
            let _ = disable_raw_mode();
            let _ = execute!(stdout(), DisableMouseCapture, LeaveAlternateScreen, Show);
        });
    }
}

/// Makes a panic readable. Only one of this thread: what the reader's thread trips over it catches itself, and the
/// dashboard goes on.
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
