//! Keys, what they do, and what the footer and the help say about them: one table.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Leave.
    Quit,
    /// Close what is open, else leave.
    Close,
    /// Hold the picture, or let it go on.
    Pause,
    /// Count from here on.
    Reset,
    /// Open or close the help.
    Help,
    /// Move through the recent migrations, lines.
    Scroll(isize),
}

/// Lines of a page.
const PAGE: isize = 10;

/// A key as people read it, in short, and what it does in full.
pub(super) struct Key {
    pub(super) key: &'static str,
    pub(super) short: &'static str,
    pub(super) long: &'static str,
}

/// What the footer and the help list, most important first.
pub(super) const KEYS: [Key; 5] = [
    Key {
        key: "q",
        short: "quit",
        long: "quit (also Ctrl-C, Esc)",
    },
    Key {
        key: "?",
        short: "help",
        long: "open or close this help",
    },
    Key {
        key: "p",
        short: "pause",
        long: "hold the picture or go on (also space); nothing is lost",
    },
    Key {
        key: "r",
        short: "reset",
        long: "count from here on; losses stay",
    },
    Key {
        key: "↑↓",
        short: "scroll",
        long: "through the recent migrations (also j k, PgUp PgDn, Home)",
    },
];

/// What a key asks for, if anything.
pub(super) fn action(event: KeyEvent) -> Option<Action> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    if event.modifiers.contains(KeyModifiers::CONTROL) {
        return matches!(event.code, KeyCode::Char('c' | 'd')).then_some(Action::Quit);
    }
    Some(match event.code {
        KeyCode::Char('q' | 'Q') => Action::Quit,
        KeyCode::Esc => Action::Close,
        KeyCode::Char('p' | 'P' | ' ') => Action::Pause,
        KeyCode::Char('r' | 'R') => Action::Reset,
        KeyCode::Char('?' | 'h' | 'H') | KeyCode::F(1) => Action::Help,
        KeyCode::Up | KeyCode::Char('k') => Action::Scroll(-1),
        KeyCode::Down | KeyCode::Char('j') => Action::Scroll(1),
        KeyCode::PageUp => Action::Scroll(-PAGE),
        KeyCode::PageDown => Action::Scroll(PAGE),
        KeyCode::Home | KeyCode::Char('g') => Action::Scroll(isize::MIN),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let plain = |code| action(KeyEvent::new(code, KeyModifiers::NONE));
        assert_eq!(plain(KeyCode::Char('q')), Some(Action::Quit));
        assert_eq!(plain(KeyCode::Char(' ')), Some(Action::Pause));
        assert_eq!(plain(KeyCode::Char('x')), None);
        let control = |c| action(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL));
        assert_eq!(control('c'), Some(Action::Quit));
        assert_eq!(control('q'), None);
    }
}
