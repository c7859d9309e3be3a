//! A line that the user writes.

use std::path::PathBuf;

use clap::ValueEnum;
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use super::completion::{self, Asks, Completion};
use crate::Error;
use crate::export::Format;
use crate::export::Place;
use crate::source::Inputs;
use crate::trace::{filter::Seen, filter::words::WORDS};

/// A question, and what was written so far.
#[derive(Debug)]
pub(super) struct Prompt {
    pub(super) asks: Asks,
    input: Input,
    hint: String,
    wrong: Option<String>,
    /// What was written before, and last what is written now; and which of it is shown.
    lines: Vec<String>,
    shown: usize,
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
    /// A question with a first answer; `lines` are those of before.
    pub(super) fn new(asks: Asks, text: &str, mut lines: Vec<String>) -> Self {
        let hint = match asks {
            Asks::Filter => format!(
                "pid=7 comm=NAME slower-than=1ms; Tab completes {}",
                WORDS.each_ref().map(|word| word.name).join(" ")
            ),
            Asks::Export => format!("FORMAT [FILE]: {}", formats()),
            Asks::Replace => "yes or no".to_owned(),
        };
        let shown = lines.len();
        lines.push(text.to_owned());
        Self {
            asks,
            input: Input::from(text),
            hint,
            wrong: None,
            lines,
            shown,
        }
    }

    pub(super) fn question(&self) -> &'static str {
        match self.asks {
            Asks::Filter => "Show only:",
            Asks::Export => "Export as:",
            Asks::Replace => "That file is there already. Replace it?",
        }
    }

    /// What is written before the cursor, and behind it.
    pub(super) fn text(&self) -> (&str, &str) {
        let text = self.input.value();
        let cursor = text.char_indices().nth(self.input.cursor());
        text.split_at(cursor.map_or(text.len(), |(at, _)| at))
    }

    /// How many columns at the left give way, so that the cursor is within so many.
    pub(super) fn scrolled(&self, width: usize) -> usize {
        self.input.visual_scroll(width)
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

    /// Takes a key. `seen` are names that can be asked for.
    pub(super) fn key(&mut self, event: KeyEvent, seen: &Seen) -> Answer {
        if event.kind == KeyEventKind::Release {
            return Answer::None;
        }
        self.wrong = None;
        let control = event.modifiers.contains(KeyModifiers::CONTROL);
        match event.code {
            KeyCode::Enter => return Answer::Given(self.input.value().to_owned()),
            KeyCode::Esc => return Answer::Left,
            KeyCode::Char('c') if control => return Answer::Left,
            KeyCode::Tab => self.complete(seen),
            KeyCode::Up => self.look_back(self.shown.checked_sub(1)),
            KeyCode::Down => self.look_back(Some(self.shown + 1)),
            // The editor knows no more than these: with others held down, a letter is a letter.
            KeyCode::Char(_) if !control => self.edit(KeyEvent::from(event.code)),
            _ => self.edit(event),
        }
        Answer::None
    }

    fn edit(&mut self, event: KeyEvent) {
        self.input.handle_event(&Event::Key(event));
    }

    /// Completes the text before the cursor.
    fn complete(&mut self, seen: &Seen) {
        let (before, behind) = self.text();
        let Some(Completion { text, choices }) = completion::complete(self.asks, before, seen)
        else {
            self.wrong = Some("nothing that is known begins so".to_owned());
            return;
        };
        let cursor = text.chars().count();
        let line = text + behind;
        self.input = Input::new(line).with_cursor(cursor);
        if !choices.is_empty() {
            self.hint = choices.join(" ");
        }
    }

    /// Shows a line of before, or the one that is being written, if there is such.
    fn look_back(&mut self, to: Option<usize>) {
        let Some(to) = to.filter(|to| *to < self.lines.len()) else {
            return;
        };
        self.lines[self.shown] = self.input.value().to_owned();
        self.shown = to;
        self.input = Input::from(self.lines[to].as_str());
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

    fn prompt(text: &str) -> Prompt {
        Prompt::new(
            Asks::Filter,
            text,
            vec!["tid=1".to_owned(), "pid=2".to_owned()],
        )
    }

    fn press(prompt: &mut Prompt, code: KeyCode, modifiers: KeyModifiers) -> Answer {
        prompt.key(KeyEvent::new(code, modifiers), &Seen::default())
    }

    /// Presses these keys. Where the cursor is, is told by `|`.
    fn after(text: &str, keys: &[KeyCode]) -> String {
        let mut prompt = prompt(text);
        for key in keys {
            press(&mut prompt, *key, KeyModifiers::NONE);
        }
        let (before, behind) = prompt.text();
        format!("{before}|{behind}")
    }

    fn after_control(text: &str, letter: char) -> String {
        let mut prompt = prompt(text);
        press(&mut prompt, KeyCode::Left, KeyModifiers::NONE);
        press(&mut prompt, KeyCode::Char(letter), KeyModifiers::CONTROL);
        let (before, behind) = prompt.text();
        format!("{before}|{behind}")
    }

    #[test]
    fn letters_are_letters_until_it_is_answered() {
        let mut prompt = prompt("pid=7");
        for letter in " qé".chars() {
            press(&mut prompt, KeyCode::Char(letter), KeyModifiers::NONE);
        }
        press(&mut prompt, KeyCode::Backspace, KeyModifiers::NONE);
        press(&mut prompt, KeyCode::Char('\\'), KeyModifiers::ALT);
        assert_eq!(prompt.text(), ("pid=7 q\\", ""));
        let given = press(&mut prompt, KeyCode::Enter, KeyModifiers::NONE);
        assert!(matches!(given, Answer::Given(text) if text == "pid=7 q\\"));
        let left = press(&mut prompt, KeyCode::Esc, KeyModifiers::NONE);
        assert!(matches!(left, Answer::Left));
    }

    #[test]
    fn the_line_is_edited_as_in_a_shell() {
        use KeyCode::{Delete, End, Home, Left, Right};
        assert_eq!(after("é=7", &[Left, Left, Delete]), "é|7");
        assert_eq!(after("pid", &[Home, Right, Delete, End, Left]), "p|d");
        assert_eq!(after_control("pid=7", 'a'), "|pid=7");
        assert_eq!(after_control("pid=7", 'e'), "pid=7|");
        assert_eq!(after_control("pid=7", 'k'), "pid=|");
        assert_eq!(after_control("pid=7", 'u'), "|");
        assert_eq!(after_control("pid=7 comm=ab", 'w'), "pid=7 comm=|b");
    }

    #[test]
    fn lines_of_before_come_back_and_the_one_that_is_written_too() {
        use KeyCode::{Char, Down, Up};
        assert_eq!(after("pid=7", &[Up]), "pid=2|");
        assert_eq!(after("pid=7", &[Up, Up, Up]), "tid=1|");
        assert_eq!(after("pid=7", &[Char('8'), Up, Down, Down]), "pid=78|");
        assert_eq!(after("pid=7", &[Up, Char('3'), Up, Down]), "pid=23|");
    }

    #[test]
    fn tab_completes_before_the_cursor() {
        use KeyCode::{Home, Right, Tab};
        assert_eq!(after("sl", &[Tab]), "slower-than=|");
        assert_eq!(after("o pid=7", &[Home, Right, Tab]), "outcome=| pid=7");
        let mut prompt = prompt("direction=to");
        press(&mut prompt, Tab, KeyModifiers::NONE);
        assert_eq!(prompt.hint(), "to_device to_system");
        assert_eq!(after("colour=", &[Tab]), "colour=|");
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
