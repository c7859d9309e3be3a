//! One line that renews itself.

use std::io::{self, IsTerminal};

use crate::tell;

/// One line on standard error that renews itself, if that is a terminal and nobody else writes
/// there.
pub(super) struct Progress {
    enabled: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            enabled: io::stderr().is_terminal(),
        }
    }

    /// From here on, the terminal belongs to somebody else.
    pub(super) fn give_way(&mut self) {
        self.enabled = false;
    }

    pub(super) fn show(&self, line: &str) {
        if self.enabled {
            tell(format_args!("\r{line}\x1b[K"));
        }
    }

    pub(super) fn clear(&self) {
        if self.enabled {
            tell("\r\x1b[K");
        }
    }
}
