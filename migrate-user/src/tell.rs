//! What is said on standard error.
//!
//! `eprintln!` panics when standard error has gone, as it does when a terminal is closed. A
//! recording must not end for that.

use std::fmt::Display;
use std::io::Write;

use crate::text::printable_lines;

/// Says a line, or part of one that ends otherwise. There is nobody to tell if it cannot be said.
pub fn tell(text: impl Display) {
    let mut stderr = anstream::stderr().lock();
    let _ = write!(stderr, "{text}").and_then(|()| stderr.flush());
}

/// Says lines in which names may stand that others have chosen: nothing in them is taken for a
/// command by a terminal.
pub fn tell_lines(text: std::fmt::Arguments<'_>) {
    tell(printable_lines(&text.to_string()) + "\n");
}

/// As `eprintln!`, without the panic, and harmless for a terminal.
#[macro_export]
macro_rules! tell_line {
    ($($arg:tt)*) => { $crate::tell_lines(format_args!($($arg)*)) };
}
