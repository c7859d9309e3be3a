//! Shows what is being done: which step of how many, for how long, and what it waits for.
//!
//! On a terminal one line that moves; elsewhere (CI, a pipe) a plain line now and then. Always on
//! standard error.

use std::cell::Cell;
use std::io::{IsTerminal, stderr};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// A step that is faster is not worth a line.
const WORTH_A_LINE: Duration = Duration::from_secs(1);
/// How often a plain line says that a step still runs.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);
const REDRAW: Duration = Duration::from_millis(100);

/// The lines that move: several steps can run at once.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Prints lines to standard output, between what moves.
pub(crate) fn print(text: &str) {
    BARS.suspend(|| anstream::println!("{text}"));
}

/// A sequence of steps.
pub(crate) struct Progress {
    total: usize,
    begun: Cell<usize>,
}

impl Progress {
    /// A sequence of so many steps.
    pub(crate) fn new(total: usize) -> Self {
        Progress {
            total,
            begun: Cell::new(0),
        }
    }

    /// Begins the next step.
    pub(crate) fn step(&self, title: &str) -> Step {
        self.begun.set(self.begun.get() + 1);
        Step::begin(format!("[{}/{}] {title}", self.begun.get(), self.total))
    }
}

/// A step that runs. Dropped without [`Step::done`], it has failed and leaves no line.
pub(crate) struct Step {
    title: String,
    begun: Instant,
    display: Display,
}

enum Display {
    Bar(ProgressBar),
    Plain {
        detail: Arc<Mutex<String>>,
        end: Option<Sender<()>>,
        printer: Option<JoinHandle<bool>>,
    },
}

impl Step {
    /// Begins a step that stands alone.
    pub(crate) fn begin(title: String) -> Self {
        let begun = Instant::now();
        let display = if stderr().is_terminal() {
            bar(&title)
        } else {
            plain(title.clone(), begun)
        };
        Step {
            title,
            begun,
            display,
        }
    }

    /// Says what the step is doing now.
    pub(crate) fn detail(&self, text: impl Into<String>) {
        match &self.display {
            Display::Bar(bar) => bar.set_message(text.into()),
            Display::Plain { detail, .. } => {
                *detail.lock().unwrap_or_else(PoisonError::into_inner) = text.into()
            }
        }
    }

    /// Prints a line that stays, for what the user must know.
    pub(crate) fn note(&self, text: &str) {
        match &self.display {
            Display::Bar(_) => BARS.suspend(|| anstream::eprintln!("{text}")),
            Display::Plain { .. } => anstream::eprintln!("{text}"),
        }
    }

    /// Ends the step well.
    pub(crate) fn done(mut self) {
        let seen = self.close();
        let elapsed = self.begun.elapsed();
        if seen && elapsed >= WORTH_A_LINE {
            anstream::eprintln!("{}: done in {}", self.title, clock(elapsed));
        }
    }

    /// Takes the display down; whether the step was on it.
    fn close(&mut self) -> bool {
        match &mut self.display {
            Display::Bar(bar) => {
                bar.finish_and_clear();
                true
            }
            Display::Plain { end, printer, .. } => {
                drop(end.take());
                printer
                    .take()
                    .is_some_and(|printer| printer.join().unwrap_or(true))
            }
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.close();
    }
}

fn bar(title: &str) -> Display {
    let bar = BARS.add(ProgressBar::new_spinner().with_prefix(title.to_owned()));
    let style = ProgressStyle::with_template("{spinner} {prefix}: {elapsed} {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(REDRAW);
    Display::Bar(bar)
}

fn plain(title: String, begun: Instant) -> Display {
    let detail = Arc::new(Mutex::new(String::new()));
    let (end, ended) = channel::<()>();
    let shown = detail.clone();
    let printer = thread::spawn(move || {
        let mut wait = WORTH_A_LINE;
        while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
            let detail = shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let separator = if detail.is_empty() { "" } else { ", " };
            anstream::eprintln!("{title}: {}{separator}{detail}", clock(begun.elapsed()));
            wait = PLAIN_INTERVAL;
        }
        wait == PLAIN_INTERVAL
    });
    Display::Plain {
        detail,
        end: Some(end),
        printer: Some(printer),
    }
}

/// Time as one reads it: `7 s`, `2 min 05 s`.
pub(crate) fn clock(elapsed: Duration) -> String {
    match (elapsed.as_secs() / 60, elapsed.as_secs() % 60) {
        (0, _) if elapsed < Duration::from_secs(10) => format!("{:.1} s", elapsed.as_secs_f64()),
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds:02} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_readable() {
        assert_eq!(clock(Duration::from_millis(1_234)), "1.2 s");
        assert_eq!(clock(Duration::from_secs(42)), "42 s");
        assert_eq!(clock(Duration::from_secs(605)), "10 min 05 s");
    }
}
