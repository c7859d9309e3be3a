//! A line that the user writes.

use std::path::PathBuf;

use clap::ValueEnum;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::Error;
use crate::cli::Format;
use crate::export::Place;
use crate::source::Inputs;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// Which migrations to show.
    Filter,
    /// What to export, and where to.
    Export,
    /// Whether a file that is there is to be replaced.
    Replace,
}

/// A question, and what was written so far.
#[derive(Debug)]
pub(super) struct Prompt {
    pub(super) asks: Asks,
    text: String,
    hint: String,
    wrong: Option<String>,
}

/// What became of a question.
pub(super) enum Answer {
    /// The user goes on writing.
    None,
    /// This.
    Given(String),
    /// The user does not want to say.
    Left,
}

/// What to write where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Export {
    pub(super) format: Format,
    /// `None`: a new file with the date in its name.
    pub(super) path: Option<PathBuf>,
    /// May it take the place of a file that is there?
    pub(super) replaces: bool,
}

impl Prompt {
    pub(super) fn new(asks: Asks, text: &str) -> Self {
        let hint = match asks {
            Asks::Filter => "pid=7 comm=NAME driver=NAME direction=to_device outcome=rolled_back min-pages=64 slower-than=1ms".to_owned(),
            Asks::Export => format!("FORMAT [FILE]: {}", formats()),
            Asks::Replace => "yes or no".to_owned(),
        };
        Self {
            asks,
            text: text.to_owned(),
            hint,
            wrong: None,
        }
    }

    pub(super) fn question(&self) -> &'static str {
        match self.asks {
            Asks::Filter => "Show only:",
            Asks::Export => "Export as:",
            Asks::Replace => "That file is there already. Replace it?",
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// What can be written.
    pub(super) fn hint(&self) -> &str {
        &self.hint
    }

    /// What is wrong with what was written.
    pub(super) fn wrong(&self) -> Option<&str> {
        self.wrong.as_deref()
    }

    /// Says what is wrong, and asks again.
    pub(super) fn refuse(mut self, wrong: String) -> Self {
        self.wrong = Some(wrong);
        self
    }

    /// Takes a key.
    pub(super) fn key(&mut self, event: KeyEvent) -> Answer {
        if event.kind == KeyEventKind::Release {
            return Answer::None;
        }
        self.wrong = None;
        let control = event.modifiers.contains(KeyModifiers::CONTROL);
        match event.code {
            KeyCode::Enter => return Answer::Given(self.text.clone()),
            KeyCode::Esc => return Answer::Left,
            KeyCode::Char('c') if control => return Answer::Left,
            KeyCode::Char('u') if control => self.text.clear(),
            KeyCode::Char('w') if control => {
                let kept = self.text.trim_end().rfind(' ').map_or(0, |space| space + 1);
                self.text.truncate(kept);
            }
            KeyCode::Char(letter) if !control => self.text.push(letter),
            KeyCode::Backspace => {
                self.text.pop();
            }
            _ => {}
        }
        Answer::None
    }
}

fn formats() -> String {
    let names = Format::value_variants()
        .iter()
        .filter_map(ValueEnum::to_possible_value);
    let names: Vec<String> = names.map(|value| value.get_name().to_owned()).collect();
    names.join(", ")
}

/// Is it a yes? What is wrong, if it is neither that nor a no.
pub(super) fn is_yes(text: &str) -> Result<bool, String> {
    match text.trim() {
        "y" | "yes" => Ok(true),
        "" | "n" | "no" => Ok(false),
        _ => Err("expected yes or no".to_owned()),
    }
}

impl Export {
    /// What stands where it is to go. Fails where that is what is read.
    pub(super) fn place(&self, inputs: Option<&Inputs>) -> Result<Place, Error> {
        let path = self.path.as_deref();
        path.map_or(Ok(Place::Free), |path| Place::of(path, inputs))
    }

    /// Reads `FORMAT [FILE]`. What is wrong, if it is.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let words = shlex::split(text).ok_or("a quote is not closed")?;
        let (format, path) = match &words[..] {
            [format] => (format, None),
            [format, path] => (format, Some(path.into())),
            _ => return Err("expected a format and perhaps a file".to_owned()),
        };
        let format = Format::from_str(format, true)
            .map_err(|_| format!("{format} is no format: expected {}", formats()))?;
        Ok(Self {
            format,
            path,
            replaces: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(prompt: &mut Prompt, code: KeyCode, modifiers: KeyModifiers) -> Answer {
        prompt.key(KeyEvent::new(code, modifiers))
    }

    #[test]
    fn letters_are_letters_until_it_is_answered() {
        let mut prompt = Prompt::new(Asks::Filter, "pid=7");
        for letter in " qé".chars() {
            press(&mut prompt, KeyCode::Char(letter), KeyModifiers::NONE);
        }
        press(&mut prompt, KeyCode::Backspace, KeyModifiers::NONE);
        assert_eq!(prompt.text(), "pid=7 q");
        press(&mut prompt, KeyCode::Char('w'), KeyModifiers::CONTROL);
        assert_eq!(prompt.text(), "pid=7 ");
        let given = press(&mut prompt, KeyCode::Enter, KeyModifiers::NONE);
        assert!(matches!(given, Answer::Given(text) if text == "pid=7 "));
        let left = press(&mut prompt, KeyCode::Esc, KeyModifiers::NONE);
        assert!(matches!(left, Answer::Left));
    }

    #[test]
    fn exports_are_read() {
        let read = Export::read("json 'a b'").unwrap();
        assert_eq!((read.format, read.path), (Format::Json, Some("a b".into())));
        assert_eq!(Export::read("hlog").unwrap().path, None);
        assert!(Export::read("pdf").unwrap_err().contains("expected json"));
        assert!(Export::read("").is_err());
    }
}
