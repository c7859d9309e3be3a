//! Which key asks for what.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::action::Action;
use super::bindings::{BINDINGS, Binding};

/// A key with what is held down beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    code: KeyCode,
    control: bool,
}

/// Keys that have names.
const NAMES: [(&str, &str, KeyCode); 17] = [
    ("space", "space", KeyCode::Char(' ')),
    ("enter", "Enter", KeyCode::Enter),
    ("esc", "Esc", KeyCode::Esc),
    ("tab", "Tab", KeyCode::Tab),
    ("backtab", "Shift-Tab", KeyCode::BackTab),
    ("backspace", "Backspace", KeyCode::Backspace),
    ("delete", "Del", KeyCode::Delete),
    ("insert", "Ins", KeyCode::Insert),
    ("up", "↑", KeyCode::Up),
    ("down", "↓", KeyCode::Down),
    ("left", "←", KeyCode::Left),
    ("right", "→", KeyCode::Right),
    ("home", "Home", KeyCode::Home),
    ("end", "End", KeyCode::End),
    ("pageup", "PgUp", KeyCode::PageUp),
    ("pagedown", "PgDn", KeyCode::PageDown),
    ("f1", "F1", KeyCode::F(1)),
];

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (control, name) = match text.strip_prefix("ctrl-") {
            Some(name) => (true, name),
            None => (false, text),
        };
        let mut letters = name.chars();
        let code = match (letters.next(), letters.next()) {
            (Some(letter), None) => Some(KeyCode::Char(letter)),
            _ => NAMES
                .iter()
                .find(|(known, ..)| *known == name)
                .map(|(_, _, code)| *code),
        };
        code.map(|code| Self { code, control })
            .ok_or_else(|| format!("{text:?} is no key: expected a letter, ctrl- and a letter, or a name such as \"enter\", \"up\" or \"pagedown\""))
    }
}

impl fmt::Display for Key {
    /// As on screen.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.control {
            f.write_str("Ctrl-")?;
        }
        match self.code {
            KeyCode::Char(letter) if letter != ' ' => write!(f, "{letter}"),
            code => {
                let named = NAMES.iter().find(|(.., known)| *known == code);
                f.write_str(named.map_or("?", |(_, shown, _)| shown))
            }
        }
    }
}

impl From<KeyEvent> for Key {
    fn from(event: KeyEvent) -> Self {
        Self {
            code: event.code,
            control: event.modifiers.contains(KeyModifiers::CONTROL),
        }
    }
}

/// The keys of each binding.
#[derive(Clone, Debug)]
pub struct Keys(Vec<Vec<Key>>);

impl Default for Keys {
    fn default() -> Self {
        let read = |text: &&str| text.parse().expect("the tests read every one of them");
        let keys = BINDINGS
            .iter()
            .map(|binding| binding.keys.iter().map(read).collect());
        Self(keys.collect())
    }
}

impl Keys {
    /// The usual keys, except for these: by the name of what they do. What is wrong, if it is.
    pub fn with(other: &BTreeMap<String, Vec<String>>) -> Result<Self, String> {
        let mut keys = Self::default();
        for (name, texts) in other {
            let place = BINDINGS
                .iter()
                .position(|binding| binding.name == name)
                .ok_or_else(|| {
                    let names: Vec<_> = BINDINGS.iter().map(|binding| binding.name).collect();
                    format!(
                        "{name:?} is nothing that a key can do: expected one of {}",
                        names.join(", ")
                    )
                })?;
            let own: Vec<Key> = texts
                .iter()
                .map(|text| text.parse())
                .collect::<Result<_, _>>()?;
            // A key does one thing: what was asked for.
            for taken in &mut keys.0 {
                taken.retain(|key| !own.contains(key));
            }
            keys.0[place] = own;
        }
        Ok(keys)
    }

    /// What a key asks for, if anything.
    pub(super) fn action(&self, event: KeyEvent) -> Option<Action> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        let key = Key::from(event);
        // Terminals send the same for Ctrl-\ and Ctrl-4.
        if key.control && matches!(key.code, KeyCode::Char('c' | '4' | '\\')) {
            return Some(Action::Quit);
        }
        let place = self.0.iter().position(|keys| keys.contains(&key));
        place.map(|place| BINDINGS[place].action)
    }

    /// What a key asks for that is never a part of what somebody writes: a terminal makes a signal
    /// of it.
    pub(super) fn signal(&self, event: KeyEvent) -> Option<Action> {
        let action = self.action(event)?;
        // Ctrl-C leaves what is written, and not the program.
        let is_signal = event.modifiers.contains(KeyModifiers::CONTROL)
            && event.code != KeyCode::Char('c')
            && matches!(action, Action::Quit | Action::Suspend);
        is_signal.then_some(action)
    }

    /// Each binding and its keys, in the order of importance.
    pub(super) fn listed(&self) -> impl Iterator<Item = (&'static Binding, &[Key])> {
        BINDINGS.iter().zip(self.0.iter().map(Vec::as_slice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::Tab;

    fn press(keys: &Keys, code: KeyCode, modifiers: KeyModifiers) -> Option<Action> {
        keys.action(KeyEvent::new(code, modifiers))
    }

    #[test]
    fn keys_do_what_they_say() {
        let keys = Keys::default();
        let plain = |code| press(&keys, code, KeyModifiers::NONE);
        assert_eq!(plain(KeyCode::Char('q')), Some(Action::Quit));
        assert_eq!(plain(KeyCode::Char(' ')), Some(Action::Pause));
        assert_eq!(plain(KeyCode::Char('j')), Some(Action::Move(1)));
        assert_eq!(plain(KeyCode::Char('3')), Some(Action::Show(Tab::Batching)));
        assert_eq!(plain(KeyCode::Char('~')), None);
        let control = |c| press(&keys, KeyCode::Char(c), KeyModifiers::CONTROL);
        assert_eq!((control('c'), control('q')), (Some(Action::Quit), None));
        assert_eq!(
            (control('4'), control('z')),
            (Some(Action::Quit), Some(Action::Suspend))
        );
    }

    #[test]
    fn no_key_does_two_things() {
        let keys = Keys::default();
        let all: Vec<Key> = keys.0.iter().flatten().copied().collect();
        for (at, key) in all.iter().enumerate() {
            assert!(!all[..at].contains(key), "{key}");
        }
    }

    #[test]
    fn the_user_may_choose_other_keys() {
        let other = [("pause", &["x", "q"][..]), ("quit", &["ctrl-x", "f1"])];
        let other = other.map(|(name, keys)| {
            let keys = keys.iter().map(|key| (*key).to_owned()).collect();
            (name.to_owned(), keys)
        });
        let keys = Keys::with(&BTreeMap::from(other)).unwrap();
        let plain = |c| press(&keys, KeyCode::Char(c), KeyModifiers::NONE);
        assert_eq!(
            (plain('x'), plain('q'), plain('p')),
            (Some(Action::Pause), Some(Action::Pause), None)
        );
        assert_eq!(
            press(&keys, KeyCode::F(1), KeyModifiers::NONE),
            Some(Action::Quit)
        );
        let wrong = |name: &str, key: &str| {
            Keys::with(&BTreeMap::from([(name.to_owned(), vec![key.to_owned()])])).unwrap_err()
        };
        assert!(wrong("paws", "x").contains("expected one of quit"));
        assert!(wrong("pause", "xx").contains("\"xx\" is no key"));
    }
}
