//! What is said on standard error.
//!
//! `eprintln!` panics when standard error has gone, as it does when a terminal is closed. A
//! recording must not end for that.

use std::fmt::Display;
use std::io::Write;

/// Says a line, or part of one that ends otherwise. There is nobody to tell if it cannot be said.
pub fn tell(text: impl Display) {
    let mut stderr = anstream::stderr().lock();
    let _ = write!(stderr, "{text}").and_then(|()| stderr.flush());
}

/// As `eprintln!`, without the panic.
#[macro_export]
macro_rules! tell_line {
    ($($arg:tt)*) => { $crate::tell(format_args!("{}\n", format_args!($($arg)*))) };
}
